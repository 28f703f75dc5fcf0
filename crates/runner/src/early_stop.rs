//! Early stopping of cascades: doubles the budget until the cut-offs are stable, and decodes no deeper than they need.

use crate::error::Result;
use isobath_cascade::{Cascade, CascadeParams, CascadeValidParams, Method};
use isobath_entropy::cutoff::CutoffRule;

use crate::cell_work::CellWork;
use isobath_experiment::Confident;
use isobath_store::{CutoffRecord, Measurement};

/// Runs cascades of increasing budget until `confident` is satisfied or the plan's budget is reached.
///
/// # Errors
/// See [`CellWork::cascade`].
pub(super) fn run(work: &mut CellWork<'_>, confident: Confident) -> Result<(Cascade, Measurement)> {
    let layers = work.plan().layers;
    let budgets = budgets(&work.plan().cascade, confident, work.train_samples());
    let mut before: Option<Vec<CutoffRecord>> = None;
    for (attempt, &budget) in budgets.iter().enumerate() {
        let params = limited(&work.plan().cascade, budget)?;
        let is_enough = |cutoffs: &[CutoffRecord], layers: usize| {
            cutoffs.iter().all(|cutoff| is_settled(cutoff, layers))
        };
        let (cascade, mut measurement) = work.cascade(params, attempt == 0, is_enough)?;
        let is_last = attempt + 1 == budgets.len();
        let cutoffs = work.cutoffs(&measurement)?;
        let is_stable = |before: &Vec<CutoffRecord>| {
            let mut pairs = before.iter().zip(&cutoffs);
            pairs.all(|(before, now)| is_cutoff_stable(before, now, layers, confident.layers))
        };
        if is_last || before.as_ref().is_some_and(is_stable) {
            let method = work.plan().cascade.params().method;
            let used = cascade.fits.len();
            measurement.note = Some(note(method, &budgets[..=attempt], used, layers));
            return Ok((cascade, measurement));
        }
        before = Some(cutoffs);
    }
    unreachable!("the loop returns at the last budget")
}

/// Budgets of successive attempts: minibatches for gradient descent, samples for ridge decoders.
///
/// Each is twice the one before, up to half of the plan's budget; the last is the plan's budget. Their sum is at most twice
/// the plan's budget.
fn budgets(params: &CascadeValidParams, confident: Confident, samples: usize) -> Vec<usize> {
    let (first, most) = match params.params().method {
        Method::Ridge => (Confident::FIRST_SAMPLES, params.samples(samples)),
        _ => (Confident::FIRST_STEPS, params.steps(samples)),
    };
    let first = confident.first.unwrap_or(first);
    let doubled = std::iter::successors(Some(first), |budget| budget.checked_mul(2));
    doubled.take_while(|&budget| budget <= most / 2).chain([most]).collect()
}

/// Returns the settings with the given budget.
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

/// True if layers deeper than `layers` cannot change the cut-off: its interval ends early enough for the rule to be decided.
fn is_settled(record: &CutoffRecord, layers: usize) -> bool {
    let Some((_, deepest)) = record.interval.filter(|_| record.depth.is_some()) else {
        return false;
    };
    let needed = match record.rule {
        // Only the first crossing counts.
        CutoffRule::Threshold { .. } => deepest + 1.0,
        // The plateau is as long as the way to it.
        CutoffRule::Saturation { .. } => 2.0 * deepest,
        // After four decay lengths, less than 2% is left.
        CutoffRule::Decay => 4.0 * deepest,
        // This rule counts from the last layer.
        CutoffRule::SaturationPublished { .. } => return false,
    };
    needed <= layers as f64
}

/// True if the cut-off's interval is at most `tolerance` wide and the cut-off moved by at most `tolerance`.
///
/// A cut-off beyond the network counts as the depth of the network.
fn is_cutoff_stable(
    before: &CutoffRecord,
    now: &CutoffRecord,
    layers: usize,
    tolerance: f64,
) -> bool {
    let depth =
        |record: &CutoffRecord| record.depth.or_else(|| record.beyond.then_some(layers as f64));
    let moved = depth(before).zip(depth(now)).map(|(before, now)| (now - before).abs());
    let width = now.interval.map(|(low, high)| high - low);
    moved.is_some_and(|moved| moved <= tolerance) && width.is_some_and(|width| width <= tolerance)
}

/// Text about the budgets used: `stopped after 12 of 40 layers and 100 steps (50 before)`.
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

    const THRESHOLD: CutoffRule = CutoffRule::Threshold { error: 0.95, interpolate: true };

    fn cutoff(rule: CutoffRule, depth: Option<f64>, interval: (f64, f64)) -> CutoffRecord {
        CutoffRecord {
            estimator: isobath_entropy::EstimatorSpec::RECONSTRUCTION_ERROR,
            rule,
            depth,
            beyond: depth.is_none(),
            is_lower_bound: false,
            interval: Some(interval),
            half: None,
            note: None,
        }
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
    fn cutoff_is_settled_when_deeper_layers_cannot_change_it() {
        let settled =
            |rule, high, layers| is_settled(&cutoff(rule, Some(5.0), (4.0, high)), layers);
        assert!(settled(THRESHOLD, 7.0, 8) && !settled(THRESHOLD, 7.5, 8));
        assert!(
            settled(CutoffRule::default(), 6.0, 12) && !settled(CutoffRule::default(), 6.5, 12)
        );
        assert!(settled(CutoffRule::Decay, 2.0, 8) && !settled(CutoffRule::Decay, 3.0, 8));
        assert!(!is_settled(&cutoff(THRESHOLD, None, (2.0, 3.0)), 8));
    }

    #[test]
    fn cutoff_is_stable_when_narrow_and_unchanged() {
        let at = |depth: f64| cutoff(THRESHOLD, Some(depth), (depth - 0.5, depth + 0.5));
        let beyond = cutoff(THRESHOLD, None, (39.0, 40.0));
        let wide = cutoff(THRESHOLD, Some(10.0), (8.0, 12.5));
        let steady =
            |before: &CutoffRecord, now: &CutoffRecord| is_cutoff_stable(before, now, 40, 2.0);
        assert!(steady(&at(9.0), &at(10.5)) && !steady(&at(9.0), &at(11.5)));
        assert!(!steady(&at(10.0), &wide));
        assert!(steady(&at(38.5), &beyond) && !steady(&at(30.0), &beyond));
    }

    #[test]
    fn notes_list_the_budgets() {
        let text = note(Method::Gradient, &[50, 100], 12, 40);
        assert_eq!(text, "stopped after 12 of 40 layers and 100 steps (50 before)");
        let text = note(Method::Ridge, &[500], 40, 40);
        assert_eq!(text, "stopped after 40 of 40 layers and 500 samples");
    }
}
