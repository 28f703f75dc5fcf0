use std::{io, path::PathBuf};

/// An error that stops a run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A cell, a training or a stage failed.
    #[error("{what}")]
    During {
        /// The cell, training or stage: "stage `cascade`".
        what: String,
        /// The reason.
        source: Box<Error>,
    },
    /// A file operation failed.
    #[error("cannot {action} {path}")]
    File {
        /// The attempted action: `make the folder`, `remove`.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// The store's cells or trainings differ from the plan's.
    #[error("the run's store belongs to another grid; rerun the experiment")]
    OtherGrid,
    /// Neither the experiment file nor the dataset gives the number of training samples.
    #[error("the number of training samples is unknown; set `train` in [data]")]
    UnknownSamples,
    /// The probe samples use up all held-out samples.
    #[error(
        "all {held_out} held-out samples are among the {probe} probe samples; lower `probe` in [data]"
    )]
    HeldOut {
        /// Held-out samples of the dataset.
        held_out: usize,
        /// Probe samples.
        probe: usize,
    },
    /// The run does not fit into memory.
    #[error(
        "the run needs about {needed} of memory for one network at a time, {available} are available; use fewer samples, \
         narrower layers or fewer layers"
    )]
    TooLarge {
        /// Memory needed.
        needed: String,
        /// Memory available.
        available: String,
    },
    /// The store cannot be read or written.
    #[error(transparent)]
    Store(#[from] isobath_store::Error),
    /// The samples cannot be loaded.
    #[error(transparent)]
    Datasets(#[from] isobath_datasets::Error),
    /// The network's description is not valid.
    #[error(transparent)]
    Architecture(#[from] isobath_architecture::Error),
    /// The network cannot be built.
    #[error(transparent)]
    Network(#[from] isobath_network::Error),
    /// The cascade failed.
    #[error(transparent)]
    Cascade(#[from] isobath_cascade::Error),
    /// An estimator or a cut-off rule failed.
    #[error(transparent)]
    Entropy(#[from] isobath_entropy::Error),
    /// A cut-off cannot be concluded.
    #[error(transparent)]
    Conclusion(#[from] isobath_store::ConclusionError),
    /// A training failed.
    #[error(transparent)]
    Trainer(#[from] isobath_trainer::Error),
    /// A predictor failed.
    #[error(transparent)]
    Predictors(#[from] isobath_predictors::Error),
    /// The backend failed.
    #[error(transparent)]
    Tensor(#[from] isobath_tensor::Error),
}

impl Error {
    /// Returns the innermost error, below all [`During`](Self::During) levels.
    pub fn root(&self) -> &Self {
        match self {
            Self::During { source, .. } => source.root(),
            root => root,
        }
    }

    /// True if the work ended because a stop was requested.
    pub fn is_cancelled(&self) -> bool {
        matches!(
            self.root(),
            Self::Trainer(isobath_trainer::Error::Cancelled)
                | Self::Cascade(isobath_cascade::Error::Cancelled)
        )
    }

    /// Adds the failed `action` and `path` to an operating-system error.
    pub(crate) fn file(
        action: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::File { action, path, source }
    }
}

/// Result type of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Adds the name of the failed cell, training or stage to an error.
pub(crate) trait During<T> {
    /// Wraps an error in [`Error::During`] with the name `what`.
    fn during(self, what: impl FnOnce() -> String) -> Result<T>;
}

impl<T, E: Into<Error>> During<T> for Result<T, E> {
    fn during(self, what: impl FnOnce() -> String) -> Result<T> {
        self.map_err(|error| Error::During { what: what(), source: Box::new(error.into()) })
    }
}
