//! What a loaded dataset is.

use ndarray::Array2;
use serde::Deserialize;

use crate::name::DatasetName;
use crate::rng::Purpose;

/// Images with their classes, in memory.
#[derive(Clone, Debug)]
pub struct Dataset {
    /// Which dataset.
    pub name: DatasetName,
    /// The samples to learn from; empty where none were asked for.
    pub train: Samples,
    /// The held-out samples; empty where none were asked for.
    pub test: Samples,
    /// What one row of the images means.
    pub shape: Shape,
    /// The classes' names; a label is an index into them.
    pub classes: Vec<String>,
    /// Where the content comes from and how far that is known.
    pub provenance: Provenance,
    /// SHA-256, as 64 hexadecimal digits, of everything that determines the values: the decoded bytes of the files
    /// read, the number of samples, the seed and the conversion to grey; for generated data the generator's version
    /// instead of the files.
    pub fingerprint: String,
}

/// One split's images and labels.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Samples {
    /// `[n, D]`, row-major, in `[0, 1]`; `D` is [`Shape::len`], each row channel by channel and each channel row by
    /// row.
    pub images: Array2<f32>,
    /// `n` classes, each below the number of classes.
    pub labels: Vec<u8>,
}

impl Samples {
    /// The number of samples.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there are no samples.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }
}

/// The two parts of a dataset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Split {
    /// To learn from.
    Train,
    /// Held out.
    Test,
}

impl Split {
    /// `"train"` or `"test"`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::Test => "test",
        }
    }

    /// The random stream that draws this split's samples.
    pub(crate) fn samples(self) -> Purpose {
        match self {
            Self::Train => Purpose::TrainSample,
            Self::Test => Purpose::TestSample,
        }
    }

    /// The random stream that orders this split.
    pub(crate) fn order(self) -> Purpose {
        match self {
            Self::Train => Purpose::TrainOrder,
            Self::Test => Purpose::TestOrder,
        }
    }
}

/// The extent of one image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Shape {
    /// 1 for grey, 3 for red, green and blue.
    pub channels: usize,
    /// Rows of pixels.
    pub height: usize,
    /// Columns of pixels.
    pub width: usize,
}

impl Shape {
    /// Numbers per image, the `D` of [`Samples::images`].
    #[expect(clippy::len_without_is_empty, reason = "no image is empty")]
    pub fn len(self) -> usize {
        self.channels * self.height * self.width
    }
}

/// How far the origin of the content is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Provenance {
    /// Every file read has the published digest.
    Official,
    /// At least one file differs from the published one, or has no published digest to compare with.
    Unverified,
    /// Made by this crate.
    Generated,
}
