//! The experiment file as written. [`Plan`](super::Plan) is what can run.

use std::path::PathBuf;

use isobath_architecture::Activation;
use isobath_architecture::{MlpParams, Preset, Readout, WidthRule};
use isobath_cascade::{CascadeParams, Method};
use isobath_datasets::DatasetName;
use isobath_entropy::{EstimatorSpec, cutoff::CutoffRule};
use isobath_tensor::{BackendSpec, Optimizer, Precision};
use serde::{Deserialize, Serialize};

use super::{grid::GridSection, overlay::Overlay, stop::Stop, train_section::TrainSection};
use crate::Format;

/// A whole experiment file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExperimentFile {
    /// Part of the run folder's name: small letters, digits, `-` and `_`.
    pub name: String,
    /// What the experiment is about, in a sentence.
    #[serde(default)]
    pub description: String,
    /// The only source of randomness.
    #[serde(default = "one")]
    pub seed: u64,
    /// Where samples come from.
    pub data: DataSection,
    /// The family of networks.
    pub network: NetworkSection,
    /// The members of the family.
    pub grid: GridSection,
    /// How inputs are reconstructed.
    #[serde(default)]
    pub cascade: CascadeSection,
    /// What is measured on the reconstructions.
    #[serde(default)]
    pub entropy: EntropySection,
    /// The ground truth: networks that are trained; none if not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub train: Option<TrainSection>,
    /// Theory drawn over the chart.
    #[serde(default)]
    pub meanfield: MeanfieldSection,
    /// Files drawn at the end.
    #[serde(default)]
    pub report: ReportSection,
}

fn one() -> u64 {
    1
}

/// Where samples come from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataSection {
    /// The dataset's name.
    pub dataset: DatasetName,
    /// The folder its files are in; default: `<data folder>/<name>`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub folder: Option<PathBuf>,
    /// Training samples used; default all, 10,000 of a generated dataset.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub train: Option<usize>,
    /// Held-out samples on which entropies are measured.
    #[serde(default = "DataSection::default_probe")]
    pub probe: usize,
    /// Colour images turned grey.
    #[serde(default)]
    pub grayscale: bool,
}

impl DataSection {
    fn default_probe() -> usize {
        100
    }
}

/// The family of networks.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NetworkSection {
    /// Its architecture.
    #[serde(default)]
    pub kind: NetworkKind,
    /// Weight layers, the readout included.
    pub depth: usize,
    /// Widths of the hidden layers.
    #[serde(default)]
    pub width: WidthRule,
    /// Activation of the hidden layers.
    #[serde(default = "tanh")]
    pub activation: Activation,
    /// What follows the last product.
    #[serde(default)]
    pub readout: Readout,
    /// A published choice of widths and readout in place of the two above.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preset: Option<Preset>,
}

fn tanh() -> Activation {
    Activation::Tanh
}

/// An architecture.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NetworkKind {
    /// A multilayer perceptron.
    #[default]
    Mlp,
}

impl NetworkSection {
    /// The settings as the network crate takes them.
    pub fn params(&self) -> MlpParams {
        let NetworkKind::Mlp = self.kind;
        MlpParams {
            depth: self.depth,
            width: self.width.clone(),
            activation: self.activation,
            readout: self.readout,
            preset: self.preset,
        }
    }
}

/// How inputs are reconstructed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CascadeSection {
    /// How decoders are found.
    pub method: Method,
    /// Gradient: passes over the training samples.
    pub epochs: usize,
    /// Gradient: samples per minibatch.
    pub batch: usize,
    /// Gradient: ends a decoder's training after so many minibatches.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_steps: Option<usize>,
    /// Gradient: the optimiser.
    pub optimizer: Optimizer,
    /// Gradient: activation of the decoders' output.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub activation: Option<Activation>,
    /// Ridge: standard deviation of the noise that each activation is taken to carry.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub noise: Option<f64>,
    /// Ridge: uses only the first so many training samples.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_samples: Option<usize>,
    /// Does less where the verdicts do not need more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stop: Option<Stop>,
    /// Gradient: of the products decoders are trained by.
    pub precision: Precision,
    /// Of the products of the network's own layers.
    #[serde(skip_serializing_if = "Precision::is_f32")]
    pub forward_precision: Precision,
    /// Reconstruct from the readout as well.
    pub readout: bool,
    /// Write decoders and reconstructions of every cell as safetensors into the run's folder.
    pub save: bool,
    /// Where it runs.
    pub backend: BackendSpec,
}

impl Default for CascadeSection {
    fn default() -> Self {
        CascadeParams::default().into()
    }
}

/// The settings of the cascade crate, the runner's own ones left at their defaults.
impl From<CascadeParams> for CascadeSection {
    fn from(params: CascadeParams) -> Self {
        let CascadeParams {
            method,
            epochs,
            batch,
            max_steps,
            optimizer,
            activation,
            noise,
            max_samples,
            precision,
            forward_precision,
        } = params;
        Self {
            method,
            epochs,
            batch,
            max_steps,
            optimizer,
            activation,
            noise,
            max_samples,
            stop: None,
            precision,
            forward_precision,
            readout: false,
            save: false,
            backend: BackendSpec::Cpu,
        }
    }
}

impl CascadeSection {
    /// The settings as the cascade crate takes them.
    pub fn params(&self) -> CascadeParams {
        let Self {
            method,
            epochs,
            batch,
            max_steps,
            optimizer,
            activation,
            noise,
            max_samples,
            precision,
            forward_precision,
            ..
        } = self.clone();
        CascadeParams {
            method,
            epochs,
            batch,
            max_steps,
            optimizer,
            activation,
            noise,
            max_samples,
            precision,
            forward_precision,
        }
    }
}

/// What is measured on the reconstructions.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct EntropySection {
    /// The estimators; the first one is the chart's.
    pub estimators: Vec<EstimatorSpec>,
    /// The rule or rules that turn a profile into a depth; the first one is the chart's.
    pub cutoff: OneOrMany<CutoffRule>,
    /// Bootstrap resamples of the probe samples behind each interval.
    pub bootstrap: usize,
    /// Where it runs.
    pub backend: BackendSpec,
}

impl Default for EntropySection {
    fn default() -> Self {
        Self {
            estimators: vec![EstimatorSpec::RELATIVE],
            cutoff: OneOrMany::One(CutoffRule::default()),
            bootstrap: 200,
            backend: BackendSpec::Cpu,
        }
    }
}

/// A value or a list of them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum OneOrMany<T> {
    /// One.
    One(T),
    /// A list.
    Many(Vec<T>),
}

impl<T> OneOrMany<T> {
    /// All of them.
    pub fn as_slice(&self) -> &[T] {
        match self {
            Self::One(one) => std::slice::from_ref(one),
            Self::Many(many) => many,
        }
    }
}

/// Theory drawn over the chart.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MeanfieldSection {
    /// Multiples of the correlation depth scale: `"xi_c"`, `"6 xi_c"`.
    pub overlay: Vec<Overlay>,
}

impl Default for MeanfieldSection {
    fn default() -> Self {
        Self { overlay: vec![Overlay { factor: 1.0 }, Overlay { factor: 6.0 }] }
    }
}

/// Files drawn at the end.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ReportSection {
    /// Their formats.
    pub formats: Vec<Format>,
    /// Probe samples whose reconstructions are kept and shown.
    pub gallery: usize,
}

impl Default for ReportSection {
    fn default() -> Self {
        Self { formats: vec![Format::Html, Format::Png, Format::Svg, Format::Csv], gallery: 4 }
    }
}
