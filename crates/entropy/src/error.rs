use std::fmt;

/// What estimators and verdicts can refuse.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// There is nothing to estimate from.
    #[error("{source_of} are {rows} x {cols}; give at least one sample of at least one unit")]
    Empty {
        /// The array.
        source_of: Source,
        /// Samples there.
        rows: usize,
        /// Units there.
        cols: usize,
    },
    /// A profile needs at least one layer.
    #[error("there is no layer to measure; give the reconstructions from at least one depth")]
    NoLayers,
    /// A layer does not have the shape that the inputs ask for.
    #[error(
        "layer {layer} is {}, but the inputs ask for {}; give one row per probe sample in the order of the inputs",
        shape(actual),
        shape(expected)
    )]
    Shape {
        /// The layer, 1-based.
        layer: usize,
        /// Samples and units needed; `None` where any width will do.
        expected: (usize, Option<usize>),
        /// Samples and units there.
        actual: (usize, Option<usize>),
    },
    /// A sample holds a number that is not finite.
    #[error(
        "sample {sample} (counted from 0) of {source_of} holds {value} at unit {unit}; entropies need finite numbers, \
         so look for a learning rate that is too large or damaged data"
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
    /// All inputs are one and the same, so that there is no variance to explain.
    #[error(
        "all {samples} probe samples are equal, so 1 - R^2 is not defined; probe with at least two different samples"
    )]
    ConstantInputs {
        /// Samples there.
        samples: usize,
    },
    /// A setting is out of its range.
    #[error("`{setting}` is {value}; it must be {range}")]
    Setting {
        /// The key in the experiment file.
        setting: &'static str,
        /// What was given.
        value: f64,
        /// What is allowed.
        range: &'static str,
    },
    /// A setting was given where it means nothing.
    #[error("{subject} does not take `{setting}`; {advice}")]
    Inapplicable {
        /// The estimator or rule.
        subject: String,
        /// The key, with its value where that is what does not fit.
        setting: String,
        /// What to write instead.
        advice: String,
    },
    /// No estimator has this name.
    #[error("unknown estimator `{name}`; use one of {known}")]
    UnknownEstimator {
        /// What was given.
        name: String,
        /// The names there are.
        known: String,
    },
    /// No cut-off rule has this id.
    #[error("unknown cut-off rule `{name}`; use one of {known}")]
    UnknownRule {
        /// The id given.
        name: String,
        /// The ids there are.
        known: String,
    },
    /// A profile's parts do not fit together.
    #[error(
        "profile `{estimator}` has {values} layer values but {rows} rows of per-sample values (of {cols} samples); \
         both must have one entry per layer, and there must be a sample"
    )]
    ProfileShape {
        /// The profile's estimator.
        estimator: String,
        /// Layers by the values.
        values: usize,
        /// Layers by the per-sample values.
        rows: usize,
        /// Samples.
        cols: usize,
    },
    /// A profile holds a number that is not finite.
    #[error("profile `{estimator}` holds {value} at layer {layer}; no depth can be read off it")]
    ProfileNotFinite {
        /// The profile's estimator.
        estimator: String,
        /// The layer, 1-based.
        layer: usize,
        /// The number.
        value: f64,
    },
    /// Leaving out the last layers leaves none.
    #[error(
        "the profile has {layers} layers and `skip_last` leaves out {skip_last}; measure a deeper network or skip fewer"
    )]
    NothingLeft {
        /// Layers of the profile.
        layers: usize,
        /// Layers to leave out.
        skip_last: usize,
    },
    /// The backend failed.
    #[error(transparent)]
    Backend(#[from] isobath_tensor::Error),
}

/// Short for a result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Which of the arrays an error is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// The probe samples themselves.
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
