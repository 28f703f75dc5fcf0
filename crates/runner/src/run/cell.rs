//! One cell: cascade, entropies, verdicts.

use std::time::Instant;

use anyhow::{Context, Result};
use cascade::{Cascade, GradientCascade, InitialDecoders, Job, Method, Observer, Reconstructor};
use datasets::Dataset;
use entropy::{
    EntropyEstimator, EstimatorSpec, Profile,
    cutoff::{self, CutoffRule, Depth},
};
use ndarray::{Array2, s};
use network::Network;
use serde::Serialize;
use sha2::{Digest, Sha256};
use tensor::{BackendTask, FullBackend};

use crate::{
    experiment::{Cell, Plan},
    record::{
        CellRecord, CostRecord, FitRecord, GalleryRecord, LayerRecord, ProfileRecord, VerdictRecord,
    },
};

/// Changes whenever the same settings give other numbers, so that cells of older programs are not taken for new ones.
const NUMERICS: u32 = 2;

/// What all cells of a plan share.
#[derive(Clone, Copy, Debug)]
pub struct CellContext<'a> {
    /// The plan.
    pub plan: &'a Plan,
    /// The samples.
    pub data: &'a Dataset,
}

impl CellContext<'_> {
    /// The hash of everything that determines the cell's numbers.
    ///
    /// # Panics
    /// Never: the settings can be written as JSON.
    pub fn key(&self, cell: &Cell) -> String {
        #[derive(Serialize)]
        struct Identity<'a> {
            numerics: u32,
            data: &'a str,
            network: &'a [network::Layer],
            layers: usize,
            sigma_w2: u64,
            sigma_b2: u64,
            seed: u64,
            cascade: &'a cascade::CascadeParams,
            cascade_backend: tensor::BackendSpec,
            estimators: &'a [EstimatorSpec],
            rules: &'a [CutoffRule],
            bootstrap: usize,
            entropy_backend: tensor::BackendSpec,
            gallery: usize,
        }
        let Plan { file, network, layers, cascade, .. } = self.plan;
        let identity = Identity {
            numerics: NUMERICS,
            data: &self.data.fingerprint,
            network: network.layers(),
            layers: *layers,
            sigma_w2: cell.variances.sigma_w2().to_bits(),
            sigma_b2: cell.variances.sigma_b2().to_bits(),
            seed: cell.seed,
            cascade: cascade.params(),
            cascade_backend: file.cascade.backend,
            estimators: &file.entropy.estimators,
            rules: file.entropy.cutoff.as_slice(),
            bootstrap: file.entropy.bootstrap,
            entropy_backend: file.entropy.backend,
            gallery: if cell.id.seed_index == 0 { file.report.gallery } else { 0 },
        };
        let json = serde_json::to_vec(&identity).expect("settings can be written as JSON");
        crate::hex(&Sha256::digest(json))
    }
}

/// A cell's record, and the cascade behind it for those who want to save it.
#[derive(Debug)]
pub struct Computed {
    /// What is stored.
    pub record: CellRecord,
    /// Decoders and reconstructions; `None` after a failure.
    pub cascade: Option<Cascade>,
}

/// Computes a cell. A decoder that diverges is an outcome, not an error.
///
/// # Errors
/// When the device or the disk fails, or the observer cancels.
pub fn compute(context: CellContext<'_>, cell: &Cell, observer: &dyn Observer) -> Result<Computed> {
    let Plan { file, network, layers, cascade, .. } = context.plan;
    let network = Network::random(network.clone(), cell.variances, cell.seed);
    let job = Job {
        network: &network,
        layers: *layers,
        train: context.data.train.images.view(),
        probe: context.data.test.images.view(),
        initial: InitialDecoders::Drawn { seed: cell.seed },
    };
    let start = Instant::now();
    let stage = CascadeStage {
        method: cascade.params().method,
        params: cascade.clone(),
        job: &job,
        observer,
    };
    let (outcome, backend) = file.cascade.backend.dispatch(stage).context("stage `cascade`")?;
    let mut cost = CostRecord {
        cascade_seconds: start.elapsed().as_secs_f64(),
        backend,
        ..CostRecord::default()
    };
    let cascade = match outcome {
        Ok(cascade) => cascade,
        Err(error @ cascade::Error::Diverged { .. }) => {
            let record = CellRecord {
                cell: cell.id,
                failure: Some(error.to_string()),
                profiles: Vec::new(),
                verdicts: Vec::new(),
                fits: Vec::new(),
                gallery: Vec::new(),
                cost,
            };
            return Ok(Computed { record, cascade: None });
        }
        Err(error) => return Err(error).context("stage `cascade`"),
    };
    cost.flops = cascade.flops;
    let start = Instant::now();
    let (profiles, verdicts) =
        measure(context, cell, &cascade.reconstructions).context("stage `entropy`")?;
    cost.entropy_seconds = start.elapsed().as_secs_f64();
    let fits = cascade.fits.iter().map(|fit| FitRecord {
        first_loss: fit.first_loss,
        last_loss: fit.last_loss,
        steps: fit.steps,
    });
    let record = CellRecord {
        cell: cell.id,
        failure: None,
        profiles,
        verdicts,
        fits: fits.collect(),
        gallery: gallery(context, cell, &cascade.reconstructions),
        cost,
    };
    Ok(Computed { record, cascade: Some(cascade) })
}

/// The cascade on whichever backend.
struct CascadeStage<'a> {
    method: Method,
    params: cascade::CascadeValidParams,
    job: &'a Job<'a>,
    observer: &'a dyn Observer,
}

impl BackendTask for CascadeStage<'_> {
    type Output = (cascade::Result<Cascade>, String);

    fn run<B: FullBackend>(self, backend: B) -> Self::Output {
        let label = backend.description();
        let reconstructor: Box<dyn Reconstructor> = match self.method {
            Method::Gradient => Box::new(GradientCascade::new(backend, self.params)),
            other => unreachable!("{other:?} is handled by the cascade crate"),
        };
        (reconstructor.reconstruct(self.job, self.observer), label)
    }
}

/// The estimators on whichever backend.
struct BuildEstimators<'a>(&'a [EstimatorSpec]);

impl BackendTask for BuildEstimators<'_> {
    type Output = Vec<Box<dyn EntropyEstimator>>;

    fn run<B: FullBackend>(self, backend: B) -> Self::Output {
        self.0.iter().map(|spec| spec.build(backend.clone())).collect()
    }
}

fn measure(
    context: CellContext<'_>,
    cell: &Cell,
    reconstructions: &[Array2<f32>],
) -> Result<(Vec<ProfileRecord>, Vec<VerdictRecord>)> {
    let section = &context.plan.file.entropy;
    let layers: Vec<_> = reconstructions.iter().map(|array| array.view()).collect();
    let mut profiles = Vec::new();
    let mut verdicts = Vec::new();
    for estimator in section.backend.dispatch(BuildEstimators(&section.estimators))? {
        let profile = estimator.profile(context.data.test.images.view(), &layers)?;
        for rule in section.cutoff.as_slice().iter().filter(|rule| applies(rule, estimator.name()))
        {
            verdicts.push(judge(rule, &profile, section.bootstrap, cell.seed)?);
        }
        profiles.push(profile_record(&profile, section.bootstrap, cell.seed)?);
    }
    Ok((profiles, verdicts))
}

/// A threshold is one on the reconstruction error; the other rules read any profile.
fn applies(rule: &CutoffRule, estimator: &str) -> bool {
    !matches!(rule, CutoffRule::Threshold { .. }) || estimator == "reconstruction-error"
}

fn profile_record(profile: &Profile, resamples: usize, seed: u64) -> Result<ProfileRecord> {
    let intervals =
        if resamples == 0 { None } else { entropy::bootstrap_means(profile, resamples, seed)? };
    let layer = |index: usize| LayerRecord {
        value: profile.values[index],
        interval: intervals.as_ref().map(|intervals| intervals[index]),
        floored: profile.floored.get(index).copied().unwrap_or(0),
    };
    Ok(ProfileRecord {
        estimator: profile.estimator.clone(),
        layers: (0..profile.depth()).map(layer).collect(),
    })
}

fn judge(
    rule: &CutoffRule,
    profile: &Profile,
    resamples: usize,
    seed: u64,
) -> Result<VerdictRecord> {
    let verdict = cutoff::verdict(rule, profile)?;
    let bootstrap =
        if resamples == 0 { None } else { entropy::bootstrap(rule, profile, resamples, seed)? };
    let resampled =
        bootstrap.and_then(|interval| interval.low.at_least().zip(interval.high.at_least()));
    let fitted = verdict
        .depth
        .layer()
        .zip(verdict.standard_error)
        .map(|(depth, error)| (depth - error, depth + error));
    let note = match (verdict.depth, verdict.fit) {
        (Depth::Layer(depth), _) if depth <= 1.0 && matches!(rule, CutoffRule::Threshold { .. }) => {
            Some("lost at the first layer already; if that is so everywhere, the decoders are not trained enough".to_owned())
        }
        (Depth::Undetermined, _) => Some("no decay can be told from the noise".to_owned()),
        (Depth::Beyond(_), Some(fit)) => Some(format!(
            "extrapolates to lambda = {:.1} layers, residual {:.2e}",
            fit.lambda, fit.residual
        )),
        (_, Some(fit)) => Some(format!("residual {:.2e}", fit.residual)),
        (_, None) => None,
    };
    Ok(VerdictRecord {
        estimator: profile.estimator.clone(),
        rule: rule.to_string(),
        depth: verdict.depth.layer(),
        beyond: matches!(verdict.depth, Depth::Beyond(_)),
        interval: resampled.or(fitted),
        note,
    })
}

/// Depths shown in the gallery: 1, 2, 3, 5, 8, ... and the last.
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

fn gallery(
    context: CellContext<'_>,
    cell: &Cell,
    reconstructions: &[Array2<f32>],
) -> Vec<GalleryRecord> {
    if cell.id.seed_index != 0 {
        return Vec::new();
    }
    let inputs = &context.data.test.images;
    let samples = context.plan.file.report.gallery.min(inputs.nrows());
    let images = gallery_depths(reconstructions.len())
        .into_iter()
        .map(|depth| (depth, &reconstructions[depth - 1]));
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
    use super::*;

    #[test]
    fn gallery_depths_end_with_the_last_layer() {
        assert_eq!(gallery_depths(1), [1]);
        assert_eq!(gallery_depths(3), [1, 2, 3]);
        assert_eq!(gallery_depths(50), [1, 2, 3, 5, 8, 13, 21, 34, 50]);
    }

    #[test]
    fn a_threshold_is_for_reconstruction_errors() {
        let threshold = CutoffRule::Threshold { error: 0.5, interpolate: false };
        assert!(applies(&threshold, "reconstruction-error") && !applies(&threshold, "relative"));
        assert!(applies(&CutoffRule::default(), "relative"));
    }
}
