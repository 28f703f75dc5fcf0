//! Measurements of cells in the store.

use isobath_entropy::{EstimatorSpec, Profile};
use ndarray::Array2;
use serde::{Deserialize, Serialize};

use super::{
    Kind, Store,
    body::{Arrays, Body, BodyError},
};
use crate::{CostRecord, FitRecord, GalleryRecord, Measurement, Result};

impl Store {
    /// Stores a cell atomically. An existing cell with the same key stays unchanged.
    ///
    /// # Errors
    /// When the disk is full or another process locks the file for over a minute.
    pub fn insert(&mut self, key: &str, measurement: &Measurement) -> Result<()> {
        self.insert_record(Kind::Cell, key, encode(measurement))
    }

    /// Copies the cell stored under `key` in `other`. Returns false if there is none.
    ///
    /// # Errors
    /// When `other` cannot be read or the disk is full.
    pub fn adopt(&mut self, key: &str, other: &Self) -> Result<bool> {
        self.adopt_record(Kind::Cell, key, other)
    }

    /// Returns the cell stored under `key`.
    ///
    /// # Errors
    /// When the file cannot be read or is damaged.
    pub fn get(&self, key: &str) -> Result<Option<Measurement>> {
        self.record(Kind::Cell, key, decode)
    }

    /// Keys of all stored cells.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn keys(&self) -> Result<std::collections::HashSet<String>> {
        self.record_keys(Kind::Cell)
    }
}

/// Everything of a cell but its arrays.
#[derive(Serialize, Deserialize)]
struct Description {
    failure: Option<String>,
    profiles: Vec<EstimatorSpec>,
    half: Vec<EstimatorSpec>,
    linear_error: Option<f64>,
    #[serde(default)]
    linear_profile: Vec<(usize, f64)>,
    note: Option<String>,
    /// Depth and sample of each picture.
    gallery: Vec<(usize, usize)>,
    cascade_seconds: f64,
    entropy_seconds: f64,
    flops: u64,
    backend: String,
}

/// Bytes of a measurement in the store.
///
/// # Errors
/// [`BodyError`] if the record cannot be serialised.
pub fn encode(measurement: &Measurement) -> Result<Vec<u8>, BodyError> {
    let Measurement {
        failure,
        profiles,
        half,
        linear_error,
        linear_profile,
        fits,
        note,
        gallery,
        cost,
    } = measurement;
    let mut arrays = Arrays::default();
    for (budget, profiles) in [("full", profiles), ("half", half)] {
        for profile in profiles {
            add_profile(&mut arrays, budget, profile);
        }
    }
    let fit = |fit: &FitRecord| [fit.first_loss, fit.last_loss, fit.steps as f64];
    arrays.add_f64("fits", &[fits.len(), 3], fits.iter().flat_map(fit));
    if let Some(first) = gallery.first() {
        let shape = [gallery.len(), first.pixels.len()];
        arrays.add_f32(
            "gallery",
            &shape,
            gallery.iter().flat_map(|one| one.pixels.iter().copied()),
        );
    }
    let estimators = |profiles: &[Profile]| profiles.iter().map(|one| one.estimator).collect();
    arrays.into_bytes(&Description {
        failure: failure.clone(),
        profiles: estimators(profiles),
        half: estimators(half),
        linear_error: *linear_error,
        linear_profile: linear_profile.clone(),
        note: note.clone(),
        gallery: gallery.iter().map(|one| (one.depth, one.sample)).collect(),
        cascade_seconds: cost.cascade_seconds,
        entropy_seconds: cost.entropy_seconds,
        flops: cost.flops,
        backend: cost.backend.clone(),
    })
}

/// Values per sample are stored as f32: their rounding, 6e-8 of the value, is far below any tolerance of a rule.
fn add_profile(arrays: &mut Arrays, budget: &str, profile: &Profile) {
    let Profile { estimator, per_sample, weights, values, floored } = profile;
    let name = |part: &str| format!("{budget}.{estimator}.{part}");
    match per_sample {
        Some(samples) => {
            let numbers = samples.iter().map(|&value| value as f32);
            arrays.add_f32(name("samples"), samples.shape(), numbers);
        }
        None => arrays.add_f64(name("values"), &[values.len()], values.iter().copied()),
    }
    if let Some(weights) = weights {
        arrays.add_f64(name("weights"), &[weights.len()], weights.iter().copied());
    }
    if floored.iter().any(|&count| count > 0) {
        let counts = floored.iter().map(|&count| count as f64);
        arrays.add_f64(name("floored"), &[floored.len()], counts);
    }
}

/// Reads a measurement from its [bytes](encode).
///
/// # Errors
/// [`BodyError`] if the bytes are no measurement.
pub fn decode(bytes: &[u8]) -> Result<Measurement, BodyError> {
    let body = Body::parse(bytes)?;
    let description: Description = body.description()?;
    let profiles = |budget: &str, estimators: &[EstimatorSpec]| {
        let one = |&estimator: &EstimatorSpec| profile(&body, budget, estimator);
        estimators.iter().map(one).collect::<Result<Vec<_>, _>>()
    };
    let (_, fits) = body.f64s("fits")?;
    let fit = |&[first_loss, last_loss, steps]: &[f64; 3]| FitRecord {
        first_loss,
        last_loss,
        steps: steps as usize,
    };
    Ok(Measurement {
        profiles: profiles("full", &description.profiles)?,
        half: profiles("half", &description.half)?,
        linear_error: description.linear_error,
        linear_profile: description.linear_profile,
        fits: fits.as_chunks().0.iter().map(fit).collect(),
        note: description.note,
        gallery: gallery(&body, &description.gallery)?,
        failure: description.failure,
        cost: CostRecord {
            cascade_seconds: description.cascade_seconds,
            entropy_seconds: description.entropy_seconds,
            flops: description.flops,
            backend: description.backend,
        },
    })
}

fn profile(body: &Body<'_>, budget: &str, estimator: EstimatorSpec) -> Result<Profile, BodyError> {
    let name = |part: &str| format!("{budget}.{estimator}.{part}");
    let samples = name("samples");
    let mut profile = if body.has(&samples) {
        let (shape, numbers) = body.f32s(&samples)?;
        let &[layers, n] = shape.as_slice() else { return Err(BodyError::Array(samples)) };
        let numbers: Vec<f64> = numbers.into_iter().map(f64::from).collect();
        let array = Array2::from_shape_vec((layers, n), numbers);
        Profile::from_samples(estimator, array.map_err(|_| BodyError::Array(samples))?)
    } else {
        let (_, values) = body.f64s(&name("values"))?;
        Profile::from_layers(estimator, values.into_iter().map(|value| (value, 0)))
    };
    if body.has(&name("weights")) {
        let (_, weights) = body.f64s(&name("weights"))?;
        profile.weights = Some(weights);
    }
    if body.has(&name("floored")) {
        let (_, counts) = body.f64s(&name("floored"))?;
        profile.floored = counts.into_iter().map(|count| count as usize).collect();
    }
    Ok(profile)
}

fn gallery(body: &Body<'_>, pictures: &[(usize, usize)]) -> Result<Vec<GalleryRecord>, BodyError> {
    if pictures.is_empty() {
        return Ok(Vec::new());
    }
    let (shape, numbers) = body.f32s("gallery")?;
    let &[count, pixels] = shape.as_slice() else {
        return Err(BodyError::Array("gallery".to_owned()));
    };
    if count != pictures.len() || pixels == 0 {
        return Err(BodyError::Array("gallery".to_owned()));
    }
    let picture = |(&(depth, sample), pixels): (&(usize, usize), &[f32])| GalleryRecord {
        depth,
        sample,
        pixels: pixels.to_vec(),
    };
    Ok(pictures.iter().zip(numbers.chunks_exact(pixels)).map(picture).collect())
}

/// Bytes of the profiles of `layers` layers and `samples` probe samples in the store, by `per_sample` estimators with
/// values per sample and `per_layer` others.
pub fn profile_bytes(layers: usize, samples: usize, per_sample: usize, per_layer: usize) -> u64 {
    (layers * (size_of::<f32>() * samples * per_sample + size_of::<f64>() * per_layer)) as u64
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    pub(super) fn measurement() -> Measurement {
        let relative =
            Profile::from_samples(EstimatorSpec::RELATIVE, array![[0.5, 0.25], [1.0, 2.0]]);
        let gram = EstimatorSpec::Gram(isobath_entropy::Gram);
        let gram = Profile::from_layers(gram, [(1.0 / 3.0, 0), (0.5, 3)]);
        Measurement {
            failure: None,
            profiles: vec![relative.clone(), gram],
            half: vec![relative.with_weights(Some(vec![1.0 / 3.0, 5.0 / 3.0]))],
            linear_error: Some(1.0 / 7.0),
            linear_profile: vec![(2, 1.0 / 3.0), (4, 0.75)],
            fits: vec![FitRecord { first_loss: 0.5, last_loss: 0.1, steps: 7 }],
            note: Some("stopped".to_owned()),
            gallery: vec![GalleryRecord { depth: 0, sample: 1, pixels: vec![0.25, -1.0] }],
            cost: CostRecord {
                cascade_seconds: 1.5,
                entropy_seconds: 0.1,
                flops: u64::MAX,
                backend: "cpu".to_owned(),
            },
        }
    }

    #[test]
    fn cells_round_trip() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(Store::FILE);
        Store::open(&path).unwrap().insert("k", &measurement()).unwrap();
        let failure = Some("diverged".to_owned());
        let failed = Measurement { failure, ..Measurement::default() };
        Store::open(&path).unwrap().insert("f", &failed).unwrap();
        let store = Store::open_existing(&path).unwrap();
        assert_eq!(store.keys().unwrap().len(), 2);
        assert_eq!(store.get("k").unwrap(), Some(measurement()));
        assert_eq!(store.get("f").unwrap(), Some(failed));
        assert_eq!(store.get("other").unwrap(), None);
        assert!(store.grid().unwrap().is_empty());
    }

    #[test]
    fn first_result_of_a_cell_stays() {
        let folder = tempfile::tempdir().unwrap();
        let mut store = Store::open(&folder.path().join(Store::FILE)).unwrap();
        store.insert("k", &measurement()).unwrap();
        store.insert("k", &Measurement::default()).unwrap();
        assert_eq!(store.get("k").unwrap(), Some(measurement()));
    }

    #[test]
    fn any_flipped_byte_is_reported_or_changes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(Store::FILE);
        let mut store = Store::open(&path).unwrap();
        let keys: Vec<String> = (0..40).map(|cell| format!("cell {cell}")).collect();
        keys.iter().for_each(|key| store.insert(key, &measurement()).unwrap());
        store.set_grid(&keys).unwrap();
        drop(store);
        let intact = std::fs::read(&path).unwrap();
        let read = || {
            let store = Store::open_existing(&path)?;
            let keys = store.grid()?;
            keys.iter().map(|key| store.get(key)).collect::<Result<Vec<_>>>()
        };
        let expected = read().unwrap();
        assert!(expected.iter().all(Option::is_some));
        // A stride that is prime to the page size visits all places in a page.
        for place in (0..intact.len()).step_by(61) {
            let mut bytes = intact.clone();
            bytes[place] ^= 0x10;
            std::fs::write(&path, bytes).unwrap();
            if let Ok(found) = read() {
                assert!(found == expected, "byte {place}");
            }
        }
    }

    #[test]
    fn error_of_a_damaged_file_names_it_and_the_remedy() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(Store::FILE);
        let mut store = Store::open(&path).unwrap();
        (0..200).for_each(|cell| store.insert(&format!("cell {cell}"), &measurement()).unwrap());
        drop(store);
        let mut bytes = std::fs::read(&path).unwrap();
        // The first pages stay intact, so that the file opens.
        let first = 16 * 4096;
        bytes[first..].fill(0xA5);
        std::fs::write(&path, bytes).unwrap();
        let error = format!("{:#}", Store::open_existing(&path).expect_err("damaged"));
        assert!(error.contains("results.sqlite is damaged") && error.contains("rerun"), "{error}");
    }

    #[test]
    fn a_file_that_ends_within_a_page_is_damaged() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(Store::FILE);
        let mut store = Store::open(&path).unwrap();
        (0..200).for_each(|cell| store.insert(&format!("cell {cell}"), &measurement()).unwrap());
        drop(store);
        let length = std::fs::metadata(&path).unwrap().len();
        let file = std::fs::File::options().write(true).open(&path).unwrap();
        for cut in [10, 2000, 4096 + 10] {
            file.set_len(length - cut).unwrap();
            let error = Store::open(&path).expect_err("damaged");
            assert!(error.is_damage(), "cut by {cut}: {error:?}");
        }
    }

    #[test]
    fn foreign_file_is_rejected_and_unchanged() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(Store::FILE);
        std::fs::write(&path, "this is not a database, it only has its name").unwrap();
        let error = format!("{:#}", Store::open(&path).expect_err("no database"));
        assert!(error.contains("--fresh"), "{error}");
        assert!(std::fs::read_to_string(&path).unwrap().starts_with("this is not"));
        assert!(Store::open_existing(&folder.path().join("none.sqlite")).is_err());
    }
}
