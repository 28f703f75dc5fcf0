use std::fmt;

use serde::{Deserialize, Serialize};

/// A published network: a fixed choice of most of its settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Preset {
    /// The wide networks of the code of arXiv:2406.12916: as wide as the input, then 400, then the classes; the
    /// activation on the readout as well.
    Published,
    /// Its convolutional networks: a stem of three convolutions, convolutions on a torus, and a head of a convolution,
    /// average pooling and a readout without biases; the activation everywhere.
    PublishedCnn,
    /// Its residual networks: the same with blocks of two convolutions on a torus, `phi(x + F(x))`.
    PublishedResnet,
}

impl Preset {
    /// Kebab-case name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Published => "published",
            Self::PublishedCnn => "published-cnn",
            Self::PublishedResnet => "published-resnet",
        }
    }

    /// Kind of its networks, as experiment files have it.
    pub const fn kind(self) -> &'static str {
        match self {
            Self::Published => "mlp",
            Self::PublishedCnn => "cnn",
            Self::PublishedResnet => "resnet",
        }
    }
}

impl fmt::Display for Preset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
