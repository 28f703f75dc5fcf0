//! Locations of the files of a dataset in a folder.

use std::path::{Path, PathBuf};

use crate::dataset::Split;
use crate::error::{Error, Result};
use crate::manifest::{DataFile, Manifest};

/// File of a dataset and its path, plain or gzipped.
#[derive(Clone, Debug)]
pub(crate) struct Located<'a> {
    pub(crate) file: &'a DataFile,
    pub(crate) path: PathBuf,
}

/// Files of the dataset in or below `folder`, in the order of the manifest; empty if there are none.
///
/// The search covers `folder/NAME`, `folder`, and the subfolders of both that other tools use.
/// All files come from the folder with most of them, so that two copies are never mixed.
pub(crate) fn locate<'a>(manifest: &'a Manifest, folder: &Path) -> Vec<Located<'a>> {
    let own = [folder.join(manifest.name.as_str()), folder.to_owned()];
    let nested = own
        .iter()
        .flat_map(|root| manifest.subfolders.iter().map(|subfolder| root.join(subfolder)));
    let mut best = Vec::new();
    for place in own.iter().cloned().chain(nested) {
        let found = locate_in(manifest, &place);
        if found.len() > best.len() {
            best = found;
        }
    }
    best
}

/// Files of the dataset directly in `folder`.
pub(crate) fn locate_in<'a>(manifest: &'a Manifest, folder: &Path) -> Vec<Located<'a>> {
    manifest
        .files()
        .filter_map(|file| find(file, folder).map(|path| Located { file, path }))
        .collect()
}

/// Path of a file under any of its names in `folder`.
fn find(file: &DataFile, folder: &Path) -> Option<PathBuf> {
    let names = file.names().flat_map(|name| [name.to_owned(), format!("{name}.gz")]);
    names.map(|name| folder.join(name)).find(|path| path.is_file())
}

/// Files of one split.
///
/// # Errors
/// [`Error::Missing`] with the first file that is missing below `folder`.
pub(crate) fn of_split<'a>(
    manifest: &'a Manifest,
    located: &[Located<'a>],
    split: Split,
    folder: &Path,
) -> Result<Vec<Located<'a>>> {
    let wanted = manifest.files().filter(|file| file.split == split);
    let found = wanted.map(|file| {
        let here = located.iter().find(|located| located.file.name == file.name);
        here.cloned().ok_or_else(|| Error::Missing {
            name: manifest.name,
            file: file.name.clone(),
            folder: folder.to_owned(),
        })
    });
    found.collect()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::name::DatasetName;

    /// Relative paths of the located files in a folder that contains empty files at `paths`.
    fn located(name: DatasetName, paths: &[&str]) -> Vec<String> {
        let folder = tempfile::tempdir().unwrap();
        for path in paths.iter().map(|path| folder.path().join(path)) {
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, []).unwrap();
        }
        let located = locate(Manifest::of(name).unwrap(), folder.path());
        let relative = |located: Located| {
            located.path.strip_prefix(folder.path()).unwrap().display().to_string()
        };
        located.into_iter().map(relative).collect()
    }

    #[test]
    fn files_are_found_under_every_known_name() {
        let paths = ["train-images-idx3-ubyte.gz", "train-labels.idx1-ubyte", "other"];
        assert_eq!(located(DatasetName::Mnist, &paths), paths[..2]);
        let batch = ["cifar-10-batches-bin/test_batch.bin"];
        assert_eq!(located(DatasetName::Cifar10, &batch), batch);
    }

    #[test]
    fn the_folder_with_most_files_wins_without_mixing() {
        let paths = [
            "t10k-labels-idx1-ubyte",
            "MNIST/raw/t10k-images-idx3-ubyte",
            "MNIST/raw/t10k-labels-idx1-ubyte",
        ];
        assert_eq!(located(DatasetName::Mnist, &paths), paths[1..]);
        let datasets = ["fashion-mnist/t10k-labels-idx1-ubyte", "mnist/t10k-labels-idx1-ubyte"];
        assert_eq!(located(DatasetName::Mnist, &datasets), datasets[1..]);
        assert_eq!(located(DatasetName::FashionMnist, &datasets), datasets[..1]);
    }
}
