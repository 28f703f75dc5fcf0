//! Entropies and verdicts of a cell's reconstructions.

use anyhow::Result;
use isobath_entropy::{
    EntropyEstimator, EstimatorSpec, Profile,
    cutoff::{self, CutoffRule, Depth},
};
use isobath_tensor::{BackendTask, FullBackend};
use ndarray::{Array2, ArrayView2};

use isobath_experiment::EntropySection;
use isobath_store::{LayerRecord, ProfileRecord, VerdictRecord};

/// What the reconstructions of a cell say.
pub(super) struct Measured {
    pub(super) profiles: Vec<ProfileRecord>,
    pub(super) verdicts: Vec<Judged>,
}

/// A verdict and the rule behind it.
pub(super) struct Judged {
    pub(super) rule: CutoffRule,
    pub(super) record: VerdictRecord,
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
    let mut measured = Measured { profiles: Vec::new(), verdicts: Vec::new() };
    for estimator in section.backend.dispatch(BuildEstimators(&section.estimators))? {
        let profile = estimator.profile(inputs, &layers)?;
        for &rule in section.cutoff.as_slice().iter().filter(|rule| applies(rule, estimator.name()))
        {
            let record = judge(&rule, &profile, section.bootstrap, seed)?;
            measured.verdicts.push(Judged { rule, record });
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

/// A threshold is one on the reconstruction error; the other rules read any profile.
fn applies(rule: &CutoffRule, estimator: &str) -> bool {
    !matches!(rule, CutoffRule::Threshold { .. }) || estimator == "reconstruction-error"
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
    Ok(VerdictRecord {
        estimator: profile.estimator.clone(),
        rule: rule.to_string(),
        depth: verdict.depth.layer(),
        beyond: matches!(verdict.depth, Depth::Beyond(_)),
        interval: resampled.or(fitted),
        note,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_threshold_is_for_reconstruction_errors() {
        let threshold = CutoffRule::Threshold { error: 0.5, interpolate: false };
        assert!(applies(&threshold, "reconstruction-error") && !applies(&threshold, "relative"));
        assert!(applies(&CutoffRule::default(), "relative"));
    }
}
