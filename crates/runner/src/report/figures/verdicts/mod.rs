//! Who is right about trainability.

mod map;
mod reliability;
mod standings;

pub(in crate::report) use self::standings::share;
use super::Figure;
use crate::{record::RunRecord, verdicts::Verdicts};

/// The figures of one recipe's verdicts, in the order of the page.
pub(in crate::report) fn of_verdicts<'a>(
    run: &'a RunRecord,
    verdicts: &'a Verdicts,
) -> Vec<Box<dyn Figure + 'a>> {
    let mut figures: Vec<Box<dyn Figure + 'a>> = vec![Box::new(standings::Standings { verdicts })];
    for map in map::Disagreement::of(run, verdicts) {
        figures.push(Box::new(map));
    }
    if !verdicts.reliability.is_empty() {
        figures.push(Box::new(reliability::Reliability { verdicts }));
    }
    figures
}
