use std::path::PathBuf;

/// An error of an experiment file or a command-line override.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FileError {
    /// The file cannot be read.
    #[error("cannot read the experiment file {path}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// The file is not a valid experiment file. The message has the line.
    #[error("{origin}: {message}")]
    Malformed {
        /// The file, and the command-line overrides if any.
        origin: String,
        /// The line, the reason and, for an unknown name, the most similar known name.
        message: String,
    },
    /// The file is a theory file, but the command needs a grid of networks.
    #[error(
        "{origin} draws a figure of theory, which has no cells; use it with `run`, `validate` or `list`"
    )]
    Theory {
        /// The file.
        origin: String,
    },
    /// The file holds data.
    #[error(
        "{path} is {content}, not an experiment file; `cargo xtask data check {path}` describes the data, and an \
         experiment file names them: [data] dataset = \"{path}\""
    )]
    Data {
        /// The file or folder.
        path: PathBuf,
        /// Kind of data that it holds.
        content: &'static str,
    },
    /// The file is not text.
    #[error("{path} is not text in UTF-8, so it is no experiment file; give a TOML file")]
    NoText {
        /// The file.
        path: PathBuf,
    },
    /// The file is larger than any experiment file.
    #[error("{path} is larger than 1 MiB, so it is no experiment file")]
    TooLarge {
        /// The file.
        path: std::path::PathBuf,
    },
    /// A command-line override is not `key=value`.
    #[error("--set {text}: {reason}")]
    Override {
        /// The given text.
        text: String,
        /// The reason.
        reason: String,
    },
    /// A setting is outside its range or does not fit another.
    #[error("[{section}] {message}")]
    Invalid {
        /// Table of the file.
        section: &'static str,
        /// The setting, its value and the allowed range.
        message: String,
    },
}

impl FileError {
    /// Creates an [`Invalid`](Self::Invalid) error.
    pub fn invalid(section: &'static str, message: impl ToString) -> Self {
        Self::Invalid { section, message: message.to_string() }
    }
}
