use std::path::PathBuf;

/// An error of a run's folder or store.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Another process has locked the run or the same shard.
    #[error(
        "another process is working on {path}; wait for it, or share the work by starting each process with its own \
         --shard 1/2, --shard 2/2"
    )]
    Locked {
        /// The run's folder.
        path: PathBuf,
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
    #[error(
        "{path} is damaged; restore a copy, or rerun the experiment with --fresh to recompute all cells"
    )]
    Damaged {
        /// The store's file.
        path: PathBuf,
        /// SQLite's error.
        source: rusqlite::Error,
    },
    /// The structure of the store's file is damaged.
    #[error(
        "{path} is damaged ({problem}); restore a copy, or rerun the experiment with --fresh to recompute all cells"
    )]
    Structure {
        /// The store's file.
        path: PathBuf,
        /// SQLite's finding.
        problem: String,
    },
    /// A stored record is damaged.
    #[error(
        "{path} is damaged; restore a copy, or rerun the experiment with --fresh to recompute all cells"
    )]
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
    /// Adds the file's path to an SQLite error and picks the variant with the right advice.
    pub(crate) fn sqlite(path: &std::path::Path, source: rusqlite::Error) -> Self {
        use rusqlite::ErrorCode::{DatabaseCorrupt, DiskFull, NotADatabase};
        let path = path.to_owned();
        match source.sqlite_error_code() {
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
