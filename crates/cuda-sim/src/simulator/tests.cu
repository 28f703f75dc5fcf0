// Kernels with and without mistakes. All have 64 threads.

#ifndef BARRIER
#define BARRIER __syncthreads()
#endif
#ifndef WAIT
#define WAIT copy_async_wait<0>()
#endif

// y = x backwards, block by block.
extern "C" __global__ void reversed(const float* __restrict__ x, float* __restrict__ y) {
    __shared__ float all[64];
    usize first = (usize)blockIdx.x * 64;
    all[threadIdx.x] = x[first + threadIdx.x];
    BARRIER;
    y[first + threadIdx.x] = all[63 - threadIdx.x];
}

// x with its numbers exchanged within each warp.
extern "C" __global__ void exchanged(float* x, int with) {
    float other = x[threadIdx.x ^ with];
    BARRIER;
    x[threadIdx.x] = other;
}

// Each block's first thread writes a number that the block `shift` further reads.
extern "C" __global__ void take_from_next(float* x, int shift) {
    if (threadIdx.x == 0) {
        x[64 * blockIdx.x] = x[64 * ((blockIdx.x + shift) % gridDim.x)] + 1.0f;
    }
}

// As `reversed`, by copies that arrive when they are waited for.
extern "C" __global__ void __launch_bounds__(64) reversed_copies(const float* x, float* y) {
    DYNAMIC_SHARED(all);
    usize first = (usize)blockIdx.x * 64;
    copy_async<4>(all + threadIdx.x, x + first + threadIdx.x);
    copy_async_commit();
    // A group that nobody waits for.
    copy_async<4>(all + 64 + threadIdx.x, x + first + threadIdx.x);
    copy_async_commit();
    WAIT;
    __syncthreads();
    y[first + threadIdx.x] = all[63 - threadIdx.x];
}

// Copies 16 bytes to an address that is `offset` numbers from an aligned one.
extern "C" __global__ void copy_to(const float* x, int offset) {
    DYNAMIC_SHARED(all);
    if (threadIdx.x == 0) { copy_async<16>(all + offset, x); }
}

extern "C" __global__ void copy_to_itself(float* x) { copy_async<4>(x, x); }

// Sums of each warp and of all.
extern "C" __global__ void sums(const double* x, double* of_warps, double* of_all) {
    __shared__ double sums[2];
    int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
    double everywhere = x[threadIdx.x], first = everywhere;
    for (int other = 16; other > 0; other /= 2) {
        everywhere += __shfl_xor_sync(0xffffffffu, everywhere, other);
        first += __shfl_down_sync(0xffffffffu, first, other);
    }
    of_warps[threadIdx.x] = everywhere;
    if (lane == 0) { sums[warp] = first; }
    __syncthreads();
    of_all[threadIdx.x] = sums[0] + sums[1];
}

// d = a b + c by each warp: a [16, 8], b [8, 8], c and d [16, 8].
extern "C" __global__ void product(const float* a, const float* b, const float* c, float* d) {
    int lane = threadIdx.x % 32, g = lane / 4, t = lane % 4;
    unsigned left[4] = {
        to_tf32(a[g * 8 + t]), to_tf32(a[(g + 8) * 8 + t]), to_tf32(a[g * 8 + t + 4]), to_tf32(a[(g + 8) * 8 + t + 4])};
    unsigned right[2] = {to_tf32(b[t * 8 + g]), to_tf32(b[(t + 4) * 8 + g])};
    int places[4] = {g * 8 + 2 * t, g * 8 + 2 * t + 1, (g + 8) * 8 + 2 * t, (g + 8) * 8 + 2 * t + 1};
    float sums[4];
    for (int i = 0; i < 4; i++) { sums[i] = c[places[i]]; }
    mma_tf32(sums, left, right);
    for (int i = 0; i < 4; i++) { d[threadIdx.x / 32 * 128 + places[i]] = sums[i]; }
}

// Writes the number at an index that may be outside.
extern "C" __global__ void write_at(float* x, int index) {
    if (threadIdx.x == 0) { x[index] = 1.0f; }
}

struct alignas(8) Pair {
    float first, second;
};

extern "C" __global__ void write_pair_at(float* x, int index) {
    if (threadIdx.x == 0) { *reinterpret_cast<Pair*>(x + index) = Pair{1.0f, x[0]}; }
}

extern "C" __global__ void write_shared_at(int index) {
    DYNAMIC_SHARED(all);
    if (threadIdx.x == 0) { all[index] = 1.0f; }
}

extern "C" __global__ void write_array_at(int index) {
    __shared__ float first[8], second[8];
    if (threadIdx.x == 0) { first[index] = second[index] = 1.0f; }
}

// What is in shared memory that nobody wrote to, in all blocks but the one that comes first.
extern "C" __global__ void unwritten(float* fixed, float* dynamic) {
    __shared__ float all[64];
    DYNAMIC_SHARED(others);
    usize place = (usize)blockIdx.x * 64 + threadIdx.x;
    fixed[place] = all[threadIdx.x];
    dynamic[place] = others[threadIdx.x];
    all[threadIdx.x] = others[threadIdx.x] = 1.0f;
}

extern "C" __global__ void barrier_of_one_warp() {
    if (threadIdx.x < 32) { __syncthreads(); }
}

extern "C" __global__ void two_barriers() {
    if (threadIdx.x < 32) {
        __syncthreads();
    } else {
        __syncthreads();
    }
}

extern "C" __global__ void shuffle_of_half_a_warp(float* x) {
    if (threadIdx.x % 32 < 16) { x[threadIdx.x] = __shfl_xor_sync(0xffffffffu, x[threadIdx.x], 1); }
}

extern "C" __global__ void masked_shuffle(float* x, int lanes) {
    if (threadIdx.x % 32 < 16) { x[threadIdx.x] = __shfl_xor_sync(0x0000ffffu, x[threadIdx.x], lanes); }
}

extern "C" __global__ void all_types(float* p, int i, unsigned long long u, float f, double d) {
    if (threadIdx.x == 0) { p[0] = (float)(i + (double)u + f + d); }
}

// As many barriers as asked for.
extern "C" __global__ void barriers(int n) {
    for (int i = 0; i < n; i++) { __syncthreads(); }
}

extern "C" __global__ void products(float* x, int n) {
    float c[4] = {x[threadIdx.x], 0.0f, 0.0f, 0.0f};
    unsigned a[4] = {0, 0, 0, 0}, b[2] = {0, 0};
    for (int i = 0; i < n; i++) { mma_tf32(c, a, b); }
    x[threadIdx.x] = c[0];
}
