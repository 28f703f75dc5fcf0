//! Parts that convolutional and residual networks share: the stem at the start and the head at the end.

use serde::{Deserialize, Serialize};

use crate::{
    Activation, Boundary, Conv2dLayer, DenseLayer, Error, Layer, PoolKind, PoolLayer, Readout,
    Result, Shape, Window, shape::check_size,
};

/// Settings of the convolutions of a network, and of its stem and head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConvParams {
    /// Channels of every convolution.
    pub channels: usize,
    /// Size of the kernels, odd.
    pub kernel: usize,
    /// Convolutions of stride 2 in the stem, after its first convolution, which has stride 1.
    pub stem: usize,
    /// Continuation of the images beyond their borders. Padding keeps the size of the image, or halves it at stride 2.
    pub boundary: Boundary,
    /// End of the network.
    pub head: Head,
}

/// End of a convolutional network, before its linear readout.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Head {
    /// The mean of each channel over the image (global average pooling).
    #[default]
    Pool,
    /// All numbers of the image.
    Flatten,
}

impl ConvParams {
    /// Size of the kernels if none is given.
    pub const KERNEL: usize = 3;
    /// Convolutions of stride 2 if no number is given: they reduce height and width to a quarter.
    pub const STEM: usize = 2;

    /// Settings with the given number of channels and the defaults: kernel 3, two convolutions of stride 2 in the stem, a
    /// circular boundary as in mean-field theory, and average pooling.
    pub const fn new(channels: usize) -> Self {
        Self {
            channels,
            kernel: Self::KERNEL,
            stem: Self::STEM,
            boundary: Boundary::Circular,
            head: Head::Pool,
        }
    }

    /// Convolutions of the stem.
    pub(crate) const fn stem_layers(&self) -> usize {
        self.stem + 1
    }

    pub(crate) fn check(&self) -> Result<()> {
        check_size("channels", self.channels, 1_000_000, "1 to 1,000,000")?;
        // More halvings leave no image.
        if self.stem > 20 {
            let value = self.stem.to_string();
            return Err(Error::OutOfRange { name: "stem", value, range: "at most 20" });
        }
        if self.kernel.is_multiple_of(2) || self.kernel > 1000 {
            let value = self.kernel.to_string();
            return Err(Error::OutOfRange { name: "kernel", value, range: "odd and below 1,000" });
        }
        Ok(())
    }

    /// A convolution that keeps the size of the image, or halves it at stride 2.
    pub(crate) fn conv(&self, input: Shape, stride: usize, activation: Activation) -> Conv2dLayer {
        let window = Window::square(self.kernel, stride, (self.kernel - 1) / 2);
        Conv2dLayer {
            boundary: self.boundary,
            ..Conv2dLayer::new(input, self.channels, window, activation)
        }
    }

    /// The stem: a convolution of stride 1, then `stem` of stride 2.
    ///
    /// # Errors
    /// When the image is too small, or of odd size with a circular boundary.
    pub(crate) fn stem(&self, input: Shape, activation: Activation) -> Result<Vec<Layer>> {
        let mut layers: Vec<Layer> = Vec::new();
        for index in 0..self.stem_layers() {
            let shape = layers.last().map_or(input, Layer::output_shape);
            let layer = Layer::Conv2d(self.conv(shape, if index == 0 { 1 } else { 2 }, activation));
            layer
                .check()
                .map_err(|source| Error::Layer { layer: index + 1, source: Box::new(source) })?;
            layers.push(layer);
        }
        Ok(layers)
    }

    /// The head behind an image of shape `input`: pooling if it has one, and the readout.
    pub(crate) fn head(&self, input: Shape, classes: usize, activation: Activation) -> Vec<Layer> {
        let pool = match self.head {
            Head::Pool => global_pool(input),
            Head::Flatten => None,
        };
        let inputs = pool.as_ref().map_or(input.numbers(), Layer::outputs);
        let readout = Layer::Dense(DenseLayer { inputs, outputs: classes, activation });
        pool.into_iter().chain([readout]).collect()
    }
}

/// The mean of each channel over the image; `None` for images of one pixel.
pub(crate) fn global_pool(input: Shape) -> Option<Layer> {
    let window = Window { kernel: input.size(), stride: input.size(), padding: [0; 2] };
    let pool = PoolLayer { input, kind: PoolKind::Average, window, ceil: false };
    (!input.is_flat()).then_some(Layer::Pool(pool))
}

/// Activation of a readout, given that of the hidden layers.
pub(crate) const fn readout_activation(readout: Readout, hidden: Activation) -> Activation {
    match readout {
        Readout::Linear => Activation::Linear,
        Readout::Activated => hidden,
    }
}

/// Convolutions of the public code of arXiv:2406.12916: images continued periodically after the product (`wrap_after`)
/// in the deep part, and a head of a convolution, average pooling and a readout without biases, all with the activation.
pub(crate) mod published {
    use super::{Activation, Boundary, Conv2dLayer, ConvParams, Layer, Shape, Window, global_pool};

    /// Its stem, with `channels` channels: zero padding.
    pub(crate) const fn params(channels: usize) -> ConvParams {
        ConvParams { boundary: Boundary::Zero, ..ConvParams::new(channels) }
    }

    /// A convolution of the deep part: no padding, then one pixel of the result at each side, so that the size stays.
    pub(crate) const fn torus(input: Shape, channels: usize, activation: Activation) -> Layer {
        Layer::Conv2d(Conv2dLayer { wrap_after: 1, ..valid(input, channels, 3, activation) })
    }

    /// The head: a convolution without padding, the mean of each channel, and the readout.
    pub(crate) fn head(input: Shape, classes: usize, activation: Activation) -> Vec<Layer> {
        let conv = Layer::Conv2d(valid(input, input.channels, 3, activation));
        let pool = global_pool(conv.output_shape());
        let pooled = pool.as_ref().map_or(conv.output_shape(), Layer::output_shape);
        // On single pixels, a convolution is a dense layer; this one has no biases.
        let readout = valid(pooled, classes, 1, activation);
        let readout = Layer::Conv2d(Conv2dLayer { bias: false, ..readout });
        [conv].into_iter().chain(pool).chain([readout]).collect()
    }

    const fn valid(
        input: Shape,
        channels: usize,
        kernel: usize,
        activation: Activation,
    ) -> Conv2dLayer {
        Conv2dLayer::new(input, channels, Window::square(kernel, 1, 0), activation)
    }
}
