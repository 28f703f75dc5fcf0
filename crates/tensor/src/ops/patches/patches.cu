// Patches of images, and their adjoint; see `PatchesConfig`. Sizes are given for rows (y) and columns (x).

// (x mod n) >= 0
__device__ __forceinline__ long long modulo(long long x, long long n) { return (x % n + n) % n; }

// Pixel, along an axis, of element `u` of patch `i`; negative where there is none.
__device__ __forceinline__ long long pixel_of(
    usize i, usize u, usize stride, usize spread, int origin, usize size, int circular) {
    long long place = (long long)(i * stride + u) - origin, end = (long long)(size * spread);
    if (circular) { place = modulo(place, end); }
    bool has_pixel = place >= 0 && place < end && place % (long long)spread == 0;
    return has_pixel ? place / (long long)spread : -1;
}

// A thread has an element of a patch.
extern "C" __global__ void patches(
    usize channels, usize height, usize width, usize rows, usize columns, usize kernel_y, usize kernel_x,
    usize stride_y, usize stride_x, usize spread_y, usize spread_x, int origin_y, int origin_x, int circular,
    usize samples, int image_axes, int patch_axes, const float* __restrict__ images, float* __restrict__ out) {
    usize window = kernel_y * kernel_x, units = channels * window, count = rows * columns;
    for (usize n = first_element(); n < units * count * samples; n += all_threads()) {
        ImagePlace at = image_place(patch_axes, n, units, count, samples);
        usize u = at.unit % window / kernel_x, v = at.unit % kernel_x;
        usize i = at.pixel / columns, j = at.pixel % columns;
        long long y = pixel_of(i, u, stride_y, spread_y, origin_y, height, circular);
        long long x = pixel_of(j, v, stride_x, spread_x, origin_x, width, circular);
        float value = 0.0f;
        if (y >= 0 && x >= 0) {
            ImagePlace from = {at.unit / window, (usize)y * width + (usize)x, at.sample};
            value = images[image_index(image_axes, from, channels, height * width, samples)];
        }
        out[n] = value;
    }
}

// Multiples of the stride, in an order that depends on sizes only, at which patches begin whose element `u` is pixel `y`:
// the first, and each period after it.
__device__ __forceinline__ long long first_start(
    long long y, usize u, usize spread, int origin, usize size, int circular) {
    long long start = y * (long long)spread + origin - (long long)u;
    return circular ? modulo(start, (long long)(size * spread)) : start;
}

// A thread has a pixel.
extern "C" __global__ void patches_adjoint(
    usize channels, usize height, usize width, usize rows, usize columns, usize kernel_y, usize kernel_x,
    usize stride_y, usize stride_x, usize spread_y, usize spread_x, int origin_y, int origin_x, int circular,
    usize samples, int image_axes, int patch_axes, const float* __restrict__ patches, float* __restrict__ out) {
    usize window = kernel_y * kernel_x, units = channels * window, count = rows * columns;
    long long end_y = (long long)(rows * stride_y), end_x = (long long)(columns * stride_x);
    // An image that does not repeat has one start at most.
    long long never = 1LL << 60;
    long long step_y = circular ? (long long)(height * spread_y) : never;
    long long step_x = circular ? (long long)(width * spread_x) : never;
    for (usize n = first_element(); n < channels * height * width * samples; n += all_threads()) {
        ImagePlace at = image_place(image_axes, n, channels, height * width, samples);
        long long pixel_y = (long long)(at.pixel / width), pixel_x = (long long)(at.pixel % width);
        float sum = 0.0f;
        for (usize u = 0; u < kernel_y; u++) {
            long long y = first_start(pixel_y, u, spread_y, origin_y, height, circular);
            for (; y < end_y; y += step_y) {
                if (y < 0 || y % (long long)stride_y != 0) { continue; }
                for (usize v = 0; v < kernel_x; v++) {
                    long long x = first_start(pixel_x, v, spread_x, origin_x, width, circular);
                    for (; x < end_x; x += step_x) {
                        if (x < 0 || x % (long long)stride_x != 0) { continue; }
                        usize patch = (usize)y / stride_y * columns + (usize)x / stride_x;
                        ImagePlace from = {at.unit * window + u * kernel_x + v, patch, at.sample};
                        sum += patches[image_index(patch_axes, from, units, count, samples)];
                    }
                }
            }
        }
        out[n] = sum;
    }
}
