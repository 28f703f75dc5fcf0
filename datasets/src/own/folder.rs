//! Images in a folder for each class.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::{
    OwnData, checked_shape,
    labels::Label,
    picture::{self, Picture},
    table::{Rows, Table},
};
use crate::dataset::Shape;
use crate::digest::hex;
use crate::error::{Error, Result, io};

/// Names of a folder of held-out samples beside `train`.
const TEST_NAMES: [&str; 4] = ["test", "val", "valid", "validation"];
/// Endings of the names of images, in lower case.
const ENDINGS: [&str; 3] = ["png", "jpg", "jpeg"];

/// Numbers of files that are not read, by their ending.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Skipped(BTreeMap<String, usize>);

impl Skipped {
    /// True if there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds what is beside the images in the folders of classes that are in `folder`, or in its `train` and `test`.
    pub(super) fn add_below(&mut self, folder: &Path) -> Result<()> {
        let (train, test) = parts(folder);
        for part in [Some(train), test].into_iter().flatten() {
            for class in entries(&part)?.iter().filter(|path| path.is_dir()) {
                self.add(&entries(class)?);
            }
        }
        Ok(())
    }

    fn add(&mut self, paths: &[PathBuf]) {
        for path in paths.iter().filter(|path| !is_image(path)) {
            let kind = match path.extension() {
                _ if path.is_dir() => "folder".to_owned(),
                _ if path.exists() && !path.is_file() => "pipe, socket or device".to_owned(),
                Some(ending) => format!(".{}", ending.to_string_lossy().to_lowercase()),
                None => "file without ending".to_owned(),
            };
            *self.0.entry(kind).or_default() += 1;
        }
    }
}

impl fmt::Display for Skipped {
    /// `3 x .gif, 1 x .webp`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts: Vec<_> =
            self.0.iter().map(|(kind, count)| format!("{count} x {kind}")).collect();
        f.write_str(&parts.join(", "))
    }
}

/// Folders of training and of held-out samples in `path`.
fn parts(path: &Path) -> (PathBuf, Option<PathBuf>) {
    let train = path.join("train");
    if !train.is_dir() {
        return (path.to_owned(), None);
    }
    let test = TEST_NAMES.map(|name| path.join(name)).into_iter().find(|path| path.is_dir());
    (train, test)
}

impl OwnData {
    /// The training and, where there are any, the held-out samples of a folder.
    pub(super) fn folder_tables(&self, path: &Path) -> Result<[Option<Table>; 2]> {
        let (train, test) = parts(path);
        let test = test.map(|path| self.folder_table(&path)).transpose()?;
        Ok([Some(self.folder_table(&train)?), test])
    }

    /// The images of a folder with one folder for each class.
    pub(super) fn folder_table(&self, folder: &Path) -> Result<Table> {
        let file = folder.display().to_string();
        let classes: Vec<PathBuf> =
            entries(folder)?.into_iter().filter(|path| path.is_dir()).collect();
        if classes.is_empty() {
            return Err(unusable(folder, "no folders", "make one folder of images for each class"));
        }
        let (mut images, mut labels) = (Vec::new(), Vec::new());
        for class in classes {
            let (files, others): (Vec<_>, Vec<_>) =
                entries(&class)?.into_iter().partition(|path| is_image(path));
            if files.is_empty() {
                return Err(without_images(&class, &others));
            }
            let name = class.file_name().unwrap_or_default().to_string_lossy().into_owned();
            labels.extend(files.iter().map(|_| Label::Text(name.clone())));
            images.extend(files);
        }
        let first = read(&images[0])?.1.shape;
        let shape = match self.shape {
            Some(shape) => checked_shape(&file, shape.into(), first.len())?,
            None => first,
        };
        let divisor = self.divide.unwrap_or(255.0);
        let rows = Box::new(FolderRows { images, done: 0, first, divisor, digest: Sha256::new() });
        Ok(Table { labels_file: file.clone(), file, shape, labels, rows })
    }
}

/// Entries of a folder in the order of their names, without hidden ones.
fn entries(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder).map_err(io("list", folder))? {
        let entry = entry.map_err(io("list", folder))?;
        if !entry.file_name().to_string_lossy().starts_with('.') {
            paths.push(entry.path());
        }
    }
    paths.sort_unstable();
    Ok(paths)
}

/// Error of a class without images.
fn without_images(class: &Path, others: &[PathBuf]) -> Error {
    let mut skipped = Skipped::default();
    skipped.add(others);
    let found = if skipped.is_empty() {
        "no PNG or JPEG image".to_owned()
    } else {
        format!("no PNG or JPEG image, but {skipped}")
    };
    unusable(
        class,
        &found,
        "every folder is a class and needs images; add or convert some, or remove it",
    )
}

fn is_image(path: &Path) -> bool {
    let ending = path.extension().map(|ending| ending.to_string_lossy().to_lowercase());
    ending.is_some_and(|ending| ENDINGS.contains(&ending.as_str())) && path.is_file()
}

/// Content of a file, and its image.
fn read(path: &Path) -> Result<(Vec<u8>, Picture)> {
    let bytes = fs::read(path).map_err(io("read", path))?;
    let picture = picture::decode(&bytes, &path.display().to_string())?;
    Ok((bytes, picture))
}

/// Reads images one by one.
struct FolderRows {
    images: Vec<PathBuf>,
    done: usize,
    /// Extent of the first image, which all have.
    first: Shape,
    divisor: f32,
    digest: Sha256,
}

impl Rows for FolderRows {
    fn next(&mut self, values: &mut [f32]) -> Result<()> {
        let path = &self.images[self.done];
        self.done += 1;
        let (bytes, Picture { shape, pixels }) = read(path)?;
        self.digest.update((bytes.len() as u64).to_le_bytes());
        self.digest.update(&bytes);
        let size = (shape.height, shape.width);
        if size != (self.first.height, self.first.width) || shape.channels > self.first.channels {
            let words = |shape: Shape| {
                let color = if shape.channels == 1 { "grey" } else { "colour" };
                format!("a {color} image of {} x {} pixels", shape.height, shape.width)
            };
            let first = self.images[0].display();
            let advice = format!(
                "all must be as the first, {first}, which is {}; resize or convert them",
                words(self.first)
            );
            return Err(unusable(path, &words(shape), &advice));
        }
        let n_pixels = shape.height * shape.width;
        for (place, value) in values.iter_mut().enumerate() {
            let (channel, pixel) = (place / n_pixels, place % n_pixels);
            // A grey image among coloured ones has three equal channels.
            let channel = channel.min(shape.channels - 1);
            *value = f32::from(pixels[pixel * shape.channels + channel]) / self.divisor;
        }
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<String> {
        Ok(hex(&self.digest.finalize()))
    }
}

fn unusable(path: &Path, found: &str, advice: &str) -> Error {
    Error::Unusable {
        file: path.display().to_string(),
        found: found.to_owned(),
        advice: advice.to_owned(),
    }
}
