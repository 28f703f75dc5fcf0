//! Samples and labels that are arrays of NumPy.

use std::path::Path;

use super::{
    ArrayLayout, OwnData, checked_shape,
    labels::Label,
    npy::{ArrayReader, Kind},
    npz::Archive,
    picture::MOST_NUMBERS,
    table::{Rows, Table},
};
use crate::dataset::Shape;
use crate::error::{Error, Result};

/// Names of the arrays of an archive: samples, labels, and the same of the held-out samples.
const NAMES: [[&str; 2]; 4] = [["x_train", "x"], ["y_train", "y"], ["x_test", ""], ["y_test", ""]];

impl OwnData {
    /// The samples of a `.npy` file, whose labels are in another one.
    pub(super) fn npy_table(&self, samples: &Path, labels: Option<&Path>) -> Result<Table> {
        let Some(labels) = labels else {
            return Err(unusable(
                &samples.display().to_string(),
                "samples without labels",
                "name the file of labels, as in `{ path = \"x.npy\", labels = \"y.npy\" }`",
            ));
        };
        self.array_table(ArrayReader::open(samples)?, ArrayReader::open(labels)?)
    }

    /// The training and, where there are any, the held-out samples of an archive.
    pub(super) fn npz_tables(&self, path: &Path) -> Result<[Option<Table>; 2]> {
        let archive = Archive::open(path)?;
        let find = |names: [&str; 2]| {
            let mut found = names.into_iter().filter(|name| archive.names().any(|n| n == *name));
            found.next().map_or(Ok(None), |name| archive.array(name))
        };
        let [x, y, x_test, y_test] = NAMES.map(find);
        let (Some(x), Some(y)) = (x?, y?) else {
            let names = archive.names().collect::<Vec<_>>().join(", ");
            return Err(unusable(
                &path.display().to_string(),
                &format!("the arrays {names}"),
                "name samples and labels x_train and y_train, or x and y, as in `np.savez(file, x=x, y=y)`",
            ));
        };
        let test = match (x_test?, y_test?) {
            (Some(x), Some(y)) => Some(self.array_table(x, y)?),
            (None, None) => None,
            _ => {
                return Err(unusable(
                    &path.display().to_string(),
                    "only one of the arrays x_test and y_test",
                    "save both, or neither",
                ));
            }
        };
        Ok([Some(self.array_table(x, y)?), test])
    }

    fn array_table(
        &self,
        samples: ArrayReader<'static>,
        labels: ArrayReader<'static>,
    ) -> Result<Table> {
        let (file, labels_file) = (samples.file.clone(), labels.file.clone());
        let labels = read_labels(labels)?;
        let Some((&n_samples, dims)) = samples.dims.split_first() else {
            return Err(unusable(&file, "a single number", "samples are rows of an array"));
        };
        if n_samples != labels.len() {
            return Err(Error::CountMismatch {
                images_file: file,
                n_images: n_samples,
                labels_file,
                n_labels: labels.len(),
            });
        }
        let shape = self.shape_of(&file, dims)?;
        let divisor = self.divisor(&file, &samples)?;
        let is_channels_last = self.layout == ArrayLayout::Nhwc;
        let row = vec![0.0; shape.len()];
        let rows = Box::new(ArrayRows { samples, shape, divisor, is_channels_last, row });
        Ok(Table { file, labels_file, shape, labels, rows })
    }

    /// Extent of a sample whose dimensions in the array are `dims`.
    fn shape_of(&self, file: &str, dims: &[usize]) -> Result<Shape> {
        let described = || format!("samples of shape {dims:?}");
        let total = dims.iter().try_fold(1_usize, |product, &dim| product.checked_mul(dim));
        let Some(total) = total.filter(|total| (1..=MOST_NUMBERS).contains(total)) else {
            let advice = format!("a sample must have 1 to {MOST_NUMBERS} numbers");
            return Err(unusable(file, &described(), &advice));
        };
        if let Some(shape) = self.shape {
            return checked_shape(file, shape.into(), total);
        }
        let shape = |channels, height, width| Ok(Shape { channels, height, width });
        match (dims, self.layout) {
            ([], _) => shape(1, 1, 1),
            (&[width], _) => shape(1, 1, width),
            (&[height, width], _) => shape(1, height, width),
            (&[channels, height, width], ArrayLayout::Nchw) if width > 4 || channels <= 4 => {
                shape(channels, height, width)
            }
            ([_, _, _], ArrayLayout::Nchw) => Err(unusable(
                file,
                &described(),
                "the last number looks like that of channels; set `layout = \"nhwc\"`, or `shape` if it is not",
            )),
            (&[height, width, channels], ArrayLayout::Nhwc) => shape(channels, height, width),
            _ => Err(unusable(
                file,
                &described(),
                "set `shape = [channels, height, width]`, or save them with at most three dimensions",
            )),
        }
    }

    /// Number by which elements are divided.
    fn divisor(&self, file: &str, samples: &ArrayReader<'_>) -> Result<f32> {
        let element = samples.element;
        match (self.divide, element.kind) {
            (Some(divisor), _) => Ok(divisor),
            (None, Kind::Float | Kind::Bool) => Ok(1.0),
            (None, _) if element.is_byte() => Ok(255.0),
            (None, Kind::Unsigned | Kind::Signed) => Err(unusable(
                file,
                &format!("whole numbers of {} bytes", element.size),
                "set `divide` to the value that becomes 1, such as `divide = 255`, or save the array as uint8 or float32",
            )),
        }
    }
}

/// Reads the labels of an array `[n]` or `[n, 1]`.
fn read_labels(labels: ArrayReader<'_>) -> Result<Vec<Label>> {
    let file = labels.file.clone();
    if !matches!(labels.dims[..], [_] | [_, 1]) {
        return Err(unusable(
            &file,
            &format!("labels of shape {:?}", labels.dims),
            "there must be one whole number for each sample; convert one-hot labels by `y.argmax(axis=1)`",
        ));
    }
    let values = labels.read_all()?.data;
    values.into_iter().enumerate().map(|(i, value)| Label::number(value, i, &file)).collect()
}

/// Reads samples of an array.
struct ArrayRows {
    samples: ArrayReader<'static>,
    shape: Shape,
    divisor: f32,
    is_channels_last: bool,
    row: Vec<f64>,
}

impl Rows for ArrayRows {
    fn next(&mut self, values: &mut [f32]) -> Result<()> {
        self.samples.read(&mut self.row)?;
        let pixels = self.shape.height * self.shape.width;
        for (place, value) in values.iter_mut().enumerate() {
            let (channel, pixel) = (place / pixels, place % pixels);
            let from =
                if self.is_channels_last { pixel * self.shape.channels + channel } else { place };
            *value = self.row[from] as f32 / self.divisor;
        }
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<String> {
        self.samples.finish()
    }
}

fn unusable(file: &str, found: &str, advice: &str) -> Error {
    Error::Unusable { file: file.to_owned(), found: found.to_owned(), advice: advice.to_owned() }
}
