//! The experiment file as written. A checked file is a [`Plan`](super::Plan).

use std::{fmt, marker::PhantomData, path::PathBuf};

use isobath_architecture::Activation;
use isobath_cascade::{CascadeParams, DecoderForm, Method};
use isobath_datasets::{DatasetSource, Scale};
use isobath_entropy::{EstimatorSpec, cutoff::CutoffRule};
use isobath_tensor::{BackendSpec, Optimizer, Precision};
use serde::{Deserialize, Deserializer, Serialize, de};

use super::{
    grid::GridSection, network_section::NetworkSection, overlay::Overlay, stop::Stop,
    train_section::TrainSection,
};
use crate::Format;

/// A whole experiment file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExperimentFile {
    /// Name, part of the run folder's name: lower-case letters, digits, `-` and `_`.
    pub name: String,
    /// One-sentence description.
    #[serde(default)]
    pub description: String,
    /// Seed of all random numbers.
    #[serde(default = "one", deserialize_with = "seed")]
    pub seed: u64,
    /// Dataset and numbers of samples.
    pub data: DataSection,
    /// The `[network]` table: the family of networks.
    pub network: NetworkSection,
    /// Grid of initialisation variances.
    pub grid: GridSection,
    /// Settings of the decoder cascade.
    #[serde(default)]
    pub cascade: CascadeSection,
    /// Entropy estimators and cut-off rules.
    #[serde(default)]
    pub entropy: EntropySection,
    /// Trainings for the ground truth; none by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub train: Option<TrainSection>,
    /// Theory curves of the chart.
    #[serde(default)]
    pub meanfield: MeanfieldSection,
    /// Report files.
    #[serde(default)]
    pub report: ReportSection,
}

fn one() -> u64 {
    1
}

/// Reads a seed. TOML has no greater whole numbers than this.
fn seed<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    struct Seed;
    impl de::Visitor<'_> for Seed {
        type Value = u64;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a seed, which is a whole number from 0 to 9223372036854775807")
        }

        fn visit_i64<E: de::Error>(self, seed: i64) -> Result<u64, E> {
            u64::try_from(seed).map_err(|_| E::invalid_value(de::Unexpected::Signed(seed), &self))
        }

        fn visit_u64<E: de::Error>(self, seed: u64) -> Result<u64, E> {
            Ok(seed)
        }
    }
    deserializer.deserialize_any(Seed)
}

/// The `[data]` table: dataset and numbers of samples.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataSection {
    /// Name of the dataset, or the user's own data: a path, or a table with a path and how to read it.
    pub dataset: DatasetSource,
    /// Folder of the dataset's files; default: `<data folder>/<name>`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub folder: Option<PathBuf>,
    /// Number of training samples; default: all, or 10,000 for a generated dataset.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub train: Option<usize>,
    /// Number of probe samples: held-out samples for the entropies; default 100, or fewer if the dataset has fewer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub probe: Option<usize>,
    /// True to convert colour images to grayscale.
    #[serde(default)]
    pub grayscale: bool,
    /// Rows and columns of the images, which are reduced by means over boxes of pixels; default: as they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<usize>,
    /// Scale of the pixels; default: from 0 to 1.
    #[serde(default, skip_serializing_if = "Scale::is_unit")]
    pub scale: Scale,
}

impl DataSection {
    /// Default number of probe samples.
    pub(super) const PROBE: usize = 100;

    /// Number of probe samples.
    pub fn probe(&self) -> usize {
        self.probe.unwrap_or(Self::PROBE)
    }
}

/// The `[cascade]` table: settings of the decoder cascade.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CascadeSection {
    /// Decoder method.
    pub method: Method,
    /// Gradient: number of epochs.
    pub epochs: usize,
    /// Gradient: samples per minibatch.
    pub batch: usize,
    /// Gradient: maximum number of minibatches per decoder.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_steps: Option<usize>,
    /// Gradient: the optimiser.
    pub optimizer: Optimizer,
    /// Gradient: activation of the decoders' output.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub activation: Option<Activation>,
    /// Geometry of the decoders of layers that are not dense.
    #[serde(skip_serializing_if = "DecoderForm::is_aligned")]
    pub form: DecoderForm,
    /// Ridge: assumed standard deviation of the noise on each activation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub noise: Option<f64>,
    /// Ridge: maximum number of training samples; the first ones are used.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_samples: Option<usize>,
    /// Early-stopping rule; none by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stop: Option<Stop>,
    /// Gradient: precision of the products in decoder training.
    pub precision: Precision,
    /// Precision of the products in the network's own layers.
    #[serde(skip_serializing_if = "Precision::is_f32")]
    pub forward_precision: Precision,
    /// True to reconstruct from the readout as well.
    pub readout: bool,
    /// True to write decoders and reconstructions of every cell as safetensors into the run's folder.
    pub save: bool,
    /// Backend of the cascade.
    pub backend: BackendSpec,
}

impl Default for CascadeSection {
    fn default() -> Self {
        CascadeParams::default().into()
    }
}

/// Converts cascade parameters; settings of the runner get their defaults.
impl From<CascadeParams> for CascadeSection {
    fn from(params: CascadeParams) -> Self {
        let CascadeParams {
            method,
            epochs,
            batch,
            max_steps,
            optimizer,
            activation,
            form,
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
            form,
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
    /// Converts the settings to cascade parameters.
    pub fn params(&self) -> CascadeParams {
        let Self {
            method,
            epochs,
            batch,
            max_steps,
            optimizer,
            activation,
            form,
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
            form,
            noise,
            max_samples,
            precision,
            forward_precision,
        }
    }
}

/// The `[entropy]` table: estimators and cut-off rules.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct EntropySection {
    /// Estimators. The chart shows the first one.
    pub estimators: Vec<EstimatorSpec>,
    /// Cut-off rule or rules, which read a depth from a profile. The chart shows the first one.
    pub cutoff: OneOrMany<CutoffRule>,
    /// Number of bootstrap resamples of the probe samples per interval; 0 for no intervals.
    pub bootstrap: usize,
    /// Backend of the estimators.
    pub backend: BackendSpec,
}

impl Default for EntropySection {
    fn default() -> Self {
        Self {
            estimators: vec![EstimatorSpec::RECONSTRUCTION_ERROR],
            cutoff: OneOrMany::One(CutoffRule::LOSS_95),
            bootstrap: 200,
            backend: BackendSpec::Cpu,
        }
    }
}

/// One value or a list of values.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum OneOrMany<T> {
    /// One value.
    One(T),
    /// A list of values.
    Many(Vec<T>),
}

/// Deserialises a list or one value. An untagged enum would lose the reason and the position of an error.
impl<'de, T: Deserialize<'de>> Deserialize<'de> for OneOrMany<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(OneOrManyVisitor(PhantomData))
    }
}

struct OneOrManyVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> de::Visitor<'de> for OneOrManyVisitor<T> {
    type Value = OneOrMany<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a table or a list of tables")
    }

    fn visit_map<A: de::MapAccess<'de>>(self, map: A) -> Result<OneOrMany<T>, A::Error> {
        T::deserialize(de::value::MapAccessDeserializer::new(map)).map(OneOrMany::One)
    }

    fn visit_seq<A: de::SeqAccess<'de>>(self, list: A) -> Result<OneOrMany<T>, A::Error> {
        Vec::deserialize(de::value::SeqAccessDeserializer::new(list)).map(OneOrMany::Many)
    }
}

impl<T> OneOrMany<T> {
    /// All values as a slice.
    pub fn as_slice(&self) -> &[T] {
        match self {
            Self::One(one) => std::slice::from_ref(one),
            Self::Many(many) => many,
        }
    }
}

/// The `[meanfield]` table: theory curves of the chart.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MeanfieldSection {
    /// Multiples of the correlation depth scale: `"xi_c"`, `"6 xi_c"`; for circular convolutions also `"xi_c(k)"`.
    pub overlay: Vec<Overlay>,
}

impl Default for MeanfieldSection {
    fn default() -> Self {
        Self { overlay: vec![Overlay::uniform(1.0), Overlay::uniform(6.0)] }
    }
}

/// The `[report]` table: report files.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ReportSection {
    /// File formats.
    pub formats: Vec<Format>,
    /// Number of probe samples in the gallery of reconstructions.
    pub gallery: usize,
}

impl Default for ReportSection {
    fn default() -> Self {
        Self { formats: vec![Format::Html, Format::Png, Format::Svg, Format::Csv], gallery: 4 }
    }
}
