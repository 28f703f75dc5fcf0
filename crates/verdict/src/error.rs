/// Error of a verdict.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Too few samples.
    #[error("{count} {what} samples are too few for a verdict; at least {least} are needed")]
    TooFewSamples {
        /// Which samples.
        what: &'static str,
        /// Their number.
        count: usize,
        /// Minimum.
        least: usize,
    },
    /// A layer has another number of samples than the input.
    #[error(
        "`{name}` has {count} samples, and the input {expected}; dump the same batch from all layers"
    )]
    Samples {
        /// Name of the layer.
        name: String,
        /// Its number of samples.
        count: usize,
        /// That of the input.
        expected: usize,
    },
    /// A predictor failed.
    #[error(transparent)]
    Predictors(#[from] isobath_predictors::Error),
    /// The cascade failed.
    #[error("cascade: {0}")]
    Cascade(#[from] isobath_cascade::Error),
    /// The trial training failed.
    #[error("first steps of the training: {0}")]
    Trainer(#[from] isobath_trainer::Error),
    /// The device failed.
    #[error(transparent)]
    Tensor(#[from] isobath_tensor::Error),
}

/// Result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;
