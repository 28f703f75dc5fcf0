//! Theory files: a table `[theory.<figure>]` describes a figure of mean-field theory, without data, networks or grid.

use isobath_architecture::Activation;
use isobath_datasets::DatasetName;
use isobath_entropy::EstimatorSpec;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{FileError, plan::check_name};

/// A whole theory file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TheoryFile {
    /// Name, part of the folder's name: lower-case letters, digits, `-` and `_`.
    pub name: String,
    /// One-sentence description.
    #[serde(default)]
    pub description: String,
    /// The figure and its settings.
    pub theory: TheoryFigure,
}

/// A figure of theory.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TheoryFigure {
    /// Length map and correlation map, with cobweb lines to their fixed points.
    Cobwebs(CobwebsFigure),
    /// Depth scales over the weight variance.
    DepthScales(ScalesFigure),
    /// Correlation depth scale over both variances.
    Plane(PlaneFigure),
    /// Reconstructions by ridge decoders, for infinitely wide and for finite networks.
    Ridge(RidgeFigure),
}

/// Figure of the length map and the correlation map.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CobwebsFigure {
    /// The activation.
    #[serde(default = "tanh")]
    pub activation: Activation,
    /// Weight variances, one per panel.
    pub sigma_w2: Vec<f64>,
    /// Bias variance.
    pub sigma_b2: f64,
}

/// Figure of the depth scales over the weight variance.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScalesFigure {
    /// The activation.
    #[serde(default = "tanh")]
    pub activation: Activation,
    /// Weight variances, horizontal axis.
    pub sigma_w2: Span,
    /// Bias variance.
    pub sigma_b2: f64,
}

/// Figure of the correlation depth scale over both variances.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlaneFigure {
    /// The activation.
    #[serde(default = "tanh")]
    pub activation: Activation,
    /// Weight variances, horizontal axis.
    pub sigma_w2: Span,
    /// Bias variances, vertical axis.
    pub sigma_b2: Span,
}

/// Range of an axis.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Span {
    /// Lower end.
    pub from: f64,
    /// Upper end.
    pub to: f64,
}

/// Figure of reconstructions by ridge decoders, for infinitely wide and for finite networks.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RidgeFigure {
    /// The activation.
    pub activation: Activation,
    /// Weight variances.
    pub sigma_w2: Vec<f64>,
    /// Bias variance.
    pub sigma_b2: f64,
    /// The dataset.
    pub dataset: DatasetName,
    /// True to convert colour images to grayscale, as the paper does.
    pub grayscale: bool,
    /// Number of training samples of the decoders.
    pub train: usize,
    /// Number of reconstructed probe samples.
    pub probe: usize,
    /// Number of layers.
    pub depth: usize,
    /// Standard deviation of the noise on each activation of a layer of `width` units.
    pub noise: f64,
    /// Units of each layer; default: the number of inputs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub width: Option<usize>,
    /// True to include the first-order effect of kernel fluctuations at that width.
    pub fluctuations: bool,
    /// Estimators for the chained reconstructions.
    pub estimators: Vec<EstimatorSpec>,
    /// Widths of finite networks to measure as well.
    pub measure: Vec<usize>,
    /// Number of random networks per width.
    pub networks: usize,
    /// Seed of the sample choice and of the networks.
    pub seed: u64,
}

impl Default for RidgeFigure {
    fn default() -> Self {
        let relative = EstimatorSpec::RELATIVE;
        Self {
            activation: tanh(),
            sigma_w2: Vec::new(),
            sigma_b2: 0.05,
            dataset: DatasetName::Digits,
            grayscale: true,
            train: 1000,
            probe: 200,
            depth: 30,
            noise: isobath_cascade::DEFAULT_NOISE,
            width: None,
            fluctuations: false,
            estimators: vec![EstimatorSpec::RECONSTRUCTION_ERROR, relative],
            measure: Vec::new(),
            networks: 4,
            seed: 1,
        }
    }
}

const fn tanh() -> Activation {
    Activation::Tanh
}

impl TheoryFile {
    /// Checks the name. The figure's own settings are checked when it is computed.
    ///
    /// # Errors
    /// [`FileError::Invalid`] for a name that is not a valid folder name.
    pub fn check(&self) -> Result<(), FileError> {
        check_name(&self.name)
    }

    /// Returns the file as TOML with all defaults filled in.
    ///
    /// # Panics
    /// Never; the settings are serialisable.
    pub fn resolved_toml(&self) -> String {
        toml::to_string_pretty(self).expect("settings are serialisable")
    }

    /// Name of the folder: the file's name and a hash of everything that determines the figure.
    pub fn run_name(&self) -> String {
        let text = Self { description: String::new(), ..self.clone() }.resolved_toml();
        format!("{}-{}", self.name, &crate::hex(&Sha256::digest(text))[..8])
    }
}
