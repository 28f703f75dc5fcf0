/// Failure of a prediction. An undefined score is not among them.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The samples do not fit the network.
    #[error(
        "the samples have {actual} numbers each, the network takes {expected}; give it the samples it was made for"
    )]
    SampleWidth {
        /// The network's input width.
        expected: usize,
        /// The samples' width.
        actual: usize,
    },
    /// A predictor that compares samples has too few.
    #[error("there are {samples} training samples, a prediction needs at least {least}")]
    TooFewSamples {
        /// Number of samples.
        samples: usize,
        /// Minimum number.
        least: usize,
    },
    /// A label the network has no output for.
    #[error("a training sample has the label {label}, the network has {classes} outputs")]
    Label {
        /// The label.
        label: u8,
        /// The network's outputs.
        classes: usize,
    },
    /// The network failed.
    #[error(transparent)]
    Network(#[from] isobath_network::Error),
    /// The backend failed.
    #[error(transparent)]
    Tensor(#[from] isobath_tensor::Error),
    /// A cascade failed.
    #[error(transparent)]
    Cascade(#[from] isobath_cascade::Error),
    /// A trial training failed.
    #[error(transparent)]
    Trainer(#[from] isobath_trainer::Error),
}

/// Short for a result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;
