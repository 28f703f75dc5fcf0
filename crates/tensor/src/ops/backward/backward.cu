// Activations on the way there and back. Matrices are [units, samples].

// z = z + bias, y = phi(z), bias [units].
extern "C" __global__ void activate(
    int activation, float slope, usize units, usize samples, const float* __restrict__ bias, float* __restrict__ z,
    float* __restrict__ y) {
    for (usize i = first_element(); i < units * samples; i += all_threads()) {
        float x = z[i] + bias[i / samples];
        z[i] = x;
        y[i] = activation_value(activation, slope, x);
    }
}

// delta = delta phi'(z), and the sums of its rows. A warp has a row.
extern "C" __global__ void activation_gradient(
    int activation, float slope, usize units, usize samples, const float* __restrict__ z,
    const float* __restrict__ y, float* __restrict__ delta, float* __restrict__ bias_gradient) {
    for (usize unit = first_warp(); unit < units; unit += all_warps()) {
        double sum = 0.0;
        for (usize i = unit * samples + lane(); i < (unit + 1) * samples; i += 32) {
            float product = delta[i] * activation_slope(activation, slope, z[i], y[i]);
            sum += product;
            delta[i] = product;
        }
        sum = warp_sum(sum);
        if (lane() == 0) { bias_gradient[unit] = (float)sum; }
    }
}
