/// What can go wrong in judging a network.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The network failed.
    #[error(transparent)]
    Network(#[from] network::Error),
    /// The backend failed.
    #[error(transparent)]
    Tensor(#[from] tensor::Error),
    /// A trial training failed.
    #[error(transparent)]
    Trainer(#[from] trainer::Error),
    /// A predictor of another crate failed.
    #[error(transparent)]
    Other(Box<dyn std::error::Error + Send + Sync>),
}

/// Short for a result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;
