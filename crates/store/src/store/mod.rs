//! Results of a run in an SQLite file. Each result is written in one transaction, under the hash of its settings.

mod cells;
mod scores;
mod trainings;

use std::{
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use rusqlite::{Connection, ErrorCode, OpenFlags, TransactionBehavior, params};

pub use self::trainings::StoredTraining;
use crate::{Error, Result};

/// Schema version. Increment it with every change of the tables; files of other versions are rejected unchanged.
const SCHEMA_VERSION: i64 = 2;

/// Table of the cells' keys, in plan order.
const SCHEMA: &str = "
CREATE TABLE grid (position INTEGER PRIMARY KEY, key TEXT NOT NULL) STRICT;
";

/// The results of a run.
#[derive(Debug)]
pub struct Store {
    connection: Connection,
    path: PathBuf,
}

impl Store {
    /// Name of the file in a run's folder.
    pub const FILE: &str = "results.sqlite";

    /// Opens the store at `path`, or creates it.
    ///
    /// # Errors
    /// When the file cannot be created, is not an SQLite file or has another schema version.
    pub fn open(path: &Path) -> Result<Self> {
        let unusable = |source| Error::Open { path: path.to_owned(), source };
        let mut connection = Connection::open(path).map_err(unusable)?;
        match prepare(&mut connection).map_err(unusable)? {
            SCHEMA_VERSION => Ok(Self { connection, path: path.to_owned() }),
            found => Err(other_version(path, found)),
        }
    }

    /// Opens an existing store read-only.
    ///
    /// # Errors
    /// When the file does not exist, cannot be read or has another schema version.
    pub fn open_existing(path: &Path) -> Result<Self> {
        let connection = open_to_read(path)?;
        let version = connection.pragma_query_value(None, "user_version", |row| row.get(0));
        match version.map_err(|source| Error::sqlite(path, source))? {
            SCHEMA_VERSION => Ok(Self { connection, path: path.to_owned() }),
            found => Err(other_version(path, found)),
        }
    }

    /// Stores the keys of all cells of the plan, in grid order. Readers then find the results without the dataset, which is
    /// part of the keys.
    ///
    /// # Errors
    /// When the disk is full.
    pub fn set_grid(&mut self, keys: &[String]) -> Result<()> {
        self.set_keys("grid", keys)
    }

    /// Keys stored by [`set_grid`](Self::set_grid).
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn grid(&self) -> Result<Vec<String>> {
        self.keys_of("grid")
    }

    /// Replaces the keys in `table`, a list of keys in plan order.
    fn set_keys(&mut self, table: &str, keys: &[String]) -> Result<()> {
        with_path(&self.path, || {
            let transaction =
                self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            transaction.execute(&format!("DELETE FROM {table}"), [])?;
            let mut statement =
                transaction.prepare(&format!("INSERT INTO {table} VALUES (?, ?)"))?;
            for (position, key) in keys.iter().enumerate() {
                statement.execute(params![position as i64, key])?;
            }
            drop(statement);
            transaction.commit()
        })
    }

    /// Keys in `table`, in plan order.
    fn keys_of(&self, table: &str) -> Result<Vec<String>> {
        with_path(&self.path, || {
            let query = format!("SELECT key FROM {table} ORDER BY position");
            let mut statement = self.connection.prepare(&query)?;
            let keys = statement.query_map([], |row| row.get(0))?;
            keys.collect()
        })
    }
}

/// Creates the tables of a new file. Returns the schema version.
fn prepare(connection: &mut Connection) -> rusqlite::Result<i64> {
    // Shards of one run share a file; each waits for the others' short transactions.
    connection.busy_timeout(BUSY_TIMEOUT)?;
    write_ahead(connection)?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let mut version: i64 =
        transaction.pragma_query_value(None, "user_version", |row| row.get(0))?;
    if version == 0 {
        for schema in [SCHEMA, cells::SCHEMA, trainings::SCHEMA, scores::SCHEMA] {
            transaction.execute_batch(schema)?;
        }
        version = SCHEMA_VERSION;
        transaction.pragma_update(None, "user_version", version)?;
    }
    transaction.commit()?;
    Ok(version)
}

/// Opens a read-only connection. Works also in read-only folders.
fn open_to_read(path: &Path) -> Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let failed = |source| Error::sqlite(path, source);
    let connection = Connection::open_with_flags(path, flags).map_err(failed)?;
    connection.busy_timeout(BUSY_TIMEOUT).map_err(failed)?;
    if connection.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(())).is_ok() {
        return Ok(connection);
    }
    // The write-ahead log cannot be opened in a read-only folder. No other process writes there, so open as immutable.
    let absolute = path.canonicalize();
    let absolute =
        absolute.map_err(|source| Error::File { action: "read", path: path.to_owned(), source })?;
    let escaped =
        absolute.to_string_lossy().replace('%', "%25").replace('?', "%3f").replace('#', "%23");
    let address = format!("file:{escaped}?immutable=1");
    Connection::open_with_flags(address, flags | OpenFlags::SQLITE_OPEN_URI).map_err(failed)
}

fn other_version(path: &Path, found: i64) -> Error {
    Error::Version { path: path.to_owned(), found, expected: SCHEMA_VERSION }
}

/// Runs `work` on the store at `path` and adds the path to its error.
fn with_path<T>(path: &Path, work: impl FnOnce() -> rusqlite::Result<T>) -> Result<T> {
    work().map_err(|source| Error::sqlite(path, source))
}

/// Maximum time to wait for other processes that write to the file.
const BUSY_TIMEOUT: Duration = Duration::from_secs(60);

/// Switches to the write-ahead log, which allows readers during writes. SQLite's busy timeout does not apply to this switch,
/// so retry here.
fn write_ahead(connection: &Connection) -> rusqlite::Result<()> {
    const PAUSE: Duration = Duration::from_millis(10);
    let start = Instant::now();
    loop {
        match connection.pragma_update(None, "journal_mode", "WAL") {
            Err(error)
                if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy)
                    && start.elapsed() < BUSY_TIMEOUT =>
            {
                std::thread::sleep(PAUSE);
            }
            done => return done,
        }
    }
}
