//! Entropies and verdicts of a cell's reconstructions.

use crate::error::Result;
use isobath_entropy::{
    EntropyEstimator, EstimatorSpec, Profile,
    cutoff::{self, CutoffRule, Depth},
};
use isobath_tensor::{BackendTask, FullBackend};
use ndarray::{Array2, ArrayView2};

use isobath_experiment::EntropySection;
use isobath_store::{CutoffRecord, LayerRecord, ProfileRecord};

/// What the reconstructions of a cell say.
pub(super) struct Measured {
    pub(super) profiles: Vec<ProfileRecord>,
    pub(super) cutoffs: Vec<RuleCutoff>,
}

/// A verdict and the rule behind it.
pub(super) struct RuleCutoff {
    pub(super) rule: CutoffRule,
    pub(super) record: CutoffRecord,
}

/// Measures `reconstructions` of `inputs`, first layer first, as `section` asks. `seed` is that of the bootstrap.
///
/// # Errors
/// When the device fails or a number is not finite.
pub(super) fn measure(
    section: &EntropySection,
    seed: u64,
    inputs: ArrayView2<'_, f32>,
    reconstructions: &[Array2<f32>],
) -> Result<Measured> {
    let layers: Vec<_> = reconstructions.iter().map(|array| array.view()).collect();
    let mut measured = Measured { profiles: Vec::new(), cutoffs: Vec::new() };
    for estimator in section.backend.dispatch(BuildEstimators(&section.estimators))? {
        let profile = estimator.profile(inputs, &layers)?;
        let applies = |rule: &&CutoffRule| rule.applies_to(&profile.estimator);
        for &rule in section.cutoff.as_slice().iter().filter(applies) {
            let record = judge(&rule, &profile, section.bootstrap, seed)?;
            measured.cutoffs.push(RuleCutoff { rule, record });
        }
        measured.profiles.push(profile_record(&profile, section.bootstrap, seed)?);
    }
    Ok(measured)
}

/// The estimators on whichever backend.
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

fn judge(
    rule: &CutoffRule,
    profile: &Profile,
    resamples: usize,
    seed: u64,
) -> Result<CutoffRecord> {
    let verdict = cutoff::verdict(rule, profile)?;
    let bootstrap = if resamples == 0 {
        None
    } else {
        isobath_entropy::bootstrap(rule, profile, resamples, seed)?
    };
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
    Ok(CutoffRecord {
        estimator: profile.estimator,
        rule: *rule,
        depth: verdict.depth.layer(),
        beyond: matches!(verdict.depth, Depth::Beyond(_)),
        interval: resampled.or(fitted),
        note,
    })
}
