/// A network that cannot be built or run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The description is not valid.
    #[error(transparent)]
    Architecture(#[from] isobath_architecture::Error),
    /// The parameters given do not fit the description.
    #[error("layer {layer}: {what} has shape {actual:?}, the description needs {expected:?}")]
    ParameterShape {
        /// The layer, counted from 1.
        layer: usize,
        /// `weights` or `bias`.
        what: &'static str,
        /// The shape needed.
        expected: Vec<usize>,
        /// The shape given.
        actual: Vec<usize>,
    },
    /// The parameters given are those of another kind of layer.
    #[error("layer {layer}: the parameters given are those of another kind of layer")]
    ParameterKind {
        /// The layer, counted from 1.
        layer: usize,
    },
    /// The number of layers given differs from the description's.
    #[error("{given} layers of parameters are given, the description has {expected}")]
    LayerCount {
        /// Layers needed.
        expected: usize,
        /// Layers given.
        given: usize,
    },
    /// The backend failed.
    #[error(transparent)]
    Tensor(#[from] isobath_tensor::Error),
}

/// Short for a result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;
