/// A run's results cannot be read as its experiment file says.
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
    #[error("no cell of this run is computed yet; run the experiment first")]
    NoCells,
    /// Neither the experiment file nor the dataset says how many training samples there are.
    #[error("the number of training samples is not known; set `train` in [data]")]
    UnknownSamples,
    /// The store cannot be read.
    #[error(transparent)]
    Store(#[from] isobath_store::Error),
}

/// Short for a result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;
