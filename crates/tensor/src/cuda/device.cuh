// Names for what only the device can do. The simulator has its own version of this file, simulator/shim.hpp, with the
// same names; kernels use nothing of the device's that is not here, except the following, which both have:
// threadIdx, blockIdx, blockDim, gridDim, __constant__, __syncthreads, __syncwarp, __shfl_xor_sync, __shfl_down_sync,
// __ldg, functions of <math.h> with and without `f`, fmaf, fma, __umulhi, __float_as_uint, __uint_as_float.

// Dynamic shared memory of the block under a name, aligned to 16 bytes.
#define DYNAMIC_SHARED(name) extern __shared__ __align__(16) float name[]

// The nearest TF32 number (11 significant bits), ties away from zero, as the tensor cores take it.
__device__ __forceinline__ unsigned to_tf32(float x) {
    unsigned bits;
    asm("cvt.rna.tf32.f32 %0, %1;" : "=r"(bits) : "f"(x));
    return bits;
}

// The same number, of which the compiler does not know that it is the same: what is worked out from it is worked out anew
// and takes no registers until then.
__device__ __forceinline__ int anew(int x) {
    asm volatile("" : "+r"(x));
    return x;
}

// The root and the quotient to about two units in the last place, without the instructions that exact rounding takes.
// The quotient is zero where b exceeds 2^126.
__device__ __forceinline__ float quick_root(float x) {
    float root;
    asm("sqrt.approx.f32 %0, %1;" : "=f"(root) : "f"(x));
    return root;
}
__device__ __forceinline__ float quick_quotient(float a, float b) { return __fdividef(a, b); }

// c += a b of a warp: a is [16, 8], b [8, 8], c [16, 8]. With lane = 4 g + t, a thread holds
//   a[0] = A[g][t], a[1] = A[g + 8][t], a[2] = A[g][t + 4], a[3] = A[g + 8][t + 4],
//   b[0] = B[t][g], b[1] = B[t + 4][g],
//   c[0] = C[g][2t], c[1] = C[g][2t + 1], c[2] = C[g + 8][2t], c[3] = C[g + 8][2t + 1].
__device__ __forceinline__ void mma_tf32(float c[4], const unsigned a[4], const unsigned b[2]) {
    asm volatile(
        "mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, "
        "{%0, %1, %2, %3};"
        : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}

// The same of bfloat16 numbers, two to a register, the first in the low half: a is [16, 16], b [16, 8]. A thread holds
//   a[0] = A[g][2t, 2t + 1], a[1] = A[g + 8][2t, 2t + 1], a[2] = A[g][2t + 8, 2t + 9], a[3] = A[g + 8][2t + 8, 2t + 9],
//   b[0] = B[2t, 2t + 1][g], b[1] = B[2t + 8, 2t + 9][g], and c as above.
__device__ __forceinline__ void mma_bf16(float c[4], const unsigned a[4], const unsigned b[2]) {
    asm volatile(
        "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, "
        "{%0, %1, %2, %3};"
        : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}

// Loads COUNT (2 or 4) matrices [8, 8] of 16-bit numbers from shared memory, transposed. Lane 8 m + i says where row i
// of matrix m begins, aligned to 16 bytes; out[m] then is M[2t, 2t + 1][g], the first in the low half.
template <int COUNT> __device__ __forceinline__ void load_transposed(unsigned out[COUNT], const void* row) {
    unsigned address = static_cast<unsigned>(__cvta_generic_to_shared(row));
    if constexpr (COUNT == 4) {
        asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
                     : "=r"(out[0]), "=r"(out[1]), "=r"(out[2]), "=r"(out[3])
                     : "r"(address)
                     : "memory");
    } else {
        asm volatile("ldmatrix.sync.aligned.m8n8.x2.trans.shared.b16 {%0, %1}, [%2];"
                     : "=r"(out[0]), "=r"(out[1])
                     : "r"(address)
                     : "memory");
    }
}

// Starts copying BYTES (4, 8 or 16) bytes from global to shared memory, both aligned to as many.
template <int BYTES> __device__ __forceinline__ void copy_async(void* shared, const void* global) {
    unsigned target = static_cast<unsigned>(__cvta_generic_to_shared(shared));
    if constexpr (BYTES == 16) {
        asm volatile("cp.async.cg.shared.global [%0], [%1], 16;" ::"r"(target), "l"(global) : "memory");
    } else {
        asm volatile("cp.async.ca.shared.global [%0], [%1], %2;" ::"r"(target), "l"(global), "n"(BYTES) : "memory");
    }
}

// Ends a group of this thread's copies.
__device__ __forceinline__ void copy_async_commit() { asm volatile("cp.async.commit_group;" ::: "memory"); }

// Waits until at most PENDING of this thread's latest groups are under way. Other threads see the rest only after a
// barrier.
template <int PENDING> __device__ __forceinline__ void copy_async_wait() {
    asm volatile("cp.async.wait_group %0;" ::"n"(PENDING) : "memory");
}
