//! Ridge cascades whose noise is chosen on other grids.

use isobath_entropy::{EstimatorSpec, cutoff::CutoffRule};
use isobath_predictors::{RidgeNoise, parse_ridge_score, ridge_depth_score};

use super::{Cell, Grid, NoiseChoice};

type Column = (Grid, Vec<(String, Cell)>);

/// Entropy and cut-off rule that ridge cascades of different noises have in common.
type Kind = (EstimatorSpec, CutoffRule);

/// Adds the cells of the chosen noises to the grids, and returns the choices. A noise is chosen among those that all grids of
/// a kind, runs or grids of tables, have if they have any.
pub(super) fn add(columns: &mut [Column]) -> Vec<NoiseChoice> {
    let mut choices = Vec::new();
    let mut new = Vec::new();
    for kind in kinds(columns) {
        let name = ridge_depth_score(RidgeNoise::Chosen, kind.0, kind.1).id.to_string();
        for is_elsewhere in [false, true] {
            for (grid, noise, cell) in chosen(columns, kind, is_elsewhere) {
                choices.push(NoiseChoice { predictor: name.clone(), grid, noise });
                new.push((grid, name.clone(), cell));
            }
        }
    }
    for (grid, name, cell) in new {
        columns[grid].1.push((name, cell));
    }
    choices
}

fn kinds(columns: &[Column]) -> Vec<Kind> {
    let mut kinds = Vec::new();
    for (name, _) in columns.iter().flat_map(|(_, cells)| cells) {
        if let Some((RidgeNoise::Given(_), estimator, rule)) = parse_ridge_score(name)
            && !kinds.contains(&(estimator, rule))
        {
            kinds.push((estimator, rule));
        }
    }
    kinds
}

/// Grids with the noise that is chosen for each on the others, and its cell there.
fn chosen(columns: &[Column], kind: Kind, is_elsewhere: bool) -> Vec<(usize, f64, Cell)> {
    let ladders: Vec<(usize, Vec<(f64, Cell)>)> = columns
        .iter()
        .enumerate()
        .filter(|(_, (grid, _))| grid.is_elsewhere == is_elsewhere)
        .map(|(index, (_, cells))| (index, ladder(cells, kind)))
        .filter(|(_, ladder)| !ladder.is_empty())
        .collect();
    let Some((_, first)) = ladders.first() else { return Vec::new() };
    let common = first
        .iter()
        .map(|(noise, _)| *noise)
        .filter(|noise| ladders.iter().all(|(_, ladder)| at(ladder, *noise).is_some()));
    let common: Vec<f64> = common.collect();
    // A single noise leaves no choice, and a single grid nothing to choose it on.
    if common.len() < 2 || ladders.len() < 2 {
        return Vec::new();
    }
    let choice = |(index, ladder): &(usize, Vec<(f64, Cell)>)| {
        let error = |noise: f64| -> f64 {
            let others = ladders.iter().filter(|(other, _)| other != index);
            others.filter_map(|(_, ladder)| at(ladder, noise)?.named).map(|named| named.value).sum()
        };
        let noise = common.iter().copied().min_by(|&a, &b| error(a).total_cmp(&error(b)))?;
        let cell = at(ladder, noise)?;
        let (other_grids, named, other_variances) = (cell.named, None, None);
        Some((*index, noise, Cell { named, other_variances, other_grids, ..cell }))
    };
    ladders.iter().filter_map(choice).collect()
}

/// Cells of each noise for which the error of the frontier as named is known, in the order of the noises.
fn ladder(cells: &[(String, Cell)], kind: Kind) -> Vec<(f64, Cell)> {
    let rung = |(name, cell): &(String, Cell)| match parse_ridge_score(name)? {
        (RidgeNoise::Given(noise), estimator, rule) if (estimator, rule) == kind => {
            cell.named.map(|_| (noise, *cell))
        }
        _ => None,
    };
    let mut ladder: Vec<(f64, Cell)> = cells.iter().filter_map(rung).collect();
    ladder.sort_by(|a, b| a.0.total_cmp(&b.0));
    ladder
}

fn at(ladder: &[(f64, Cell)], noise: f64) -> Option<Cell> {
    let found = ladder.iter().find(|(other, _)| other.total_cmp(&noise).is_eq());
    found.map(|(_, cell)| *cell)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::comparison::Estimate;

    const REST: &str = "reconstruction-error threshold-0.95-interpolated";

    /// A grid on which each noise has this error.
    fn column(is_elsewhere: bool, errors: &[(&str, f64)]) -> Column {
        let grid = Grid {
            name: String::new(),
            description: String::new(),
            networks: 10,
            succeeded: 5,
            is_elsewhere,
        };
        let cell = |&(noise, value): &(&str, f64)| {
            let named = Some(Estimate { value, interval: None });
            (format!("ridge {noise} {REST}"), Cell { named, ..Cell::default() })
        };
        (grid, errors.iter().map(cell).collect())
    }

    #[test]
    fn noises_are_chosen_on_the_other_grids_of_a_kind() {
        let mut columns = vec![
            column(false, &[("0.03", 0.1), ("0.1", 0.9), ("0.3", 0.0), ("budget", 0.0)]),
            column(false, &[("0.1", 0.2), ("0.03", 0.4)]),
            column(true, &[("0.03", 0.0), ("0.1", 3.0)]),
        ];
        let choices = add(&mut columns);
        let found: Vec<_> = choices.iter().map(|one| (one.grid, one.noise)).collect();
        // The second grid prefers 0.1, which errs by 0.9 on the first, and the other way round; not all runs have 0.3.
        assert_eq!(found, [(0, 0.1), (1, 0.03)]);
        let chosen = |grid: usize| {
            let name = format!("ridge chosen {REST}");
            let cell = columns[grid].1.iter().find(|(other, _)| *other == name)?.1;
            assert!(cell.named.is_none());
            Some(cell.other_grids.unwrap().value)
        };
        assert_eq!([chosen(0), chosen(1), chosen(2)], [Some(0.9), Some(0.4), None]);
    }
}
