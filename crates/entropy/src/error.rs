use std::fmt;

/// An error of an estimator or a cut-off rule.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// An array is empty.
    #[error("{source_of} are {rows} x {cols}; give at least one sample of at least one unit")]
    Empty {
        /// The array.
        source_of: Source,
        /// Number of samples.
        rows: usize,
        /// Number of units.
        cols: usize,
    },
    /// There are no layers.
    #[error("no layers to measure; give the reconstructions from at least one depth")]
    NoLayers,
    /// The shape of a layer does not match the inputs.
    #[error(
        "layer {layer} is {}, but the inputs need {}; give one row per probe sample in the order of the inputs",
        shape(actual),
        shape(expected)
    )]
    Shape {
        /// The layer, 1-based.
        layer: usize,
        /// Expected numbers of samples and units; `None` for any width.
        expected: (usize, Option<usize>),
        /// Actual numbers of samples and units.
        actual: (usize, Option<usize>),
    },
    /// A sample has a number that is not finite.
    #[error(
        "sample {sample} (counted from 0) of {source_of} has {value} at unit {unit}; entropies need finite numbers: \
         lower the learning rate or check the data"
    )]
    NotFinite {
        /// The array.
        source_of: Source,
        /// The sample, 0-based.
        sample: usize,
        /// The unit, 0-based.
        unit: usize,
        /// The number.
        value: f32,
    },
    /// All inputs are equal, so that there is no variance to explain.
    #[error(
        "all {samples} probe samples are equal, so 1 - R^2 is undefined; use at least two different probe samples"
    )]
    ConstantInputs {
        /// Number of samples.
        samples: usize,
    },
    /// A setting is out of its range.
    #[error("`{setting}` is {value}; it must be {range}")]
    Setting {
        /// Key in the experiment file.
        setting: &'static str,
        /// The given value.
        value: f64,
        /// The allowed range.
        range: &'static str,
    },
    /// The estimator or rule does not have this setting.
    #[error("{subject} does not take `{setting}`; {advice}")]
    Inapplicable {
        /// The estimator or rule.
        subject: String,
        /// The key, with its value if only the value is invalid.
        setting: String,
        /// Advice on the right setting.
        advice: String,
    },
    /// The estimator's name is unknown.
    #[error("unknown estimator `{name}`; use one of {known}")]
    UnknownEstimator {
        /// The given name.
        name: String,
        /// The known names.
        known: String,
    },
    /// The cut-off rule's id is unknown.
    #[error("unknown cut-off rule `{name}`; use one of {known}")]
    UnknownRule {
        /// The given id.
        name: String,
        /// The known ids.
        known: String,
    },
    /// The shapes of a profile's arrays do not match.
    #[error(
        "profile `{estimator}` has {values} layer values but {rows} rows of per-sample values ({cols} samples); both \
         need one entry per layer, and at least one sample"
    )]
    ProfileShape {
        /// The profile's estimator.
        estimator: String,
        /// Number of layer values.
        values: usize,
        /// Number of rows of per-sample values.
        rows: usize,
        /// Number of samples.
        cols: usize,
    },
    /// A profile has a number that is not finite.
    #[error("profile `{estimator}` has {value} at layer {layer}; cut-offs need finite numbers")]
    ProfileNotFinite {
        /// The profile's estimator.
        estimator: String,
        /// The layer, 1-based.
        layer: usize,
        /// The number.
        value: f64,
    },
    /// The rule skips all layers.
    #[error(
        "the profile has {layers} layers and `skip_last` skips {skip_last}; measure a deeper network or skip fewer layers"
    )]
    NothingLeft {
        /// Number of layers of the profile.
        layers: usize,
        /// Number of layers to skip.
        skip_last: usize,
    },
    /// The backend failed.
    #[error(transparent)]
    Backend(#[from] isobath_tensor::Error),
}

/// Result type of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Array that an error refers to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// The probe samples.
    Inputs,
    /// The reconstructions from (or activations of) a layer, 1-based.
    Layer(usize),
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Inputs => f.write_str("the inputs"),
            Self::Layer(layer) => write!(f, "the samples of layer {layer}"),
        }
    }
}

fn shape(&(rows, cols): &(usize, Option<usize>)) -> String {
    cols.map_or_else(|| format!("{rows} samples of any width"), |cols| format!("{rows} x {cols}"))
}
