//! Connections to SQLite files, also where there are no locks or the folder is read-only.

use std::{
    fs, io,
    path::{Path, PathBuf},
    time::Duration,
};

use rusqlite::{Connection, ErrorCode, OpenFlags};
use tempfile::TempDir;

use super::file::READ_ONLY;
use crate::{Error, Result};

/// Maximum time to wait for another process that reads or writes the file.
const BUSY_TIMEOUT: Duration = Duration::from_secs(60);

/// Opens a file for its only writer. Without locks, the caller's [lease](crate::lease) keeps other writers away.
pub(super) fn to_write(path: &Path, has_locks: bool) -> rusqlite::Result<Connection> {
    let connection = if has_locks {
        Connection::open(path)?
    } else {
        Connection::open_with_flags_and_vfs(path, OpenFlags::default(), "unix-none")?
    };
    connection.busy_timeout(BUSY_TIMEOUT)?;
    // Also turns off the write-ahead log of earlier versions.
    connection.pragma_update_and_check(None, "journal_mode", "DELETE", |_| Ok(()))?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    Ok(connection)
}

/// Opens a file read-only and changes nothing on the disk.
///
/// A file may need recovery after its writer was killed, which would write to it, or it may have no usable locks. The
/// connection then reads a private copy.
pub(super) fn to_read(path: &Path) -> Result<(Connection, Option<TempDir>)> {
    if let Err(source) = fs::metadata(path) {
        return Err(Error::File { action: "read", path: path.to_owned(), source });
    }
    // Opening a file with a write-ahead log, as written by earlier versions, would create further files.
    let direct = if with_suffix(path, "-wal").exists() { None } else { Some(open(path)) };
    match direct {
        Some(Ok(connection)) => Ok((connection, None)),
        Some(Err(source)) if is_content(&source) => Err(Error::sqlite(path, source)),
        failed => match copy(path) {
            Ok((connection, copy)) => Ok((connection, Some(copy))),
            Err(Some(source)) => Err(Error::sqlite(path, source)),
            Err(None) => Err(match failed {
                Some(Err(source)) => Error::sqlite(path, source),
                _ => Error::Sqlite { path: path.to_owned(), source: rusqlite::Error::InvalidQuery },
            }),
        },
    }
}

/// Opens a file that needs no recovery.
fn open(path: &Path) -> rusqlite::Result<Connection> {
    let connection = Connection::open_with_flags(path, READ_ONLY)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()))?;
    Ok(connection)
}

/// True if the content of the file is the reason of the error.
fn is_content(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase))
}

/// Copies a file with its journal and recovers the copy. Returns SQLite's reason, if it has one.
fn copy(path: &Path) -> Result<(Connection, TempDir), Option<rusqlite::Error>> {
    /// A file that is written during the copy may be torn.
    const ATTEMPTS: usize = 5;
    const PAUSE: Duration = Duration::from_millis(200);
    let mut reason = None;
    for attempt in 0..ATTEMPTS {
        if attempt > 0 {
            std::thread::sleep(PAUSE);
        }
        match copied(path) {
            Err(_) => reason = None,
            Ok(folder) => match recovered(&folder.path().join("copy.sqlite")) {
                Ok(connection) => return Ok((connection, folder)),
                Err(error) => reason = Some(error),
            },
        }
    }
    Err(reason)
}

fn copied(path: &Path) -> io::Result<TempDir> {
    let folder = tempfile::tempdir()?;
    for suffix in ["-journal", "-wal", ""] {
        let to = with_suffix(&folder.path().join("copy.sqlite"), suffix);
        match fs::read(with_suffix(path, suffix)) {
            Ok(bytes) => fs::write(to, bytes)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound && !suffix.is_empty() => {}
            Err(error) => return Err(error),
        }
    }
    Ok(folder)
}

fn recovered(copy: &Path) -> rusqlite::Result<Connection> {
    let connection = Connection::open(copy)?;
    let state: String = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
    if state != "ok" {
        return Err(rusqlite::Error::SqliteFailure(
            rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_CORRUPT),
            Some(state),
        ));
    }
    Ok(connection)
}

/// Path of a companion of an SQLite file.
pub(crate) fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Names and contents of the files in `folder`.
    fn files(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
        let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        let mut files: Vec<_> =
            entries.map(|path| (path.clone(), fs::read(path).unwrap())).collect();
        files.sort();
        files
    }

    fn rows(connection: &Connection) -> i64 {
        connection.query_row("SELECT count(*) FROM x", [], |row| row.get(0)).unwrap()
    }

    #[test]
    fn readers_recover_a_copy_of_a_file_whose_writer_was_killed() {
        let folder = tempfile::tempdir().unwrap();
        let (path, killed) = (folder.path().join("a.sqlite"), folder.path().join("killed"));
        fs::create_dir(&killed).unwrap();
        let writer = to_write(&path, true).unwrap();
        writer
            .execute_batch("CREATE TABLE x (y BLOB); INSERT INTO x VALUES (zeroblob(9));")
            .unwrap();
        // A transaction larger than the cache writes to the file before it ends.
        writer.execute_batch("PRAGMA cache_size = 2; BEGIN;").unwrap();
        for _ in 0..200 {
            writer.execute_batch("INSERT INTO x VALUES (randomblob(900));").unwrap();
        }
        for suffix in ["", "-journal"] {
            let to = with_suffix(&killed.join("a.sqlite"), suffix);
            fs::copy(with_suffix(&path, suffix), to).unwrap();
        }
        let before = files(&killed);
        let (reader, copy) = to_read(&killed.join("a.sqlite")).unwrap();
        assert!(copy.is_some(), "the file needs no recovery");
        assert_eq!(rows(&reader), 1);
        assert!(files(&killed) == before);
        // The writer's own restart recovers the file itself.
        assert_eq!(rows(&to_write(&killed.join("a.sqlite"), true).unwrap()), 1);
        assert!(to_read(&killed.join("a.sqlite")).unwrap().1.is_none());
    }

    #[test]
    fn files_of_earlier_versions_are_read_unchanged_and_converted_by_their_writer() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.sqlite");
        let earlier = Connection::open(&path).unwrap();
        earlier.pragma_update(None, "journal_mode", "WAL").unwrap();
        earlier.execute_batch("CREATE TABLE x (y); INSERT INTO x VALUES (1);").unwrap();
        let before = files(folder.path());
        assert_eq!(before.len(), 3);
        assert_eq!(rows(&to_read(&path).unwrap().0), 1);
        assert!(files(folder.path()) == before);
        drop(earlier);
        assert_eq!(rows(&to_write(&path, true).unwrap()), 1);
        assert_eq!(files(folder.path()).len(), 1);
    }

    #[test]
    fn files_work_without_locks() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.sqlite");
        let writer = to_write(&path, false).unwrap();
        writer.execute_batch("CREATE TABLE x (y); INSERT INTO x VALUES (1);").unwrap();
        assert_eq!(rows(&to_read(&path).unwrap().0), 1);
    }
}
