// The names of kernels/device.cuh, and those of CUDA that kernels use, on the processor.

#include <math.h>
#include <string.h>

#include <utility>

#define __global__
#define __device__
#define __constant__ static const
#define __shared__ static __attribute__((used, section("block_shared")))
#define __launch_bounds__(...)
#define __forceinline__ inline __attribute__((always_inline))
#define __align__(bytes) __attribute__((aligned(bytes)))

#define DYNAMIC_SHARED(name) float* const name = reinterpret_cast<float*>(simulator::dynamic_shared)

// Where a function is called, as its last arguments.
#define CALLED_AT const char *file = __builtin_FILE(), int line = __builtin_LINE()

struct alignas(8) float2 {
    float x, y;
};

struct alignas(16) float4 {
    float x, y, z, w;
};

static inline float2 make_float2(float x, float y) { return {x, y}; }
static inline float4 make_float4(float x, float y, float z, float w) { return {x, y, z, w}; }

namespace simulator {

// What a lane gives in a shuffle and whom it asks.
template <class T> struct Shuffle {
    T given, taken;
    unsigned source;
};

template <class T> static void shuffle_together(Thread* lanes, unsigned mask) {
    for (unsigned i = 0; i < WARP; i++) {
        if ((mask >> i & 1) == 0) { continue; }
        auto* mine = static_cast<Shuffle<T>*>(lanes[i].data);
        if ((mask >> mine->source & 1) == 0) {
            Place place = lanes[i].place;
            fail(
                "%s (%s:%d): lane %u asks lane %u, which is not in the mask %#x", lanes[i].operation, place.file,
                place.line, i, mine->source, mask);
        }
        mine->taken = static_cast<Shuffle<T>*>(lanes[mine->source].data)->given;
    }
}

template <class T> static T shuffle(const char* operation, Place place, unsigned mask, T given, unsigned source) {
    Shuffle<T> mine = {given, given, source};
    wait_for_warp(operation, place, mask, shuffle_together<T>, &mine);
    return mine.taken;
}

} // namespace simulator

static inline void __syncthreads(CALLED_AT) { simulator::wait_for_block("__syncthreads", {file, line}); }

static inline void __syncwarp(unsigned mask = simulator::ALL_LANES, CALLED_AT) {
    simulator::wait_for_warp("__syncwarp", {file, line}, mask, simulator::order_together, nullptr);
}

template <class T> static T __shfl_sync(unsigned mask, T x, int source, CALLED_AT) {
    return simulator::shuffle<T>("__shfl_sync", {file, line}, mask, x, static_cast<unsigned>(source) % simulator::WARP);
}

template <class T> static T __shfl_xor_sync(unsigned mask, T x, int lanes, CALLED_AT) {
    unsigned lane = simulator::me % simulator::WARP;
    unsigned source = (lane ^ static_cast<unsigned>(lanes)) % simulator::WARP;
    return simulator::shuffle<T>("__shfl_xor_sync", {file, line}, mask, x, source);
}

// Lanes that ask beyond the last keep what they have.
template <class T> static T __shfl_down_sync(unsigned mask, T x, unsigned lanes, CALLED_AT) {
    unsigned lane = simulator::me % simulator::WARP, source = lane + lanes;
    return simulator::shuffle<T>("__shfl_down_sync", {file, line}, mask, x, source < simulator::WARP ? source : lane);
}

template <class T> static inline T __ldg(const T* address) { return *address; }

static inline unsigned __umulhi(unsigned a, unsigned b) {
    return static_cast<unsigned>(static_cast<uint64_t>(a) * b >> 32);
}

static inline unsigned __float_as_uint(float x) {
    unsigned bits;
    memcpy(&bits, &x, 4);
    return bits;
}

static inline float __uint_as_float(unsigned bits) {
    float x;
    memcpy(&x, &bits, 4);
    return x;
}

static inline unsigned to_tf32(float x) {
    unsigned bits = __float_as_uint(x);
    return isfinite(x) ? (bits + 0x1000u) & 0xffffe000u : bits;
}

static inline int anew(int x) { return x; }

static inline float quick_root(float x) { return sqrtf(x); }
static inline float quick_quotient(float a, float b) { return a / b; }

static inline void mma_tf32(float c[4], const unsigned a[4], const unsigned b[2], CALLED_AT) {
    simulator::Fragments mine = {{c[0], c[1], c[2], c[3]}, {a[0], a[1], a[2], a[3]}, {b[0], b[1]}};
    simulator::wait_for_warp("mma_tf32", {file, line}, simulator::ALL_LANES, simulator::multiply_tf32_together, &mine);
    for (unsigned i = 0; i < 4; i++) { c[i] = mine.c[i]; }
}

static inline void mma_bf16(float c[4], const unsigned a[4], const unsigned b[2], CALLED_AT) {
    simulator::Fragments mine = {{c[0], c[1], c[2], c[3]}, {a[0], a[1], a[2], a[3]}, {b[0], b[1]}};
    simulator::wait_for_warp("mma_bf16", {file, line}, simulator::ALL_LANES, simulator::multiply_bf16_together, &mine);
    for (unsigned i = 0; i < 4; i++) { c[i] = mine.c[i]; }
}

template <int COUNT> static inline void load_transposed(unsigned out[COUNT], const void* row, CALLED_AT) {
    static_assert(COUNT == 2 || COUNT == 4, "two or four matrices");
    if (simulator::me % simulator::WARP < 8 * COUNT) { simulator::check_row(row, {file, line}); }
    simulator::Transposed mine = {row, COUNT, {}};
    simulator::wait_for_warp("load_transposed", {file, line}, simulator::ALL_LANES, simulator::transpose_together, &mine);
    for (unsigned m = 0; m < COUNT; m++) { out[m] = mine.out[m]; }
}

template <int BYTES> static inline void copy_async(void* shared, const void* global, CALLED_AT) {
    static_assert(BYTES == 4 || BYTES == 8 || BYTES == 16, "copies of 4, 8 or 16 bytes");
    simulator::start_copy(shared, global, BYTES, {file, line});
}

static inline void copy_async_commit() { simulator::end_group_of_copies(); }

template <int PENDING> static inline void copy_async_wait() { simulator::finish_copies(PENDING); }

// Kernels are local to their library, whatever their names.
namespace {
