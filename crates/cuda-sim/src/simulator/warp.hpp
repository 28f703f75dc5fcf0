// What warps do together. Of all this, only `__syncwarp` puts accesses to memory in order.

#include <math.h>
#include <stdint.h>
#include <string.h>

namespace simulator {

void order_together(Thread* lanes, unsigned mask) { order_lanes(static_cast<unsigned>(lanes - threads), mask); }

static float tf32(unsigned bits) {
    float x;
    bits &= 0xffffe000u;
    memcpy(&x, &bits, 4);
    return x;
}

// Half of two bfloat16 numbers: the low one or the high one.
static float bf16(unsigned bits, unsigned high) { return tf32(high ? bits & 0xffff0000u : bits << 16); }

// What a lane's registers say of the numbers along k: of TF32 one each, 4 apart, of bfloat16 two each, 8 apart.
static void numbers_along_k(unsigned bits, unsigned t, unsigned further, float* numbers, unsigned stride, bool halves) {
    if (halves) {
        for (unsigned i = 0; i < 2; i++) { numbers[(2 * t + i + 8 * further) * stride] = bf16(bits, i); }
    } else {
        numbers[(t + 4 * further) * stride] = tf32(bits);
    }
}

// The sum of `n` terms as tensor cores have it: each cut off one bit behind the last that f32 has of the largest of them,
// and so is the sum behind its own last bit; nothing is rounded (Fasi et al., PeerJ Computer Science 7 (2021) e330).
static float cut_off_sum(const double* terms, unsigned n) {
    double largest = 0.0, sum = 0.0;
    for (unsigned i = 0; i < n; i++) {
        largest = fmax(largest, fabs(terms[i]));
        sum += terms[i];
    }
    // Zeros, and what is no number; products of numbers below f32's smallest are too few to matter.
    if (!(largest > 1e-60) || !(sum - sum == 0.0)) { return static_cast<float>(sum); }
    const double unit = ldexp(1.0, ilogb(largest) - 24), units_per_one = 1.0 / unit;
    int64_t units = 0;
    for (unsigned i = 0; i < n; i++) { units += static_cast<int64_t>(terms[i] * units_per_one); }
    sum = static_cast<double>(units) * unit;
    const float rounded = static_cast<float>(sum);
    return fabs(static_cast<double>(rounded)) > fabs(sum) ? nextafterf(rounded, 0.0f) : rounded;
}

// C += A B of a warp with A [16, K] and B [K, 8]: exact products, added K / 2 at a time. Some devices add more of them at
// a time, and cut off less.
template <unsigned K> static void multiply_together(Thread* lanes) {
    float a[16][K], b[K][8], c[16][8];
    for (unsigned lane = 0; lane < WARP; lane++) {
        const Fragments& of = *static_cast<Fragments*>(lanes[lane].data);
        unsigned g = lane / 4, t = lane % 4;
        for (unsigned half = 0; half < 2; half++) {
            for (unsigned k = 0; k < 2; k++) { numbers_along_k(of.a[half + 2 * k], t, k, a[g + 8 * half], 1, K == 16); }
            numbers_along_k(of.b[half], t, half, &b[0][g], 8, K == 16);
            for (unsigned j = 0; j < 2; j++) { c[g + 8 * half][2 * t + j] = of.c[2 * half + j]; }
        }
    }
    for (unsigned i = 0; i < 16; i++) {
        for (unsigned j = 0; j < 8; j++) {
            for (unsigned half = 0; half < K; half += K / 2) {
                double terms[K / 2 + 1] = {c[i][j]};
                for (unsigned k = 0; k < K / 2; k++) { terms[k + 1] = static_cast<double>(a[i][half + k]) * b[half + k][j]; }
                c[i][j] = cut_off_sum(terms, K / 2 + 1);
            }
        }
    }
    for (unsigned lane = 0; lane < WARP; lane++) {
        Fragments& of = *static_cast<Fragments*>(lanes[lane].data);
        unsigned g = lane / 4, t = lane % 4;
        for (unsigned i = 0; i < 4; i++) { of.c[i] = c[g + 8 * (i / 2)][2 * t + i % 2]; }
    }
}

void multiply_tf32_together(Thread* lanes, unsigned) { multiply_together<8>(lanes); }
void multiply_bf16_together(Thread* lanes, unsigned) { multiply_together<16>(lanes); }

void check_row(const void* row, Place place) {
    if (reinterpret_cast<uintptr_t>(row) % 16 != 0 || !in_shared(static_cast<const char*>(row), 16)) {
        fail("load_transposed (%s:%d): a row must be 16 aligned bytes of shared memory", place.file, place.line);
    }
    check_access(row, 16, false);
}

// Matrices [8, 8] of 16-bit numbers, given out transposed.
void transpose_together(Thread* lanes, unsigned) {
    for (unsigned lane = 0; lane < WARP; lane++) {
        Transposed& mine = *static_cast<Transposed*>(lanes[lane].data);
        unsigned g = lane / 4, t = lane % 4;
        for (unsigned m = 0; m < mine.matrices; m++) {
            mine.out[m] = 0;
            for (unsigned i = 0; i < 2; i++) {
                const void* row = static_cast<Transposed*>(lanes[8 * m + 2 * t + i].data)->row;
                uint16_t number;
                memcpy(&number, static_cast<const char*>(row) + 2 * g, 2);
                mine.out[m] |= static_cast<unsigned>(number) << 16 * i;
            }
        }
    }
}

} // namespace simulator
