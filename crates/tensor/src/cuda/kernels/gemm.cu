// What matrix products need beside the library's.

// out = x with `half` of the last bit kept added and the bits outside `mask` dropped: x rounded, ties away from zero.
// See `Precision::round`.
extern "C" __global__ void round_factor(
    int half, int mask, usize n, const float* __restrict__ x, float* __restrict__ out) {
    for (usize i = first_element(); i < n; i += all_threads()) {
        float rounded = __uint_as_float((__float_as_uint(x[i]) + (unsigned)half) & (unsigned)mask);
        out[i] = x[i] == x[i] ? rounded : x[i];
    }
}

// c = beta c, with beta = 0 whatever c was: a product without terms.
extern "C" __global__ void scale(float beta, usize n, float* __restrict__ c) {
    for (usize i = first_element(); i < n; i += all_threads()) { c[i] = beta == 0.0f ? 0.0f : beta * c[i]; }
}
