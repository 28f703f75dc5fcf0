// Dissimilarities of the rows of x and y, both [rows, cols]. A warp has a row.

#define SHIFT 1e-12

// What turns the entries of a row into those of a distribution, mixed with `floor` of the uniform one.
struct Distribution {
    double minimum, sum, floor, uniform;

    __device__ double operator()(float x) const { return (1.0 - floor) * (x - minimum + SHIFT) / sum + uniform; }
};

__device__ Distribution distribution(const float* __restrict__ row, usize cols, double floor) {
    float minimum = __uint_as_float(0x7f800000u);
    for (usize j = lane(); j < cols; j += 32) { minimum = fminf(minimum, row[j]); }
    for (int distance = 16; distance > 0; distance /= 2) {
        minimum = fminf(minimum, __shfl_xor_sync(0xffffffffu, minimum, distance));
    }
    double sum = 0.0;
    for (usize j = lane(); j < cols; j += 32) { sum += (double)row[j] - minimum + SHIFT; }
    return {minimum, warp_sum(sum), floor, floor / cols};
}

// p ln(p / r)
__device__ __forceinline__ double gain(double p, double r) { return p * log(p / r); }

extern "C" __global__ void squared_error(
    usize rows, usize cols, const float* __restrict__ x, const float* __restrict__ y, double* __restrict__ out) {
    for (usize row = first_warp(); row < rows; row += all_warps()) {
        double sum = 0.0;
        for (usize i = row * cols + lane(); i < (row + 1) * cols; i += 32) {
            double difference = (double)x[i] - y[i];
            sum += difference * difference;
        }
        sum = warp_sum(sum);
        if (lane() == 0) { out[row] = sum; }
    }
}

extern "C" __global__ void relative_entropy(
    double floor, usize rows, usize cols, const float* __restrict__ x, const float* __restrict__ y,
    double* __restrict__ out) {
    for (usize row = first_warp(); row < rows; row += all_warps()) {
        Distribution p = distribution(x + row * cols, cols, floor);
        Distribution r = distribution(y + row * cols, cols, floor);
        double sum = 0.0;
        for (usize i = row * cols + lane(); i < (row + 1) * cols; i += 32) { sum += gain(p(x[i]), r(y[i])); }
        sum = warp_sum(sum);
        if (lane() == 0) { out[row] = sum; }
    }
}

extern "C" __global__ void jensen_shannon(
    usize rows, usize cols, const float* __restrict__ x, const float* __restrict__ y, double* __restrict__ out) {
    for (usize row = first_warp(); row < rows; row += all_warps()) {
        Distribution p = distribution(x + row * cols, cols, 0.0);
        Distribution r = distribution(y + row * cols, cols, 0.0);
        double sum = 0.0;
        for (usize i = row * cols + lane(); i < (row + 1) * cols; i += 32) {
            double p_i = p(x[i]), r_i = r(y[i]);
            double middle = 0.5 * (p_i + r_i);
            sum += gain(p_i, middle) + gain(r_i, middle);
        }
        sum = warp_sum(sum);
        if (lane() == 0) { out[row] = 0.5 * sum; }
    }
}
