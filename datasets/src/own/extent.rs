//! Numbers of samples and classes, and the extent of a sample, before any sample is read.

use serde::{Deserialize, Serialize};

use super::{OwnData, labels::Classes, load::held_out, table::Table};
use crate::dataset::Shape;
use crate::error::{Error, Result};

/// Sizes of the user's own data, from which an experiment is planned.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Extent {
    /// Extent of a sample, in colour.
    pub shape: Shape,
    /// Number of classes.
    pub classes: usize,
    /// Number of training samples.
    pub train: usize,
    /// Number of held-out samples.
    pub test: usize,
}

impl Extent {
    /// The extent in words.
    fn describe(&self) -> String {
        let Self { shape, classes, train, test } = self;
        format!(
            "{train} training and {test} held-out samples of {shape} numbers in {classes} classes"
        )
    }
}

/// Tables whose labels and extents fit each other.
pub(super) struct Checked {
    pub(super) train: Table,
    pub(super) test: Option<Table>,
    pub(super) classes: Classes,
    pub(super) extent: Extent,
}

impl OwnData {
    /// Reads labels and headers, and no samples (except for CSV).
    ///
    /// # Errors
    /// [`Error::Unusable`] with the file, what was found and what to do; errors of the formats.
    pub fn extent(&self) -> Result<Extent> {
        Ok(self.checked()?.extent)
    }

    /// Fills in [`OwnData::found`] and returns it. Does not touch the files if it is there already.
    ///
    /// # Errors
    /// Those of [`OwnData::extent`].
    pub fn plan(&mut self) -> Result<Extent> {
        let found = match self.found.take() {
            Some(found) => found,
            None => self.extent()?,
        };
        Ok(self.found.insert(found).clone())
    }

    /// Opens the data and checks labels and extents.
    pub(super) fn checked(&self) -> Result<Checked> {
        let [Some(train), test] = self.open()? else {
            return Err(Error::Unusable {
                file: self.name(),
                found: "no training samples".to_owned(),
                advice: "check that it is the right path".to_owned(),
            });
        };
        let classes = match self.classes {
            Some(count) => Classes::numbered(count, &train.labels, &train.labels_file)?,
            None => Classes::of(&train.labels, &train.labels_file)?,
        };
        let shape = train.shape;
        let n_test = match &test {
            None => held_out(train.labels.len(), self.held_out),
            Some(test) if test.shape == shape && !test.labels.is_empty() => test.labels.len(),
            Some(test) => {
                return Err(Error::Unusable {
                    file: test.file.clone(),
                    found: format!("{} samples of {} numbers", test.labels.len(), test.shape),
                    advice: format!(
                        "held-out samples must have the shape of the others, {shape} (channels, height, width)"
                    ),
                });
            }
        };
        let n_train = train.labels.len() - if test.is_none() { n_test } else { 0 };
        let extent = Extent { shape, classes: classes.len(), train: n_train, test: n_test };
        if let Some(planned) = self.found.as_ref().filter(|planned| **planned != extent) {
            let (found, planned) = (extent.describe(), planned.describe());
            return Err(Error::Changed { file: self.name(), found, planned });
        }
        Ok(Checked { train, test, classes, extent })
    }
}
