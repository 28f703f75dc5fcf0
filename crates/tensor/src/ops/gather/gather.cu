// out[i, :] = source[rows[first + i], :] for i < count. A warp has a row.
extern "C" __global__ void gather_rows(
    usize cols, usize first, usize count, const float* __restrict__ source, const unsigned* __restrict__ rows,
    float* __restrict__ out) {
    for (usize i = first_warp(); i < count; i += all_warps()) {
        usize row = rows[first + i];
        for (usize j = lane(); j < cols; j += 32) { out[i * cols + j] = source[row * cols + j]; }
    }
}
