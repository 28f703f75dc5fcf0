// Classification losses of `count` minibatches. Outputs and gradient are [count, classes, samples], a thread has a sample.

// One sample's outputs, `stride` apart.
struct Logits {
    const float* first;
    usize stride;

    __device__ double operator()(usize k) const { return first[k * stride]; }
};

// Entry k of softmax(z) for any z(k).
template <typename Z> struct Softmax {
    Z z;
    double largest, sum;

    __device__ Softmax(Z z, usize classes) : z(z), largest(z(0)), sum(0.0) {
        for (usize k = 1; k < classes; ++k) { largest = fmax(largest, z(k)); }
        for (usize k = 0; k < classes; ++k) { sum += exp(z(k) - largest); }
    }

    __device__ double operator()(usize k) const { return exp(z(k) - largest) / sum; }

    // -ln softmax(z)[label]
    __device__ double loss(usize label) const { return largest + log(sum) - z(label); }

    // Its derivative with respect to z(k).
    __device__ double slope(usize label, usize k) const { return (*this)(k) - (k == label ? 1.0 : 0.0); }
};

enum Loss { CROSS_ENTROPY, DOUBLE_SOFTMAX, MEAN_SQUARED_ERROR };

// The loss of a sample; `gradient` is `factor` times its derivative.
__device__ double sample_loss(
    int loss, double factor, usize classes, usize stride, usize label, Logits z, float* __restrict__ gradient) {
    if (loss == MEAN_SQUARED_ERROR) {
        double squares = 0.0;
        for (usize k = 0; k < classes; ++k) {
            double gap = z(k) - (k == label ? 1.0 : 0.0);
            squares += gap * gap;
            gradient[k * stride] = (float)(factor * 2.0 * gap / classes);
        }
        return squares / classes;
    }
    Softmax<Logits> p(z, classes);
    if (loss == CROSS_ENTROPY) {
        for (usize k = 0; k < classes; ++k) { gradient[k * stride] = (float)(factor * p.slope(label, k)); }
        return p.loss(label);
    }
    Softmax<Softmax<Logits>> outer(p, classes);
    // The Jacobian of the softmax, diag(p) - p p^T, applied to the outer gradient.
    double mean = 0.0;
    for (usize k = 0; k < classes; ++k) { mean += p(k) * outer.slope(label, k); }
    for (usize k = 0; k < classes; ++k) {
        gradient[k * stride] = (float)(factor * p(k) * (outer.slope(label, k) - mean));
    }
    return outer.loss(label);
}

// Each block's sum of a minibatch's losses, and how many largest outputs (the first of several) are the label's, in
// `sums` [count, blocks, 2].
extern "C" __global__ void loss_gradient(
    int loss, double factor, usize count, usize classes, usize samples, usize first, const float* __restrict__ outputs,
    const unsigned* __restrict__ labels, float* __restrict__ gradient, double* __restrict__ sums) {
    double no_number = __uint_as_float(0x7fc00000u);
    for (usize index = blockIdx.y; index < count; index += gridDim.y) {
        double sum = 0.0, right = 0.0;
        for (usize sample = first_element(); sample < samples; sample += all_threads()) {
            usize place = index * classes * samples + sample;
            Logits z = {outputs + place, samples};
            usize label = labels[first + index * samples + sample];
            bool valid = label < classes;
            usize best = 0;
            for (usize k = 0; k < classes; ++k) {
                valid = valid && z(k) == z(k);
                if (z(k) > z(best)) { best = k; }
            }
            if (valid) {
                right += best == label ? 1.0 : 0.0;
                sum += sample_loss(loss, factor, classes, samples, label, z, gradient + place);
            } else {
                sum = no_number;
                for (usize k = 0; k < classes; ++k) { gradient[place + k * samples] = (float)no_number; }
            }
        }
        sum = block_sum(sum);
        right = block_sum(right);
        if (threadIdx.x == 0) {
            double* of_block = sums + 2 * (index * gridDim.x + blockIdx.x);
            of_block[0] = sum;
            of_block[1] = right;
        }
    }
}

// tally[2 (slot + i)], tally[2 (slot + i) + 1] = the mean loss of minibatch i, and its samples that are right, from its sums
// of `blocks` blocks.
extern "C" __global__ void tally_loss(
    usize count, usize samples, usize slot, usize blocks, const double* __restrict__ sums, double* __restrict__ tally) {
    for (usize index = blockIdx.x; index < count; index += gridDim.x) {
        double sum = 0.0, right = 0.0;
        for (usize i = threadIdx.x; i < blocks; i += blockDim.x) {
            sum += sums[2 * (index * blocks + i)];
            right += sums[2 * (index * blocks + i) + 1];
        }
        sum = block_sum(sum);
        right = block_sum(right);
        if (threadIdx.x == 0) {
            tally[2 * (slot + index)] = sum / (samples > 0 ? samples : 1);
            tally[2 * (slot + index) + 1] = right;
        }
    }
}
