use isobath_architecture::{Boundary, Shape};
use isobath_tensor::{Axes, ConvolutionConfig, PatchesConfig, Precision};

/// Geometry of a transposed convolution in a decoder; sizes are `[vertical, horizontal]`.
///
/// `g[c, Y, X] = phi(bias[c] + sum V[o, c, u, v] h[o, i, j])`, where the sum goes over all `o, u, v, i, j` with
/// `s i + u - q = Y` and `s j + v - q = X`: `s` is the stride and `q` the start. Positions outside of the output are
/// cropped; with [`Boundary::Circular`], positions count modulo the size of the output instead.
///
/// It is a dense layer that reads one patch of `h` for each pixel of the output: the kernel is flipped, and `s - 1` zeros
/// lie between the pixels of `h`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConvTranspose2d {
    /// Shape of what is decoded, `h`.
    pub input: Shape,
    /// Shape of what comes out.
    pub output: Shape,
    /// Rows and columns of the kernel.
    pub kernel: [usize; 2],
    /// `s`
    pub stride: [usize; 2],
    /// `q`: rows and columns that are cropped before the output.
    pub start: [usize; 2],
    /// Pixels beyond the output: cropped, or folded around it.
    pub boundary: Boundary,
}

impl ConvTranspose2d {
    /// Shape of the weights `V`: channels that it reads, channels that it writes, rows and columns of the kernel.
    pub const fn weight_shape(&self) -> [usize; 4] {
        let [rows, columns] = self.kernel;
        [self.input.channels, self.output.channels, rows, columns]
    }

    /// Elements of a patch: channels that it reads times elements of the kernel.
    pub const fn patch(&self) -> usize {
        self.input.channels * self.kernel[0] * self.kernel[1]
    }

    /// Weights that lead to one number of the output, on average over its pixels and borders aside.
    pub fn fan_in(&self) -> f64 {
        self.patch() as f64 / (self.stride[0] * self.stride[1]) as f64
    }

    /// True if periodic positions of `h` fit the output: `stride` must divide its size.
    pub(crate) fn closes(&self) -> bool {
        let mut axes = self.output.size().into_iter().zip(self.stride);
        self.boundary == Boundary::Zero || axes.all(|(size, stride)| size.is_multiple_of(stride))
    }

    /// Rows and columns of `h` that are different positions.
    fn period(&self) -> [usize; 2] {
        match self.boundary {
            Boundary::Zero => self.input.size(),
            Boundary::Circular => {
                std::array::from_fn(|axis| self.output.size()[axis] / self.stride[axis])
            }
        }
    }

    /// Copies of pixels whose adjoint adds pixels of `h` at the same position of a periodic output; `None` if there are
    /// none.
    pub(crate) fn fold(&self, samples: usize, axes: Axes) -> Option<PatchesConfig> {
        let (image, grid) = (self.period(), self.input.size());
        let copies = PatchesConfig::pixels(self.input.channels, image, samples, [axes; 2]);
        let boundary = Boundary::Circular;
        (image != grid).then_some(PatchesConfig { grid, boundary, ..copies })
    }

    /// Numbers of a sample after [`fold`](Self::fold).
    pub(crate) fn folded(&self) -> usize {
        self.input.channels * self.period()[0] * self.period()[1]
    }

    /// Numbers of a sample in memory for its [`fold`](Self::fold); 0 if there is none.
    pub(crate) fn fold_memory(&self) -> usize {
        if self.fold(1, Axes::UnitPixelSample).is_some() { self.folded() } else { 0 }
    }

    /// Patches of `h`, after its [`fold`](Self::fold): one for each pixel of the output.
    pub(crate) fn patches(&self, samples: usize, axes: [Axes; 2]) -> PatchesConfig {
        PatchesConfig {
            channels: self.input.channels,
            image: self.period(),
            grid: self.output.size(),
            kernel: self.kernel,
            stride: [1, 1],
            spread: self.stride,
            origin: std::array::from_fn(|axis| {
                (self.kernel[axis] - 1).cast_signed() - self.start[axis].cast_signed()
            }),
            boundary: self.boundary,
            samples,
            axes,
        }
    }

    /// The convolution that it is on `h`, after its [`fold`](Self::fold), with [`Axes::UnitPixelSample`].
    pub(crate) fn convolution(&self, samples: usize, precision: Precision) -> ConvolutionConfig {
        let patches = self.patches(samples, [Axes::UnitPixelSample; 2]);
        ConvolutionConfig { patches, outputs: self.output.channels, precision }
    }

    /// The weights `V` as a matrix for patches, `[channels written, patch]`.
    pub(crate) fn to_matrix(self, weights: &[f32]) -> Vec<f32> {
        let [read, written, ..] = self.weight_shape();
        self.flipped(weights, [read, written])
    }

    /// `V` from its matrix; the inverse of [`to_matrix`](Self::to_matrix).
    pub(crate) fn weights_of(self, matrix: &[f32]) -> Vec<f32> {
        let [read, written, ..] = self.weight_shape();
        self.flipped(matrix, [written, read])
    }

    /// Exchanges the first two axes of `[first, second, kernel rows, kernel columns]` and reverses both axes of the
    /// kernels.
    fn flipped(self, weights: &[f32], [first, second]: [usize; 2]) -> Vec<f32> {
        let kernel = self.kernel[0] * self.kernel[1];
        let pairs = (0..second).flat_map(|j| (0..first).map(move |i| i * second + j));
        pairs.flat_map(|pair| weights[pair * kernel..][..kernel].iter().rev()).copied().collect()
    }
}

/// Copies of images in another order of axes.
pub(crate) const fn reordered(shape: Shape, samples: usize, axes: [Axes; 2]) -> PatchesConfig {
    PatchesConfig::pixels(shape.channels, shape.size(), samples, axes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_are_transposed_and_flipped() {
        let conv = ConvTranspose2d {
            input: Shape::new(2, 1, 1),
            output: Shape::new(3, 1, 1),
            kernel: [1, 2],
            stride: [1, 1],
            start: [0, 0],
            boundary: Boundary::Zero,
        };
        let weights: Vec<f32> = (0..12).map(|i| i as f32).collect();
        let matrix = conv.to_matrix(&weights);
        assert_eq!(matrix, [1.0, 0.0, 7.0, 6.0, 3.0, 2.0, 9.0, 8.0, 5.0, 4.0, 11.0, 10.0]);
        assert_eq!(conv.weights_of(&matrix), weights);
    }
}
