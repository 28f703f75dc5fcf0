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

// out [rows, pitch] = x [rows, cols] as bfloat16 numbers, rounded in the same way, with zeros beyond the columns.
extern "C" __global__ void to_bf16(
    usize rows, usize cols, usize pitch, const float* __restrict__ x, unsigned short* __restrict__ out) {
    for (usize i = first_element(); i < rows * pitch; i += all_threads()) {
        usize column = i % pitch;
        float number = column < cols ? x[i / pitch * cols + column] : 0.0f;
        unsigned rounded = (__float_as_uint(number) + 0x8000u) >> 16;
        out[i] = (unsigned short)(number == number ? rounded : 0x7fffu);
    }
}

// c = beta c, with beta = 0 whatever c was: a product without terms.
extern "C" __global__ void scale(float beta, usize n, float* __restrict__ c) {
    for (usize i = first_element(); i < n; i += all_threads()) { c[i] = beta == 0.0f ? 0.0f : beta * c[i]; }
}
