//! The checked experiment.

use isobath_architecture::{Initialisation, Variances};
use isobath_cascade::{CascadeParams, CascadeValidParams};
use isobath_datasets::{
    Content, DatasetName, DatasetSource, Extent, LoadRequest, Manifest, Shape, Split,
};
use isobath_entropy::cutoff::CutoffRule;
use isobath_meanfield::Theory;
use sha2::{Digest, Sha256};

use super::{
    CascadeSection, DataSection, EntropySection, ExperimentFile, FileError, TrainPlan,
    TrainSection, Variant, points, variant,
};
use crate::Ends;
use crate::{CellId, GridPoint};

/// A checked experiment. Checking reads no dataset and runs no computation.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The file with all defaults filled in.
    pub file: ExperimentFile,
    /// Shape of a sample.
    pub shape: Shape,
    /// Shape of a sample as it is loaded, before images are reduced to the size that `[data]` gives.
    pub loaded_shape: Shape,
    /// Number of classes in the dataset.
    pub classes: usize,
    /// The networks that the grid compares, usually one.
    pub variants: Vec<Variant>,
    /// Depth of the deepest networks, the readout included, as [`NetworkKind::depth_unit`](crate::NetworkKind::depth_unit)
    /// counts it.
    pub depth: usize,
    /// Number of layers with reconstructions, at depths `1..=layers`: one less than the depth, or all layers of the networks
    /// if those of the readout are included.
    pub layers: usize,
    /// Settings of the cascade.
    pub cascade: CascadeValidParams,
    /// Points of the grid, in the order of its cells.
    pub points: Vec<GridPoint>,
    /// All cells. Seeds of one grid point are adjacent.
    pub cells: Vec<Cell>,
    /// The trainings; `None` without a `[train]` table.
    pub train: Option<TrainPlan>,
}

/// A cell of the grid, ready to run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cell {
    /// The cell's identity.
    pub id: CellId,
    /// Variances of the initialisation.
    pub variances: Variances,
    /// Seed of the network and the decoders. It depends only on the experiment's seed, the variances and the seed index, so
    /// that a larger grid keeps its existing cells and variants of equal widths have equal weights.
    pub seed: u64,
}

/// Maximum number of bootstrap resamples.
const MOST_RESAMPLES: usize = 100_000;

/// Maximum number of samples in the gallery.
const MOST_PICTURES: usize = 64;

/// Default number of training samples of a generated dataset.
const GENERATED_TRAIN: usize = 10_000;

impl Plan {
    /// Checks an experiment file.
    ///
    /// # Errors
    /// [`FileError::Invalid`] with the table, the setting, its value and the allowed range.
    pub fn new(mut file: ExperimentFile) -> Result<Self, FileError> {
        check_name(&file.name)?;
        if file.description.chars().any(char::is_control) {
            let message = "description has control characters; write it in one line of plain text";
            return Err(FileError::invalid("experiment", message));
        }
        let Samples { shape, loaded_shape, classes } = extent(&mut file)?;
        variant::move_optimizers(&mut file)?;
        let ends = Ends { input: image(shape), classes };
        let variants = variant::variants(&mut file, ends)?;
        let network = &variants[0].network;
        let depth = network.stages();
        let layers = if file.cascade.readout { network.depth() } else { depth - 1 };
        if layers == 0 {
            let message = "depth = 1 leaves only the readout; use depth = 2 or more, or set readout = true in [cascade]";
            return Err(FileError::invalid("network", message));
        }
        let cascade = check_cascade(&mut file)?;
        check_entropy(&file, layers)?;
        super::theory_coverage::check_overlays(&file.meanfield, &variants)?;
        let points = points::points(&mut file, &variants)?;
        if file.grid.seeds == 0 {
            return Err(FileError::invalid("grid", "seeds = 0 must be at least 1"));
        }
        for variant in &variants {
            check_work(&file, &variant.network, &cascade)?;
        }
        let cells = cells(&file, &points)?;
        let available = available(&file.data);
        let train = TrainPlan::new(&mut file, ends, &variants, &cells, available)?;
        Ok(Self {
            file,
            shape,
            loaded_shape,
            classes,
            variants,
            depth,
            layers,
            cascade,
            points,
            cells,
            train,
        })
    }

    /// Checks that all backends are available and that the cascade's backend supports its precision.
    ///
    /// Separate from [`new`](Self::new), because planning a run or drawing its report needs no backend.
    ///
    /// # Errors
    /// [`FileError::Invalid`] for the first backend that is not available.
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

    /// Number of training samples; `None` if neither the file nor the dataset defines it.
    pub fn train_samples(&self) -> Option<usize> {
        self.file.data.train.or(available(&self.file.data).map(|[train, _]| train))
    }

    /// Number of sets of samples: one for each seed, or one for all.
    pub const fn sample_sets(&self) -> usize {
        if self.file.grid.shared_samples { 1 } else { self.file.grid.seeds }
    }

    /// True if the decoders learn from all training samples that the dataset's files have.
    pub fn uses_all_training_samples(&self) -> bool {
        let all = available(&self.file.data).map(|[train, _]| train);
        all.is_some_and(|all| self.file.data.train.is_none_or(|train| train == all))
    }

    /// Returns the file as TOML with all defaults filled in.
    ///
    /// # Panics
    /// Never; the settings are serialisable.
    pub fn resolved_toml(&self) -> String {
        toml::to_string_pretty(&self.file).expect("settings are serialisable")
    }

    /// Name of the run's folder: the experiment's name and a hash of everything that determines its measurements.
    ///
    /// Estimators and cut-off rules are not part of it, unless an early stop depends on them: they are concluded from the
    /// measurements.
    ///
    /// # Panics
    /// Never; the settings are serialisable.
    pub fn run_name(&self) -> String {
        let mut file = self.file.clone();
        file.description.clear();
        file.report = super::ReportSection::default();
        if file.cascade.stop.is_none() {
            file.entropy =
                EntropySection { backend: file.entropy.backend, ..EntropySection::default() };
        }
        file.meanfield = super::MeanfieldSection::default();
        file.data.folder = None;
        file.cascade.save = false;
        let text = toml::to_string(&file).expect("settings are serialisable");
        format!("{}-{}", self.file.name, &crate::hex(&Sha256::digest(text))[..8])
    }

    /// Network of a grid point.
    pub fn variant(&self, point: GridPoint) -> &Variant {
        &self.variants[point.variant]
    }

    /// A grid point in words: its variances, or its initialisation if that has a scale of its own; the network among
    /// several.
    pub fn describe(&self, point: GridPoint) -> String {
        self.variant(point).describe(point)
    }

    /// Initialisation of the networks at a grid point.
    pub fn initialisation(&self, point: GridPoint) -> Initialisation {
        self.variant(point).initialisation(point)
    }

    /// Mean-field theory of a grid point. Its depth scales mean something only where
    /// [`theory_gap`](Variant::theory_gap) is `None`.
    ///
    /// # Errors
    /// When the theory has no stable fixed point.
    pub fn theory(&self, point: GridPoint) -> isobath_meanfield::Result<Theory> {
        Theory::new(self.variant(point).activation, point.sigma_w2, point.sigma_b2)
    }
}

/// A sample as networks see it.
const fn image(Shape { channels, height, width }: Shape) -> isobath_architecture::Shape {
    isobath_architecture::Shape::new(channels, height, width)
}

pub(super) fn check_name(name: &str) -> Result<(), FileError> {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_';
    if !name.is_empty() && name.len() <= 80 && name.chars().all(allowed) {
        return Ok(());
    }
    let message = format!(
        "name = {name:?} must be 1 to 80 lower-case letters, digits, `-` and `_`, because it names a folder"
    );
    Err(FileError::invalid("experiment", message))
}

/// Shapes of a sample and number of classes.
struct Samples {
    shape: Shape,
    loaded_shape: Shape,
    classes: usize,
}

/// Shapes of a sample and number of classes. Fills in the numbers of samples.
fn extent(file: &mut ExperimentFile) -> Result<Samples, FileError> {
    let trainings = file.train.as_ref();
    let data = &mut file.data;
    for (name, count) in [("train", data.train), ("probe", data.probe)] {
        let least = if name == "probe" { 2 } else { 1 };
        if let Some(count) = count.filter(|&count| count < least) {
            return Err(FileError::invalid(
                "data",
                format!("{name} = {count} must be at least {least}"),
            ));
        }
    }
    let explain = |error: isobath_datasets::Error| FileError::invalid("data", error);
    let (mut shape, classes) = match &mut data.dataset {
        DatasetSource::Own(own) => {
            if data.folder.is_some() {
                let message = "folder is for the datasets of this program; remove it, since dataset is a path";
                return Err(FileError::invalid("data", message));
            }
            let Extent { shape, classes, .. } = own.plan().map_err(explain)?;
            fill_probe(data, trainings);
            check_counts(data)?;
            (shape, classes)
        }
        DatasetSource::Named(name) => match Manifest::of(*name) {
            Ok(manifest) => {
                fill_probe(data, trainings);
                check_counts(data)?;
                (manifest.shape, manifest.classes.len())
            }
            Err(_) => generated_extent(*name, data)?,
        },
    };
    if data.grayscale {
        shape.channels = 1;
    }
    let loaded_shape = shape;
    if let Some(size) = data.size {
        shape = shape.shrunk(size).map_err(|error| FileError::invalid("data", error))?;
    }
    data.scale.check(shape).map_err(|error| FileError::invalid("data", error))?;
    Ok(Samples { shape, loaded_shape, classes })
}

/// Fills in the number of probe samples: the usual one, or what a small dataset has. The test samples
/// of trainings are held-out samples as well: by default half of those of a small dataset.
fn fill_probe(data: &mut DataSection, trainings: Option<&TrainSection>) {
    /// Fewest probe samples by default, if the dataset has as many.
    const LEAST: usize = 10;
    let Some([_, held_out]) = available(data) else { return };
    let most = match trainings {
        None => held_out,
        Some(train) => train.test.map_or(held_out / 2, |test| held_out.saturating_sub(test)),
    };
    let default = DataSection::PROBE.min(most.max(LEAST).min(held_out));
    data.probe.get_or_insert(default);
}

/// Rejects more samples than the dataset has.
fn check_counts(data: &DataSection) -> Result<(), FileError> {
    let Some([train, test]) = available(data) else { return Ok(()) };
    for (name, count, most, what) in [
        ("train", data.train.unwrap_or(1), train, "training samples"),
        ("probe", data.probe(), test, "held-out samples"),
    ] {
        if count > most {
            let message = format!(
                "{name} = {count} must be at most {most}, the {what} of {}, {most} of {}",
                data.dataset,
                train + test
            );
            return Err(FileError::invalid("data", message));
        }
    }
    Ok(())
}

/// Shape of a generated sample and number of classes. Fills in the number of samples.
fn generated_extent(
    name: DatasetName,
    data: &mut DataSection,
) -> Result<(Shape, usize), FileError> {
    let train = *data.train.get_or_insert(GENERATED_TRAIN);
    data.probe.get_or_insert(DataSection::PROBE);
    let most = isobath_datasets::MAX_GENERATED;
    for (name, count) in [("train", train), ("probe", data.probe())] {
        if count > most {
            let message =
                format!("{name} = {count} must be at most {most} for a generated dataset");
            return Err(FileError::invalid("data", message));
        }
    }
    let one = LoadRequest { train: Some(0), test: Some(0), ..LoadRequest::new(name, "") };
    let sample = isobath_datasets::load(&one).map_err(|error| FileError::invalid("data", error))?;
    Ok((sample.shape, sample.classes.len()))
}

/// Numbers of training and held-out samples of files; `None` for a generated dataset, which has no fixed size.
fn available(data: &DataSection) -> Option<[usize; 2]> {
    let name = match &data.dataset {
        DatasetSource::Named(name) => *name,
        DatasetSource::Own(own) => {
            return own.found.as_ref().map(|found| [found.train, found.test]);
        }
    };
    let manifest = Manifest::of(name).ok()?;
    Some([samples(manifest, Split::Train), samples(manifest, Split::Test)])
}

/// Number of samples in a split of a published dataset.
fn samples(manifest: &Manifest, split: Split) -> usize {
    let files = manifest.downloads.iter().flat_map(|download| &download.files);
    let with_images = files.filter(|file| file.split == split && file.content != Content::Labels);
    with_images.map(|file| file.samples).sum()
}

/// Checks the cascade's settings and fills in the method's defaults.
fn check_cascade(file: &mut ExperimentFile) -> Result<CascadeValidParams, FileError> {
    let section = &mut file.cascade;
    let checked = section.params().check();
    let checked = checked.map_err(|error| FileError::invalid("cascade", error))?;
    let CascadeParams { activation, noise, max_samples, .. } = *checked.params();
    (section.activation, section.noise, section.max_samples) = (activation, noise, max_samples);
    section.stop.map_or(Ok(()), |stop| stop.check(file.entropy.bootstrap))?;
    Ok(checked)
}

/// Rejects cells that no computer finishes, which are typing errors and would overflow the counts of operations.
fn check_work(
    file: &ExperimentFile,
    network: &isobath_architecture::NetworkSpec,
    cascade: &CascadeValidParams,
) -> Result<(), FileError> {
    const MOST_FLOPS: f64 = 1e18;
    let samples = file.data.train.or(available(&file.data).map(|[train, _]| train));
    let samples = samples.unwrap_or(GENERATED_TRAIN);
    let epochs = match cascade.params().max_steps {
        Some(_) => 1.0,
        None => cascade.params().epochs as f64,
    };
    let passes = samples as f64 * epochs + (file.data.probe() * network.depth()) as f64;
    let forward: f64 = network.layers().iter().map(|layer| layer.forward_flops() as f64).sum();
    let flops = (6.0 * network.parameters() as f64).max(3.0 * forward) * passes;
    if flops <= MOST_FLOPS {
        return Ok(());
    }
    let message = format!(
        "a cell would take about {flops:.0e} FLOP ({} parameters, {samples} samples, {epochs} epochs); the most is \
         {MOST_FLOPS:.0e}",
        network.parameters()
    );
    Err(FileError::invalid("network", message))
}

fn check_entropy(file: &ExperimentFile, layers: usize) -> Result<(), FileError> {
    let section = &file.entropy;
    if section.bootstrap > MOST_RESAMPLES {
        let message = format!("bootstrap = {} must be at most {MOST_RESAMPLES}", section.bootstrap);
        return Err(FileError::invalid("entropy", message));
    }
    if file.report.gallery > MOST_PICTURES {
        let message = format!("gallery = {} must be at most {MOST_PICTURES}", file.report.gallery);
        return Err(FileError::invalid("report", message));
    }
    if section.estimators.is_empty() {
        return Err(FileError::invalid(
            "entropy",
            "estimators lists none; the default is [\"reconstruction-error\"]",
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
        return Err(FileError::invalid("entropy", "cutoff lists no rule; give at least one"));
    }
    for (index, rule) in section.cutoff.as_slice().iter().enumerate() {
        rule.check().map_err(|error| FileError::invalid("entropy", error))?;
        if section.cutoff.as_slice()[..index].contains(rule) {
            return Err(FileError::invalid("entropy", format!("cutoff lists `{rule}` twice")));
        }
        if let CutoffRule::SaturationPublished { skip_last, .. } = *rule
            && skip_last >= layers
        {
            let message = format!("skip_last = {skip_last} leaves none of the {layers} layers");
            return Err(FileError::invalid("entropy", message));
        }
    }
    Ok(())
}

fn cells(file: &ExperimentFile, points: &[GridPoint]) -> Result<Vec<Cell>, FileError> {
    /// Maximum number of cells; a larger number is a typing error.
    const MOST: usize = 1_000_000;
    let count = points.len().saturating_mul(file.grid.seeds);
    if count > MOST {
        return Err(FileError::invalid("grid", format!("{count} cells; use at most {MOST}")));
    }
    let mut cells = Vec::with_capacity(count);
    for &point in points {
        let variances = Variances::new(point.sigma_w2, point.sigma_b2);
        let variances = variances.map_err(|error| FileError::invalid("grid", error))?;
        for seed_index in 0..file.grid.seeds {
            let id = CellId { index: cells.len(), point, seed_index };
            cells.push(Cell { id, variances, seed: cell_seed(file.seed, id) });
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
