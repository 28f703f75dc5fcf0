//! Files that draw a figure of theory: a table `[theory.<figure>]` in place of data, networks, grid and cascade.

use isobath_architecture::Activation;
use isobath_datasets::DatasetName;
use isobath_entropy::EstimatorSpec;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{FileError, plan::check_name};

/// A whole file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TheoryFile {
    /// Part of the folder's name: small letters, digits, `-` and `_`.
    pub name: String,
    /// What the figure shows, in a sentence.
    #[serde(default)]
    pub description: String,
    /// The figure and its settings.
    pub theory: TheoryFigure,
}

/// A figure of theory.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TheoryFigure {
    /// The maps of lengths and of correlations, with stairs to their fixed points.
    Cobwebs(CobwebsFigure),
    /// The depth scales over the weight variance.
    DepthScales(ScalesFigure),
    /// The depth scale of correlations over both variances.
    Plane(PlaneFigure),
    /// What ridge decoders reconstruct, of infinitely wide networks and of real ones.
    Ridge(RidgeFigure),
}

/// The maps of lengths and of correlations.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CobwebsFigure {
    /// The activation.
    #[serde(default = "tanh")]
    pub activation: Activation,
    /// Weight variances, one panel each.
    pub sigma_w2: Vec<f64>,
    /// Bias variance.
    pub sigma_b2: f64,
}

/// The depth scales over the weight variance.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScalesFigure {
    /// The activation.
    #[serde(default = "tanh")]
    pub activation: Activation,
    /// Weight variances, across.
    pub sigma_w2: Span,
    /// Bias variance.
    pub sigma_b2: f64,
}

/// The depth scale of correlations over both variances.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlaneFigure {
    /// The activation.
    #[serde(default = "tanh")]
    pub activation: Activation,
    /// Weight variances, across.
    pub sigma_w2: Span,
    /// Bias variances, upwards.
    pub sigma_b2: Span,
}

/// What an axis covers.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Span {
    /// Its lower end.
    pub from: f64,
    /// Its upper end.
    pub to: f64,
}

/// What ridge decoders reconstruct, of infinitely wide networks and of real ones.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RidgeFigure {
    /// The activation.
    pub activation: Activation,
    /// Weight variances.
    pub sigma_w2: Vec<f64>,
    /// Bias variance.
    pub sigma_b2: f64,
    /// The dataset; colour images are turned grey.
    pub dataset: DatasetName,
    /// Samples the decoders learn from.
    pub train: usize,
    /// Samples that are reconstructed.
    pub probe: usize,
    /// Layers.
    pub depth: usize,
    /// Standard deviation of the noise on each activation of a layer of `width` units.
    pub noise: f64,
    /// Units of each layer; default: as many as the input has.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub width: Option<usize>,
    /// Whether to add, to first order, what the fluctuations of kernels of that width do.
    pub fluctuations: bool,
    /// What is measured on the chained reconstructions.
    pub estimators: Vec<EstimatorSpec>,
    /// Widths of real networks to measure as well.
    pub measure: Vec<usize>,
    /// Random networks of each of these widths.
    pub networks: usize,
    /// Seed of the choice of samples and of the networks.
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
    /// Checks what can be checked before anything is computed, but for the figure's own settings.
    ///
    /// # Errors
    /// [`FileError::Invalid`] for a name that cannot be a folder's.
    pub fn check(&self) -> Result<(), FileError> {
        check_name(&self.name)
    }

    /// The file with every default filled in, as TOML.
    ///
    /// # Panics
    /// Never: a file is made of what TOML can write.
    pub fn resolved_toml(&self) -> String {
        toml::to_string_pretty(self).expect("a file can be written as TOML")
    }

    /// The folder's name: the file's name and a hash of everything that determines the figure.
    pub fn run_name(&self) -> String {
        let text = Self { description: String::new(), ..self.clone() }.resolved_toml();
        format!("{}-{}", self.name, &crate::hex(&Sha256::digest(text))[..8])
    }
}
