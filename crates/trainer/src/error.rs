use std::{io, path::PathBuf};

use safetensors::{Dtype, SafeTensorError};

/// Failure of a training. Divergence is not among them; it is an [`Outcome`](crate::Outcome).
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A setting is outside its range.
    #[error("train {name} = {value} must be {range}")]
    OutOfRange {
        /// The setting.
        name: &'static str,
        /// Its value.
        value: String,
        /// Allowed range.
        range: &'static str,
    },
    /// A setting of the optimiser is outside its range.
    #[error("train {0}")]
    Optimizer(isobath_tensor::OptimizerError),
    /// The samples are not as wide as the network's input.
    #[error("{what} samples have {actual} numbers each, the network takes {expected}")]
    SampleWidth {
        /// `training` or `test`.
        what: &'static str,
        /// The network's input width.
        expected: usize,
        /// The samples' width.
        actual: usize,
    },
    /// There is nothing to learn from or to test on.
    #[error("there are no {what} samples")]
    NoSamples {
        /// `training` or `test`.
        what: &'static str,
    },
    /// More samples than a minibatch order can number.
    #[error("{samples} {what} samples are more than 4294967295; use fewer")]
    TooManySamples {
        /// `training` or `test`.
        what: &'static str,
        /// Number of them.
        samples: usize,
    },
    /// Not one label for each sample.
    #[error("there are {labels} {what} labels for {samples} samples")]
    LabelCount {
        /// `training` or `test`.
        what: &'static str,
        /// Samples.
        samples: usize,
        /// Labels.
        labels: usize,
    },
    /// A label the network has no output for.
    #[error("{what} sample {sample} has the label {label}, the network has {classes} outputs")]
    Label {
        /// `training` or `test`.
        what: &'static str,
        /// The sample, counted from 0.
        sample: usize,
        /// Its label.
        label: u8,
        /// The network's outputs.
        classes: usize,
    },
    /// A pixel is not a number, or infinite.
    #[error("{what} sample {sample} contains {value}; every number must be finite")]
    NotFinite {
        /// `training` or `test`.
        what: &'static str,
        /// The sample, counted from 0.
        sample: usize,
        /// The number.
        value: f32,
    },
    /// Networks that cannot be trained together.
    #[error(
        "networks that are trained together must have the same {what}; train them one after the other"
    )]
    Unlike {
        /// Difference between them.
        what: &'static str,
    },
    /// The observer cancelled.
    #[error("cancelled")]
    Cancelled,
    /// A checkpoint could not be written.
    #[error("cannot write the checkpoint {path}")]
    SaveCheckpoint {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: CheckpointError,
    },
    /// A checkpoint could not be read.
    #[error("cannot read the checkpoint {path}; delete it to train from the start")]
    LoadCheckpoint {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: CheckpointError,
    },
    /// A checkpoint belongs to another training.
    #[error(
        "the checkpoint {path} belongs to a training with another {what}; delete it to train from the start"
    )]
    ForeignCheckpoint {
        /// The file.
        path: PathBuf,
        /// The part of the identity that differs.
        what: String,
    },
    /// The network failed.
    #[error(transparent)]
    Network(#[from] isobath_network::Error),
    /// The backend failed.
    #[error(transparent)]
    Tensor(#[from] isobath_tensor::Error),
}

/// Failure of reading or writing a checkpoint.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CheckpointError {
    /// The file system failed.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The file is no safetensors file, or lacks a tensor.
    #[error(transparent)]
    Format(#[from] SafeTensorError),
    /// The metadata cannot be written as JSON.
    #[error(transparent)]
    Json(#[from] serde_json::Error),
    /// The content is damaged, or a version without checksums wrote the file.
    #[error("its checksum does not match its content")]
    Checksum,
    /// The metadata lack a text.
    #[error("it has no `{name}`")]
    NoText {
        /// The text's name.
        name: &'static str,
    },
    /// A text of the metadata is not valid.
    #[error("its `{name}` is not valid")]
    Text {
        /// The text's name.
        name: &'static str,
        /// The cause.
        source: serde_json::Error,
    },
    /// A tensor has another type of numbers.
    #[error("`{name}` is {actual:?} instead of {expected:?}")]
    Type {
        /// The tensor's name.
        name: String,
        /// The type needed.
        expected: Dtype,
        /// The type found.
        actual: Dtype,
    },
    /// A tensor has another length.
    #[error("`{name}` holds {actual} numbers instead of {expected}")]
    Length {
        /// The tensor's name.
        name: String,
        /// Numbers needed.
        expected: usize,
        /// Numbers found.
        actual: usize,
    },
}

/// Short for a result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;
