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
    /// There is no layer of this number.
    #[error("there is no layer {depth} in a network of {layers}")]
    Depth {
        /// The number, counted from 1.
        depth: usize,
        /// Layers of the network.
        layers: usize,
    },
    /// The samples are not as wide as the network's input.
    #[error("the samples have {actual} numbers each, the network takes {expected}")]
    SampleWidth {
        /// Numbers that the network takes.
        expected: usize,
        /// Numbers of a sample.
        actual: usize,
    },
    /// The backend failed.
    #[error(transparent)]
    Tensor(#[from] isobath_tensor::Error),
}

/// Short for a result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;
