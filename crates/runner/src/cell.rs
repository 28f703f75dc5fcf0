//! One cell: its identity hash and its computation.

use crate::error::{Error, Result};
use isobath_architecture::Scheme;
use isobath_cascade::{Cascade, InitialDecoders, Job, Observer};
use isobath_entropy::{EstimatorSpec, cutoff::CutoffRule};
use isobath_network::Network;
use ndarray::{Array2, ArrayView2, s};
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::{CellSamples, SeedSamples, cell_work::CellWork, early_stop, measure};
use isobath_experiment::{Cell, Plan, Stop};
use isobath_store::{GalleryRecord, Measurement};

/// Version of the cell numerics. Increment it when the same settings give different numbers; it changes every key, so
/// results of older versions are not reused.
const NUMERICS: u32 = 7;

/// Plan and data shared by all cells.
#[derive(Clone, Copy, Debug)]
pub struct CellContext<'a> {
    /// The plan.
    pub plan: &'a Plan,
    /// The samples.
    pub data: &'a CellSamples,
}

impl CellContext<'_> {
    /// Hash of everything that determines the cell's measurement. Cut-off rules and their settings are conclusions and no
    /// part of it, except where an early stop depends on them.
    ///
    /// # Panics
    /// Never; the settings are serialisable.
    pub fn key(&self, cell: &Cell) -> String {
        #[derive(Serialize)]
        struct Identity<'a> {
            numerics: u32,
            data: &'a str,
            network: &'a [isobath_architecture::Layer],
            layers: usize,
            sigma_w2: u64,
            sigma_b2: u64,
            #[serde(skip_serializing_if = "Option::is_none")]
            scheme: Option<&'a Scheme>,
            seed: u64,
            cascade: &'a isobath_cascade::CascadeParams,
            #[serde(skip_serializing_if = "Option::is_none")]
            stop: Option<(Stop, &'a [EstimatorSpec], &'a [CutoffRule], usize)>,
            cascade_backend: isobath_tensor::BackendSpec,
            /// Estimators that are not measured unasked.
            estimators: Vec<EstimatorSpec>,
            entropy_backend: isobath_tensor::BackendSpec,
            gallery: usize,
        }
        let Plan { file, layers, cascade, .. } = self.plan;
        let section = &file.entropy;
        let rules = section.cutoff.as_slice();
        let samples = self.data.of(cell.id.seed_index);
        let identity = Identity {
            numerics: NUMERICS,
            data: &samples.fingerprint,
            network: self.plan.variant(cell.id.point).network.layers(),
            layers: *layers,
            sigma_w2: cell.variances.sigma_w2().to_bits(),
            sigma_b2: cell.variances.sigma_b2().to_bits(),
            scheme: unusual(&self.plan.variant(cell.id.point).scheme),
            seed: cell.seed,
            cascade: cascade.params(),
            stop: file
                .cascade
                .stop
                .map(|stop| (stop, section.estimators.as_slice(), rules, section.bootstrap)),
            cascade_backend: file.cascade.backend,
            estimators: measure::further(section, file.data.probe()),
            entropy_backend: section.backend,
            gallery: gallery_samples(self.plan, cell),
        };
        let json = serde_json::to_vec(&identity).expect("settings are serialisable");
        isobath_experiment::hex(&Sha256::digest(json))
    }
}

/// The scheme for a key, unless it is the default: normal with the grid's variances.
pub(crate) fn unusual(scheme: &Scheme) -> Option<&Scheme> {
    Some(scheme).filter(|scheme| **scheme != Scheme::default())
}

/// A cell's measurement and its cascade.
#[derive(Debug)]
pub struct Computed {
    /// The measurement for the store.
    pub measurement: Measurement,
    /// Reconstructions, and decoders if the plan saves them; `None` after a failure.
    pub cascade: Option<Cascade>,
}

/// Computes a cell.
///
/// A decoder that diverges or is not determined by the samples is an outcome, not an error.
///
/// # Errors
/// When the device or the disk fails, or the observer cancels.
pub fn compute(context: CellContext<'_>, cell: &Cell, observer: &dyn Observer) -> Result<Computed> {
    let Plan { file, layers, .. } = context.plan;
    let spec = context.plan.variant(cell.id.point).network.clone();
    let initialisation = context.plan.initialisation(cell.id.point);
    let network = Network::random(spec, initialisation, cell.seed);
    let SeedSamples { train, order, probe, .. } = context.data.of(cell.id.seed_index);
    let initial = InitialDecoders::Drawn { seed: cell.seed };
    let job = Job { network: &network, layers: *layers, train, order, probe, initial };
    let mut work = CellWork::new(context.plan, cell, &job, observer);
    let result = match file.cascade.stop {
        None => work.run_all(),
        Some(Stop::Confident(confident)) => early_stop::run(&mut work, confident),
    };
    let cost = work.into_cost();
    match result {
        Ok((cascade, measurement)) => {
            let count = gallery_samples(context.plan, cell);
            let gallery = gallery(probe, count, &cascade.reconstructions);
            let measurement = Measurement { gallery, cost, ..measurement };
            Ok(Computed { measurement, cascade: Some(cascade) })
        }
        Err(error) => match error.root() {
            Error::Cascade(
                outcome @ (isobath_cascade::Error::Diverged { .. }
                | isobath_cascade::Error::Overflow { .. }
                | isobath_cascade::Error::Ridge { .. }),
            ) => {
                let failure = Some(outcome.to_string());
                let measurement = Measurement { failure, cost, ..Measurement::default() };
                Ok(Computed { measurement, cascade: None })
            }
            _ => Err(error),
        },
    }
}

/// Number of samples in the stored gallery, at least; the report may show fewer.
const GALLERY: usize = 8;

/// Number of samples in the gallery of `cell`.
fn gallery_samples(plan: &Plan, cell: &Cell) -> usize {
    if cell.id.seed_index == 0 {
        plan.file.report.gallery.max(GALLERY).min(plan.file.data.probe())
    } else {
        0
    }
}

/// Bytes of a stored gallery.
pub(crate) fn picture_bytes(plan: &Plan) -> u64 {
    let samples = plan.file.report.gallery.max(GALLERY).min(plan.file.data.probe());
    let pictures = samples * (1 + gallery_depths(plan.layers).len());
    (pictures * plan.shape.len() * size_of::<f32>()) as u64
}

/// Depths of the gallery: 1, 2, 3, 5, 8, ... and the last.
fn gallery_depths(layers: usize) -> Vec<usize> {
    let mut depths = Vec::new();
    let (mut this, mut next) = (1, 2);
    while this < layers {
        depths.push(this);
        (this, next) = (next, this + next);
    }
    depths.push(layers);
    depths
}

/// Pictures of the first `samples` probe samples and of their reconstructions from some depths.
fn gallery(
    inputs: ArrayView2<'_, f32>,
    samples: usize,
    reconstructions: &[Array2<f32>],
) -> Vec<GalleryRecord> {
    let images = gallery_depths(reconstructions.len())
        .into_iter()
        .map(|depth| (depth, reconstructions[depth - 1].view()));
    [(0, inputs)]
        .into_iter()
        .chain(images)
        .flat_map(|(depth, images)| {
            (0..samples).map(move |sample| {
                let pixels = images.slice(s![sample, ..]).to_vec();
                GalleryRecord { depth, sample, pixels }
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use isobath_cascade::Silent;
    use isobath_datasets::LoadRequest;

    use super::*;
    use isobath_experiment::read_text;

    /// Numbers of layers and of returned decoders.
    fn decoders(save: bool) -> [usize; 2] {
        let text = format!(
            "name = \"x\"\n[data]\ndataset = \"digits\"\ntrain = 64\nprobe = 4\n\
             [network]\ndepth = 4\nwidth = 9\n[grid]\nsigma_w2 = 1.5\nsigma_b2 = 0.05\n\
             [cascade]\nsave = {save}\n"
        );
        let plan = Plan::new(read_text(&text, "test", &[]).unwrap()).unwrap();
        let request = LoadRequest {
            name: plan.file.data.dataset.named().unwrap(),
            folder: "data".into(),
            train: Some(64),
            test: Some(4),
            grayscale: false,
            seed: 1,
        };
        let data = CellSamples::shared(isobath_datasets::load(&request).unwrap());
        let context = CellContext { plan: &plan, data: &data };
        let cascade = compute(context, &plan.cells[0], &Silent).unwrap().cascade.unwrap();
        [cascade.reconstructions.len(), cascade.decoders.len()]
    }

    #[test]
    fn decoders_are_returned_only_if_saved() {
        assert_eq!([decoders(true), decoders(false)], [[3, 3], [3, 0]]);
    }

    #[test]
    fn gallery_depths_end_with_the_last_layer() {
        assert_eq!(gallery_depths(1), [1]);
        assert_eq!(gallery_depths(3), [1, 2, 3]);
        assert_eq!(gallery_depths(50), [1, 2, 3, 5, 8, 13, 21, 34, 50]);
    }
}
