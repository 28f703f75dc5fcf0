//! Entropy profiles and cut-offs of a cell's reconstructions.

use crate::error::Result;
use isobath_entropy::{
    EntropyEstimator, EstimatorSpec, Profile,
    cutoff::{self, CutoffRule, Depth},
};
use isobath_tensor::{BackendTask, FullBackend};
use ndarray::{Array2, ArrayView2};

use isobath_experiment::EntropySection;
use isobath_store::{CutoffRecord, LayerRecord, ProfileRecord};

/// Entropy profiles and cut-offs of one cell.
pub(super) struct Measurement {
    pub(super) profiles: Vec<ProfileRecord>,
    pub(super) cutoffs: Vec<RuleCutoff>,
}

/// A cut-off and its rule.
pub(super) struct RuleCutoff {
    pub(super) rule: CutoffRule,
    pub(super) record: CutoffRecord,
}

/// Measures `reconstructions` of `inputs`, first layer first, with the estimators and rules of `section`.
///
/// `seed` is the seed of the bootstrap.
///
/// # Errors
/// When the device fails or a number is not finite.
pub(super) fn measure(
    section: &EntropySection,
    seed: u64,
    inputs: ArrayView2<'_, f32>,
    reconstructions: &[Array2<f32>],
) -> Result<Measurement> {
    let layers: Vec<_> = reconstructions.iter().map(|array| array.view()).collect();
    let mut measurement = Measurement { profiles: Vec::new(), cutoffs: Vec::new() };
    for estimator in section.backend.dispatch(BuildEstimators(&section.estimators))? {
        let profile = estimator.profile(inputs, &layers)?;
        let applies = |rule: &&CutoffRule| rule.applies_to(&profile.estimator);
        for &rule in section.cutoff.as_slice().iter().filter(applies) {
            let record = cutoff_record(&rule, &profile, section.bootstrap, seed)?;
            measurement.cutoffs.push(RuleCutoff { rule, record });
        }
        measurement.profiles.push(profile_record(&profile, section.bootstrap, seed)?);
    }
    Ok(measurement)
}

/// Backend task that builds the estimators.
struct BuildEstimators<'a>(&'a [EstimatorSpec]);

impl BackendTask for BuildEstimators<'_> {
    type Output = Vec<Box<dyn EntropyEstimator>>;

    fn run<B: FullBackend>(self, backend: B) -> Self::Output {
        self.0.iter().map(|spec| spec.build(backend.clone())).collect()
    }
}

fn profile_record(profile: &Profile, resamples: usize, seed: u64) -> Result<ProfileRecord> {
    let intervals = if resamples == 0 {
        None
    } else {
        isobath_entropy::bootstrap_means(profile, resamples, seed)?
    };
    let layer = |index: usize| LayerRecord {
        value: profile.values[index],
        interval: intervals.as_ref().map(|intervals| intervals[index]),
        floored: profile.floored.get(index).copied().unwrap_or(0),
    };
    Ok(ProfileRecord {
        estimator: profile.estimator,
        layers: (0..profile.depth()).map(layer).collect(),
    })
}

fn cutoff_record(
    rule: &CutoffRule,
    profile: &Profile,
    resamples: usize,
    seed: u64,
) -> Result<CutoffRecord> {
    let cutoff = cutoff::find(rule, profile)?;
    let bootstrap = if resamples == 0 {
        None
    } else {
        isobath_entropy::bootstrap(rule, profile, resamples, seed)?
    };
    let resampled =
        bootstrap.and_then(|interval| interval.low.at_least().zip(interval.high.at_least()));
    let fitted = cutoff
        .depth
        .layer()
        .zip(cutoff.standard_error)
        .map(|(depth, error)| (depth - error, depth + error));
    let note = match (cutoff.depth, cutoff.fit) {
        (Depth::Layer(depth), _) if depth <= 1.0 && matches!(rule, CutoffRule::Threshold { .. }) => {
                        Some("information is lost at the first layer; if this holds for all cells, train the decoders longer".to_owned())
        }
                (Depth::Undetermined, _) => Some("decay is not distinguishable from noise".to_owned()),
        (Depth::Beyond(_), Some(fit)) => Some(format!(
            "extrapolates to lambda = {:.1} layers, residual {:.2e}",
            fit.lambda, fit.residual
        )),
        (_, Some(fit)) => Some(format!("residual {:.2e}", fit.residual)),
        (_, None) => None,
    };
    Ok(CutoffRecord {
        estimator: profile.estimator,
        rule: *rule,
        depth: cutoff.depth.layer(),
        beyond: matches!(cutoff.depth, Depth::Beyond(_)),
        interval: resampled.or(fitted),
        note,
    })
}
