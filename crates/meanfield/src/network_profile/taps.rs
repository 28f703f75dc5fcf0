//! Windows that slide over an image, as lists of pixels.

use isobath_architecture::{Boundary, Conv2dLayer, Law, PoolLayer};

/// Pixels that each pixel of an output reads.
///
/// A dense layer is the window that covers the whole image.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Taps {
    /// Rows and columns of the output.
    pub(super) size: [usize; 2],
    /// Pixels of the input.
    pub(super) pixels: usize,
    /// Places of the window.
    pub(super) places: usize,
    /// `[output pixel][place]`: the pixel of the input, or `None` for zero padding.
    entries: Vec<Option<usize>>,
}

impl Taps {
    /// Window of a dense layer: all pixels.
    pub(super) fn all(pixels: usize) -> Self {
        Self { size: [1, 1], pixels, places: pixels, entries: (0..pixels).map(Some).collect() }
    }

    /// Windows of a convolution with its wrap. A delta-orthogonal kernel has one place, its centre.
    pub(super) fn of_convolution(layer: &Conv2dLayer, law: Law) -> Self {
        let output = layer.output();
        let product = layer.product().size();
        let [rows, columns] = layer.window.kernel;
        let places: Vec<[usize; 2]> = match law {
            Law::DeltaOrthogonal => vec![[rows / 2, columns / 2]],
            Law::Normal | Law::Uniform | Law::TruncatedNormal | Law::Orthogonal => {
                grid(layer.window.kernel)
            }
        };
        let wrap = layer.wrap_after;
        let unwrapped = |place: usize, size: usize| (place + size - wrap % size) % size;
        let read = |[row, column]: [usize; 2], place: [usize; 2]| {
            let corner = [unwrapped(row, product[0]), unwrapped(column, product[1])];
            let pixel: [isize; 2] = std::array::from_fn(|axis| {
                let start = corner[axis] * layer.window.stride[axis] + place[axis];
                start.cast_signed() - layer.window.padding[axis].cast_signed()
            });
            continued(pixel, layer.input.size(), layer.boundary)
        };
        Self::new(output.size(), layer.input.pixels(), &places, read)
    }

    /// Windows of a pooling layer; padding is `None`.
    pub(super) fn of_pooling(layer: &PoolLayer) -> Self {
        let read = |corner: [usize; 2], place: [usize; 2]| {
            continued(pooled_pixel(layer, corner, place), layer.input.size(), Boundary::Zero)
        };
        let places = grid(layer.window.kernel);
        Self::new(layer.output().size(), layer.input.pixels(), &places, read)
    }

    fn new(
        size: [usize; 2],
        pixels: usize,
        places: &[[usize; 2]],
        read: impl Fn([usize; 2], [usize; 2]) -> Option<usize>,
    ) -> Self {
        let outputs = grid(size).into_iter();
        let entries = outputs.flat_map(|output| places.iter().map(move |&place| (output, place)));
        let entries = entries.map(|(output, place)| read(output, place)).collect();
        Self { size, pixels, places: places.len(), entries }
    }

    /// Pixels of each output's window.
    pub(super) fn windows(&self) -> impl ExactSizeIterator<Item = &[Option<usize>]> {
        self.entries.chunks_exact(self.places)
    }

    /// Number of output pixels.
    pub(super) const fn outputs(&self) -> usize {
        self.size[0] * self.size[1]
    }
}

/// Divisor of each window of average pooling: the places within the padded image.
pub(super) fn divisors(layer: &PoolLayer) -> Vec<f64> {
    let (size, padding) = (layer.input.size(), layer.window.padding);
    let is_inside = |pixel: [isize; 2]| {
        (0..2).all(|axis| pixel[axis] < (size[axis] + padding[axis]).cast_signed())
    };
    let count = |corner| {
        let places = grid(layer.window.kernel).into_iter();
        places.filter(|&place| is_inside(pooled_pixel(layer, corner, place))).count()
    };
    grid(layer.output().size()).into_iter().map(|corner| count(corner) as f64).collect()
}

fn pooled_pixel(layer: &PoolLayer, corner: [usize; 2], place: [usize; 2]) -> [isize; 2] {
    std::array::from_fn(|axis| {
        let start = corner[axis] * layer.window.stride[axis] + place[axis];
        start.cast_signed() - layer.window.padding[axis].cast_signed()
    })
}

/// Index of a pixel of the continued image; `None` in zero padding.
fn continued(pixel: [isize; 2], size: [usize; 2], boundary: Boundary) -> Option<usize> {
    let [row, column] = match boundary {
        Boundary::Circular => [0, 1]
            .map(|axis| Some(pixel[axis].rem_euclid(size[axis].cast_signed()).cast_unsigned())),
        Boundary::Zero => {
            [0, 1].map(|axis| usize::try_from(pixel[axis]).ok().filter(|place| *place < size[axis]))
        }
    };
    Some(row? * size[1] + column?)
}

/// All places of a grid, row by row.
fn grid([rows, columns]: [usize; 2]) -> Vec<[usize; 2]> {
    (0..rows * columns).map(|index| [index / columns, index % columns]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use isobath_architecture::{Activation, PoolKind, Shape, Window};

    fn windows(taps: &Taps) -> Vec<Vec<Option<usize>>> {
        taps.windows().map(<[_]>::to_vec).collect()
    }

    #[test]
    fn windows_follow_boundary_stride_and_wrap() {
        let row = |window, boundary, wrap_after| {
            let layer = Conv2dLayer::new(Shape::new(1, 1, 4), 1, window, Activation::Tanh);
            let layer = Conv2dLayer { boundary, wrap_after, ..layer };
            windows(&Taps::of_convolution(&layer, Law::Normal))
        };
        let window =
            |stride, padding| Window { kernel: [1, 3], stride: [1, stride], padding: [0, padding] };
        let zero = row(window(2, 1), Boundary::Zero, 0);
        assert_eq!(zero, [[None, Some(0), Some(1)], [Some(1), Some(2), Some(3)]]);
        let circular = row(window(2, 1), Boundary::Circular, 0);
        assert_eq!(circular[0], [Some(3), Some(0), Some(1)]);
        // The wrap repeats the last column of the product before its first, and the only row three times.
        let wrapped = row(window(1, 0), Boundary::Zero, 1);
        assert_eq!(wrapped.len(), 3 * 4);
        assert_eq!(wrapped[0], [Some(1), Some(2), Some(3)]);
        assert_eq!(wrapped[1], [Some(0), Some(1), Some(2)]);
    }

    #[test]
    fn delta_orthogonal_kernels_read_their_centre() {
        let layer =
            Conv2dLayer::new(Shape::new(1, 3, 3), 1, Window::square(3, 1, 1), Activation::Tanh);
        let taps = Taps::of_convolution(&layer, Law::DeltaOrthogonal);
        let expected: Vec<_> = (0..9).map(|pixel| vec![Some(pixel)]).collect();
        assert_eq!(windows(&taps), expected);
    }

    #[test]
    fn averages_count_padding_but_nothing_beyond_it() {
        let pool = PoolLayer::new(Shape::new(1, 5, 5), PoolKind::Average, 2);
        let padded = PoolLayer { window: Window::square(3, 2, 1), ..pool };
        assert_eq!(divisors(&padded), [9.0; 9]);
        assert_eq!(Taps::of_pooling(&padded).windows().next().unwrap()[4], Some(0));
        let ceil = PoolLayer { ceil: true, ..pool };
        assert_eq!(divisors(&ceil), [4.0, 4.0, 2.0, 4.0, 4.0, 2.0, 2.0, 2.0, 1.0]);
    }
}
