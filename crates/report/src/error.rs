use std::{io, path::PathBuf};

use plotters::drawing::DrawingAreaErrorKind;

/// A report cannot be drawn or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file or folder cannot be written.
    #[error("cannot {action} {path}")]
    File {
        /// Attempted action: `write`, `create the folder`.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// A figure or page failed.
    #[error("cannot make {what}")]
    Part {
        /// The figure or page.
        what: String,
        /// The reason.
        source: Box<Error>,
    },
    /// The drawing library failed.
    #[error("cannot draw")]
    Draw(#[from] DrawingAreaErrorKind<io::Error>),
    /// The font of the figures does not load.
    #[error("the font of the figures does not load")]
    Font,
    /// The drawing library wrote no complete SVG document.
    #[error("a figure is not a complete SVG document")]
    Svg,
    /// A figure cannot be read back for rasterising.
    #[error("cannot read a figure back")]
    Reread(#[from] resvg::usvg::Error),
    /// A picture is empty or too large.
    #[error("a picture is empty or too large")]
    PictureSize,
    /// A picture cannot be written as PNG.
    #[error("cannot encode a picture as PNG")]
    Png(#[from] png::EncodingError),
    /// Values cannot be written as JSON.
    #[error("cannot write values as JSON")]
    Json(#[from] serde_json::Error),
    /// A table cannot be written as CSV.
    #[error("cannot write a table as CSV")]
    Csv(#[from] csv::Error),
    /// A table cannot be written as Parquet.
    #[cfg(feature = "parquet")]
    #[error("cannot write a table as Parquet")]
    Parquet(#[from] parquet::errors::ParquetError),
}

impl Error {
    /// Adds the failed `action` and `path` to a system error.
    pub(crate) fn file(
        action: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::File { action, path, source }
    }

    /// Adds the name of the figure or page that failed.
    pub(crate) fn part(what: impl Into<String>) -> impl FnOnce(Self) -> Self {
        let what = what.into();
        move |source| Self::Part { what, source: Box::new(source) }
    }
}

/// Result with this crate's error.
pub type Result<T, E = Error> = std::result::Result<T, E>;
