//! Installation of verified files into the folder of a dataset; a file gets its final name when it is complete.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};

use crate::dataset::Split;
use crate::error::{Error, Result, io};
use crate::layout::{self, Located};
use crate::manifest::{DataFile, Download, Manifest};
use crate::read;
use crate::source::{Source, is_gzip};
use crate::tar::{self, ExpectedMember};
use crate::verified_digests::VerifiedDigests;

/// Incomplete file with the extension `.part`, locked against other processes.
pub(crate) struct PartFile {
    pub(crate) file: File,
    pub(crate) path: PathBuf,
}

impl PartFile {
    /// Opens or creates `target` with `.part` appended; keeps existing content.
    ///
    /// # Errors
    /// [`Error::Busy`] if another process holds the lock; [`Error::Io`].
    pub(crate) fn open(target: &Path) -> Result<Self> {
        let path = part_path(target);
        let mut options = OpenOptions::new();
        let file = options
            .read(true)
            .append(true)
            .create(true)
            .open(&path)
            .map_err(io("create", &path))?;
        match file.try_lock() {
            // Some file systems have no locks. Two processes can then disturb each other, but never install wrong data,
            // because every file is verified.
            Ok(()) | Err(TryLockError::Error(_)) => Ok(Self { file, path }),
            Err(TryLockError::WouldBlock) => Err(Error::Busy { path }),
        }
    }

    /// Length in bytes.
    #[cfg(feature = "fetch")]
    pub(crate) fn len(&self) -> Result<u64> {
        Ok(self.file.metadata().map_err(io("read", &self.path))?.len())
    }

    /// Truncates the file to zero length.
    pub(crate) fn clear(&self) -> Result<()> {
        self.file.set_len(0).map_err(io("empty", &self.path))
    }

    /// Renames the file to its final name.
    pub(crate) fn persist(self, target: &Path) -> Result<()> {
        self.file.sync_all().map_err(io("write", &self.path))?;
        fs::rename(&self.path, target).map_err(io("rename", &self.path))
    }

    /// Deletes the file.
    #[cfg(feature = "fetch")]
    pub(crate) fn remove(self) -> Result<()> {
        fs::remove_file(&self.path).map_err(io("delete", &self.path))
    }
}

/// Creates the folder of a dataset in a data folder.
pub(crate) fn make_folder(manifest: &Manifest, data_dir: &Path) -> Result<PathBuf> {
    let folder = data_dir.join(manifest.name.as_str());
    fs::create_dir_all(&folder).map_err(io("create", &folder))?;
    Ok(folder)
}

/// Copies a file into `folder` under its official name; a gzipped file stays gzipped.
pub(crate) fn copy(located: &Located, folder: &Path) -> Result<u64> {
    let target = official_path(located.file, &located.path, folder)?;
    if fs::canonicalize(&target)
        .is_ok_and(|here| fs::canonicalize(&located.path).is_ok_and(|there| here == there))
    {
        return Ok(fs::metadata(&target).map_err(io("read", &target))?.len());
    }
    let mut part = PartFile::open(&target)?;
    part.clear()?;
    let mut original = File::open(&located.path).map_err(io("open", &located.path))?;
    let bytes = std::io::copy(&mut original, &mut part.file).map_err(io("write", &part.path))?;
    part.persist(&target)?;
    remove_other_forms(located.file, folder, &target)?;
    Ok(bytes)
}

/// Extracts the files of a download from its archive into `folder`; returns their total length in bytes.
///
/// # Errors
/// [`Error::Malformed`] or [`Error::Compression`] if the archive or a file in it is damaged; [`Error::Io`].
pub(crate) fn unpack(
    manifest: &Manifest,
    download: &Download,
    archive: &Path,
    folder: &Path,
    verified: &mut VerifiedDigests,
) -> Result<u64> {
    let part = |file| Located { file, path: part_path(&folder.join(&file.name)) };
    let parts: Vec<Located> = download.files.iter().map(part).collect();
    let digests = extract(manifest, download, archive, &parts).inspect_err(|_| {
        // Report the original error even if the cleanup fails.
        parts.iter().for_each(|part| drop(fs::remove_file(&part.path)));
    })?;
    for (file, digest) in digests {
        verified.add(file, digest);
    }
    for part in &parts {
        let target = folder.join(&part.file.name);
        fs::rename(&part.path, &target).map_err(io("rename", &part.path))?;
        remove_other_forms(part.file, folder, &target)?;
    }
    Ok(parts.iter().map(|part| manifest.decoded_len(part.file)).sum())
}

/// Extracts the parts from an archive, reads them completely, and returns the digest of each.
fn extract<'a>(
    manifest: &'a Manifest,
    download: &Download,
    archive: &Path,
    parts: &[Located<'a>],
) -> Result<Vec<(&'a DataFile, String)>> {
    let inside = download.archive.as_deref().unwrap_or_default();
    let wanted = |part: &Located| ExpectedMember {
        path: format!("{inside}/{}", part.file.name),
        bytes: manifest.decoded_len(part.file),
        target: part.path.clone(),
    };
    tar::unpack(Source::open(archive)?, &parts.iter().map(wanted).collect::<Vec<_>>())?;
    let mut digests = Vec::new();
    for split in [Split::Train, Split::Test] {
        let files = layout::of_split(manifest, parts, split, archive)?;
        let contents = read::check(manifest, &files)?;
        digests.extend(files.into_iter().map(|located| located.file).zip(contents));
    }
    Ok(digests)
}

/// Final path of `file`, currently at `path`: its official name, with `.gz` if it is compressed.
pub(crate) fn official_path(file: &DataFile, path: &Path, folder: &Path) -> Result<PathBuf> {
    let extension = if is_gzip(path)? { ".gz" } else { "" };
    Ok(folder.join(format!("{}{extension}", file.name)))
}

/// Removes older copies of a file under its other names, so that the choice of the file is unambiguous.
pub(crate) fn remove_other_forms(file: &DataFile, folder: &Path, keep: &Path) -> Result<()> {
    let forms =
        file.names().flat_map(|name| [folder.join(name), folder.join(format!("{name}.gz"))]);
    for form in forms.filter(|form| form != keep && form.exists()) {
        fs::remove_file(&form).map_err(io("delete", &form))?;
    }
    Ok(())
}

fn part_path(target: &Path) -> PathBuf {
    let mut name = target.as_os_str().to_owned();
    name.push(".part");
    PathBuf::from(name)
}
