use serde::{Deserialize, Serialize};

/// Geometry of decoders of convolutions, pooling layers and residual blocks. Decoders of dense layers have one form.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DecoderForm {
    /// Transposed convolutions lie where the adjoint of the layer does: they crop its padding. A residual block has one
    /// decoder, a transposed convolution of 5x5. Random weights start as wide as the fan-in demands.
    #[default]
    Aligned,
    /// As in the code of arXiv:2406.12916: with a stride, transposed convolutions crop at the end only, which shifts them
    /// against the layer; a residual block has one transposed convolution for each of its branch, trained together and
    /// without a shortcut. Random weights start as `PyTorch` draws them, by the number of channels written.
    Published,
}

impl DecoderForm {
    /// True for the default, which experiment files and keys leave out.
    pub const fn is_aligned(&self) -> bool {
        matches!(self, Self::Aligned)
    }
}
