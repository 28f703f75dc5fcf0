//! Sentences about decoders that did not learn or have not converged.

use isobath_analysis::points::{Point, Reach, Slice};
use isobath_entropy::{EstimatorSpec, conclusion::LOST, cutoff::CutoffRule};
use isobath_store::RunRecord;

use super::reach::at_places;
use crate::{places::weights_words, vocabulary::count};

/// Explains a run in which every cut-off lies within the first layer: the layer keeps nothing, or the decoders did not
/// learn.
pub(super) fn lost_at_first_layer(
    run: &RunRecord,
    estimator: EstimatorSpec,
    rule: CutoffRule,
) -> Option<String> {
    let cutoffs = run.cells.iter().flat_map(|cell| &cell.cutoffs);
    let mut leading =
        cutoffs.filter(|cutoff| cutoff.estimator == estimator && cutoff.rule == rule).peekable();
    leading.peek()?;
    let lost =
        leading.all(|cutoff| cutoff.depth.is_some_and(|depth| depth < 1.0) && !cutoff.beyond);
    if !lost {
        return None;
    }
    let steps =
        run.cells.iter().flat_map(|cell| &cell.fits).map(|fit| fit.steps).max().unwrap_or(0);
    let mut best: Vec<f64> = run.cells.iter().filter_map(|cell| cell.linear_error).collect();
    best.sort_by(f64::total_cmp);
    // Ridge decoders have a noise of their own, which is a reason to be named first.
    if let Some(&least) = best.first().filter(|least| steps > 0 && **least >= LOST) {
        return Some(format!(
            "In every cell the information is lost in the first layer: even its best linear decoder has a reconstruction \
             error of {least:.2} or more (1 is the mean image). Wider layers or a larger σ_w² keep more."
        ));
    }
    let reason = if steps == 0 {
        "The ridge decoders assume too much noise or have too few samples; lower `noise` or raise `max_samples`.".into()
    } else {
        format!(
            "The decoders trained for only {}; use more training samples or epochs, smaller minibatches, or another \
             learning rate.",
            count(steps, "step")
        )
    };
    Some(format!(
        "No conclusion about these networks: in every cell, reconstruction already fails at the first layer. {reason}"
    ))
}

/// Names points whose cut-off is a lower bound, with the reason.
pub(super) fn unconverged(run: &RunRecord, slice: &Slice<'_>) -> Option<String> {
    let (estimator, rule) = (run.estimators[0], run.rules[0]);
    let is_bound = |point: &Point<'_>| point.reach(estimator, rule, run.layers).is_lower_bound();
    let bounds: Vec<bool> = slice.points.iter().map(is_bound).collect();
    let first = slice.points.iter().zip(&bounds).find(|(_, is_bound)| **is_bound)?.0;
    let cutoffs = first.cells.iter().flat_map(|cell| &cell.cutoffs);
    let mut of_pair = cutoffs.filter(|cutoff| cutoff.estimator == estimator && cutoff.rule == rule);
    let note = of_pair.find(|cutoff| cutoff.is_lower_bound)?.note.as_deref().unwrap_or_default();
    let reason = note.strip_prefix("lower bound: ").unwrap_or(note);
    let places = at_places(run, slice, &bounds);
    Some(if bounds.iter().filter(|is_bound| **is_bound).count() == 1 {
        format!("The cut-off {places} is a lower bound: {reason}.")
    } else {
        format!("The cut-offs {places} are lower bounds. At the first of them, {reason}.")
    })
}

/// Names points of which some initialisations have no cut-off.
pub(super) fn partly_undecoded(run: &RunRecord, slice: &Slice<'_>) -> Option<String> {
    let (estimator, rule) = (run.estimators[0], run.rules[0]);
    let without = |point: &Point<'_>| {
        let cutoffs = point.cells.iter().flat_map(|cell| &cell.cutoffs);
        let of_pair = cutoffs.filter(|cutoff| cutoff.estimator == estimator && cutoff.rule == rule);
        of_pair.filter(|cutoff| cutoff.depth.is_none() && !cutoff.beyond).count()
    };
    let part = |point: &Point<'_>| {
        let (missing, seeds) = (without(point), point.cells.len());
        (missing > 0 && missing < seeds).then(|| {
            let preposition = if run.scheme(point.id).is_some() { "with" } else { "at" };
            format!("{missing} of {seeds} {preposition} {}", weights_words(run, point.id))
        })
    };
    let parts: Vec<String> = slice.points.iter().filter_map(part).collect();
    (!parts.is_empty()).then(|| {
        format!("Initialisations without a cut-off, which do not count: {}.", super::join(&parts))
    })
}

/// Names points without a cut-off because their first layer was not decoded.
pub(super) fn undecoded(run: &RunRecord, slice: &Slice<'_>) -> Option<String> {
    let (estimator, rule) = (run.estimators[0], run.rules[0]);
    let reach = |point: &Point<'_>| point.reach(estimator, rule, run.layers);
    let is_missing = |point: &Point<'_>| {
        !point.cells.is_empty() && matches!(reach(point), Reach::Unknown { .. })
    };
    let missing: Vec<bool> = slice.points.iter().map(is_missing).collect();
    // Without any result, the first sentence names the reason.
    if !missing.contains(&true) || !missing.contains(&false) {
        return None;
    }
    let first = slice.points.iter().find(|point| is_missing(point)).map(reach)?;
    let Reach::Unknown { note } = first else { return None };
    let reason = note.map(|note| format!(": {note}")).unwrap_or_default();
    Some(format!("No cut-off {}{reason}.", at_places(run, slice, &missing)))
}
