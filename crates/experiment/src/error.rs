use std::path::PathBuf;

/// What can be wrong with an experiment file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FileError {
    /// The file cannot be read.
    #[error("cannot read the experiment file {path}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file is not what an experiment file looks like. The text names the line.
    #[error("{origin}: {message}")]
    Malformed {
        /// The file, and the settings of the command line where there are any.
        origin: String,
        /// What is wrong, where, and what may have been meant.
        message: String,
    },
    /// The file draws a figure of theory, and a family of networks was wanted.
    #[error(
        "{origin} draws a figure of theory, which has no cells; `run`, `validate` and `list` take it"
    )]
    Theory {
        /// The file.
        origin: String,
    },
    /// A setting of the command line is not `key=value`.
    #[error("--set {text}: {reason}")]
    Override {
        /// What was given.
        text: String,
        /// What is wrong.
        reason: String,
    },
    /// A setting is outside its range or does not fit another.
    #[error("[{section}] {message}")]
    Invalid {
        /// The table of the file.
        section: &'static str,
        /// The setting, its value and what is allowed.
        message: String,
    },
}

impl FileError {
    /// A setting that is outside its range or does not fit another.
    pub fn invalid(section: &'static str, message: impl ToString) -> Self {
        Self::Invalid { section, message: message.to_string() }
    }
}
