//! The `[network]` table: the family of networks.

mod kind;
#[cfg(test)]
mod tests;

pub use kind::{DepthUnit, NetworkKind};

use isobath_architecture::{
    Activation, Block, Boundary, CnnParams, ConvParams, Head, LayerEntry, LayerList, MlpParams,
    NetworkParams, Preset, Readout, ResnetParams, Scheme, Stream, WidthRule,
};
use serde::{Deserialize, Serialize};

use crate::FileError;

/// The `[network]` table: the family of networks. Which settings have a meaning depends on the kind.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NetworkSection {
    /// Architecture.
    #[serde(default)]
    pub kind: NetworkKind,
    /// Depth of the deepest network, the readout included; see [`NetworkKind::depth_unit`]. Lists of layers have their own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub depth: Option<usize>,
    /// Widths of the hidden layers; default: as wide as the input, or the first width of `[grid]`. Residual networks: width
    /// of dense ones, in place of `channels`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub width: Option<WidthRule>,
    /// Channels of convolutions; default: the first number of `[grid]`, or that of the preset.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channels: Option<usize>,
    /// Size of the kernels; default 3.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kernel: Option<usize>,
    /// Convolutions of stride 2 in the stem, after its first convolution; default 2.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stem: Option<usize>,
    /// Continuation of images beyond their borders; default circular.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub boundary: Option<Boundary>,
    /// Form of residual blocks; default pre-activation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub block: Option<Block>,
    /// End of convolutional networks; default average pooling.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub head: Option<Head>,
    /// Activation of the hidden layers; default: tanh, or the first activation of `[grid]`. Lists of layers: of those that
    /// name none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub activation: Option<Activation>,
    /// Random initialisation; default: normal with the variances of `[grid]`, or the first one of `[grid]`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub init: Option<Scheme>,
    /// Readout after the last product; default linear.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub readout: Option<Readout>,
    /// Published choice of most settings.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preset: Option<Preset>,
    /// The layers of kind `layers`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub layers: Option<Vec<LayerEntry>>,
}

/// Settings that convolutions have and dense residual networks lack.
const OF_CONVOLUTIONS: [&str; 5] = ["channels", "kernel", "stem", "boundary", "head"];

impl NetworkSection {
    /// True if width, and not the number of channels, is the size of its layers.
    pub(crate) const fn has_width(&self) -> bool {
        match self.kind {
            NetworkKind::Mlp => true,
            NetworkKind::Resnet => self.width.is_some(),
            NetworkKind::Cnn | NetworkKind::Layers => false,
        }
    }

    /// Refuses settings without a meaning, and fills in the defaults of those with one.
    ///
    /// # Errors
    /// One that names the setting.
    pub(crate) fn complete(&mut self) -> Result<(), FileError> {
        self.check_settings()?;
        let is_standard = self.preset.is_none();
        match self.kind {
            NetworkKind::Mlp => {
                self.readout.get_or_insert_default();
            }
            NetworkKind::Cnn | NetworkKind::Resnet if is_standard => {
                self.readout.get_or_insert_default();
                if !self.has_width() {
                    self.kernel.get_or_insert(ConvParams::KERNEL);
                    self.stem.get_or_insert(ConvParams::STEM);
                    self.boundary.get_or_insert(Boundary::Circular);
                    self.head.get_or_insert_default();
                }
                if self.kind == NetworkKind::Resnet {
                    self.block.get_or_insert_default();
                }
            }
            NetworkKind::Cnn | NetworkKind::Resnet | NetworkKind::Layers => {}
        }
        Ok(())
    }

    fn check_settings(&self) -> Result<(), FileError> {
        let reject = |message: String| Err(FileError::invalid("network", message));
        let given = self.given();
        let known = self.kind.settings();
        let useless = given.iter().find(|name| !known.contains(name));
        let kind = self.kind.name();
        match useless {
            Some(&"layers") => {
                return reject("layers: add kind = \"layers\", or remove the list".to_owned());
            }
            Some(&"width") => {
                return reject(
                    "width has no meaning for kind = \"cnn\", whose size is its number of channels; use channels"
                        .to_owned(),
                );
            }
            Some(name) => {
                return reject(format!("{name} has no meaning for kind = \"{kind}\"; remove it"));
            }
            None => {}
        }
        let of_convolutions = given.iter().find(|name| OF_CONVOLUTIONS.contains(name));
        if let (NetworkKind::Resnet, Some(_), Some(name)) =
            (self.kind, &self.width, of_convolutions)
        {
            return reject(format!(
                "{name} is for residual networks of convolutions, width for those of dense layers; remove one of them"
            ));
        }
        let fixed = given.iter().find(|name| !["depth", "channels", "preset"].contains(name));
        match (self.preset, fixed) {
            (Some(preset @ (Preset::PublishedCnn | Preset::PublishedResnet)), Some(name)) => {
                reject(format!("{name}: the preset `{preset}` has its own; remove one of them"))
            }
            _ => Ok(()),
        }
    }

    /// Settings that are given, besides `kind`, `init` and `activation`.
    fn given(&self) -> Vec<&'static str> {
        let given = [
            ("depth", self.depth.is_some()),
            ("width", self.width.is_some()),
            ("channels", self.channels.is_some()),
            ("kernel", self.kernel.is_some()),
            ("stem", self.stem.is_some()),
            ("boundary", self.boundary.is_some()),
            ("block", self.block.is_some()),
            ("head", self.head.is_some()),
            ("readout", self.readout.is_some()),
            ("preset", self.preset.is_some()),
            ("layers", self.layers.is_some()),
        ];
        given.into_iter().filter(|(_, is_given)| *is_given).map(|(name, _)| name).collect()
    }

    /// Converts the settings to network parameters.
    ///
    /// # Errors
    /// One that names a missing setting.
    pub fn params(&self) -> Result<NetworkParams, FileError> {
        let missing = |message: &str| FileError::invalid("network", message);
        let depth = || {
            self.depth
                .ok_or_else(|| missing("depth is missing; give the depth of the deepest network"))
        };
        let activation = self.activation.unwrap_or(Activation::Tanh);
        let readout = self.readout.unwrap_or_default();
        Ok(match self.kind {
            NetworkKind::Mlp => NetworkParams::Mlp(MlpParams {
                depth: depth()?,
                width: self.width.clone().unwrap_or_default(),
                activation,
                readout,
                preset: self.preset,
            }),
            NetworkKind::Cnn => NetworkParams::Cnn(CnnParams {
                depth: depth()?,
                conv: self.conv()?,
                activation,
                readout,
                preset: self.preset,
            }),
            NetworkKind::Resnet => NetworkParams::Resnet(ResnetParams {
                depth: depth()?,
                stream: self.stream()?,
                block: self.block.unwrap_or_default(),
                activation,
                readout,
                preset: self.preset,
            }),
            NetworkKind::Layers => {
                let entries = self.layers.clone();
                let entries =
                    entries.ok_or_else(|| missing("layers is missing; list the layers"))?;
                NetworkParams::Layers(LayerList { entries, activation: self.activation })
            }
        })
    }

    fn stream(&self) -> Result<Stream, FileError> {
        match &self.width {
            None => Ok(Stream::Conv(self.conv()?)),
            Some(WidthRule::Fixed(width)) => Ok(Stream::Dense(*width)),
            Some(WidthRule::Named(_) | WidthRule::Shrink(_) | WidthRule::List(_)) => {
                let message = "width of a residual network must be a number, because all of its blocks are equally wide";
                Err(FileError::invalid("network", message))
            }
        }
    }

    fn conv(&self) -> Result<ConvParams, FileError> {
        let published = match self.preset {
            Some(Preset::PublishedCnn) => Some(128),
            Some(Preset::PublishedResnet) => Some(32),
            Some(Preset::Published) | None => None,
        };
        let channels = self.channels.or(published).ok_or_else(|| {
            let also = match self.kind {
                NetworkKind::Resnet => ", or the width of dense layers, such as width = 256",
                NetworkKind::Mlp | NetworkKind::Cnn | NetworkKind::Layers => "",
            };
            let message = format!(
                "channels is missing; give the number of channels, such as channels = 16{also}"
            );
            FileError::invalid("network", message)
        })?;
        let default = ConvParams::new(channels);
        Ok(ConvParams {
            channels,
            kernel: self.kernel.unwrap_or(default.kernel),
            stem: self.stem.unwrap_or(default.stem),
            boundary: self.boundary.unwrap_or(default.boundary),
            head: self.head.unwrap_or(default.head),
        })
    }
}
