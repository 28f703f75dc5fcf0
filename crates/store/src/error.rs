use std::path::PathBuf;

/// A run's folder or its results cannot be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Another process works on the run, or on the same shard of it.
    #[error(
        "another process is working on {path}; wait for it, or share the work by starting each process with its own \
         --shard 1/2, --shard 2/2"
    )]
    Held {
        /// The run's folder.
        path: PathBuf,
    },
    /// A file or folder cannot be used.
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
        /// The reason of SQLite.
        source: rusqlite::Error,
    },
    /// The store's tables are of another version of the program.
    #[error(
        "cannot use {path}: its tables are of version {found}, this program's of version {expected}; start again with \
         --fresh, or use the version of the program that made it"
    )]
    Version {
        /// The store's file.
        path: PathBuf,
        /// The version of its tables.
        found: i64,
        /// The version that this program reads and writes.
        expected: i64,
    },
    /// The store is damaged.
    #[error(
        "{path} is damaged; run the experiment again with --fresh, which computes all cells anew, or put back a copy"
    )]
    Damaged {
        /// The store's file.
        path: PathBuf,
        /// The reason of SQLite.
        source: rusqlite::Error,
    },
    /// The disk is full.
    #[error("cannot write {path}: the disk is full; make room and rerun the command to resume")]
    DiskFull {
        /// The store's file.
        path: PathBuf,
        /// The reason of SQLite.
        source: rusqlite::Error,
    },
    /// Reading or writing the store failed.
    #[error("cannot use {path}")]
    Sqlite {
        /// The store's file.
        path: PathBuf,
        /// The reason of SQLite.
        source: rusqlite::Error,
    },
    /// A training ended in a way that this version of the program does not know.
    #[error(
        "{path} has a training that ended as {outcome:?}, which this program does not know; update the program"
    )]
    UnknownOutcome {
        /// The store's file.
        path: PathBuf,
        /// The word stored.
        outcome: String,
    },
}

impl Error {
    /// Names the file in an error of SQLite, and the remedy where there is one.
    pub(crate) fn sqlite(path: &std::path::Path, source: rusqlite::Error) -> Self {
        use rusqlite::ErrorCode::{DatabaseCorrupt, DiskFull, NotADatabase};
        let path = path.to_owned();
        match source.sqlite_error_code() {
            Some(DatabaseCorrupt | NotADatabase) => Self::Damaged { path, source },
            Some(DiskFull) => Self::DiskFull { path, source },
            _ => Self::Sqlite { path, source },
        }
    }
}

/// Short for a result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;
