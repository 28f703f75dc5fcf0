//! Atomic file writes: readers and crashes never see a partial file.

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::{Error, Result};

/// Writes `contents` to `path`, creates its folder if needed, and returns `path`.
///
/// # Errors
/// If the folder or the file cannot be written.
pub(super) fn write(path: &Path, contents: &[u8]) -> Result<PathBuf> {
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder).map_err(Error::file("create the folder", folder))?;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    // The process id keeps concurrent reports of one run apart.
    let partial = folder.join(format!(".{name}.{}.partial", std::process::id()));
    let moved = fs::write(&partial, contents).and_then(|()| fs::rename(&partial, path));
    if moved.is_err() {
        // The write error is reported below; failing to remove the partial file adds nothing.
        let _ = fs::remove_file(&partial);
    }
    moved.map_err(Error::file("write", path))?;
    Ok(path.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn second_write_replaces_the_first() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("figures").join("chart.svg");
        write(&path, b"first, longer").unwrap();
        write(&path, b"second").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"second");
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
    }

    #[test]
    fn errors_name_the_file() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("figures"), b"a file where a folder is wanted").unwrap();
        let error = write(&folder.path().join("figures").join("chart.svg"), b"").unwrap_err();
        assert!(format!("{error:#}").contains("figures"), "{error:#}");
    }
}
