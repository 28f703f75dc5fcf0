// The entropy of a layer over a batch. Matrices are [units, samples], a warp has a unit.

#define PI_E 8.5397342226735670654

struct Moments {
    double mean, variance;
};

// Mean and unbiased variance of a row, to all threads of the warp.
__device__ Moments row_moments(const float* __restrict__ row, usize samples) {
    double sum = 0.0;
    for (usize j = lane(); j < samples; j += 32) { sum += row[j]; }
    double mean = warp_sum(sum) / samples;
    double squares = 0.0;
    for (usize j = lane(); j < samples; j += 32) {
        double deviation = row[j] - mean;
        squares += deviation * deviation;
    }
    return {mean, warp_sum(squares) / (samples > 1 ? samples - 1 : 1)};
}

// entropy[i] = ln(pi e s_i^2 + 1) / 2
extern "C" __global__ void unit_entropies(
    usize units, usize samples, const float* __restrict__ h, double* __restrict__ entropy) {
    for (usize unit = first_warp(); unit < units; unit += all_warps()) {
        double variance = row_moments(h + unit * samples, samples).variance;
        if (lane() == 0) { entropy[unit] = 0.5 * log1p(PI_E * variance); }
    }
}

// delta[i, j] += scale (h[i, j] - mean_i) / (pi e s_i^2 + 1)
extern "C" __global__ void add_entropy_gradient(
    double scale, usize units, usize samples, const float* __restrict__ h, float* __restrict__ delta) {
    for (usize unit = first_warp(); unit < units; unit += all_warps()) {
        Moments moments = row_moments(h + unit * samples, samples);
        double slope = scale / (PI_E * moments.variance + 1.0);
        for (usize i = unit * samples + lane(); i < (unit + 1) * samples; i += 32) {
            delta[i] = (float)(delta[i] + slope * (h[i] - moments.mean));
        }
    }
}
