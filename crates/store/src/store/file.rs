//! One SQLite file of results.
//!
//! Files use a rollback journal and `synchronous = FULL`: a stored record survives a loss of power, and no memory is
//! shared between processes, so that files also work on network file systems. Each file has one writer.

use std::path::{Path, PathBuf};

use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension, TransactionBehavior, params};
use sha2::{Digest, Sha256};

use super::{BodyError, Kind, connect};
use crate::{Error, Result};

/// Schema version. Increment it with every change of the tables; files of other versions are rejected unchanged.
const SCHEMA_VERSION: i64 = 3;

/// Tables of results and of lists, such as the keys in plan order. Each row has a SHA-256 checksum of all its other
/// columns.
const SCHEMA: &str = "
CREATE TABLE records (
    kind TEXT NOT NULL, key TEXT NOT NULL, body BLOB NOT NULL, sha256 BLOB NOT NULL, PRIMARY KEY (kind, key)
) STRICT, WITHOUT ROWID;
CREATE TABLE grids (kind TEXT NOT NULL PRIMARY KEY, keys TEXT NOT NULL, sha256 BLOB NOT NULL) STRICT, WITHOUT ROWID;
";

/// A row of the table of records: kind, key and body.
pub(crate) type Row = (String, String, Vec<u8>);

/// One SQLite file of results.
#[derive(Debug)]
pub(crate) struct StoreFile {
    connection: Connection,
    path: PathBuf,
    /// Holds the private copy that the connection reads, if the file itself cannot be read.
    _copy: Option<tempfile::TempDir>,
}

impl StoreFile {
    /// Opens the file at `path` for writing, or creates it. `has_locks` is false where the system has no locks.
    pub(crate) fn open(path: &Path, has_locks: bool) -> Result<Self> {
        let unusable = |source: rusqlite::Error| match source.sqlite_error_code() {
            Some(ErrorCode::NotADatabase | ErrorCode::CannotOpen) => {
                Error::Open { path: path.to_owned(), source }
            }
            _ => Error::sqlite(path, source),
        };
        let mut connection = connect::to_write(path, has_locks).map_err(unusable)?;
        match create_tables(&mut connection).map_err(unusable)? {
            SCHEMA_VERSION => Ok(Self { connection, path: path.to_owned(), _copy: None }),
            found => Err(other_version(path, found)),
        }
    }

    /// Opens an existing file read-only. Only the records that are read are verified, so that a damaged one may appear to
    /// be missing.
    pub(crate) fn read(path: &Path) -> Result<Self> {
        let (connection, copy) = connect::to_read(path)?;
        let version = connection.pragma_query_value(None, "user_version", |row| row.get(0));
        match version.map_err(|source| Error::sqlite(path, source))? {
            SCHEMA_VERSION => Ok(Self { connection, path: path.to_owned(), _copy: copy }),
            found => Err(other_version(path, found)),
        }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Checks the file's structure and all checksums.
    pub(crate) fn verified(self) -> Result<Self> {
        let structure: String = self.with_path(|| {
            self.connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))
        })?;
        if structure != "ok" {
            return Err(Error::Structure { path: self.path, problem: structure });
        }
        self.each_record(|_| Ok(()))?;
        for kind in Kind::ALL {
            self.list(kind)?;
        }
        Ok(self)
    }

    pub(crate) fn damaged(&self, source: BodyError) -> Error {
        Error::Record { path: self.path.clone(), source }
    }

    fn wrong_checksum(&self, kind: &str, key: &str) -> Error {
        self.damaged(BodyError::Checksum { kind: kind.to_owned(), key: key.to_owned() })
    }

    /// Calls `visit` with each record, in the order of kind and key.
    pub(crate) fn each_record(&self, mut visit: impl FnMut(Row) -> Result<()>) -> Result<()> {
        let query = "SELECT kind, key, body, sha256 FROM records ORDER BY kind, key";
        let mut statement = self.with_path(|| self.connection.prepare(query))?;
        let mut rows = self.with_path(|| statement.query([]))?;
        while let Some(row) = self.with_path(|| rows.next())? {
            let (kind, key): (String, String) =
                self.with_path(|| Ok((row.get(0)?, row.get(1)?)))?;
            let (body, expected): (Vec<u8>, Vec<u8>) =
                self.with_path(|| Ok((row.get(2)?, row.get(3)?)))?;
            if expected != checksum(&kind, &key, &body) {
                return Err(self.wrong_checksum(&kind, &key));
            }
            visit((kind, key, body))?;
        }
        Ok(())
    }

    /// All records that can be read, whatever the damage to the file.
    pub(super) fn intact_records(&self) -> Vec<Row> {
        let mut found = std::collections::BTreeMap::new();
        // A damaged page ends a scan, so that one from each end finds more.
        for order in ["ASC", "DESC"] {
            let query = format!(
                "SELECT kind, key, body, sha256 FROM records ORDER BY kind {order}, key {order}"
            );
            let Ok(mut statement) = self.connection.prepare(&query) else { continue };
            let Ok(mut rows) = statement.query([]) else { continue };
            while let Ok(Some(row)) = rows.next() {
                let columns = || -> rusqlite::Result<(String, String, Vec<u8>, Vec<u8>)> {
                    Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
                };
                let Ok((kind, key, body, expected)) = columns() else { continue };
                if expected == checksum(&kind, &key, &body) {
                    found.insert((kind, key), body);
                }
            }
        }
        found.into_iter().map(|((kind, key), body)| (kind, key, body)).collect()
    }

    /// Replaces the list of `kind`.
    pub(crate) fn set_list(&self, kind: Kind, keys: &[String]) -> Result<()> {
        if self.list(kind)? == keys {
            return Ok(());
        }
        let (name, keys) = (kind.name(), keys.join("\n"));
        let checksum = checksum(name, "", keys.as_bytes());
        let query = "INSERT OR REPLACE INTO grids VALUES (?, ?, ?)";
        let row = params![name, keys, checksum.as_slice()];
        self.with_path(|| self.connection.execute(query, row).map(drop))
    }

    /// The list of `kind`; empty if there is none.
    pub(crate) fn list(&self, kind: Kind) -> Result<Vec<String>> {
        let name = kind.name();
        let found = self.with_path(|| {
            let query = "SELECT keys, sha256 FROM grids WHERE kind = ?";
            let row = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?));
            self.connection.query_row(query, [name], row).optional()
        })?;
        let Some((keys, expected)): Option<(String, Vec<u8>)> = found else {
            return Ok(Vec::new());
        };
        if expected != checksum(name, "", keys.as_bytes()) {
            return Err(self.wrong_checksum(name, "list"));
        }
        Ok(keys.lines().map(ToOwned::to_owned).collect())
    }

    /// Stores a record atomically. An existing record with the same key stays unchanged.
    pub(crate) fn insert(&self, kind: &str, key: &str, body: &[u8]) -> Result<()> {
        self.write_record("INSERT OR IGNORE INTO records VALUES (?, ?, ?, ?)", kind, key, body)
    }

    /// Stores a record atomically in place of an existing one.
    pub(crate) fn replace(&self, kind: &str, key: &str, body: &[u8]) -> Result<()> {
        self.write_record("INSERT OR REPLACE INTO records VALUES (?, ?, ?, ?)", kind, key, body)
    }

    fn write_record(&self, query: &str, kind: &str, key: &str, body: &[u8]) -> Result<()> {
        let checksum = checksum(kind, key, body);
        let row = params![kind, key, body, checksum.as_slice()];
        self.with_path(|| self.connection.prepare_cached(query)?.execute(row).map(drop))
    }

    /// Reads and verifies the body of a record.
    pub(crate) fn body(&self, kind: &str, key: &str) -> Result<Option<Vec<u8>>> {
        let found = self.with_path(|| {
            let query = "SELECT body, sha256 FROM records WHERE kind = ? AND key = ?";
            let row = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?));
            self.connection.prepare_cached(query)?.query_row([kind, key], row).optional()
        })?;
        let Some((body, expected)): Option<(Vec<u8>, Vec<u8>)> = found else { return Ok(None) };
        if expected == checksum(kind, key, &body) {
            Ok(Some(body))
        } else {
            Err(self.wrong_checksum(kind, key))
        }
    }

    /// Keys of all stored records of `kind`.
    pub(super) fn record_keys(&self, kind: Kind) -> Result<Vec<String>> {
        self.with_path(|| {
            let mut statement =
                self.connection.prepare_cached("SELECT key FROM records WHERE kind = ?")?;
            statement.query_map([kind.name()], |row| row.get(0))?.collect()
        })
    }

    /// Runs `work` in one transaction, which is on the disk when this returns.
    pub(crate) fn atomically<T>(&self, work: impl FnOnce() -> Result<T>) -> Result<T> {
        self.with_path(|| {
            // Syncs the folder too, so that no journal comes back after a loss of power.
            self.connection.pragma_update(None, "synchronous", "EXTRA")?;
            self.connection.execute_batch("BEGIN IMMEDIATE")
        })?;
        let done = work().and_then(|value| {
            self.with_path(|| self.connection.execute_batch("COMMIT")).map(|()| value)
        });
        if done.is_err() {
            // A failed commit may have ended the transaction already.
            let _ = self.connection.execute_batch("ROLLBACK");
        }
        done
    }

    /// Runs `work` and adds the path to its error.
    fn with_path<T>(&self, work: impl FnOnce() -> rusqlite::Result<T>) -> Result<T> {
        work().map_err(|source| Error::sqlite(&self.path, source))
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
fn create_tables(connection: &mut Connection) -> rusqlite::Result<i64> {
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

fn other_version(path: &Path, found: i64) -> Error {
    Error::Version { path: path.to_owned(), found, expected: SCHEMA_VERSION }
}

/// Flags of a connection that only reads.
pub(super) const READ_ONLY: OpenFlags =
    OpenFlags::SQLITE_OPEN_READ_ONLY.union(OpenFlags::SQLITE_OPEN_NO_MUTEX);
