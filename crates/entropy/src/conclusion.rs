//! Conclusions: cut-offs that the decoders support.
//!
//! A profile says what the decoders reconstruct, not what a layer keeps. Its cut-off counts only if the decoders were able
//! to show it:
//!
//! 1. **Decoded.** The first layer's reconstruction error is below [`DECODED`], or within [`NEAR_BEST`] of the error of the best
//!    linear decoder of that layer. Otherwise the decoders are at fault, and there is no cut-off.
//! 2. **Lost.** `saturation` finds where a profile stops changing. Information is lost there only if the reconstruction
//!    error of the last layer is at least [`LOST`]; otherwise the depth is beyond the network.
//! 3. **Converged.** The cut-off by the decoders after half of their steps is part of the interval. If it is `d` layers
//!    shallower, further training may deepen the cut-off, and the interval extends [`EXTRAPOLATION`] times `d` beyond it: an
//!    error that falls as `1 / sqrt(steps)` has 2.4 times the last change left, one that falls as `1 / steps` once. If `d`
//!    exceeds [`UNCONVERGED`] of the cut-off and two layers, the cut-off is a lower bound.
//!
//! 4. **Unreadable.** If the best linear decoder from a layer at or behind the cut-off still has a reconstruction error below
//!    [`READABLE`], the information is there and the decoders do not follow it, as where activations grow: the cut-off is a
//!    lower bound.
//!
//! The published rule is for comparison with the published code; of these conditions it has all but the second.

use crate::{
    Profile, Result, bootstrap,
    cutoff::{self, Cutoff, CutoffRule, Depth},
};

/// Reconstruction error below which the first layer counts as decoded, whatever the best decoder reaches.
pub const DECODED: f64 = 0.5;

/// Reconstruction error from which on the information counts as lost: 95% of the variance.
pub const LOST: f64 = 0.95;

/// Largest distance in reconstruction error from the best linear decoder of the first layer at which the layer counts as
/// decoded.
pub const NEAR_BEST: f64 = 0.1;

/// Multiple of the change between half and all of the steps by which further training may deepen a cut-off.
pub const EXTRAPOLATION: f64 = 2.0;

/// Change between half and all of the steps, as a share of the cut-off, above which the cut-off is a lower bound.
pub const UNCONVERGED: f64 = 0.25;

/// Reconstruction error of the best linear decoder below which a layer still has the information.
pub const READABLE: f64 = 0.5;

/// Changes of at most this many layers never make a cut-off a lower bound.
const ALWAYS_CONVERGED: f64 = 2.0;

/// Evidence for or against the cut-offs of a network.
#[derive(Clone, Copy, Debug)]
pub struct Evidence<'a> {
    /// Profile of `reconstruction-error` by the trained decoders.
    pub error: &'a Profile,
    /// Profiles by the decoders after half of their steps; empty for decoders in closed form.
    pub half: &'a [Profile],
    /// `1 - R^2` of the best linear decoder of the first layer on the probe samples; `None` if unknown.
    pub linear_error: Option<f64>,
    /// Depths and `1 - R^2` of the best linear decoders from there to the input on the probe samples; empty if unknown.
    pub linear_profile: &'a [(usize, f64)],
    /// `1 - R^2` of the first layer's decoder on its own training samples, if it is in closed form.
    pub fitted_error: Option<f64>,
}

/// A cut-off with its uncertainty.
#[derive(Clone, Debug, PartialEq)]
pub struct Conclusion {
    /// The cut-off; [`Depth::Undetermined`] if the decoders do not support one.
    pub cutoff: Cutoff,
    /// Interval in layers: the 95% bootstrap interval over probe samples, or one standard error to each side for a fit, and
    /// what the amount of training changes. `None` without a cut-off, for a lower bound and without any of these.
    pub interval: Option<(f64, f64)>,
    /// True if the decoders have not converged, so that the information may reach deeper.
    pub is_lower_bound: bool,
    /// The cut-off by the decoders after half of their steps.
    pub half: Option<Depth>,
    /// Reason for a missing cut-off, or a remark.
    pub note: Option<String>,
}

/// Concludes the cut-off of `profile` by `rule`, with `resamples` bootstrap resamples drawn from `seed` (none for 0).
///
/// # Errors
/// The errors of [`cutoff::find`], and those of [`Profile::check`] for the profiles of `evidence`.
pub fn conclude(
    rule: &CutoffRule,
    profile: &Profile,
    evidence: &Evidence<'_>,
    resamples: usize,
    seed: u64,
) -> Result<Conclusion> {
    let (cutoff, note) = supported(rule, profile, evidence)?;
    let half = evidence.half.iter().find(|half| half.estimator == profile.estimator);
    let half = half.map(|half| half_depth(rule, half, evidence)).transpose()?;
    // A depth that the rule itself did not find comes with its reason, and has no interval.
    let is_of_rule = note.is_none();
    let mut conclusion = Conclusion {
        cutoff,
        interval: None,
        is_lower_bound: false,
        half,
        note: note.or(remark(&cutoff)),
    };
    let Depth::Layer(depth) = cutoff.depth else { return Ok(conclusion) };
    conclusion.interval = if resamples == 0 || !is_of_rule {
        None
    } else {
        let interval = bootstrap(rule, profile, resamples, seed)?;
        interval.and_then(|interval| interval.low.at_least().zip(interval.high.at_least()))
    };
    let fitted = cutoff.standard_error.map(|error| (depth - error, depth + error));
    conclusion.interval = conclusion.interval.or(fitted);
    if let Some(half) = half {
        judge_training(&mut conclusion, depth, half, profile.depth());
    }
    let is_readable = |&&(layer, error): &&(usize, f64)| layer as f64 >= depth && error < READABLE;
    if let Some(&(layer, error)) = evidence.linear_profile.iter().rfind(is_readable) {
        conclusion.is_lower_bound = true;
        conclusion.interval = None;
        let lost = match evidence.fitted_error {
            Some(_) => "the chain of local decoders lost it",
            None => "the trained decoders lost it; train them longer or use method = \"ridge\"",
        };
        conclusion.note = Some(format!(
            "lower bound: a linear decoder still reads the input from layer {layer}, with an error of {error:.2}, so {lost}"
        ));
    }
    Ok(conclusion)
}

/// Finds the cut-off by `rule`; or another depth, with the reason, if the decoders do not support that cut-off.
fn supported(
    rule: &CutoffRule,
    profile: &Profile,
    evidence: &Evidence<'_>,
) -> Result<(Cutoff, Option<String>)> {
    evidence.error.check()?;
    let cutoff = cutoff::find(rule, profile)?;
    let error = &evidence.error.values;
    let (first, last) = (error[0], error[error.len() - 1]);
    let reference = evidence.fitted_error.or(evidence.linear_error);
    if first >= DECODED && reference.is_none_or(|reference| first > reference + NEAR_BEST) {
        return Ok((Depth::Undetermined.into(), Some(not_decoded(first, evidence))));
    }
    let is_threshold = matches!(rule, CutoffRule::Threshold { .. });
    if first >= LOST && !is_threshold {
        let note = format!(
            "lost in the first layer: its best linear decoder has an error of {:.2}",
            reference.unwrap_or(first)
        );
        return Ok((Depth::Layer(0.0).into(), Some(note)));
    }
    let is_saturation = matches!(rule, CutoffRule::Saturation { .. });
    if is_saturation && last < LOST && matches!(cutoff.depth, Depth::Layer(_)) {
        let note = format!(
            "the profile is constant, but {:.0}% of the variance reaches the last layer",
            100.0 * (1.0 - last)
        );
        return Ok((Depth::Beyond(profile.depth()).into(), Some(note)));
    }
    Ok((cutoff, None))
}

/// Depth by the decoders after half of their steps.
fn half_depth(rule: &CutoffRule, half: &Profile, evidence: &Evidence<'_>) -> Result<Depth> {
    let estimator = evidence.error.estimator;
    let error = evidence.half.iter().find(|profile| profile.estimator == estimator);
    let Some(error) = error else { return Ok(cutoff::find(rule, half)?.depth) };
    let evidence = Evidence { error, fitted_error: None, ..*evidence };
    Ok(supported(rule, half, &evidence)?.0.depth)
}

/// Widens the interval by what the second half of the training changed, or declares the cut-off a lower bound.
fn judge_training(conclusion: &mut Conclusion, depth: f64, half: Depth, layers: usize) {
    let (low, high) = conclusion.interval.unwrap_or((depth, depth));
    let earlier = match half {
        Depth::Layer(earlier) => earlier,
        Depth::Beyond(_) => {
            conclusion.interval = Some((low, layers as f64));
            return;
        }
        Depth::Undetermined => 0.0,
    };
    let change = depth - earlier;
    let low = low.min(earlier);
    let undecoded = half == Depth::Undetermined;
    if undecoded || change > ALWAYS_CONVERGED.max(UNCONVERGED * depth) {
        conclusion.is_lower_bound = true;
        // An interval would have to start at the bound and has no end.
        conclusion.interval = None;
        let before = match half {
            Depth::Layer(earlier) => format!("half of the steps give {earlier:.1} layers"),
            _ => "half of the steps do not decode the first layer".to_owned(),
        };
        conclusion.note = Some(format!(
            "lower bound: the decoders have not converged ({before}); train them longer"
        ));
        return;
    }
    let high = high.max(depth + EXTRAPOLATION * change.max(0.0));
    conclusion.interval = Some((low, high.max(earlier)));
}

/// Reason why the first layer is not decoded.
fn not_decoded(first: f64, evidence: &Evidence<'_>) -> String {
    let error = format!(
        "not decoded: the decoders did not learn to invert the first layer; its reconstruction error is {first:.2}"
    );
    let scale = "where 0 is perfect and 1 the mean image";
    match (evidence.fitted_error, evidence.linear_error) {
        (Some(fitted), _) => format!(
            "{error} ({fitted:.2} on the training samples), {scale}; give them more samples (`max_samples`, `train`)"
        ),
        (None, Some(best)) if best >= DECODED => format!(
            "{error} ({best:.2} for the best linear decoder), {scale}; the layer keeps too little for linear decoders, so \
             use wider layers or another initialisation"
        ),
        (None, Some(best)) => format!(
            "{error} ({best:.2} for the best linear decoder), {scale}; train them longer (more `train` samples, more \
             `epochs` or a smaller `batch`) or with another learning rate"
        ),
        (None, None) => format!("{error}, {scale}; train them longer"),
    }
}

/// Remark on a cut-off.
fn remark(cutoff: &Cutoff) -> Option<String> {
    match (cutoff.depth, cutoff.fit) {
        (Depth::Undetermined, _) => Some("decay is not distinguishable from noise".to_owned()),
        (Depth::Beyond(_), Some(fit)) => Some(format!(
            "extrapolates to lambda = {:.1} layers, residual {:.2e}",
            fit.lambda, fit.residual
        )),
        (_, Some(fit)) => Some(format!("residual {:.2e}", fit.residual)),
        (_, None) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::EstimatorSpec;

    const THRESHOLD: CutoffRule = CutoffRule::Threshold { error: 0.5, interpolate: false };

    fn error(values: &[f64]) -> Profile {
        let layers = values.iter().map(|&value| (value, 0));
        Profile::from_layers(EstimatorSpec::RECONSTRUCTION_ERROR, layers)
    }

    /// Error that rises as `1 - exp(-l / lambda)`.
    fn rising(layers: usize, lambda: f64) -> Vec<f64> {
        (1..=layers).map(|l| 1.0 - (-(l as f64) / lambda).exp()).collect()
    }

    fn conclude_with(
        rule: CutoffRule,
        values: &[f64],
        half: &[f64],
        linear_error: f64,
    ) -> Conclusion {
        let (profile, half) = (error(values), [error(half)]);
        let half = if half[0].values.is_empty() { &[][..] } else { &half[..] };
        let linear_error = Some(linear_error);
        let evidence = Evidence {
            error: &profile,
            half,
            linear_error,
            linear_profile: &[],
            fitted_error: None,
        };
        conclude(&rule, &profile, &evidence, 0, 1).unwrap()
    }

    const RULES: [CutoffRule; 4] = CutoffRule::DEFAULTS;

    #[test]
    fn untrained_decoders_support_no_cutoff_by_any_rule() {
        for rule in RULES {
            for values in [vec![0.97; 20], rising(20, 0.3), vec![3.0; 20]] {
                let conclusion = conclude_with(rule, &values, &[], 0.01);
                assert_eq!(conclusion.cutoff.depth, Depth::Undetermined, "{rule}");
                assert!(conclusion.note.unwrap().starts_with("not decoded"), "{rule}");
            }
        }
    }

    #[test]
    fn layer_that_no_linear_decoder_inverts_loses_the_information() {
        let saturation = CutoffRule::default();
        let conclusion = conclude_with(saturation, &[0.97, 0.98, 0.99, 1.0], &[], 0.95);
        assert_eq!(conclusion.cutoff.depth, Depth::Layer(0.0));
        let conclusion = conclude_with(THRESHOLD, &[0.97, 0.98, 0.99, 1.0], &[], 0.95);
        assert_eq!(conclusion.cutoff.depth, Depth::Layer(1.0));
    }

    #[test]
    fn constant_profile_of_preserved_information_is_beyond_the_network() {
        let conclusion = conclude_with(CutoffRule::default(), &[0.2; 20], &[], 0.01);
        assert_eq!(conclusion.cutoff.depth, Depth::Beyond(20));
        assert!(conclusion.note.unwrap().contains("80% of the variance reaches the last layer"));
    }

    #[test]
    fn cutoff_that_doubles_with_the_steps_is_a_lower_bound() {
        let conclusion = conclude_with(THRESHOLD, &rising(40, 20.0), &rising(40, 10.0), 0.01);
        assert!(conclusion.is_lower_bound);
        assert_eq!(conclusion.half, Some(Depth::Layer(7.0)));
        assert_eq!(conclusion.cutoff.depth, Depth::Layer(14.0));
        assert!(conclusion.note.unwrap().contains("half of the steps give 7.0 layers"));
    }

    #[test]
    fn cutoff_before_a_layer_that_linear_decoders_read_is_a_lower_bound() {
        let profile = error(&rising(40, 5.0));
        let bound_of = |linear_profile: &[(usize, f64)], fitted_error| {
            let linear_error = Some(0.01);
            let evidence =
                Evidence { error: &profile, half: &[], linear_error, linear_profile, fitted_error };
            conclude(&THRESHOLD, &profile, &evidence, 0, 1).unwrap()
        };
        let bound = |linear_profile: &[(usize, f64)]| bound_of(linear_profile, None);
        // The cut-off is at layer 4.
        assert!(!bound(&[(2, 0.1), (4, 0.6), (8, 0.9)]).is_lower_bound);
        let found = bound(&[(2, 0.1), (4, 0.2), (8, 0.3), (16, 0.7)]);
        assert!(found.is_lower_bound);
        assert!(found.note.unwrap().contains("from layer 8, with an error of 0.30"));
        // Ridge decoders cannot be trained longer.
        let found = bound_of(&[(8, 0.3)], Some(0.01));
        assert!(found.is_lower_bound && found.interval.is_none());
        assert!(found.note.unwrap().ends_with("so the chain of local decoders lost it"));
    }

    #[test]
    fn interval_contains_what_the_training_changes() {
        let conclusion = conclude_with(THRESHOLD, &rising(60, 40.0), &rising(60, 35.0), 0.01);
        // 28 layers, 25 with half of the steps.
        assert_eq!(conclusion.cutoff.depth, Depth::Layer(28.0));
        assert_eq!(conclusion.interval, Some((25.0, 34.0)));
        assert!(!conclusion.is_lower_bound);
    }

    #[test]
    fn cutoff_that_more_training_brings_in_has_an_open_end() {
        let conclusion = conclude_with(THRESHOLD, &rising(30, 20.0), &rising(30, 90.0), 0.01);
        assert_eq!(conclusion.interval, Some((14.0, 30.0)));
    }

    #[test]
    fn converged_decoders_change_nothing() {
        let conclusion = conclude_with(THRESHOLD, &rising(60, 20.0), &rising(60, 20.0), 0.01);
        assert_eq!(conclusion.interval, Some((14.0, 14.0)));
        assert_eq!(conclusion.note, None);
    }

    #[test]
    fn ridge_decoders_are_judged_by_their_training_samples() {
        let profile = error(&[1.4, 1.0, 1.0, 1.0]);
        let evidence = |fitted_error| Evidence {
            error: &profile,
            half: &[],
            linear_error: Some(0.1),
            linear_profile: &[],
            fitted_error: Some(fitted_error),
        };
        let depth =
            |fitted| conclude(&THRESHOLD, &profile, &evidence(fitted), 0, 1).unwrap().cutoff.depth;
        // Overfitted to few samples, or lost in the noise.
        assert_eq!([depth(0.0), depth(1.35)], [Depth::Undetermined, Depth::Layer(1.0)]);
    }
}
