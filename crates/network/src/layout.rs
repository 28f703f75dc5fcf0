use isobath_tensor::{Axes, Precision};

/// Memory layout of a matrix of activations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// `[B, D]`, one sample per row: data sets, minibatches, the cascade's activations.
    SamplesMajor,
    /// `[D, B]`, one unit per row: activations between layers of a traced pass, see [`isobath_tensor::Backward`].
    UnitsMajor,
}

impl Layout {
    /// Order of the axes of images.
    pub(crate) const fn axes(self) -> Axes {
        match self {
            Self::SamplesMajor => Axes::SampleUnitPixel,
            Self::UnitsMajor => Axes::UnitPixelSample,
        }
    }
}

/// Shape and layout of a layer's input in a traced pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Batch {
    /// `B`, samples of each network.
    pub samples: usize,
    /// Layout of the input; the output is always [`Layout::UnitsMajor`].
    pub input: Layout,
    /// Every network reads the same input; otherwise each network's input follows the one before.
    pub is_shared: bool,
    /// Precision of the factors of products with weights, forward only.
    pub precision: Precision,
}

impl Batch {
    /// `samples` samples of each network, each network with its own input, in f32.
    pub const fn new(samples: usize, input: Layout) -> Self {
        Self { samples, input, is_shared: false, precision: Precision::F32 }
    }

    /// One input for all networks.
    #[must_use]
    pub const fn shared(self) -> Self {
        Self { is_shared: true, ..self }
    }

    /// Factors of `precision` in the forward pass.
    #[must_use]
    pub const fn precision(self, precision: Precision) -> Self {
        Self { precision, ..self }
    }

    /// This batch with its input in [`Layout::UnitsMajor`], as layers inside of a network receive it.
    #[must_use]
    pub(crate) const fn inner(self) -> Self {
        Self { input: Layout::UnitsMajor, ..self }
    }
}
