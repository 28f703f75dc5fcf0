//! A checked experiment: what runs.

use isobath_architecture::{NetworkSpec, Variances};
use isobath_cascade::{CascadeParams, CascadeValidParams};
use isobath_datasets::{Content, LoadRequest, Manifest, Shape, Split};
use isobath_meanfield::Theory;
use sha2::{Digest, Sha256};

use super::{CascadeSection, DataSection, ExperimentFile, FileError, TrainPlan};
use crate::{CellId, GridPoint};

/// A checked experiment. Making one reads no data and computes nothing.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The file, every default filled in.
    pub file: ExperimentFile,
    /// Extent of a sample.
    pub shape: Shape,
    /// Classes of the dataset.
    pub classes: usize,
    /// The family of networks.
    pub network: NetworkSpec,
    /// Depths reconstructed from, `1..=layers`.
    pub layers: usize,
    /// Settings of the cascade.
    pub cascade: CascadeValidParams,
    /// Values of `sigma_w2`.
    pub sigma_w2: Vec<f64>,
    /// Values of `sigma_b2`.
    pub sigma_b2: Vec<f64>,
    /// All cells, seeds of a point side by side.
    pub cells: Vec<Cell>,
    /// The ground truth, where the file asks for one.
    pub train: Option<TrainPlan>,
}

/// A cell of the grid, ready to run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cell {
    /// Which.
    pub id: CellId,
    /// Its variances.
    pub variances: Variances,
    /// Seed of its network and decoders: a function of the experiment's seed, the variances and the seed's index, so
    /// that a grid can grow without changing the cells it had.
    pub seed: u64,
}

/// Training samples of a generated dataset unless the file says how many.
const GENERATED_TRAIN: usize = 10_000;

impl Plan {
    /// Checks an experiment file.
    ///
    /// # Errors
    /// [`FileError::Invalid`] naming the table, the setting, its value and what is allowed.
    pub fn new(mut file: ExperimentFile) -> Result<Self, FileError> {
        check_name(&file.name)?;
        let (shape, classes) = extent(&mut file)?;
        let spec = file.network.params().check(shape.len(), classes);
        let network = spec.map_err(|error| FileError::invalid("network", error))?.spec();
        let layers = if file.cascade.readout { network.depth() } else { network.depth() - 1 };
        if layers == 0 {
            let message = "depth = 1 leaves only the readout; use depth = 2 or more, or set readout = true in [cascade]";
            return Err(FileError::invalid("network", message));
        }
        let cascade = check_cascade(&mut file)?;
        check_entropy(&file)?;
        let sigma_w2 = file.grid.sigma_w2.expand("sigma_w2")?;
        let sigma_b2 = file.grid.sigma_b2.expand("sigma_b2")?;
        if let Some(zero) = sigma_w2.iter().find(|value| **value <= 0.0) {
            return Err(FileError::invalid("grid", format!("sigma_w2 = {zero} must be positive")));
        }
        if file.grid.seeds == 0 {
            return Err(FileError::invalid("grid", "seeds = 0 must be at least 1"));
        }
        let cells = cells(&file, &sigma_w2, &sigma_b2)?;
        let available = available(&file.data);
        let train = TrainPlan::new(&mut file, [shape.len(), classes], &cells, available)?;
        Ok(Self {
            file,
            shape,
            classes,
            network,
            layers,
            cascade,
            sigma_w2,
            sigma_b2,
            cells,
            train,
        })
    }

    /// Whether the backends are here, and the cascade's has products of its precision. To plan a run elsewhere, or to draw
    /// it again, they need not be.
    ///
    /// # Errors
    /// With the first that is not.
    pub fn check_backends(&self) -> Result<(), FileError> {
        let stages =
            [("cascade", self.file.cascade.backend), ("entropy", self.file.entropy.backend)];
        let training = self.train.as_ref().map(|train| ("train", train.section.backend));
        for (section, backend) in stages.into_iter().chain(training) {
            backend.check().map_err(|error| FileError::invalid(section, error))?;
        }
        let CascadeSection { backend, precision, .. } = self.file.cascade;
        backend.check_precision(precision).map_err(|error| FileError::invalid("cascade", error))
    }

    /// Training samples, where the file or the dataset says how many.
    pub fn train_samples(&self) -> Option<usize> {
        self.file.data.train.or(available(&self.file.data).map(|[train, _]| train))
    }

    /// The file with every default filled in, as TOML.
    ///
    /// # Panics
    /// Never: an experiment file is made of what TOML can write.
    pub fn resolved_toml(&self) -> String {
        toml::to_string_pretty(&self.file).expect("an experiment file can be written as TOML")
    }

    /// The run's folder name: the experiment's name and a hash of everything that determines its numbers.
    ///
    /// # Panics
    /// Never: an experiment file is made of what TOML can write.
    pub fn run_name(&self) -> String {
        let mut file = self.file.clone();
        file.description.clear();
        file.report = super::ReportSection {
            gallery: file.report.gallery,
            ..super::ReportSection::default()
        };
        file.meanfield = super::MeanfieldSection::default();
        file.data.folder = None;
        file.cascade.save = false;
        let text = toml::to_string(&file).expect("an experiment file can be written as TOML");
        format!("{}-{}", self.file.name, &crate::hex(&Sha256::digest(text))[..8])
    }

    /// Mean-field theory of a point.
    ///
    /// # Errors
    /// When theory has no stable fixed point there.
    pub fn theory(&self, sigma_w2: f64, sigma_b2: f64) -> isobath_meanfield::Result<Theory> {
        Theory::new(self.file.network.activation, sigma_w2, sigma_b2)
    }
}

pub(super) fn check_name(name: &str) -> Result<(), FileError> {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_';
    if !name.is_empty() && name.len() <= 80 && name.chars().all(allowed) {
        return Ok(());
    }
    let message = format!(
        "name = {name:?} must be 1 to 80 small letters, digits, `-` and `_`: it names a folder"
    );
    Err(FileError::invalid("experiment", message))
}

/// Extent of a sample and number of classes; fills in the number of generated samples.
fn extent(file: &mut ExperimentFile) -> Result<(Shape, usize), FileError> {
    let data = &mut file.data;
    for (name, count) in [("train", data.train), ("probe", Some(data.probe))] {
        let least = if name == "probe" { 2 } else { 1 };
        if let Some(count) = count.filter(|&count| count < least) {
            return Err(FileError::invalid(
                "data",
                format!("{name} = {count} must be at least {least}"),
            ));
        }
    }
    let (mut shape, classes) = if let Ok(manifest) = Manifest::of(data.dataset) {
        let (train, test) = (samples(manifest, Split::Train), samples(manifest, Split::Test));
        for (name, count, most) in
            [("train", data.train.unwrap_or(1), train), ("probe", data.probe, test)]
        {
            if count > most {
                let message = format!("{name} = {count}: {} has {most} such samples", data.dataset);
                return Err(FileError::invalid("data", message));
            }
        }
        (manifest.shape, manifest.classes.len())
    } else {
        let train = *data.train.get_or_insert(GENERATED_TRAIN);
        let most = isobath_datasets::MAX_GENERATED;
        for (name, count) in [("train", train), ("probe", data.probe)] {
            if count > most {
                let message = format!("{name} = {count}: at most {most} samples are generated");
                return Err(FileError::invalid("data", message));
            }
        }
        let one =
            LoadRequest { train: Some(0), test: Some(1), ..LoadRequest::new(data.dataset, "") };
        let sample =
            isobath_datasets::load(&one).map_err(|error| FileError::invalid("data", error))?;
        (sample.shape, sample.classes.len())
    };
    if data.grayscale {
        shape.channels = 1;
    }
    Ok((shape, classes))
}

/// Training and held-out samples of a published dataset; `None` for a generated one, which has as many as asked for.
fn available(data: &DataSection) -> Option<[usize; 2]> {
    let manifest = Manifest::of(data.dataset).ok()?;
    Some([samples(manifest, Split::Train), samples(manifest, Split::Test)])
}

/// Samples of a published dataset's split.
fn samples(manifest: &Manifest, split: Split) -> usize {
    let files = manifest.downloads.iter().flat_map(|download| &download.files);
    let with_images = files.filter(|file| file.split == split && file.content != Content::Labels);
    with_images.map(|file| file.samples).sum()
}

/// The cascade's settings; the method's defaults are filled in.
fn check_cascade(file: &mut ExperimentFile) -> Result<CascadeValidParams, FileError> {
    let section = &mut file.cascade;
    let checked = section.params().check();
    let checked = checked.map_err(|error| FileError::invalid("cascade", error))?;
    let CascadeParams { activation, noise, max_samples, .. } = *checked.params();
    (section.activation, section.noise, section.max_samples) = (activation, noise, max_samples);
    section.stop.map_or(Ok(()), |stop| stop.check(file.entropy.bootstrap))?;
    Ok(checked)
}

fn check_entropy(file: &ExperimentFile) -> Result<(), FileError> {
    let section = &file.entropy;
    if section.estimators.is_empty() {
        return Err(FileError::invalid(
            "entropy",
            "estimators lists none; the default is [\"relative\"]",
        ));
    }
    for (index, estimator) in section.estimators.iter().enumerate() {
        estimator.check().map_err(|error| FileError::invalid("entropy", error))?;
        if section.estimators[..index].contains(estimator) {
            return Err(FileError::invalid(
                "entropy",
                format!("estimators lists `{estimator}` twice"),
            ));
        }
    }
    if section.cutoff.as_slice().is_empty() {
        return Err(FileError::invalid("entropy", "cutoff lists no rule"));
    }
    for rule in section.cutoff.as_slice() {
        rule.check().map_err(|error| FileError::invalid("entropy", error))?;
    }
    Ok(())
}

fn cells(
    file: &ExperimentFile,
    sigma_w2: &[f64],
    sigma_b2: &[f64],
) -> Result<Vec<Cell>, FileError> {
    /// Enough for any chart; more is a slip of the pen.
    const MOST: usize = 1_000_000;
    let count = sigma_w2.len().saturating_mul(sigma_b2.len()).saturating_mul(file.grid.seeds);
    if count > MOST {
        return Err(FileError::invalid("grid", format!("{count} cells; {MOST} are the most")));
    }
    let mut cells = Vec::with_capacity(count);
    for &b in sigma_b2 {
        for &w in sigma_w2 {
            let variances =
                Variances::new(w, b).map_err(|error| FileError::invalid("grid", error))?;
            for seed_index in 0..file.grid.seeds {
                let id = CellId { index: cells.len(), point: GridPoint::new(w, b), seed_index };
                cells.push(Cell { id, variances, seed: cell_seed(file.seed, id) });
            }
        }
    }
    Ok(cells)
}

fn cell_seed(seed: u64, id: CellId) -> u64 {
    let mut hasher = Sha256::new();
    let [sigma_w2, sigma_b2] = id.point.bits();
    for word in [seed, sigma_w2, sigma_b2, id.seed_index as u64] {
        hasher.update(word.to_le_bytes());
    }
    let digest = hasher.finalize();
    u64::from_le_bytes(std::array::from_fn(|i| digest[i]))
}
