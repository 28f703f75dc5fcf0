//! Figures of the predictor comparison.

mod map;
mod reliability;
mod summaries;

pub(crate) use self::summaries::share;
use super::Figure;
use isobath_analysis::comparison::Comparison;
use isobath_store::RunRecord;

/// Figures of one recipe's comparison, in page order.
pub(crate) fn of_comparison<'a>(
    run: &'a RunRecord,
    comparison: &'a Comparison,
) -> Vec<Box<dyn Figure + 'a>> {
    let mut figures: Vec<Box<dyn Figure + 'a>> = vec![Box::new(summaries::AucChart { comparison })];
    for map in map::Disagreement::of(run, comparison) {
        figures.push(Box::new(map));
    }
    if !comparison.reliability.is_empty() {
        figures.push(Box::new(reliability::Reliability { comparison }));
    }
    figures
}
