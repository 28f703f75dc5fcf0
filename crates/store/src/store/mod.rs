//! Results of a run in an SQLite file. Each result is written in one transaction, under the hash of its settings.

mod body;
mod cells;
mod scores;
mod trainings;

use std::{
    collections::HashSet,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension, TransactionBehavior, params};
use sha2::{Digest, Sha256};

pub use self::{
    body::BodyError,
    cells::{decode as decode_measurement, encode as encode_measurement, profile_bytes},
    trainings::StoredTraining,
};
use crate::{Error, Result};

/// Schema version. Increment it with every change of the tables; files of other versions are rejected unchanged.
const SCHEMA_VERSION: i64 = 3;

/// Tables of results and of the keys in plan order. Each row has a SHA-256 checksum of all its other columns.
const SCHEMA: &str = "
CREATE TABLE records (
    kind TEXT NOT NULL, key TEXT NOT NULL, body BLOB NOT NULL, sha256 BLOB NOT NULL, PRIMARY KEY (kind, key)
) STRICT, WITHOUT ROWID;
CREATE TABLE grids (kind TEXT NOT NULL PRIMARY KEY, keys TEXT NOT NULL, sha256 BLOB NOT NULL) STRICT, WITHOUT ROWID;
";

/// Kind of a record.
#[derive(Clone, Copy, Debug)]
enum Kind {
    Cell,
    Training,
    Scores,
    /// The plan itself.
    Plan,
}

impl Kind {
    const fn name(self) -> &'static str {
        match self {
            Self::Cell => "cell",
            Self::Training => "training",
            Self::Scores => "scores",
            Self::Plan => "plan",
        }
    }
}

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
        let unusable = |source: rusqlite::Error| match source.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => Error::sqlite(path, source),
            _ => Error::Open { path: path.to_owned(), source },
        };
        let mut connection = Connection::open(path).map_err(unusable)?;
        match prepare(&mut connection).map_err(unusable)? {
            SCHEMA_VERSION => Self { connection, path: path.to_owned() }.verified(),
            found => Err(other_version(path, found)),
        }
    }

    /// Opens an existing store read-only and verifies all of it.
    ///
    /// # Errors
    /// When the file does not exist, cannot be read, is damaged or has another schema version.
    pub fn open_existing(path: &Path) -> Result<Self> {
        Self::open_unverified(path)?.verified()
    }

    /// Opens an existing store read-only. Only the records that are read are verified, so that a damaged one may appear
    /// to be missing.
    ///
    /// # Errors
    /// When the file does not exist, cannot be read or has another schema version.
    pub fn open_unverified(path: &Path) -> Result<Self> {
        let connection = open_to_read(path)?;
        let version = connection.pragma_query_value(None, "user_version", |row| row.get(0));
        match version.map_err(|source| Error::sqlite(path, source))? {
            SCHEMA_VERSION => Ok(Self { connection, path: path.to_owned() }),
            found => Err(other_version(path, found)),
        }
    }

    /// Checks the file's structure and all checksums.
    fn verified(self) -> Result<Self> {
        let structure: String = with_path(&self.path, || {
            self.connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))
        })?;
        if structure != "ok" {
            return Err(Error::Structure { path: self.path, problem: structure });
        }
        let bad = with_path(&self.path, || {
            let mut statement =
                self.connection.prepare("SELECT kind, key, body, sha256 FROM records")?;
            let mut rows = statement.query([])?;
            while let Some(row) = rows.next()? {
                let (kind, key): (String, String) = (row.get(0)?, row.get(1)?);
                let body = row.get_ref(2)?.as_blob().unwrap_or_default();
                if row.get_ref(3)?.as_blob().unwrap_or_default() != checksum(&kind, &key, body) {
                    return Ok(Some(BodyError::Checksum { kind, key }));
                }
            }
            Ok(None)
        })?;
        bad.map_or(Ok(()), |source| Err(self.damaged(source)))?;
        for kind in [Kind::Cell, Kind::Training, Kind::Scores, Kind::Plan] {
            self.keys_of(kind)?;
        }
        Ok(self)
    }

    fn damaged(&self, source: BodyError) -> Error {
        Error::Record { path: self.path.clone(), source }
    }

    /// Stores the keys of all cells of the plan, in grid order. Readers then find the results without the dataset, which is
    /// part of the keys.
    ///
    /// # Errors
    /// When the disk is full.
    pub fn set_grid(&mut self, keys: &[String]) -> Result<()> {
        self.set_keys(Kind::Cell, keys)
    }

    /// Stores the name of the plan, which is a hash of everything that determines the measurements.
    ///
    /// # Errors
    /// When the disk is full.
    pub fn set_plan(&mut self, name: &str) -> Result<()> {
        self.set_keys(Kind::Plan, &[name.to_owned()])
    }

    /// Name stored by [`set_plan`](Self::set_plan).
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn plan(&self) -> Result<Option<String>> {
        Ok(self.keys_of(Kind::Plan)?.pop())
    }

    /// Keys stored by [`set_grid`](Self::set_grid).
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn grid(&self) -> Result<Vec<String>> {
        self.keys_of(Kind::Cell)
    }

    /// Replaces the keys of `kind`, in plan order.
    fn set_keys(&mut self, kind: Kind, keys: &[String]) -> Result<()> {
        let (name, keys) = (kind.name(), keys.join("\n"));
        let checksum = checksum(name, "", keys.as_bytes());
        with_path(&self.path, || {
            self.connection
                .execute(
                    "INSERT OR REPLACE INTO grids VALUES (?, ?, ?)",
                    params![name, keys, checksum.as_slice()],
                )
                .map(drop)
        })
    }

    /// Keys of `kind`, in plan order.
    fn keys_of(&self, kind: Kind) -> Result<Vec<String>> {
        let name = kind.name();
        let found = with_path(&self.path, || {
            let query = "SELECT keys, sha256 FROM grids WHERE kind = ?";
            let row = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?));
            self.connection.query_row(query, [name], row).optional()
        })?;
        let Some((keys, expected)): Option<(String, Vec<u8>)> = found else {
            return Ok(Vec::new());
        };
        if expected != checksum(name, "", keys.as_bytes()) {
            let (kind, key) = (name.to_owned(), "list".to_owned());
            return Err(self.damaged(BodyError::Checksum { kind, key }));
        }
        Ok(keys.lines().map(ToOwned::to_owned).collect())
    }

    /// Stores a record atomically. An existing record with the same key stays unchanged.
    fn insert_record(
        &mut self,
        kind: Kind,
        key: &str,
        body: Result<Vec<u8>, BodyError>,
    ) -> Result<()> {
        let body = body.map_err(|source| self.damaged(source))?;
        let checksum = checksum(kind.name(), key, &body);
        with_path(&self.path, || {
            self.connection
                .execute(
                    "INSERT OR IGNORE INTO records VALUES (?, ?, ?, ?)",
                    params![kind.name(), key, body, checksum.as_slice()],
                )
                .map(drop)
        })
    }

    /// Reads and verifies a record.
    fn record<T>(
        &self,
        kind: Kind,
        key: &str,
        decode: impl FnOnce(&[u8]) -> Result<T, BodyError>,
    ) -> Result<Option<T>> {
        let found = with_path(&self.path, || {
            let mut statement = self
                .connection
                .prepare_cached("SELECT body, sha256 FROM records WHERE kind = ? AND key = ?")?;
            let row = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?));
            statement.query_row([kind.name(), key], row).optional()
        })?;
        let Some((body, expected)): Option<(Vec<u8>, Vec<u8>)> = found else { return Ok(None) };
        if expected != checksum(kind.name(), key, &body) {
            let (kind, key) = (kind.name().to_owned(), key.to_owned());
            return Err(self.damaged(BodyError::Checksum { kind, key }));
        }
        decode(&body).map(Some).map_err(|source| self.damaged(source))
    }

    /// Keys of all stored records of `kind`.
    fn record_keys(&self, kind: Kind) -> Result<HashSet<String>> {
        with_path(&self.path, || {
            let mut statement =
                self.connection.prepare_cached("SELECT key FROM records WHERE kind = ?")?;
            statement.query_map([kind.name()], |row| row.get(0))?.collect()
        })
    }
}

/// Checksum of a row.
fn checksum(kind: &str, key: &str, body: &[u8]) -> [u8; 32] {
    let mut hash = Sha256::new();
    for part in [kind.as_bytes(), key.as_bytes(), body] {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    hash.finalize().into()
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
        transaction.execute_batch(SCHEMA)?;
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
