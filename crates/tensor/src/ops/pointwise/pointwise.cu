// Element-wise work around the matrix products. Matrices are [rows, cols].

// y = phi(y + bias), bias [cols].
extern "C" __global__ void bias_activation(
    int activation, float slope, usize rows, usize cols, const float* __restrict__ bias, float* __restrict__ y) {
    for (usize i = first_element(); i < rows * cols; i += all_threads()) {
        y[i] = activation_value(activation, slope, y[i] + bias[i % cols]);
    }
}

// z = factor (phi(z + bias) - target) phi'(z + bias), and the sum over each block of (phi(z + bias) - target)^2.
extern "C" __global__ void squared_error_gradient(
    int activation, float slope, float factor, usize rows, usize cols, const float* __restrict__ bias,
    const float* __restrict__ target, float* __restrict__ z, double* __restrict__ sums) {
    double sum = 0.0;
    for (usize i = first_element(); i < rows * cols; i += all_threads()) {
        float x = z[i] + bias[i % cols];
        float y = activation_value(activation, slope, x);
        float residual = y - target[i];
        sum += (double)residual * residual;
        z[i] = factor * residual * activation_slope(activation, slope, x, y);
    }
    sum = block_sum(sum);
    if (threadIdx.x == 0) { sums[blockIdx.x] = sum; }
}

// out[j] = sum_i x[i, j]; a block has 32 columns.
extern "C" __global__ void column_sums(
    usize rows, usize cols, const float* __restrict__ x, float* __restrict__ out) {
    usize column = (usize)blockIdx.x * 32 + lane();
    double sum = 0.0;
    if (column < cols) {
        for (usize row = warp(); row < rows; row += blockDim.x / 32) { sum += x[row * cols + column]; }
    }
    sum = lane_sum(sum);
    if (warp() == 0 && column < cols) { out[column] = (float)sum; }
}

// y += x.
extern "C" __global__ void add(usize n, const float* __restrict__ x, float* __restrict__ y) {
    for (usize i = first_element(); i < n; i += all_threads()) { y[i] += x[i]; }
}
