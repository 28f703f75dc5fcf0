use serde::{Deserialize, Serialize};

/// Network architecture.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NetworkKind {
    /// Multilayer perceptron.
    #[default]
    Mlp,
    /// Convolutional network: a stem, convolutions of equal shape, pooling and a readout.
    Cnn,
    /// Residual network: the same with residual blocks, or a stack of dense residual blocks.
    Resnet,
    /// A list of layers.
    Layers,
}

/// Unit of a network's depth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DepthUnit {
    /// Layers with weights, which are all layers of a profile.
    WeightLayers,
    /// Layers with weights, and residual blocks and pooling layers as one each.
    Stages,
}

impl DepthUnit {
    /// Name of the unit on the axis of trained networks: `weight layers` or `stages`.
    pub const fn of_networks(self) -> &'static str {
        match self {
            Self::WeightLayers => "weight layers",
            Self::Stages => "stages",
        }
    }

    /// Name of the unit on the axis of profiles: `layers` or `stages`.
    pub const fn of_profiles(self) -> &'static str {
        match self {
            Self::WeightLayers => "layers",
            Self::Stages => "stages",
        }
    }
}

impl NetworkKind {
    /// Kebab-case name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Mlp => "mlp",
            Self::Cnn => "cnn",
            Self::Resnet => "resnet",
            Self::Layers => "layers",
        }
    }

    /// Unit of the depth.
    pub const fn depth_unit(self) -> DepthUnit {
        match self {
            Self::Mlp | Self::Cnn => DepthUnit::WeightLayers,
            Self::Resnet | Self::Layers => DepthUnit::Stages,
        }
    }

    /// Unit of the depth in words that end a sentence: "depth counts ...".
    pub const fn depth_counts(self) -> &'static str {
        match self {
            Self::Mlp => "weight layers, the readout included",
            Self::Cnn => {
                "weight layers: the convolutions and the readout; pooling before the readout does not count"
            }
            Self::Resnet => {
                "stages: each layer of the stem, each residual block and the readout; pooling before the \
                 readout does not count"
            }
            Self::Layers => {
                "stages: each convolution, dense layer, pooling layer and residual block, the readout \
                 included; global average pooling before the readout does not count"
            }
        }
    }

    /// Settings with a meaning, besides `kind`, `init` and `activation`.
    pub(super) const fn settings(self) -> &'static [&'static str] {
        match self {
            Self::Mlp => &["depth", "width", "readout", "preset"],
            Self::Cnn => {
                &["depth", "channels", "kernel", "stem", "boundary", "head", "readout", "preset"]
            }
            Self::Resnet => &[
                "depth", "width", "channels", "kernel", "stem", "boundary", "head", "block",
                "readout", "preset",
            ],
            Self::Layers => &["layers"],
        }
    }
}
