//! The user's own data: arrays of NumPy, CSV, folders of images.
//!
//! | path | content |
//! |---|---|
//! | `x.npy` with `labels = "y.npy"` | samples `[n, ...]` and `n` labels; held-out ones by `test` and `test_labels` |
//! | `.npz` | arrays `x_train`, `y_train` and, if held-out samples are given, `x_test`, `y_test`; or `x` and `y` |
//! | `.csv`, `.tsv`, `.txt` | a line for each sample, `labels` the column of labels; held-out ones by `test` |
//! | a folder | a folder of PNG or JPEG images for each class, alone or in `train` and `test` |
//!
//! Files may be gzipped, except archives.
//! Bytes become numbers from 0 to 1; floats stay as they are.
//! Classes are the distinct labels, in order, or the numbers from 0 to `classes - 1`.
//! Without held-out samples, a part of the samples is held out: which ones depends on their number only.

mod arrays;
mod encoding;
mod extent;
mod folder;
pub(crate) mod labels;
mod load;
pub mod npy;
pub mod npz;
pub mod picture;
mod setting;
mod summary;
mod table;
pub mod table_text;

use std::fmt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

pub use extent::Extent;
pub use folder::Skipped;
pub use load::OwnRequest;
pub use setting::DatasetSource;
pub use summary::Summary;

use crate::dataset::Shape;
use crate::error::{Error, Result};
use table::Table;

use crate::source::open_file;

/// Path and reading of the user's own data.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OwnData {
    /// File or folder, relative to the working directory.
    pub path: PathBuf,
    /// CSV: name or index of the column of labels. `.npy`: path of the file of labels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub labels: Option<LabelColumn>,
    /// File or folder of held-out samples; by default those that the data have, or else a part of the samples.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub test: Option<PathBuf>,
    /// `.npy`: path of the file of the held-out samples' labels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub test_labels: Option<PathBuf>,
    /// Part of the samples that is held out where the data have no held-out samples; a fifth by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held_out: Option<f64>,
    /// Channels, height and width of a sample; by default those of the array or image, and one row for CSV.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shape: Option<[usize; 3]>,
    /// Order of the dimensions of an array. Required where the first one is no number of channels and the last may be.
    #[serde(default, skip_serializing_if = "ArrayLayout::is_default")]
    pub layout: ArrayLayout,
    /// Number by which all values are divided; by default 255 for bytes, and none for floats and CSV.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub divide: Option<f32>,
    /// Number of classes, whose labels are the whole numbers from 0; by default, the classes are the distinct labels. Needed
    /// where some classes have no sample.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub classes: Option<usize>,
    /// What a plan found in the data, so that it can be read again without them. The program fills it in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub found: Option<Extent>,
}

/// Column or file of labels.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged, expecting = "expected the name of a column or file, or the index of a column")]
pub enum LabelColumn {
    /// Index of a column, from 0; negative ones count from the end, so that -1 is the last.
    Index(i64),
    /// Name of a column, or path of a file.
    Name(String),
}

impl fmt::Display for LabelColumn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Index(index) => index.fmt(f),
            Self::Name(name) => write!(f, "`{name}`"),
        }
    }
}

/// Order of the dimensions of an array of images.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ArrayLayout {
    /// Samples, channels, height, width, as in PyTorch.
    #[default]
    Nchw,
    /// Samples, height, width, channels, as in Keras and JAX.
    Nhwc,
}

impl ArrayLayout {
    /// True for the default.
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// Format of a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    Npy,
    Npz,
    Text,
    Folder,
}

impl OwnData {
    /// Data at `path`, read by the defaults.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), ..Self::default() }
    }

    /// Path as text.
    pub fn name(&self) -> String {
        self.path.display().to_string()
    }

    /// Checks the settings.
    ///
    /// # Errors
    /// [`Error::Setting`] for the first one that is out of range or that the format does not have.
    fn check(&self, format: Format) -> Result<()> {
        let reject = |setting: String, problem: &str| {
            Err(Error::Setting { setting, problem: problem.to_owned() })
        };
        if let Some(part) = self.held_out.filter(|part| !(*part > 0.0 && *part < 1.0)) {
            return reject(format!("held_out = {part}"), "must be above 0 and below 1");
        }
        if let Some(divisor) = self.divide.filter(|divisor| !divisor.is_normal()) {
            return reject(format!("divide = {divisor}"), "must be a finite number other than 0");
        }
        let is_array = matches!(format, Format::Npy | Format::Npz);
        if self.layout != ArrayLayout::Nchw && !is_array {
            return reject("layout".to_owned(), "is for .npy and .npz; remove it");
        }
        let has_labels = matches!(format, Format::Npy | Format::Text);
        if self.labels.is_some() && !has_labels {
            let problem = "is for .npy and CSV; archives name their labels y_train or y, and folders name the classes";
            return reject("labels".to_owned(), problem);
        }
        if self.test_labels.is_some() && !(format == Format::Npy && self.test.is_some()) {
            return reject("test_labels".to_owned(), "is for .npy with a file `test`; remove it");
        }
        if self.test.is_some() && format == Format::Npz {
            let problem = "is not for .npz, which name held-out samples x_test and y_test";
            return reject("test".to_owned(), problem);
        }
        Ok(())
    }

    fn format(&self) -> Result<Format> {
        let file = || self.name();
        let metadata =
            std::fs::metadata(&self.path).map_err(crate::error::io("open", &self.path))?;
        if metadata.is_dir() {
            return Ok(Format::Folder);
        }
        open_file(&self.path)?;
        let name = self.path.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
        let name = name.strip_suffix(".gz").unwrap_or(&name);
        match Path::new(name).extension().and_then(|ending| ending.to_str()) {
            Some("npy") => Ok(Format::Npy),
            Some("npz") => Ok(Format::Npz),
            Some("csv" | "tsv" | "txt") => Ok(Format::Text),
            _ => Err(Error::Unusable {
                file: file(),
                found: "a file of another format".to_owned(),
                advice:
                    "use .npy, .npz, .csv, or a folder with one folder of images for each class"
                        .to_owned(),
            }),
        }
    }

    /// Files and folders below the classes of a folder that are not read; nothing for other formats.
    ///
    /// # Errors
    /// [`Error::Io`] if a folder cannot be listed.
    pub fn skipped(&self) -> Result<Skipped> {
        let mut skipped = Skipped::default();
        if self.path.is_dir() {
            skipped.add_below(&self.path)?;
        }
        if let Some(test) = self.test.as_deref().filter(|test| test.is_dir()) {
            skipped.add_below(test)?;
        }
        Ok(skipped)
    }

    /// Opens the training and, where there are any, the held-out samples.
    fn open(&self) -> Result<[Option<Table>; 2]> {
        let format = self.format()?;
        self.check(format)?;
        match format {
            Format::Npz => self.npz_tables(&self.path),
            Format::Folder if self.test.is_none() => self.folder_tables(&self.path),
            Format::Folder => self.separate(|path, _| self.folder_table(path)),
            Format::Text => self.separate(|path, _| self.text_table(path)),
            Format::Npy => self.separate(|path, labels| self.npy_table(path, labels)),
        }
    }

    /// Opens training and held-out samples that have paths of their own.
    fn separate(
        &self,
        open: impl Fn(&Path, Option<&Path>) -> Result<Table>,
    ) -> Result<[Option<Table>; 2]> {
        let labels = self.labels.as_ref().and_then(|labels| match labels {
            LabelColumn::Name(name) => Some(Path::new(name)),
            LabelColumn::Index(_) => None,
        });
        let test = self.test.as_ref().map(|path| open(path, self.test_labels.as_deref()));
        Ok([Some(open(&self.path, labels)?), test.transpose()?])
    }
}

/// A shape that the user has given, if samples have as many numbers.
fn checked_shape(file: &str, shape: Shape, numbers: usize) -> Result<Shape> {
    let Shape { channels, height, width } = shape;
    let product = channels.checked_mul(height).and_then(|product| product.checked_mul(width));
    if product == Some(numbers) && numbers > 0 {
        return Ok(shape);
    }
    Err(Error::Unusable {
        file: file.to_owned(),
        found: format!("samples of {numbers} numbers"),
        advice: format!(
            "they do not fit shape = [{channels}, {height}, {width}], which is [channels, height, width]"
        ),
    })
}

impl From<[usize; 3]> for Shape {
    fn from([channels, height, width]: [usize; 3]) -> Self {
        Self { channels, height, width }
    }
}
