use std::{io, path::PathBuf};

use safetensors::SafeTensorError;

/// Failure of a cascade.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A setting is outside its range.
    #[error("cascade {name} = {value} must be {range}")]
    OutOfRange {
        /// The setting.
        name: &'static str,
        /// Its value.
        value: String,
        /// Allowed range.
        range: &'static str,
    },
    /// A setting of the optimiser is outside its range.
    #[error("cascade {0}")]
    Optimizer(isobath_tensor::OptimizerError),
    /// The samples are not as wide as the network's input.
    #[error("{what} samples have {actual} numbers each, the network takes {expected}")]
    SampleWidth {
        /// `training` or `probe`.
        what: &'static str,
        /// The network's input width.
        expected: usize,
        /// The samples' width.
        actual: usize,
    },
    /// Samples to decode are not as wide as the decoder's input.
    #[error("the samples have {actual} numbers each, the decoder reads {expected}")]
    DecoderInput {
        /// Numbers that the decoder reads, per sample.
        expected: usize,
        /// The samples' width.
        actual: usize,
    },
    /// The order of the training samples names a row that does not exist.
    #[error("the order of the training samples names row {row}, but there are only {rows}")]
    SampleOrder {
        /// The row, counted from 0.
        row: u32,
        /// Number of rows.
        rows: usize,
    },
    /// There is nothing to train or to reconstruct.
    #[error("there are no {what} samples")]
    NoSamples {
        /// `training` or `probe`.
        what: &'static str,
    },
    /// The number of layers to reconstruct from is not between 1 and the depth.
    #[error("cannot reconstruct from {layers} layers of a network of {depth}")]
    LayerCount {
        /// Layers asked for.
        layers: usize,
        /// Layers there are.
        depth: usize,
    },
    /// The decoders to start from do not fit the network.
    #[error("initial decoder {layer}: {what} has {actual} numbers, the network needs {expected}")]
    InitialDecoder {
        /// The layer, counted from 1.
        layer: usize,
        /// `weights`, `bias`, `input` or `output`.
        what: &'static str,
        /// Numbers needed.
        expected: usize,
        /// Numbers given.
        actual: usize,
    },
    /// A given decoder's periodic transposed convolution does not close around its output.
    #[error(
        "initial decoder {layer}: the stride of a circular transposed convolution, {stride:?}, must divide the size of its \
         output, {size:?}"
    )]
    CircularStride {
        /// The layer, counted from 1.
        layer: usize,
        /// Stride.
        stride: [usize; 2],
        /// Rows and columns of the output.
        size: [usize; 2],
    },
    /// The network's activations are not finite.
    #[error(
        "the activations overflow at layer {layer}: they are no longer finite in f32; use a smaller sigma_w2 or sigma_b2, \
         or fewer layers"
    )]
    Overflow {
        /// The layer, counted from 1.
        layer: usize,
    },
    /// A decoder's loss is no longer a number.
    #[error("decoder {layer} diverged at step {step} (loss {loss}); use a smaller learning rate")]
    Diverged {
        /// The layer, counted from 1.
        layer: usize,
        /// The step, counted from 1.
        step: usize,
        /// The loss.
        loss: f64,
    },
    /// A linear decoder cannot be found.
    #[error("decoder {layer}: {source}")]
    Ridge {
        /// The layer, counted from 1.
        layer: usize,
        /// The cause.
        source: isobath_tensor::Error,
    },
    /// A setting that belongs to another method.
    #[error("cascade {name} = {value} means nothing to method = \"{method}\"; {advice}")]
    Inapplicable {
        /// The setting.
        name: &'static str,
        /// Its value.
        value: String,
        /// The method.
        method: &'static str,
        /// Advice to the user.
        advice: &'static str,
    },
    /// The observer cancelled.
    #[error("cancelled")]
    Cancelled,
    /// Decoders could not be put aside or read back.
    #[error(
        "cannot keep decoders in a temporary file; free some space or set TMPDIR to a folder with more"
    )]
    Spill(#[source] io::Error),
    /// A file could not be written.
    #[error("cannot write {path}")]
    Save {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: SaveError,
    },
    /// The network failed.
    #[error(transparent)]
    Network(#[from] isobath_network::Error),
    /// The backend failed.
    #[error(transparent)]
    Tensor(#[from] isobath_tensor::Error),
}

/// Failure of writing a file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SaveError {
    /// The file system failed.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The tensors cannot be written.
    #[error(transparent)]
    Format(#[from] SafeTensorError),
}

/// Short for a result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;
