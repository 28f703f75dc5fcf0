// Random numbers indexed by (seed, stream, element); see `random.rs` for what they are.

struct Words {
    unsigned word[4];
};

// Philox4x32-10: block `block` of stream `stream` under `seed`.
__device__ Words philox(usize seed, usize stream, usize block) {
    unsigned key0 = (unsigned)seed, key1 = (unsigned)(seed >> 32);
    unsigned x0 = (unsigned)block, x1 = (unsigned)(block >> 32), x2 = (unsigned)stream, x3 = (unsigned)(stream >> 32);
    for (int round = 0; round < 10; ++round) {
        usize product0 = (usize)0xd2511f53u * x0, product1 = (usize)0xcd9e8d57u * x2;
        x0 = (unsigned)(product1 >> 32) ^ x1 ^ key0;
        x1 = (unsigned)product1;
        x2 = (unsigned)(product0 >> 32) ^ x3 ^ key1;
        x3 = (unsigned)product0;
        key0 += 0x9e3779b9u;
        key1 += 0xbb67ae85u;
    }
    return {{x0, x1, x2, x3}};
}

// The word as a number in (0, 1).
__device__ __forceinline__ double uniform(unsigned word) { return (word + 0.5) * (1.0 / 4294967296.0); }

// Ratios of polynomials of the inverse distribution function (AS 241), by their coefficients, rising powers.
struct Rational {
    double numerator[8], denominator[8];

    __device__ double operator()(double x) const {
        double above = 0.0, below = 0.0;
        for (int i = 7; i >= 0; --i) {
            above = above * x + numerator[i];
            below = below * x + denominator[i];
        }
        return above / below;
    }
};

__constant__ Rational CENTRE = {
    {3.3871328727963665, 133.14166789178438, 1971.5909503065513, 13731.69376550946,
     45921.95393154987, 67265.7709270087, 33430.57558358813, 2509.0809287301227},
    {1.0, 42.31333070160091, 687.1870074920579, 5394.196021424751,
     21213.794301586597, 39307.89580009271, 28729.085735721943, 5226.495278852855},
};
__constant__ Rational MIDDLE = {
    {1.4234371107496835, 4.630337846156546, 5.769497221460691, 3.6478483247632045,
     1.2704582524523684, 0.2417807251774506, 0.022723844989269184, 7.745450142783414e-4},
    {1.0, 2.053191626637759, 1.6763848301838038, 0.6897673349851,
     0.14810397642748008, 0.015198666563616457, 5.475938084995345e-4, 1.0507500716444169e-9},
};
__constant__ Rational FAR = {
    {6.657904643501103, 5.463784911164114, 1.7848265399172913, 0.29656057182850487,
     0.026532189526576124, 1.2426609473880784e-3, 2.7115555687434876e-5, 2.0103343992922881e-7},
    {1.0, 0.599832206555888, 0.1369298809227358, 0.014875361290850615,
     7.868691311456133e-4, 1.8463183175100548e-5, 1.421511758316446e-7, 2.0442631033899398e-15},
};

// The word as a standard normal number: the inverse distribution function at `uniform`.
__device__ double normal(unsigned word) {
    double centred = uniform(word) - 0.5;
    if (fabs(centred) <= 0.425) { return centred * CENTRE(0.180625 - centred * centred); }
    double r = sqrt(-log(0.5 - fabs(centred)));
    return copysign(r <= 5.0 ? MIDDLE(r - 1.6) : FAR(r - 5.0), centred);
}

// Fills out[..n] with `scale` times the elements 0..n of the stream: normal ones, or uniform ones on (-1, 1).
extern "C" __global__ void random_fill(
    int is_normal, usize seed, usize stream, double scale, usize n, float* __restrict__ out) {
    for (usize block = first_element(); 4 * block < n; block += all_threads()) {
        Words words = philox(seed, stream, block);
        for (usize i = 0; i < 4 && 4 * block + i < n; ++i) {
            double number = is_normal ? normal(words.word[i]) : 2.0 * uniform(words.word[i]) - 1.0;
            out[4 * block + i] = (float)(scale * number);
        }
    }
}
