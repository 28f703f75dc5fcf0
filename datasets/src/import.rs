//! Import of a local copy of a dataset into a data folder.

use std::fs;
use std::path::{Path, PathBuf};

use crate::dataset::Split;
use crate::error::{Error, Result, io};
use crate::layout::{self, Located};
use crate::manifest::{DataFile, Download, Manifest};
use crate::name::DatasetName;
use crate::verified_digests::VerifiedDigests;
use crate::{install, read, verify};

/// Maximum depth of the search below the given folder.
const MAX_DEPTH: usize = 6;

/// Verification of imported files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verify {
    /// Files must match the published digests.
    Checksum,
    /// Files only need a valid structure.
    Waive,
}

/// Result of an import.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Imported {
    /// Folder of the imported files.
    pub folder: PathBuf,
    /// Number of files.
    pub n_files: usize,
    /// Total length of the files in bytes.
    pub bytes: u64,
}

/// Imports a dataset from `from_dir`, or from a folder at most six levels below, into its folder in `data_dir`.
///
/// The files may be plain or gzipped and may have any of their known names, or be in the original archive.
/// All files are read completely and verified before the first one is copied.
///
/// # Errors
/// [`Error::BuiltIn`] for generated data, [`Error::Missing`] if no folder contains all files, [`Error::Malformed`],
/// [`Error::Compression`] or [`Error::CountMismatch`] if their content violates the format (even with
/// [`Verify::Waive`]), [`Error::Checksum`] or [`Error::Unverifiable`] unless verification is waived, [`Error::Io`].
pub fn import(
    name: DatasetName,
    from_dir: &Path,
    data_dir: &Path,
    verify: Verify,
) -> Result<Imported> {
    let manifest = Manifest::of(name)?;
    let folders = walk(manifest, from_dir)?;
    let mut first_error = None;
    for candidate in candidates(manifest, &folders) {
        match candidate.check(manifest, verify) {
            Ok(digests) => return candidate.install(manifest, digests, data_dir, verify),
            Err(error) => drop(first_error.get_or_insert(error)),
        }
    }
    Err(first_error.unwrap_or_else(|| missing_file_error(manifest, &folders, from_dir)))
}

/// Files or archive that may contain the dataset.
enum Candidate<'a> {
    Files(Vec<Located<'a>>),
    Archive(&'a Download, PathBuf),
}

/// Files with the digests of their content.
type Digests<'a> = Vec<(&'a DataFile, String)>;

/// All complete candidates in the folders, loose files first.
fn candidates<'a>(manifest: &'a Manifest, folders: &[PathBuf]) -> Vec<Candidate<'a>> {
    let n_files = manifest.files().count();
    let located = folders.iter().map(|folder| layout::locate_in(manifest, folder));
    let files = located.filter(|located| located.len() == n_files).map(Candidate::Files);
    let archives = manifest.downloads.iter().filter(|download| download.archive.is_some());
    let archives = archives.flat_map(|download| {
        let paths =
            folders.iter().map(|folder| folder.join(&download.name)).filter(|path| path.is_file());
        paths.map(move |path| Candidate::Archive(download, path))
    });
    files.chain(archives).collect()
}

impl<'a> Candidate<'a> {
    /// Reads everything and, unless waived, compares it with the published digests.
    fn check(&self, manifest: &'a Manifest, verify: Verify) -> Result<Digests<'a>> {
        match self {
            Self::Files(located) => check_files(manifest, located, verify),
            // The content is read during unpacking.
            Self::Archive(download, path) if verify == Verify::Checksum => {
                verify::check_download(download, path).map(|()| Vec::new())
            }
            Self::Archive(..) => Ok(Vec::new()),
        }
    }

    fn install(
        &self,
        manifest: &Manifest,
        digests: Digests,
        data_dir: &Path,
        verify: Verify,
    ) -> Result<Imported> {
        let folder = install::make_folder(manifest, data_dir)?;
        let mut verified = VerifiedDigests::read(&folder);
        digests.into_iter().for_each(|(file, digest)| verified.add(file, digest));
        let bytes = match self {
            Self::Files(located) => located
                .iter()
                .map(|located| install::copy(located, &folder))
                .sum::<Result<u64>>()?,
            Self::Archive(download, path) => {
                install::unpack(manifest, download, path, &folder, &mut verified)?
            }
        };
        if verify == Verify::Checksum {
            verified.write(&folder)?;
        }
        Ok(Imported { folder, n_files: manifest.files().count(), bytes })
    }
}

fn check_files<'a>(
    manifest: &'a Manifest,
    located: &[Located<'a>],
    verify: Verify,
) -> Result<Digests<'a>> {
    let mut digests = Vec::new();
    for split in [Split::Train, Split::Test] {
        let files = layout::of_split(manifest, located, split, Path::new(""))?;
        for (located, digest) in files.iter().zip(read::check(manifest, &files)?) {
            if verify == Verify::Checksum {
                verify::check_file(origin(manifest, located.file), located, &digest)?;
            }
            digests.push((located.file, digest));
        }
    }
    Ok(digests)
}

/// Published download that contains the file.
fn origin<'a>(manifest: &'a Manifest, file: &DataFile) -> &'a Download {
    let holds = |download: &&Download| download.files.iter().any(|inside| inside.name == file.name);
    manifest.downloads.iter().find(holds).expect("files are found by their manifest")
}

/// `folder` and the folders below it; folders with one of the dataset's usual names come first.
fn walk(manifest: &Manifest, folder: &Path) -> Result<Vec<PathBuf>> {
    let mut folders = vec![(0, folder.to_owned())];
    let mut next = 0;
    while let Some((depth, folder)) = folders.get(next).cloned() {
        next += 1;
        if depth < MAX_DEPTH {
            let mut below = subfolders(&folder)?;
            below.sort();
            folders.extend(below.into_iter().map(|folder| (depth + 1, folder)));
        }
    }
    let usual = |folder: &Path| {
        let mut names =
            manifest.subfolders.iter().map(String::as_str).chain([manifest.name.as_str()]);
        names.any(|name| folder.ends_with(name))
    };
    // The sort is stable and keeps the order by depth among equals.
    folders.sort_by_key(|(_, folder)| !usual(folder));
    Ok(folders.into_iter().map(|(_, folder)| folder).collect())
}

fn subfolders(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(folder).map_err(io("read", folder))?;
    let paths = entries.map(|entry| entry.map(|entry| entry.path()).map_err(io("read", folder)));
    // Symbolic links are not followed, so that the search terminates.
    let is_folder =
        |path: &PathBuf| fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_dir());
    paths.filter(|path| path.as_ref().map_or(true, is_folder)).collect()
}

/// Error for the first missing file in the folder with most of the files.
fn missing_file_error(manifest: &Manifest, folders: &[PathBuf], from_dir: &Path) -> Error {
    let mut best = (from_dir, Vec::new());
    for folder in folders {
        let located = layout::locate_in(manifest, folder);
        if located.len() > best.1.len() {
            best = (folder, located);
        }
    }
    let (folder, located) = best;
    let lacking =
        manifest.files().find(|file| !located.iter().any(|located| located.file.name == file.name));
    let file = lacking.map_or_else(String::new, |file| file.name.clone());
    Error::Missing { name: manifest.name, file, folder: folder.to_owned() }
}
