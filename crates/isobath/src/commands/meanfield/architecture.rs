//! Architecture of a point.

use std::str::FromStr;

use anyhow::Result;
use clap::{Args, ValueEnum};
use isobath_architecture::Activation;
use isobath_meanfield::{Branch, Dropout, FixedPoint, SpatialVariance, Theory};

use super::out_of_range;
use crate::commands::Usage;

/// Layers other than fully connected.
#[derive(Debug, Args)]
#[group(skip)]
pub(super) struct Arguments {
    /// Dropout: keep each activation with this probability
    #[arg(long, value_name = "P", group = "architecture", allow_negative_numbers = true)]
    dropout: Option<f64>,
    /// Residual blocks
    #[arg(
        long,
        value_enum,
        num_args = 0..=1,
        default_missing_value = "reduced",
        value_name = "KIND",
        group = "architecture"
    )]
    residual: Option<ResidualKind>,
    /// Convolutions with circular padding and this kernel size: 3x3, or 1x3 for one dimension
    #[arg(long, value_name = "ROWSxCOLUMNS", group = "architecture")]
    conv: Option<Size>,
    /// Variance of a full residual branch's outer weights times the fan-in
    #[arg(long, default_value_t = 1.0, value_name = "NUMBER", allow_negative_numbers = true)]
    sigma_v2: f64,
    /// Variance of a full residual branch's outer biases
    #[arg(long, default_value_t = 0.0, value_name = "NUMBER", allow_negative_numbers = true)]
    sigma_a2: f64,
    /// Size of the convolved image
    #[arg(long, default_value = "28x28", value_name = "ROWSxCOLUMNS")]
    image: Size,
    /// Distribution of the weight variance over the kernel of a convolution
    #[arg(long, value_enum, default_value = "uniform")]
    spatial: Spatial,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum ResidualKind {
    /// x + phi(W x + b)
    Reduced,
    /// x + V phi(W x + b) + a
    Full,
    /// phi(x + W2 phi(W1 x + b1) + b2), as in arXiv:2406.12916
    PostActivation,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Spatial {
    /// Equal at every position
    Uniform,
    /// All at the centre, as with delta-orthogonal weights
    Delta,
}

/// Rows and columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Size(pub(super) [usize; 2]);

impl FromStr for Size {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let refuse = || format!("`{text}` is not a size; use ROWSxCOLUMNS, as in 3x3");
        let (rows, columns) = text.split_once('x').ok_or_else(refuse)?;
        let side = |text: &str| text.trim().parse().ok().filter(|n| (1..=4096).contains(n));
        Ok(Self([side(rows).ok_or_else(refuse)?, side(columns).ok_or_else(refuse)?]))
    }
}

/// A checked architecture.
#[derive(Clone, Debug)]
pub(super) enum Architecture {
    FullyConnected,
    Dropout { keep: f64 },
    Convolution { kernel: SpatialVariance, size: Size, image: Size },
    Residual(Branch),
    PostActivation,
}

impl Arguments {
    pub(super) fn check(&self) -> Result<Architecture> {
        if let Some(keep) = self.dropout {
            return Ok(Architecture::Dropout { keep });
        }
        if let Some(size) = self.conv {
            let kernel = match self.spatial {
                Spatial::Uniform => SpatialVariance::uniform(size.0),
                Spatial::Delta => SpatialVariance::delta(size.0),
            };
            let image = self.image;
            if image.0[0] * image.0[1] > 1 << 20 {
                return Err(Usage("--image has more than 2^20 pixels".to_owned()).into());
            }
            return Ok(Architecture::Convolution {
                kernel: kernel.map_err(out_of_range)?,
                size,
                image,
            });
        }
        let Self { sigma_v2, sigma_a2, .. } = *self;
        Ok(match self.residual {
            None => Architecture::FullyConnected,
            Some(ResidualKind::Reduced) => Architecture::Residual(Branch::Reduced),
            Some(ResidualKind::Full) => Architecture::Residual(Branch::Full { sigma_v2, sigma_a2 }),
            Some(ResidualKind::PostActivation) => Architecture::PostActivation,
        })
    }
}

impl Architecture {
    /// Fixed point of architectures that have one. Residual networks have none and return that of their branch.
    pub(super) fn fixed_point(
        &self,
        activation: Activation,
        sigma_w2: f64,
        sigma_b2: f64,
    ) -> isobath_meanfield::Result<FixedPoint> {
        match self {
            Self::Dropout { keep } => {
                Dropout::new(activation, sigma_w2, sigma_b2, *keep)?.fixed_point()
            }
            _ => Theory::new(activation, sigma_w2, sigma_b2)?.fixed_point(),
        }
    }

    /// Text after the activation.
    pub(super) fn words(&self) -> String {
        match self {
            Self::FullyConnected => String::new(),
            Self::Dropout { keep } => format!(", dropout keeps {keep}"),
            Self::Convolution {
                size: Size([rows, columns]), image: Size([high, wide]), ..
            } => {
                format!(", {rows}x{columns} convolution of {high}x{wide} images")
            }
            Self::Residual(Branch::Reduced) => ", reduced residual".to_owned(),
            Self::Residual(Branch::Full { sigma_v2, sigma_a2 }) => {
                format!(", full residual, sigma_v2 = {sigma_v2}, sigma_a2 = {sigma_a2}")
            }
            Self::PostActivation => ", residual with the activation after the addition".to_owned(),
        }
    }

    /// Part of the file name that identifies the architecture.
    pub(super) fn stem(&self) -> String {
        match self {
            Self::FullyConnected => String::new(),
            Self::Dropout { keep } => format!("-dropout-{keep}"),
            Self::Convolution { size: Size([rows, columns]), .. } => {
                format!("-conv-{rows}x{columns}")
            }
            Self::Residual(Branch::Reduced) => "-residual-reduced".to_owned(),
            Self::Residual(Branch::Full { .. }) => "-residual-full".to_owned(),
            Self::PostActivation => "-residual-post-activation".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read() {
        assert_eq!("3x5".parse(), Ok(Size([3, 5])));
        for text in ["3", "0x3", "3x", "x", "axb", "3x9999"] {
            assert!(text.parse::<Size>().is_err(), "{text}");
        }
    }
}
