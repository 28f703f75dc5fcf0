// What every file of kernels may use, on the device and simulated.

typedef unsigned long long usize;

// This thread's number among all of the grid, and how many there are. Grids are one-dimensional where this is used.
__device__ __forceinline__ usize first_element() { return (usize)blockIdx.x * blockDim.x + threadIdx.x; }
__device__ __forceinline__ usize all_threads() { return (usize)gridDim.x * blockDim.x; }

// The same of warps; this warp's number in its block, and this thread's in its warp.
__device__ __forceinline__ usize first_warp() { return first_element() / 32; }
__device__ __forceinline__ usize all_warps() { return all_threads() / 32; }
__device__ __forceinline__ unsigned warp() { return threadIdx.x / 32; }
__device__ __forceinline__ unsigned lane() { return threadIdx.x % 32; }

// A number of a batch of images, whose axes lie in memory as `ops/axes.rs` says: by its indices, and by its place.
struct ImagePlace {
    usize unit, pixel, sample;
};

__device__ __forceinline__ ImagePlace image_place(int axes, usize n, usize units, usize pixels, usize samples) {
    ImagePlace at;
    switch (axes) {
    case 0: at = {n / pixels % units, n % pixels, n / pixels / units}; break;
    case 1: at = {n / samples / pixels, n / samples % pixels, n % samples}; break;
    default: at = {n % units, n / units % pixels, n / units / pixels}; break;
    }
    return at;
}

__device__ __forceinline__ usize image_index(int axes, ImagePlace at, usize units, usize pixels, usize samples) {
    switch (axes) {
    case 0: return (at.sample * units + at.unit) * pixels + at.pixel;
    case 1: return (at.unit * pixels + at.pixel) * samples + at.sample;
    default: return (at.sample * pixels + at.pixel) * units + at.unit;
    }
}

// Sums whose order depends on nothing but the shape of the launch. All threads they are taken over get them.

// Over a warp.
__device__ __forceinline__ double warp_sum(double x) {
    for (int distance = 16; distance > 0; distance /= 2) { x += __shfl_xor_sync(0xffffffffu, x, distance); }
    return x;
}

// Over a block.
__device__ __forceinline__ double block_sum(double x) {
    __shared__ double sums[32];
    x = warp_sum(x);
    // The sums of a call before may still be read.
    __syncthreads();
    if (lane() == 0) { sums[warp()] = x; }
    __syncthreads();
    double sum = 0.0;
    for (unsigned i = 0; i < blockDim.x / 32; ++i) { sum += sums[i]; }
    return sum;
}

// Over the threads of a block that have the same lane.
__device__ __forceinline__ double lane_sum(double x) {
    __shared__ double terms[32][32];
    __syncthreads();
    terms[warp()][lane()] = x;
    __syncthreads();
    double sum = 0.0;
    for (unsigned i = 0; i < blockDim.x / 32; ++i) { sum += terms[i][lane()]; }
    return sum;
}

// A factor for the tensor cores, which drop its last 13 bits: rounded with ties away from zero, and where products are to
// be those of f32 what is left of it then, 12 bits at most.
//
// Rounding makes a number of that NaN whose bits are all ones. What is left of it is none, and so no exact sum is.
struct Factor {
    unsigned high, low;
};

template <bool EXACT> __device__ __forceinline__ Factor factor(float x) {
    Factor f = {__float_as_uint(x) + 0x1000u, 0};
    if (EXACT) {
        f.high &= 0xffffe000u;
        f.low = __float_as_uint(x - __uint_as_float(f.high));
    }
    return f;
}

// c += a b, exact to some 2^-23 of a product of factors by three products of TF32 numbers.
template <bool EXACT> __device__ __forceinline__ void multiply(float c[4], const Factor a[4], const Factor b[2]) {
    unsigned a_high[4] = {a[0].high, a[1].high, a[2].high, a[3].high};
    unsigned b_high[2] = {b[0].high, b[1].high};
    if (EXACT) {
        unsigned a_low[4] = {a[0].low, a[1].low, a[2].low, a[3].low};
        unsigned b_low[2] = {b[0].low, b[1].low};
        mma_tf32(c, a_low, b_high);
        mma_tf32(c, a_high, b_low);
    }
    mma_tf32(c, a_high, b_high);
}

// The same for one of many products that are summed. The tensor cores cut sums off instead of rounding them; so that this
// does not add up, they are not given the sum where it is to be exact; in TF32 it is cut off, as it is by the library.
template <bool EXACT> __device__ __forceinline__ void add_product(float sum[4], const Factor a[4], const Factor b[2]) {
    if (!EXACT) {
        multiply<EXACT>(sum, a, b);
        return;
    }
    float part[4] = {};
    multiply<EXACT>(part, a, b);
#pragma unroll
    for (int i = 0; i < 4; i++) { sum[i] += part[i]; }
}

// The activations, numbered as in `cuda/activation.rs`.
enum Activation {
    TANH, ERF, RELU, LEAKY_RELU, ELU, SELU, SOFTPLUS, SIGMOID, HARD_TANH, GELU, SILU, SINE, LINEAR
};

#define SELU_SCALE 1.0507009873554805f
#define SELU_ALPHA 1.6732632423543772f
#define SQRT_HALF 0.70710678118654752f
#define TWO_OVER_SQRT_PI 1.1283791670955126f
#define ONE_OVER_SQRT_TWO_PI 0.39894228040143268f

__device__ __forceinline__ float logistic(float x) { return 1.0f / (1.0f + expf(-x)); }

// The Gaussian distribution function.
__device__ __forceinline__ float gaussian_cdf(float x) { return 0.5f * erfcf(-x * SQRT_HALF); }

// phi(x).
__device__ __forceinline__ float activation_value(int activation, float slope, float x) {
    switch (activation) {
    case TANH: return tanhf(x);
    case ERF: return erff(x);
    case RELU: return fmaxf(x, 0.0f);
    case LEAKY_RELU: return fmaxf(x, 0.0f) + slope * fminf(x, 0.0f);
    case ELU: return fmaxf(x, 0.0f) + expm1f(fminf(x, 0.0f));
    case SELU: return SELU_SCALE * (fmaxf(x, 0.0f) + SELU_ALPHA * expm1f(fminf(x, 0.0f)));
    case SOFTPLUS: return fmaxf(x, 0.0f) + log1pf(expf(-fabsf(x)));
    case SIGMOID: return logistic(x);
    case HARD_TANH: return x < -1.0f ? -1.0f : x > 1.0f ? 1.0f : x;
    case GELU: return x * gaussian_cdf(x);
    case SILU: return x * logistic(x);
    case SINE: return sinf(x);
    default: return x;
    }
}

// phi'(x), given also y = phi(x); at a kink the value from below.
__device__ __forceinline__ float activation_slope(int activation, float slope, float x, float y) {
    switch (activation) {
    case TANH: return (1.0f - y) * (1.0f + y);
    case ERF: return TWO_OVER_SQRT_PI * expf(-x * x);
    case RELU: return x > 0.0f ? 1.0f : 0.0f;
    case LEAKY_RELU: return x > 0.0f ? 1.0f : slope;
    case ELU: return x > 0.0f ? 1.0f : expf(x);
    case SELU: return SELU_SCALE * (x > 0.0f ? 1.0f : SELU_ALPHA * expf(x));
    case SOFTPLUS: return logistic(x);
    case SIGMOID: return logistic(x) * logistic(-x);
    case HARD_TANH: return x > -1.0f && x <= 1.0f ? 1.0f : 0.0f;
    case GELU: return gaussian_cdf(x) + x * expf(-0.5f * x * x) * ONE_OVER_SQRT_TWO_PI;
    case SILU: return logistic(x) * (1.0f + x * logistic(-x));
    case SINE: return cosf(x);
    default: return 1.0f;
    }
}

// One step of an optimiser on a parameter with its two moments; see `cuda/optimizer.rs` for what the settings are.
enum OptimizerKind { SGD, RMSPROP, ADAM };

struct Step {
    // The learning rate, with Adam's divided by 1 - beta1^t.
    float lr;
    // Decay of the first and of the second moment, and what each is short of one.
    float decay1, rest1, decay2, rest2;
    // 1 / (1 - beta2^t) for Adam.
    float correction2;
    float eps;
};

__device__ __forceinline__ float stepped(int kind, Step s, float w, float g, float& first, float& second) {
    switch (kind) {
    case SGD: {
        float velocity = s.decay1 * first + g;
        if (s.decay1 != 0.0f) { first = velocity; }
        return w - s.lr * velocity;
    }
    case RMSPROP:
        second = s.decay2 * second + s.rest2 * g * g;
        return w - s.lr * quick_quotient(g, quick_root(second) + s.eps);
    default:
        first = s.decay1 * first + s.rest1 * g;
        second = s.decay2 * second + s.rest2 * g * g;
        return w - s.lr * quick_quotient(first, quick_root(second * s.correction2) + s.eps);
    }
}
