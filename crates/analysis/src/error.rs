/// Error while reading the results of a run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The store lists other cells than the experiment file.
    #[error("the run's store belongs to another grid; run the experiment again")]
    OtherGrid,
    /// The store lists other trainings than the experiment file.
    #[error("the run's store belongs to other trainings; run the experiment again")]
    OtherTrainings,
    /// No cell is stored yet.
    #[error("this run has no computed cell yet; run the experiment first")]
    NoCells,
    /// Neither the experiment file nor the dataset gives the number of training samples.
    #[error("the number of training samples is unknown; set `train` in [data]")]
    UnknownSamples,
    /// A cut-off cannot be concluded from the measurements.
    #[error(transparent)]
    Conclusion(#[from] isobath_store::ConclusionError),
    /// The store cannot be read.
    #[error(transparent)]
    Store(#[from] isobath_store::Error),
}

/// Result with this crate's error.
pub type Result<T, E = Error> = std::result::Result<T, E>;
