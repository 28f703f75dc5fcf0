//! Repair of a damaged file: intact records go to a new file, the damaged file stays beside it.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use super::{
    Kind,
    connect::with_suffix,
    file::{Row, StoreFile},
    programs::add_programs,
};
use crate::{Error, Result};

/// Moves the damaged file at `path` aside and returns a new file with its intact records, and a sentence about it.
///
/// # Errors
/// When the folder cannot be written.
pub(super) fn salvage(path: &Path, has_locks: bool) -> Result<(StoreFile, String)> {
    let (records, programs) = intact(path);
    let aside = unused_name(path);
    for suffix in ["-journal", "-wal", "-shm", ""] {
        let moved = fs::rename(with_suffix(path, suffix), with_suffix(&aside, suffix));
        match moved {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(Error::File { action: "rename", path: path.to_owned(), source: error });
            }
            _ => {}
        }
    }
    let file = StoreFile::open(path, has_locks)?;
    file.atomically(|| {
        add_programs(&file, &programs)?;
        records.iter().try_for_each(|(kind, key, body)| file.insert(kind, key, body))
    })?;
    let note = format!(
        "{} was damaged; {} intact results were kept, the others are computed again, and the damaged file is now {}",
        path.display(),
        records.len(),
        aside.display()
    );
    Ok((file, note))
}

/// Intact records of a damaged file, and the programs that computed them.
fn intact(path: &Path) -> (Vec<Row>, Vec<String>) {
    let Ok(file) = StoreFile::read(path) else { return (Vec::new(), Vec::new()) };
    (file.intact_records(), file.list(Kind::Programs).unwrap_or_default())
}

/// A name beside `path` that no file has.
fn unused_name(path: &Path) -> PathBuf {
    let mut number = 1;
    loop {
        let name = with_suffix(path, &format!(".damaged-{number}"));
        if !name.exists() {
            return name;
        }
        number += 1;
    }
}
