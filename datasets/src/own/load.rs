//! Loading of the user's own data into memory.

use ndarray::Array2;
use sha2::{Digest, Sha256};

use super::{OwnData, extent::Checked, labels::Classes, table::Table};
use crate::dataset::{Dataset, Provenance, Samples, Shape, Split};
use crate::digest::hex;
use crate::error::{Error, Result};
use crate::load::Fingerprint;
use crate::rng::{Purpose, Stream};
use crate::select::Selection;

/// Part of the samples that is held out, unless given.
const HELD_OUT: f64 = 0.2;
/// Version of the split and of the conversions; raise it when the same files give other numbers.
const VERSION: u32 = 1;

/// Request to load the user's own data.
#[derive(Clone, Copy, Debug, Default)]
pub struct OwnRequest {
    /// Number of training samples; all if `None`.
    pub train: Option<usize>,
    /// Number of held-out samples; all if `None`.
    pub test: Option<usize>,
    /// True to convert colour images to grey, by the weights .299, .587 and .114; grey images are unchanged.
    pub grayscale: bool,
    /// Seed of the selection and the order of samples.
    pub seed: u64,
}

/// Number of `samples` that are held out: a part of them, at least one and not all.
pub(super) fn held_out(samples: usize, part: Option<f64>) -> usize {
    let count = (samples as f64 * part.unwrap_or(HELD_OUT)).round() as usize;
    count.clamp(1, samples.saturating_sub(1).max(1))
}

/// Split and row in memory of each sample of a table, if it is selected.
type Places = Vec<Option<(Split, usize)>>;

impl OwnData {
    /// Loads the data.
    ///
    /// A request for fewer samples gives a random subset, and the order is random; both depend only on the seed.
    /// Arrays and images are read one sample at a time.
    /// The fingerprint covers the content of all files that are read, wherever they are.
    ///
    /// # Errors
    /// [`Error::Unusable`] with the file, what was found and what to do; [`Error::TooFew`] if the request exceeds the
    /// number of available samples; [`Error::Changed`] if the data are not those of [`OwnData::found`]; errors of the
    /// formats.
    pub fn load(&self, request: &OwnRequest) -> Result<Dataset> {
        let Checked { train, test, classes, extent } = self.checked()?;
        let channels = grey_channels(&train, request.grayscale)?;
        let shape = Shape { channels, ..extent.shape };
        let name = self.name();
        let select = |split: Split, available| {
            let requested = if split == Split::Train { request.train } else { request.test };
            Selection::new(&name, split, request.seed, available, requested)
        };
        let selections = (select(Split::Train, extent.train)?, select(Split::Test, extent.test)?);
        let mut loader = Loader {
            classes: &classes,
            splits: [&selections.0, &selections.1].map(|selection| Samples {
                images: Array2::zeros((selection.len(), shape.len())),
                labels: vec![0; selection.len()],
            }),
            fingerprint: Fingerprint::new(),
        };
        loader.fingerprint.add(&format!(
            "own {VERSION}, seed {}, grayscale {}, divide {:?}, layout {:?}, shape {:?}, {} of {} and {} of {} samples",
            request.seed,
            request.grayscale,
            self.divide,
            self.layout,
            extent.shape,
            selections.0.len(),
            extent.train,
            selections.1.len(),
            extent.test
        ));
        match test {
            Some(test) => {
                loader.read(train, &places(Split::Train, &selections.0))?;
                loader.read(test, &places(Split::Test, &selections.1))?;
            }
            None => loader.read(train, &split_places(&selections))?,
        }
        let [train, test] = loader.splits;
        Ok(Dataset {
            name,
            train,
            test,
            shape,
            classes: classes.names(),
            provenance: Provenance::Own,
            fingerprint: loader.fingerprint.finish(),
        })
    }
}

/// Channels after a conversion to grey, if it is requested.
fn grey_channels(table: &Table, grayscale: bool) -> Result<usize> {
    match (grayscale, table.shape.channels) {
        (true, 1 | 3) => Ok(1),
        (false, channels) => Ok(channels),
        (true, channels) => Err(Error::Unusable {
            file: table.file.clone(),
            found: format!("samples of {channels} channels"),
            advice: "grayscale = true needs 3; remove it".to_owned(),
        }),
    }
}

/// Places of a table's samples that are all of one split.
fn places(split: Split, selection: &Selection) -> Places {
    (0..selection.available())
        .map(|index| selection.slot(index).map(|slot| (split, slot)))
        .collect()
}

/// Places of the samples of a table that is split here. The held-out samples depend on the number of samples only.
fn split_places((train, test): &(Selection, Selection)) -> Places {
    let total = train.available() + test.available();
    let mut is_held_out = vec![false; total];
    let mut order: Vec<usize> = (0..total).collect();
    let mut random = Stream::new(0, Purpose::HeldOut, 0);
    for i in 0..test.available() {
        order.swap(i, i + random.below((total - i) as u32) as usize);
        is_held_out[order[i]] = true;
    }
    let mut seen = [0, 0];
    let place = |is_held_out: bool| {
        let (split, selection) =
            if is_held_out { (Split::Test, test) } else { (Split::Train, train) };
        let index = &mut seen[usize::from(is_held_out)];
        *index += 1;
        selection.slot(*index - 1).map(|slot| (split, slot))
    };
    is_held_out.into_iter().map(place).collect()
}

/// Reads tables into memory.
struct Loader<'a> {
    classes: &'a Classes,
    /// Training and held-out samples.
    splits: [Samples; 2],
    fingerprint: Fingerprint,
}

impl Loader<'_> {
    /// Reads a table whose samples go to `places`; nothing at all where none is selected.
    fn read(&mut self, table: Table, places: &Places) -> Result<()> {
        let Table { file, labels_file, shape, labels, mut rows } = table;
        let labels = self.classes.indices(&labels, &labels_file)?;
        if places.iter().all(Option::is_none) {
            self.fingerprint.add("no samples");
            return Ok(());
        }
        let mut values = vec![0.0; shape.len()];
        for (sample, (place, label)) in places.iter().zip(&labels).enumerate() {
            rows.next(&mut values)?;
            if let Some(at) = values.iter().position(|value| !value.is_finite()) {
                return Err(Error::Unusable {
                    file,
                    found: format!("{} as number {at} of sample {sample}", values[at]),
                    advice: "all numbers must be finite; replace it or remove the sample"
                        .to_owned(),
                });
            }
            let Some((split, slot)) = *place else { continue };
            let Samples { images, labels } = &mut self.splits[usize::from(split == Split::Test)];
            let mut row = images.row_mut(slot);
            if row.len() == values.len() {
                row.iter_mut().zip(&values).for_each(|(to, from)| *to = *from);
            } else {
                let n = row.len();
                row.indexed_iter_mut().for_each(|(i, to)| {
                    *to = 0.299 * values[i] + 0.587 * values[n + i] + 0.114 * values[2 * n + i];
                });
            }
            labels[slot] = *label;
        }
        self.fingerprint.add(&rows.finish()?);
        self.fingerprint.add(&format!("{:?}", self.classes.names()));
        self.fingerprint.add(&hex(&Sha256::digest(&labels)));
        Ok(())
    }
}
