// Pooling of images, forward and backward; see `PoolConfig`. Sizes are given for rows (y) and columns (x).

// Part of a window along an axis: its pixels in the image, and the number of those in the padded image.
struct PoolSpan {
    usize start, end, length;
};

// The pixels of window `i` along an axis.
__device__ __forceinline__ PoolSpan pool_span(usize i, usize kernel, usize stride, usize padding, usize size) {
    // Counted from the first pixel of the padding.
    usize start = i * stride, end = start + kernel, most = size + 2 * padding;
    if (end > most) { end = most; }
    PoolSpan span = {start > padding ? start - padding : 0, end > padding ? end - padding : 0, end - start};
    if (span.end > size) { span.end = size; }
    return span;
}

// Place of the first largest number of a window, the first NaN before any other, as a pixel.
__device__ __forceinline__ usize largest_pixel(
    const float* x, int axes, ImagePlace at, PoolSpan rows, PoolSpan columns, usize width, usize channels, usize pixels,
    usize samples) {
    usize best = rows.start * width + columns.start;
    at.pixel = best;
    float largest = x[image_index(axes, at, channels, pixels, samples)];
    for (usize row = rows.start; row < rows.end; row++) {
        for (usize column = columns.start; column < columns.end; column++) {
            at.pixel = row * width + column;
            float value = x[image_index(axes, at, channels, pixels, samples)];
            if (value > largest || (value != value && largest == largest)) {
                largest = value;
                best = at.pixel;
            }
        }
    }
    return best;
}

// A thread has a window.
extern "C" __global__ void pool(
    int average, usize channels, usize height, usize width, usize rows, usize columns, usize kernel_y, usize kernel_x,
    usize stride_y, usize stride_x, usize padding_y, usize padding_x, usize samples, int input_axes, int output_axes,
    const float* __restrict__ x, float* __restrict__ y) {
    usize pixels = height * width;
    for (usize n = first_element(); n < channels * rows * columns * samples; n += all_threads()) {
        ImagePlace at = image_place(output_axes, n, channels, rows * columns, samples);
        PoolSpan of_y = pool_span(at.pixel / columns, kernel_y, stride_y, padding_y, height);
        PoolSpan of_x = pool_span(at.pixel % columns, kernel_x, stride_x, padding_x, width);
        if (!average) {
            at.pixel = largest_pixel(x, input_axes, at, of_y, of_x, width, channels, pixels, samples);
            y[n] = x[image_index(input_axes, at, channels, pixels, samples)];
            continue;
        }
        float sum = 0.0f;
        for (usize row = of_y.start; row < of_y.end; row++) {
            for (usize column = of_x.start; column < of_x.end; column++) {
                at.pixel = row * width + column;
                sum += x[image_index(input_axes, at, channels, pixels, samples)];
            }
        }
        y[n] = sum / (float)(of_y.length * of_x.length);
    }
}

// The first window, along an axis, that has pixel `y`.
__device__ __forceinline__ usize first_window(usize y, usize kernel, usize stride, usize padding) {
    usize end = y + padding + 1;
    return end > kernel ? (end - kernel + stride - 1) / stride : 0;
}

// A thread has a pixel.
extern "C" __global__ void pool_gradient(
    int average, usize channels, usize height, usize width, usize rows, usize columns, usize kernel_y, usize kernel_x,
    usize stride_y, usize stride_x, usize padding_y, usize padding_x, usize samples, int input_axes, int output_axes,
    const float* __restrict__ x, const float* __restrict__ delta, float* __restrict__ input_delta) {
    usize pixels = height * width, windows = rows * columns;
    for (usize n = first_element(); n < channels * pixels * samples; n += all_threads()) {
        ImagePlace at = image_place(output_axes, n, channels, pixels, samples);
        usize pixel_y = at.pixel / width, pixel_x = at.pixel % width;
        usize first_x = first_window(pixel_x, kernel_x, stride_x, padding_x);
        float sum = 0.0f;
        for (usize i = first_window(pixel_y, kernel_y, stride_y, padding_y);
             i < rows && i * stride_y <= pixel_y + padding_y; i++) {
            for (usize j = first_x; j < columns && j * stride_x <= pixel_x + padding_x; j++) {
                PoolSpan of_y = pool_span(i, kernel_y, stride_y, padding_y, height);
                PoolSpan of_x = pool_span(j, kernel_x, stride_x, padding_x, width);
                ImagePlace window = {at.unit, i * columns + j, at.sample};
                float part = delta[image_index(output_axes, window, channels, windows, samples)];
                if (average) {
                    sum += part / (float)(of_y.length * of_x.length);
                } else if (largest_pixel(x, input_axes, at, of_y, of_x, width, channels, pixels, samples) == at.pixel) {
                    sum += part;
                }
            }
        }
        input_delta[n] = sum;
    }
}
