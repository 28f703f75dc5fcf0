//! Doing less: budgets that double until more of the same would not change the verdicts, and no deeper than they need.

use crate::error::Result;
use isobath_cascade::{Cascade, CascadeParams, CascadeValidParams, Method};
use isobath_entropy::cutoff::CutoffRule;

use crate::{
    measure::{Measured, RuleCutoff},
    work::Work,
};
use isobath_experiment::Confident;

/// Runs cascades of growing budgets until `confident` is satisfied or the budget is that of the plan.
///
/// # Errors
/// As [`Work::cascade`].
pub(super) fn find(work: &mut Work<'_>, confident: Confident) -> Result<(Cascade, Measured)> {
    let layers = work.plan().layers;
    let budgets = budgets(&work.plan().cascade, confident, work.train_samples());
    let mut before: Option<Measured> = None;
    for (attempt, &budget) in budgets.iter().enumerate() {
        let params = limited(&work.plan().cascade, budget)?;
        let is_enough = |measured: &Measured, layers: usize| {
            measured.cutoffs.iter().all(|judged| is_settled(judged, layers))
        };
        let (cascade, mut measured) = work.cascade(params, attempt == 0, is_enough)?;
        let is_last = attempt + 1 == budgets.len();
        let is_sure = |before: &Measured| {
            let pairs = before.cutoffs.iter().zip(&measured.cutoffs);
            pairs.into_iter().all(|(before, now)| is_steady(before, now, layers, confident.layers))
        };
        if is_last || before.as_ref().is_some_and(is_sure) {
            let method = work.plan().cascade.params().method;
            let note = note(method, &budgets[..=attempt], cascade.fits.len(), layers);
            for RuleCutoff { record, .. } in &mut measured.cutoffs {
                let earlier = record.note.take().map(|text| text + "; ").unwrap_or_default();
                record.note = Some(earlier + &note);
            }
            return Ok((cascade, measured));
        }
        before = Some(measured);
    }
    unreachable!("there is at least one budget, and the last one is enough")
}

/// Budgets from the first one on, each twice the one before, to half of the plan's, and that one: together at most twice
/// the plan's. They are minibatches for gradient descent and samples for ridge decoders.
fn budgets(params: &CascadeValidParams, confident: Confident, samples: usize) -> Vec<usize> {
    let (first, most) = match params.params().method {
        Method::Ridge => (Confident::FIRST_SAMPLES, params.samples(samples)),
        _ => (Confident::FIRST_STEPS, params.steps(samples)),
    };
    let first = confident.first.unwrap_or(first);
    let doubled = std::iter::successors(Some(first), |budget| budget.checked_mul(2));
    doubled.take_while(|&budget| budget <= most / 2).chain([most]).collect()
}

/// The settings with another budget.
fn limited(
    params: &CascadeValidParams,
    budget: usize,
) -> isobath_cascade::Result<CascadeValidParams> {
    let params = params.params().clone();
    let limited = match params.method {
        Method::Ridge => CascadeParams { max_samples: Some(budget), ..params },
        _ => CascadeParams { max_steps: Some(budget), ..params },
    };
    limited.check()
}

/// Whether layers below the last of `layers` could not change the verdict: all of its interval lies so far above that the
/// profile has been seen to do what the rule waits for.
fn is_settled(RuleCutoff { rule, record }: &RuleCutoff, layers: usize) -> bool {
    let Some((_, deepest)) = record.interval.filter(|_| record.depth.is_some()) else {
        return false;
    };
    let needed = match rule {
        // The first crossing is all that counts.
        CutoffRule::Threshold { .. } => deepest + 1.0,
        // A plateau as long as the way to it.
        CutoffRule::Saturation { .. } => 2.0 * deepest,
        // Four decay lengths, when less than 2% are left.
        CutoffRule::Decay => 4.0 * deepest,
        // Others count from the end.
        CutoffRule::SaturationPublished { .. } => return false,
    };
    needed <= layers as f64
}

/// Whether the verdict's interval is at most `tolerance` wide and it has moved by at most as much. A depth beyond the
/// network counts as that of the network.
fn is_steady(before: &RuleCutoff, now: &RuleCutoff, layers: usize, tolerance: f64) -> bool {
    let depth = |RuleCutoff { record, .. }: &RuleCutoff| {
        record.depth.or_else(|| record.beyond.then_some(layers as f64))
    };
    let moved = depth(before).zip(depth(now)).map(|(before, now)| (now - before).abs());
    let width = now.record.interval.map(|(low, high)| high - low);
    moved.is_some_and(|moved| moved <= tolerance) && width.is_some_and(|width| width <= tolerance)
}

/// What was done: `stopped after 12 of 40 layers and 100 steps (50 before)`.
fn note(method: Method, budgets: &[usize], used: usize, layers: usize) -> String {
    let unit = if method == Method::Ridge { "samples" } else { "steps" };
    let (last, earlier) = budgets.split_last().expect("at least one budget");
    let earlier: Vec<String> = earlier.iter().map(ToString::to_string).collect();
    let earlier = if earlier.is_empty() {
        String::new()
    } else {
        format!(" ({} before)", earlier.join(", "))
    };
    format!("stopped after {used} of {layers} layers and {last} {unit}{earlier}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use isobath_store::CutoffRecord;

    const THRESHOLD: CutoffRule = CutoffRule::Threshold { error: 0.95, interpolate: true };

    fn judged(rule: CutoffRule, depth: Option<f64>, interval: (f64, f64)) -> RuleCutoff {
        let record = CutoffRecord {
            estimator: isobath_entropy::EstimatorSpec::RECONSTRUCTION_ERROR,
            rule,
            depth,
            beyond: depth.is_none(),
            interval: Some(interval),
            note: None,
        };
        RuleCutoff { rule, record }
    }

    #[test]
    fn budgets_double_up_to_the_plans() {
        let budgets = |params: CascadeParams, first| {
            let confident = Confident { first, ..Confident::default() };
            budgets(&params.check().unwrap(), confident, 9600)
        };
        let gradient = CascadeParams::default();
        assert_eq!(budgets(gradient.clone(), None), [50, 150]);
        assert_eq!(budgets(gradient.clone(), Some(150)), [150]);
        assert_eq!(budgets(gradient, Some(400)), [150]);
        let ridge = CascadeParams { method: Method::Ridge, ..CascadeParams::default() };
        assert_eq!(budgets(ridge, None), [500, 1000, 2000, 4000]);
    }

    #[test]
    fn a_verdict_is_settled_when_the_profile_has_shown_what_it_waits_for() {
        let settled =
            |rule, high, layers| is_settled(&judged(rule, Some(5.0), (4.0, high)), layers);
        assert!(settled(THRESHOLD, 7.0, 8) && !settled(THRESHOLD, 7.5, 8));
        assert!(
            settled(CutoffRule::default(), 6.0, 12) && !settled(CutoffRule::default(), 6.5, 12)
        );
        assert!(settled(CutoffRule::Decay, 2.0, 8) && !settled(CutoffRule::Decay, 3.0, 8));
        assert!(!is_settled(&judged(THRESHOLD, None, (2.0, 3.0)), 8));
    }

    #[test]
    fn a_verdict_is_steady_when_it_is_sharp_and_stays() {
        let at = |depth: f64| judged(THRESHOLD, Some(depth), (depth - 0.5, depth + 0.5));
        let beyond = judged(THRESHOLD, None, (39.0, 40.0));
        let wide = judged(THRESHOLD, Some(10.0), (8.0, 12.5));
        let steady = |before: &RuleCutoff, now: &RuleCutoff| is_steady(before, now, 40, 2.0);
        assert!(steady(&at(9.0), &at(10.5)) && !steady(&at(9.0), &at(11.5)));
        assert!(!steady(&at(10.0), &wide));
        assert!(steady(&at(38.5), &beyond) && !steady(&at(30.0), &beyond));
    }

    #[test]
    fn notes_say_what_was_done() {
        let text = note(Method::Gradient, &[50, 100], 12, 40);
        assert_eq!(text, "stopped after 12 of 40 layers and 100 steps (50 before)");
        let text = note(Method::Ridge, &[500], 40, 40);
        assert_eq!(text, "stopped after 40 of 40 layers and 500 samples");
    }
}
