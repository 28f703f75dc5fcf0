//! Takes a local copy of a dataset into a data folder.

use std::fs;
use std::path::{Path, PathBuf};

use crate::dataset::Split;
use crate::error::{Error, Result, io};
use crate::layout::{self, Located};
use crate::manifest::{DataFile, Download, Manifest};
use crate::name::DatasetName;
use crate::receipt::Receipt;
use crate::{install, read, verify};

/// How deep below the given folder files are looked for.
const MAX_DEPTH: usize = 6;

/// What an imported file must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verify {
    /// The published one, by its digest.
    Checksum,
    /// Any file of the right structure.
    Waive,
}

/// What was imported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Imported {
    /// Where the files are now.
    pub folder: PathBuf,
    /// Their number.
    pub n_files: usize,
    /// Their length altogether.
    pub bytes: u64,
}

/// Copies a dataset from `from_dir`, or from a folder at most six levels below, into its folder in `data_dir`.
///
/// The files may be plain or gzipped, under any of the names by which they are handed around, or in the original
/// archive.
/// All are read to the end and verified before the first is copied.
///
/// # Errors
/// [`Error::BuiltIn`] for generated data, [`Error::Missing`] if no folder has all the files, [`Error::Malformed`] or
/// [`Error::CountMismatch`] if their content is not what the format demands (this cannot be waived),
/// [`Error::Checksum`] or [`Error::Unverifiable`] unless waived, [`Error::Io`].
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
    Err(first_error.unwrap_or_else(|| missing(manifest, &folders, from_dir)))
}

/// Something that may be the dataset.
enum Candidate<'a> {
    Files(Vec<Located<'a>>),
    Archive(&'a Download, PathBuf),
}

/// Files and the digests of their content.
type Digests<'a> = Vec<(&'a DataFile, String)>;

/// Everything complete in the folders, loose files first.
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
    /// Reads everything, and compares it with what is published unless that is waived.
    fn check(&self, manifest: &'a Manifest, verify: Verify) -> Result<Digests<'a>> {
        match self {
            Self::Files(located) => check_files(manifest, located, verify),
            // The content is read when it is unpacked.
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
        let mut receipt = Receipt::read(&folder);
        digests.into_iter().for_each(|(file, digest)| receipt.add(file, digest));
        let bytes = match self {
            Self::Files(located) => located
                .iter()
                .map(|located| install::copy(located, &folder))
                .sum::<Result<u64>>()?,
            Self::Archive(download, path) => {
                install::unpack(manifest, download, path, &folder, &mut receipt)?
            }
        };
        if verify == Verify::Checksum {
            receipt.write(&folder)?;
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

/// The download that a file comes in.
fn origin<'a>(manifest: &'a Manifest, file: &DataFile) -> &'a Download {
    let holds = |download: &&Download| download.files.iter().any(|inside| inside.name == file.name);
    manifest.downloads.iter().find(holds).expect("files are found by their manifest")
}

/// `folder` and the folders below it, those first whose path ends as other tools name it for this dataset.
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
    // The sort keeps the order among equals, which is by depth.
    folders.sort_by_key(|(_, folder)| !usual(folder));
    Ok(folders.into_iter().map(|(_, folder)| folder).collect())
}

fn subfolders(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(folder).map_err(io("read", folder))?;
    let paths = entries.map(|entry| entry.map(|entry| entry.path()).map_err(io("read", folder)));
    // Links are not followed, so that the search ends.
    let is_folder =
        |path: &PathBuf| fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_dir());
    paths.filter(|path| path.as_ref().map_or(true, is_folder)).collect()
}

/// Says what is missing where most was found.
fn missing(manifest: &Manifest, folders: &[PathBuf], from_dir: &Path) -> Error {
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
