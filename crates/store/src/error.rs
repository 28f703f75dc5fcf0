use std::path::PathBuf;

/// An error of a run's folder or store.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Another process has locked the run or the same shard.
    #[error(
        "another process{holder} has {path}; wait for it, or share the work by starting each process with its own \
         --shard 1/2, --shard 2/2"
    )]
    Locked {
        /// The lock file.
        path: PathBuf,
        /// The process in parentheses, after a space; empty if unknown.
        holder: String,
    },
    /// A run has no results.
    #[error("{path} has no results yet; run the experiment first")]
    NoResults {
        /// The run's folder.
        path: PathBuf,
    },
    /// Two files of a run have different results of the same work.
    #[error(
        "{one} and {other} have different results for the {kind} {key}; compare their hosts and program versions, and \
         remove the file that is wrong"
    )]
    Conflict {
        /// Kind of the record: `cell`, `training`, `scores`.
        kind: &'static str,
        /// Key of the record.
        key: String,
        /// The file with the first result.
        one: PathBuf,
        /// The file with the other result.
        other: PathBuf,
    },
    /// Two files hold results of different experiments.
    #[error(
        "{other} holds results of {found}, but {path} of {expected}; merge runs of one experiment"
    )]
    OtherRun {
        /// The file to merge into.
        path: PathBuf,
        /// The file to merge.
        other: PathBuf,
        /// Run of the first file.
        expected: String,
        /// Run of the other file.
        found: String,
    },
    /// A file operation failed.
    #[error("cannot {action} {path}")]
    File {
        /// The attempted action: `read the folder`, `write`.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// The store cannot be opened for writing.
    #[error("cannot use {path}; start again with --fresh, or remove the file")]
    Open {
        /// The store's file.
        path: PathBuf,
        /// SQLite's error.
        source: rusqlite::Error,
    },
    /// The schema version of the store differs from this program's.
    #[error(
        "cannot use {path}: its schema version is {found}, this program needs {expected}; start again with --fresh, or \
         use the program version that created the file"
    )]
    Version {
        /// The store's file.
        path: PathBuf,
        /// Schema version of the file.
        found: i64,
        /// Schema version of this program.
        expected: i64,
    },
    /// The store is damaged.
    #[error("{path} is damaged; rerun the experiment to recompute what is lost, or restore a copy")]
    Damaged {
        /// The store's file.
        path: PathBuf,
        /// SQLite's error.
        source: rusqlite::Error,
    },
    /// The structure of the store's file is damaged.
    #[error(
        "{path} is damaged ({problem}); rerun the experiment to recompute what is lost, or restore a copy"
    )]
    Structure {
        /// The store's file.
        path: PathBuf,
        /// SQLite's finding.
        problem: String,
    },
    /// A stored record is damaged.
    #[error("{path} is damaged; rerun the experiment to recompute what is lost, or restore a copy")]
    Record {
        /// The store's file.
        path: PathBuf,
        /// Defect of the record.
        source: crate::BodyError,
    },
    /// The disk is full.
    #[error("cannot write {path}: the disk is full; make room and rerun the command to resume")]
    DiskFull {
        /// The store's file.
        path: PathBuf,
        /// SQLite's error.
        source: rusqlite::Error,
    },
    /// Reading or writing the store failed.
    #[error("cannot use {path}")]
    Sqlite {
        /// The store's file.
        path: PathBuf,
        /// SQLite's error.
        source: rusqlite::Error,
    },
}

impl Error {
    /// True if the content of a store's file is damaged.
    pub(crate) const fn is_damage(&self) -> bool {
        matches!(self, Self::Damaged { .. } | Self::Structure { .. } | Self::Record { .. })
    }

    /// Adds the file's path to an SQLite error and picks the variant with the right advice.
    pub(crate) fn sqlite(path: &std::path::Path, source: rusqlite::Error) -> Self {
        use rusqlite::ErrorCode::{DatabaseCorrupt, DiskFull, NotADatabase};
        let path = path.to_owned();
        let extended = source.sqlite_error().map(|error| error.extended_code);
        match source.sqlite_error_code() {
            // The file ends in the middle of a page.
            _ if extended == Some(rusqlite::ffi::SQLITE_IOERR_SHORT_READ) => {
                Self::Damaged { path, source }
            }
            Some(DatabaseCorrupt | NotADatabase) => Self::Damaged { path, source },
            Some(DiskFull) => Self::DiskFull { path, source },
            // Text that is no text.
            None if matches!(
                source,
                rusqlite::Error::Utf8Error(..)
                    | rusqlite::Error::FromSqlConversionFailure(..)
                    | rusqlite::Error::InvalidColumnType(..)
            ) =>
            {
                Self::Damaged { path, source }
            }
            _ => Self::Sqlite { path, source },
        }
    }
}

/// Result type of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;
