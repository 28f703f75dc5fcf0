// Moments of the columns of x, [rows, cols].

// scale[i] = 1 / sum_j x[i, j], or 1 where the sum is zero. A warp has a row.
extern "C" __global__ void row_scales(
    usize rows, usize cols, const float* __restrict__ x, double* __restrict__ scale) {
    for (usize row = first_warp(); row < rows; row += all_warps()) {
        double sum = 0.0;
        for (usize i = row * cols + lane(); i < (row + 1) * cols; i += 32) { sum += x[i]; }
        sum = warp_sum(sum);
        if (lane() == 0) { scale[row] = sum == 0.0 ? 1.0 : 1.0 / sum; }
    }
}

// Mean and sample variance of scale[i] x[i, j], or of x where not `scaled`. A block has 32 columns.
extern "C" __global__ void column_moments(
    int scaled, usize rows, usize cols, const float* __restrict__ x, const double* __restrict__ scale,
    double* __restrict__ mean, double* __restrict__ variance) {
    usize column = (usize)blockIdx.x * 32 + lane();
    bool inside = column < cols;
    double sum = 0.0;
    if (inside) {
        for (usize row = warp(); row < rows; row += blockDim.x / 32) {
            sum += x[row * cols + column] * (scaled ? scale[row] : 1.0);
        }
    }
    double centre = lane_sum(sum) / rows;
    double squares = 0.0;
    if (inside) {
        for (usize row = warp(); row < rows; row += blockDim.x / 32) {
            double deviation = x[row * cols + column] * (scaled ? scale[row] : 1.0) - centre;
            squares += deviation * deviation;
        }
    }
    squares = lane_sum(squares);
    if (inside && warp() == 0) {
        mean[column] = centre;
        variance[column] = squares / (rows > 1 ? rows - 1 : 1);
    }
}
