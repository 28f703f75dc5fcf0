use serde::{Deserialize, Serialize};

use crate::{Activation, PoolKind};

/// One entry of a list of layers. Exactly one of `conv`, `dense`, `pool`, `flatten`, `residual` and `layers` says what it
/// is; the other keys are its settings.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LayerEntry {
    /// A convolution with so many output channels.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub conv: Option<usize>,
    /// A dense layer with so many outputs. Images are flattened before it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dense: Option<DenseWidth>,
    /// A pooling layer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pool: Option<PoolKind>,
    /// `true`: the image as a vector, in the order channel, row, column.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub flatten: Option<bool>,
    /// A residual block with this branch.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub residual: Option<Vec<LayerEntry>>,
    /// A group of entries, to repeat them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub layers: Option<Vec<LayerEntry>>,
    /// The entry so many times in a row, with parameters of their own; default 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub repeat: Option<usize>,
    /// Size of the kernel or of the pooling window; default 3 for convolutions and 2 for pooling.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kernel: Option<PoolSize>,
    /// Pixels between neighbouring windows; default 1 for convolutions and the kernel for pooling.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stride: Option<usize>,
    /// Padding; default none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub padding: Option<Padding>,
    /// Convolution, dense layer: `false` for a layer without biases.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bias: Option<bool>,
    /// Pooling: the last window may reach beyond the border, as in `PyTorch`'s `ceil_mode`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ceil: Option<bool>,
    /// Convolution, dense layer: the activation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub activation: Option<Activation>,
    /// Residual block: function at the start of the branch.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<Activation>,
    /// Residual block: function of the sum.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<Activation>,
}

impl LayerEntry {
    /// Keys that name a layer, its name in messages, and the keys of its settings, besides `repeat`.
    pub const KINDS: [(&str, &str, &[&str]); 6] = [
        ("conv", "a convolution", &["kernel", "stride", "padding", "bias", "activation"]),
        ("dense", "a dense layer", &["bias", "activation"]),
        ("pool", "a pooling layer", &["kernel", "stride", "padding", "ceil"]),
        ("flatten", "flatten", &[]),
        ("residual", "a residual block", &["before", "after"]),
        ("layers", "a group of layers", &[]),
    ];

    /// The keys of the layer that is named by `key`, in words: `a dense layer takes dense, bias, activation and repeat`.
    pub fn keys_in_words(key: &str) -> Option<String> {
        let (key, name, settings) = Self::KINDS.into_iter().find(|(named, ..)| *named == key)?;
        let before = [&[key], settings].concat().join(", ");
        Some(format!("{name} takes {before} and repeat"))
    }
}

/// Outputs of a dense layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged, expecting = "dense must be a number of outputs or \"classes\"")]
pub enum DenseWidth {
    /// So many.
    Outputs(usize),
    /// A word.
    Named(NamedOutputs),
}

/// Numbers of outputs that have a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NamedOutputs {
    /// One for each class of the dataset.
    Classes,
}

/// Size of a kernel or of a pooling window.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged, expecting = "kernel must be a number, or \"global\" for pooling over the image")]
pub enum PoolSize {
    /// Pixels in each direction.
    Pixels(usize),
    /// A word.
    Named(NamedSize),
}

/// Sizes that have a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NamedSize {
    /// The whole image.
    Global,
}

/// Padding of a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(
    untagged,
    expecting = "padding must be \"same\", \"circular\", \"valid\" or a number of pixels"
)]
pub enum Padding {
    /// So many pixels of zeros at each side.
    Pixels(usize),
    /// A word.
    Named(NamedPadding),
}

/// Paddings that have a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NamedPadding {
    /// Zeros, half of the kernel at each side: the size stays at stride 1 and is divided by the stride otherwise.
    Same,
    /// The image continued periodically, half of the kernel at each side.
    Circular,
    /// None.
    Valid,
}
