// The decoder epoch on chip.
//
// A unit of a decoder sees only its own residual, so each block trains 16 units over all minibatches and never waits for
// another block. Their weights, gradient and second moment stay in registers and the first moment in shared memory from
// the first minibatch to the last; the samples stream past, 16 at a time, through shared memory.
//
// A warp owns OWN tiles of 8 inputs. With lane = 4 g + t, a thread holds of each of its tiles, for the units g and g + 8,
// the inputs 2 t and 2 t + 1. That is how the tensor cores leave a gradient [units, inputs], and also how they take the
// weights as the right factor of the forward product: those of bfloat16 numbers two tiles at once, those of TF32 numbers
// with the inputs of a tile in the order 0 2 4 6 1 3 5 7. So weights go from the optimiser to the product without leaving
// their registers. A warp copies only the columns of the samples that it owns and needs no other warp's: what blocks wait
// for, twice a stage, is the sum of the warps' shares of the forward product, and the residuals made of it.

// What the host specialises; these values are for those who only want to see whether it compiles.
#ifndef OWN
#define OWN 13
#define VECTOR 16
#define BUFFERS 3
#define PRECISION 0
#endif
// Specialised where that is worth compiling for, else what the kernel is told.
#ifndef ACTIVATION
#define ACTIVATION activation
#endif
#ifndef OPTIMIZER
#define OPTIMIZER optimizer
#endif

// How factors are rounded.
#define F32 0
#define TF32 1
#define BF16 2

#define WARPS 8
#define THREADS (32 * WARPS)
#define UNITS 16
#define SAMPLES 16
// A residual for each thread.
#define ENTRIES (SAMPLES * UNITS)
// From one sample to the next in a warp's columns: 8 more than a multiple of 16 keeps both products' reads apart.
#define STRIDE (8 * OWN + (OWN % 2 == 0 ? 8 : 0))
#define STAGE (SAMPLES * STRIDE)

// What the samples are: already factors where those are bfloat16 numbers.
#if PRECISION == BF16
typedef unsigned short Number;
#else
typedef float Number;
#endif

struct alignas(8) Pair {
    float first, second;
};

// The numbers of a thread: of each tile those for the units g and g, g + 8 and g + 8.
typedef float Tiles[OWN][4];

// Starts copying, VECTOR bytes at a time, the warp's columns of SAMPLES rows from `first` on; those from `end` on repeat
// the last before it, and have no residual.
__device__ __forceinline__ void copy_columns(Number* columns, const Number* h, int pitch, int first, int end,
                                             int warp, int lane) {
    constexpr int numbers = VECTOR / sizeof(Number);
#pragma unroll 1
    for (int column = lane * numbers; column < 8 * OWN; column += 32 * numbers) {
        int input = warp * OWN * 8 + column;
        if (input < pitch) {
            Number* target = columns + column;
            const Number* source = h + (usize)first * pitch + input;
            // Unrolled as a whole, its addresses would take the registers that the state needs.
#pragma unroll 4
            for (int next = first + 1; next <= first + SAMPLES; next++) {
                copy_async<VECTOR>(target, source);
                target += STRIDE;
                if (next < end) { source += pitch; }
            }
        }
    }
}

// Writes the warp's share of h V^T, [SAMPLES, UNITS], for each half of the units what the tensor cores left.
__device__ __forceinline__ void write_share(const float sums[2][4], float* share, int g, int t) {
#pragma unroll
    for (int half = 0; half < 2; half++) {
        float* at = share + g * UNITS + half * 8 + 2 * t;
        *reinterpret_cast<Pair*>(at) = {sums[half][0], sums[half][1]};
        *reinterpret_cast<Pair*>(at + 8 * UNITS) = {sums[half][2], sums[half][3]};
    }
}

#if PRECISION == BF16

// Two factors rounded with ties away from zero, the first in the low half. NaN whose bits are all ones comes out as a
// number; the reconstruction from the same sample shows it.
__device__ __forceinline__ unsigned factors(float first, float second) {
    return (__float_as_uint(first) + 0x8000u) >> 16 | ((__float_as_uint(second) + 0x8000u) & 0xffff0000u);
}

// The warp's share of h V^T; `x` are its columns of the samples. Tiles go in pairs, the inputs of each in order.
__device__ __forceinline__ void multiply_forward(const Number* x, const Tiles& w, float* share, int g, int t) {
    float sums[2][4] = {};
    const unsigned* upper = reinterpret_cast<const unsigned*>(x + g * STRIDE) + t;
    const unsigned* lower = upper + 8 * STRIDE / 2;
#pragma unroll
    for (int tile = 0; tile < OWN; tile += 2) {
        const bool second = tile + 1 < OWN;
        unsigned left[4] = {upper[tile * 4], lower[tile * 4], 0, 0};
        if (second) {
            left[2] = upper[tile * 4 + 4];
            left[3] = lower[tile * 4 + 4];
        }
#pragma unroll
        for (int half = 0; half < 2; half++) {
            unsigned right[2] = {factors(w[tile][2 * half], w[tile][2 * half + 1]), 0};
            if (second) { right[1] = factors(w[tile + second][2 * half], w[tile + second][2 * half + 1]); }
            mma_bf16(sums[half], left, right);
        }
    }
    write_share(sums, share, g, t);
}

// gradient += delta^T h for the warp's columns.
__device__ __forceinline__ void add_gradient(const Number* x, const float* deltas, Tiles& gradient, int lane) {
    const int g = lane / 4, t = lane % 4;
    const float* delta = deltas + 2 * t * UNITS + g;
    unsigned left[4];
#pragma unroll
    for (int i = 0; i < 4; i++) {
        const float* at = delta + i / 2 * 8 * UNITS + i % 2 * 8;
        left[i] = factors(at[0], at[UNITS]);
    }
    const Number* row = x + lane % 16 * STRIDE;
#pragma unroll
    for (int tile = 0; tile + 1 < OWN; tile += 2) {
        unsigned right[4];
        load_transposed<4>(right, row + (tile + lane / 16) * 8);
        mma_bf16(gradient[tile], left, right);
        mma_bf16(gradient[tile + 1], left, right + 2);
    }
    if (OWN % 2 == 1) {
        unsigned right[2];
        load_transposed<2>(right, row + (OWN - 1) * 8);
        mma_bf16(gradient[OWN - 1], left, right);
    }
}

#else

// In TF32 a NaN that `factor` makes a number of would pass unseen from `h`; the reconstruction from the same sample shows it.
#define EXACT (PRECISION == F32)

// The warp's share of h V^T, [SAMPLES, UNITS] in `share`; `x` are its columns of the samples.
__device__ __forceinline__ void multiply_forward(const float* x, const Tiles& w, float* share, int g, int t) {
    float sums[2][4] = {};
#pragma unroll
    for (int tile = 0; tile < OWN; tile++) {
        const float* at = x + g * STRIDE + tile * 8 + 2 * t;
        Pair upper = *reinterpret_cast<const Pair*>(at);
        Pair lower = *reinterpret_cast<const Pair*>(at + 8 * STRIDE);
        Factor left[4] = {
            factor<EXACT>(upper.first), factor<EXACT>(lower.first), factor<EXACT>(upper.second),
            factor<EXACT>(lower.second)};
#pragma unroll
        for (int half = 0; half < 2; half++) {
            Factor right[2] = {factor<EXACT>(w[tile][2 * half]), factor<EXACT>(w[tile][2 * half + 1])};
            add_product<EXACT>(sums[half], left, right);
        }
    }
    write_share(sums, share, g, t);
}

// gradient += delta^T h for the warp's columns. The tensor cores have the sum and cut it off, in f32 too, for which registers
// do not allow otherwise: it is as short as a minibatch, and a step does not depend on the size of the gradient.
__device__ __forceinline__ void add_gradient(const float* x, const float* deltas, Tiles& gradient, int lane) {
    const int g = lane / 4, t = lane % 4;
    // One after the other: together they would take too many registers.
#pragma unroll 1
    for (int k = 0; k < SAMPLES / 8; k++) {
        const float* delta = deltas + (k * 8 + t) * UNITS + g;
        Factor left[4] = {
            factor<EXACT>(delta[0]), factor<EXACT>(delta[8]), factor<EXACT>(delta[4 * UNITS]),
            factor<EXACT>(delta[4 * UNITS + 8])};
#pragma unroll
        for (int tile = 0; tile < OWN; tile++) {
            const float* at = x + (k * 8 + t) * STRIDE + tile * 8 + g;
            Factor right[2] = {factor<EXACT>(at[0]), factor<EXACT>(at[4 * STRIDE])};
            multiply<EXACT>(gradient[tile], left, right);
        }
    }
}

#endif

// A thread's weights in memory, [outputs, inputs].
struct Weights {
    // Where they begin, and how far it is from one unit to the next.
    usize corner, row;
    // How many units and inputs there are from there on.
    int units, inputs;

    __device__ __forceinline__ Weights(int thread, int all_units, int all_inputs) {
        const int unit = blockIdx.x * UNITS + thread % 32 / 4, input = thread / 32 * OWN * 8 + 2 * (thread % 4);
        row = all_inputs;
        corner = unit * row + input;
        units = all_units - unit;
        inputs = all_inputs - input;
    }

    __device__ __forceinline__ bool has(int tile, int i) const {
        return i / 2 * 8 < units && tile * 8 + i % 2 < inputs;
    }

    __device__ __forceinline__ usize place(int tile, int i) const {
        return corner + tile * 8 + i % 2 + i / 2 * 8 * row;
    }
};

// The sum of what the warps left behind the last barrier.
__device__ __forceinline__ double sum_of_warps(const double* warp_squares) {
    double sum = 0.0;
    for (int warp = 0; warp < WARPS; warp++) { sum += warp_squares[warp]; }
    return sum;
}

// Trains units [blockIdx.x UNITS, ...) on the minibatches `first_batch ..` of `h` [samples, inputs], whose rows are
// `pitch` numbers apart, and `target` [samples, outputs]. `weights` and its moments are [outputs, inputs], `bias` and its
// moments [outputs]. `steps` holds of each minibatch the rate and the second moment's correction; `squares`
// [batches, blocks] takes the sums of squared residuals.
extern "C" __global__ void __launch_bounds__(THREADS, 1) train_decoder(
    const Number* __restrict__ h, const float* __restrict__ target, float* __restrict__ weights,
    float* __restrict__ weight_first, float* __restrict__ weight_second, float* __restrict__ bias,
    float* __restrict__ bias_first, float* __restrict__ bias_second, const float* __restrict__ steps,
    double* __restrict__ squares, int samples, int pitch, int inputs, int outputs, int batch, int first_batch, int batches,
    int activation, float slope, int optimizer, float decay1, float rest1, float decay2, float rest2, float eps) {
    DYNAMIC_SHARED(dynamic);
    // The biases, their two moments and their gradient.
    __shared__ float biases[4][UNITS];
    __shared__ double warp_squares[WARPS];
    const int thread = threadIdx.x, warp = thread / 32, lane = thread % 32;
    const int g = lane / 4, t = lane % 4;
    const int first_unit = blockIdx.x * UNITS;
    // The residual that is this thread's.
    const int sample = thread / UNITS, unit = thread % UNITS;
    const bool unit_there = first_unit + unit < outputs;

    // The loss's derivative [SAMPLES][UNITS], the warps' shares of the forward product [WARPS][SAMPLES][UNITS], the
    // targets [BUFFERS][SAMPLES][UNITS], the first moment [OWN][4][THREADS], and the warps' columns of the samples,
    // [WARPS][BUFFERS][SAMPLES][STRIDE].
    float* deltas = dynamic;
    float* shares = deltas + ENTRIES;
    float* wanted = shares + WARPS * ENTRIES + thread;
    float* firsts = wanted + BUFFERS * ENTRIES;
    Number* columns =
        reinterpret_cast<Number*>(firsts - thread + OWN * 4 * THREADS) + warp * BUFFERS * STAGE;

    Tiles w, v, gradient;
    const Weights at_start(thread, outputs, inputs);
#pragma unroll
    for (int tile = 0; tile < OWN; tile++) {
#pragma unroll
        for (int i = 0; i < 4; i++) {
            const bool there = at_start.has(tile, i);
            w[tile][i] = there ? weights[at_start.place(tile, i)] : 0.0f;
            firsts[(tile * 4 + i) * THREADS] = there ? weight_first[at_start.place(tile, i)] : 0.0f;
            v[tile][i] = there ? weight_second[at_start.place(tile, i)] : 0.0f;
        }
    }
    if (thread < UNITS) {
        biases[0][thread] = unit_there ? bias[first_unit + thread] : 0.0f;
        biases[1][thread] = unit_there ? bias_first[first_unit + thread] : 0.0f;
        biases[2][thread] = unit_there ? bias_second[first_unit + thread] : 0.0f;
    }
    // Inputs beyond the last are zeros and stay it.
    for (int i = lane; i < BUFFERS * STAGE; i += 32) { columns[i] = 0; }
    __syncwarp();

    // What is copied next: samples from `next` on up to the end of their minibatch, which may be of the next epoch, or of
    // one that is not asked for.
    int next = first_batch * batch, next_end = next + batch <= samples ? next + batch : samples;
    auto copy_next = [&](int buffer) {
        copy_columns(columns + buffer * STAGE, h, pitch, next, next_end, warp, lane);
        if (next + sample < next_end && unit_there) {
            copy_async<4>(wanted + buffer * ENTRIES, target + (usize)(next + sample) * outputs + first_unit + unit);
        }
        copy_async_commit();
        next += SAMPLES;
        if (next >= next_end) {
            next = next_end == samples ? 0 : next_end;
            next_end = next + batch <= samples ? next + batch : samples;
        }
    };
    for (int ahead = 0; ahead + 1 < BUFFERS; ahead++) { copy_next(ahead); }
    int buffer = 0;

    int first = first_batch * batch;
    for (int index = 0; index < batches; index++) {
        const int end = first + batch <= samples ? first + batch : samples;
        const float scale = 2.0f / ((float)(end - first) * (float)outputs);
        float own_squares = 0.0f;
#pragma unroll
        for (int tile = 0; tile < OWN; tile++) {
#pragma unroll
            for (int i = 0; i < 4; i++) { gradient[tile][i] = 0.0f; }
        }
        if (thread < UNITS) { biases[3][thread] = 0.0f; }

        for (; first < end; first += SAMPLES) {
            copy_next(buffer == 0 ? BUFFERS - 1 : buffer - 1);
            const bool there = first + sample < end && unit_there;
            copy_async_wait<BUFFERS - 1>();
            __syncwarp();
            const Number* x = columns + buffer * STAGE;
            multiply_forward(x, w, shares + warp * ENTRIES, g, t);
            __syncthreads();

            // Of the minibatch before. The barrier below keeps the warps from overwriting it.
            if (thread == 0 && index > 0 && first + SAMPLES >= end) {
                squares[(usize)(index - 1) * gridDim.x + blockIdx.x] = sum_of_warps(warp_squares);
            }
            // The residual times the activation's slope: the loss's derivative.
            float z = biases[0][unit];
#pragma unroll
            for (int other = 0; other < WARPS; other++) { z += shares[other * ENTRIES + thread]; }
            const float y = activation_value(ACTIVATION, slope, z);
            const float residual = there ? y - wanted[buffer * ENTRIES] : 0.0f;
            own_squares += residual * residual;
            deltas[thread] = there ? scale * residual * activation_slope(ACTIVATION, slope, z, y) : 0.0f;
            __syncthreads();

            add_gradient(x, deltas, gradient, lane);
            if (thread < UNITS) {
#pragma unroll 4
                for (int i = 0; i < SAMPLES; i++) { biases[3][thread] += deltas[i * UNITS + thread]; }
            }
            buffer = buffer + 1 == BUFFERS ? 0 : buffer + 1;
            // The columns just read are the next to be written.
            __syncwarp();
        }

        first = end == samples ? 0 : end;

        const Step s = {steps[2 * index], decay1, rest1, decay2, rest2, steps[2 * index + 1], eps};
#pragma unroll
        for (int tile = 0; tile < OWN; tile++) {
#pragma unroll
            for (int i = 0; i < 4; i++) {
                float& moment = firsts[(tile * 4 + i) * THREADS];
                w[tile][i] = stepped(OPTIMIZER, s, w[tile][i], gradient[tile][i], moment, v[tile][i]);
            }
        }
        if (thread < UNITS) {
            float* of_unit = &biases[0][thread];
            of_unit[0] = stepped(OPTIMIZER, s, of_unit[0], of_unit[3 * UNITS], of_unit[UNITS], of_unit[2 * UNITS]);
        }
        double warp_sum = own_squares;
#pragma unroll
        for (int other = 16; other > 0; other /= 2) { warp_sum += __shfl_xor_sync(0xffffffffu, warp_sum, other); }
        if (lane == 0) { warp_squares[warp] = warp_sum; }
    }

    // Copies of what nobody asked for.
    copy_async_wait<0>();
    __syncthreads();
    if (thread == 0) { squares[(usize)(batches - 1) * gridDim.x + blockIdx.x] = sum_of_warps(warp_squares); }
    const Weights at_end(anew(thread), outputs, inputs);
#pragma unroll
    for (int tile = 0; tile < OWN; tile++) {
#pragma unroll
        for (int i = 0; i < 4; i++) {
            if (at_end.has(tile, i)) {
                weights[at_end.place(tile, i)] = w[tile][i];
                weight_first[at_end.place(tile, i)] = firsts[(tile * 4 + i) * THREADS];
                weight_second[at_end.place(tile, i)] = v[tile][i];
            }
        }
    }
    if (thread < UNITS && unit_there) {
        bias[first_unit + thread] = biases[0][thread];
        bias_first[first_unit + thread] = biases[1][thread];
        bias_second[first_unit + thread] = biases[2][thread];
    }
}
