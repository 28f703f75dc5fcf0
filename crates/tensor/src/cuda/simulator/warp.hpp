// What warps do together.

namespace simulator {

static float tf32(unsigned bits) {
    float x;
    bits &= 0xffffe000u;
    memcpy(&x, &bits, 4);
    return x;
}

// C += A B of a warp with A [16, 8] and B [8, 8]: exact products, added one after the other in f32.
void multiply_together(Thread* lanes, unsigned) {
    float a[16][8], b[8][8], c[16][8];
    for (unsigned lane = 0; lane < WARP; lane++) {
        const Fragments& of = *static_cast<Fragments*>(lanes[lane].data);
        unsigned g = lane / 4, t = lane % 4;
        for (unsigned half = 0; half < 2; half++) {
            for (unsigned k = 0; k < 2; k++) { a[g + 8 * half][t + 4 * k] = tf32(of.a[half + 2 * k]); }
            b[t + 4 * half][g] = tf32(of.b[half]);
            for (unsigned j = 0; j < 2; j++) { c[g + 8 * half][2 * t + j] = of.c[2 * half + j]; }
        }
    }
    for (unsigned i = 0; i < 16; i++) {
        for (unsigned k = 0; k < 8; k++) {
            for (unsigned j = 0; j < 8; j++) { c[i][j] += a[i][k] * b[k][j]; }
        }
    }
    for (unsigned lane = 0; lane < WARP; lane++) {
        Fragments& of = *static_cast<Fragments*>(lanes[lane].data);
        unsigned g = lane / 4, t = lane % 4;
        for (unsigned i = 0; i < 4; i++) { of.c[i] = c[g + 8 * (i / 2)][2 * t + i % 2]; }
    }
}

void nothing_together(Thread*, unsigned) {}

} // namespace simulator
