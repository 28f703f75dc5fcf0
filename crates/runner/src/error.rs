use std::{io, path::PathBuf};

/// A run cannot go on.
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
    /// A file or folder cannot be used.
    #[error("cannot {action} {path}")]
    File {
        /// The attempted action: `make the folder`, `remove`.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// The store lists other cells or trainings than the plan.
    #[error("the run's store belongs to another grid; run the experiment again")]
    OtherGrid,
    /// Neither the experiment file nor the dataset says how many training samples there are.
    #[error("the number of training samples is not known; set `train` in [data]")]
    UnknownSamples,
    /// The probe uses up all held-out samples.
    #[error("{held_out} held-out samples leave none beside the {probe} probe samples")]
    HeldOut {
        /// Held-out samples of the dataset.
        held_out: usize,
        /// Probe samples.
        probe: usize,
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
    /// The error behind all [`During`](Self::During).
    pub fn root(&self) -> &Self {
        match self {
            Self::During { source, .. } => source.root(),
            root => root,
        }
    }

    /// True if work ended because a stop was requested.
    pub fn is_cancelled(&self) -> bool {
        matches!(
            self.root(),
            Self::Trainer(isobath_trainer::Error::Cancelled)
                | Self::Cascade(isobath_cascade::Error::Cancelled)
        )
    }

    /// Names the failed `action` and `path` in an error of the system.
    pub(crate) fn file(
        action: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::File { action, path, source }
    }
}

/// Short for a result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Names the cell, training or stage that failed.
pub(crate) trait During<T> {
    /// The result, its error named by `what`.
    fn during(self, what: impl FnOnce() -> String) -> Result<T>;
}

impl<T, E: Into<Error>> During<T> for Result<T, E> {
    fn during(self, what: impl FnOnce() -> String) -> Result<T> {
        self.map_err(|error| Error::During { what: what(), source: Box::new(error.into()) })
    }
}
