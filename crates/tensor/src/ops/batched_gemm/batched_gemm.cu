// Products of many pairs of matrices of the same shape.
//
// A block computes a tile of one result at a time, its warps 32 x 32 of it each, while the factors' next tiles are on their
// way to shared memory. What a result is depends on its own factors alone, not on how many others there are.

// What the host specialises; these values are for those who only want to see whether it compiles.
#ifndef VECTOR
#define VECTOR 16
#define PRECISION 0
#define TRANSPOSE_A 0
#define TRANSPOSE_B 0
#define DESCENT 0
#endif

// How factors are rounded.
#define F32 0
#define BF16 2
#define EXACT (PRECISION == F32)

// What the product and what C was are multiplied by: numbers that are given, or for a step of gradient descent minus the
// rate found in memory and 1.
#if DESCENT
#define SCALES const float* __restrict__ rate
#define ALPHA (-__ldg(rate))
#define BETA 1.0f
#else
#define SCALES float alpha, float beta
#define ALPHA alpha
#define BETA beta
#endif

#define THREADS 256
// A tile of the result, and how far the sums go from one tile of the factors to the next.
#define ROWS 128
#define COLUMNS 64
#define DEPTH 32
#define STAGES 3
// Tiles of the tensor cores, [16, 8], in a warp's part.
#define ROW_TILES 2
#define COLUMN_TILES 4

// A tile of a factor in shared memory: LINES rows of the left or columns of the right factor. In global memory a line is
// contiguous (ALONG_DEPTH) or its neighbour is next to it. The pitches keep the reads of a warp's threads in different banks.
template <int LINES, bool ALONG_DEPTH> struct Tile {
    static constexpr int pitch = ALONG_DEPTH ? DEPTH + 4 : LINES + 8;
    static constexpr int size = (ALONG_DEPTH ? LINES : DEPTH) * pitch;

    static __device__ __forceinline__ int place(int line, int depth) {
        return ALONG_DEPTH ? line * pitch + depth : depth * pitch + line;
    }

    // Starts copying what there is of the lines from `first_line` on and the depths from `first_depth` on, of `lines` and
    // `depths`; the rest is zero.
    static __device__ __forceinline__ void copy(
        float* tile, const float* matrix, usize lines, usize depths, usize first_line, usize first_depth) {
        constexpr int numbers = VECTOR / sizeof(float);
        constexpr int chunks = (ALONG_DEPTH ? DEPTH : LINES) / numbers;
        // Unrolled, its addresses would take the registers that the sums need.
#pragma unroll 1
        for (int i = threadIdx.x; i < LINES * DEPTH / numbers; i += THREADS) {
            int outer = i / chunks, inner = i % chunks * numbers;
            usize line = first_line + (ALONG_DEPTH ? outer : inner);
            usize depth = first_depth + (ALONG_DEPTH ? inner : outer);
            float* target = tile + outer * pitch + inner;
            if (line < lines && depth < depths) {
                copy_async<VECTOR>(target, matrix + (ALONG_DEPTH ? line * depths + depth : depth * lines + line));
            } else {
#pragma unroll
                for (int j = 0; j < numbers; j++) { target[j] = 0.0f; }
            }
        }
    }
};

typedef Tile<ROWS, !TRANSPOSE_A> Left;
typedef Tile<COLUMNS, TRANSPOSE_B> Right;

struct alignas(8) Pair {
    float first, second;
};

__device__ __forceinline__ Factor rounded(float x) {
#if PRECISION == BF16
    // With fewer bits than the tensor cores take.
    x = __uint_as_float((__float_as_uint(x) + 0x8000u) & 0xffff0000u);
#endif
    return factor<EXACT>(x);
}

// sums += the products of the warp's rows of a tile of the left factor and its columns of one of the right.
__device__ __forceinline__ void multiply_tiles(
    float sums[ROW_TILES][COLUMN_TILES][4], const float* left, const float* right, int row, int column, int g, int t) {
#pragma unroll 1
    for (int depth = 0; depth < DEPTH; depth += 8) {
        Factor b[COLUMN_TILES][2];
#pragma unroll
        for (int j = 0; j < COLUMN_TILES; j++) {
#pragma unroll
            for (int i = 0; i < 2; i++) {
                b[j][i] = rounded(right[Right::place(column + 8 * j + g, depth + t + 4 * i)]);
            }
        }
#pragma unroll
        for (int i = 0; i < ROW_TILES; i++) {
            Factor a[4];
#pragma unroll
            for (int part = 0; part < 4; part++) {
                a[part] = rounded(left[Left::place(row + 16 * i + g + part % 2 * 8, depth + t + part / 2 * 4)]);
            }
#pragma unroll
            for (int j = 0; j < COLUMN_TILES; j++) { add_product<EXACT>(sums[i][j], a, b[j]); }
        }
    }
}

// c = alpha sum + beta c; with beta = 0 whatever c was.
__device__ __forceinline__ float scaled(float alpha, float sum, float beta, float c) {
    return beta == 0.0f ? alpha * sum : alpha * sum + beta * c;
}

// C_i = ALPHA op(A_i) op(B_i) + BETA C_i for i < count, each matrix `stride_a`, `stride_b`, m n numbers behind the one before;
// C [m, n], op(A) [m, k], op(B) [k, n].
extern "C" __global__ void __launch_bounds__(THREADS, 2) batched_gemm(
    usize count, usize m, usize n, usize k, usize stride_a, usize stride_b, SCALES,
    const float* __restrict__ a, const float* __restrict__ b, float* __restrict__ c) {
    DYNAMIC_SHARED(tiles);
    const int warp = threadIdx.x / 32, lane = threadIdx.x % 32;
    const int g = lane / 4, t = lane % 4;
    // The warp's part of the tile.
    const int row = warp / (COLUMNS / 32) * 32, column = warp % (COLUMNS / 32) * 32;
    const usize across = (n + COLUMNS - 1) / COLUMNS, of_matrix = (m + ROWS - 1) / ROWS * across;
    const usize depths = (k + DEPTH - 1) / DEPTH;

    for (usize tile = blockIdx.x; tile < count * of_matrix; tile += gridDim.x) {
        const usize index = tile / of_matrix;
        const usize first_row = tile % of_matrix / across * ROWS, first_column = tile % across * COLUMNS;
        const float* left = a + index * stride_a;
        const float* right = b + index * stride_b;
        auto copy = [&](usize step) {
            if (step < depths) {
                float* stage = tiles + step % STAGES * (Left::size + Right::size);
                Left::copy(stage, left, m, k, first_row, step * DEPTH);
                Right::copy(stage + Left::size, right, n, k, first_column, step * DEPTH);
            }
            copy_async_commit();
        };
        // Others may still read the tiles of the result before.
        __syncthreads();
        for (usize ahead = 0; ahead + 1 < STAGES; ahead++) { copy(ahead); }

        float sums[ROW_TILES][COLUMN_TILES][4] = {};
        for (usize step = 0; step < depths; step++) {
            copy_async_wait<STAGES - 2>();
            __syncthreads();
            // Into the stage that all have read before the barrier.
            copy(step + STAGES - 1);
            const float* stage = tiles + step % STAGES * (Left::size + Right::size);
            multiply_tiles(sums, stage, stage + Left::size, row, column, g, t);
        }

        float* result = c + index * m * n;
        const float scale = ALPHA;
#pragma unroll
        for (int i = 0; i < 2 * ROW_TILES; i++) {
            const usize y = first_row + row + 8 * i + g;
#pragma unroll
            for (int j = 0; j < COLUMN_TILES; j++) {
                const usize x = first_column + column + 8 * j + 2 * t;
                const float* sum = sums[i / 2][j] + i % 2 * 2;
                float* at = result + y * n + x;
                if (y < m && x + 1 < n && n % 2 == 0) {
                    Pair old = {0.0f, 0.0f};
                    if (BETA != 0.0f) { old = *reinterpret_cast<const Pair*>(at); }
                    *reinterpret_cast<Pair*>(at) = {
                        scaled(scale, sum[0], BETA, old.first), scaled(scale, sum[1], BETA, old.second)};
                } else if (y < m) {
                    if (x < n) { at[0] = scaled(scale, sum[0], BETA, BETA == 0.0f ? 0.0f : at[0]); }
                    if (x + 1 < n) { at[1] = scaled(scale, sum[1], BETA, BETA == 0.0f ? 0.0f : at[1]); }
                }
            }
        }
    }
}
