//! Samples as the readers of all formats give them.

use super::labels::Label;
use crate::dataset::Shape;
use crate::error::Result;

/// Samples of one file or folder: their labels and extent, and a reader of their values.
pub(crate) struct Table {
    /// File or folder, for error messages.
    pub(crate) file: String,
    /// File of the labels, for error messages.
    pub(crate) labels_file: String,
    pub(crate) shape: Shape,
    /// Label of each sample, in the order of the reader.
    pub(crate) labels: Vec<Label>,
    pub(crate) rows: Box<dyn Rows>,
}

/// Reads samples in order.
pub(crate) trait Rows {
    /// Reads the values of the next sample, channel by channel, each in row-major order.
    fn next(&mut self, values: &mut [f32]) -> Result<()>;

    /// SHA-256 of the content, all of whose samples have been read.
    fn finish(self: Box<Self>) -> Result<String>;
}
