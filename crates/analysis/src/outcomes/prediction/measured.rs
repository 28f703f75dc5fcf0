//! Scores that were measured on networks of the table.

use super::GridPrediction;
use crate::outcomes::{Family, Grid, Network};

/// Scores of one kind, measured on networks like those of a table.
#[derive(Clone, Debug, PartialEq)]
pub struct MeasuredScores {
    /// Name.
    pub name: String,
    /// Meaning of a larger score.
    pub meaning: String,
    /// Score at which success and failure are equally likely, as the predictor names it.
    pub threshold: f64,
    /// Measured networks.
    pub networks: Vec<MeasuredNetwork>,
}

/// Score of one network.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MeasuredNetwork {
    /// Its family.
    pub family: Family,
    /// Weight layers.
    pub depth: usize,
    /// Score; larger means trainable.
    pub score: f64,
}

/// Prediction for a grid; `None` if no family of it was measured. Scores between measured depths are interpolated over the
/// logarithm of the depth.
pub(super) fn prediction(grid: &Grid, measured: &MeasuredScores) -> Option<GridPrediction> {
    let profiles: Vec<Vec<(f64, f64)>> =
        grid.families.iter().map(|family| profile(measured, family)).collect();
    if profiles.iter().all(Vec::is_empty) {
        return None;
    }
    let score =
        |network: &Network| interpolate(&profiles[network.family], (network.depth as f64).ln());
    let depths = profiles.iter().map(|profile| depth(profile, measured.threshold)).collect();
    Some(GridPrediction {
        name: measured.name.clone(),
        run: None,
        meaning: measured.meaning.clone(),
        scores: grid.networks.iter().map(score).collect(),
        depths: Some(depths),
        is_named: true,
        note: None,
    })
}

/// Logarithms of depths, in increasing order, and scores.
fn profile(measured: &MeasuredScores, family: &Family) -> Vec<(f64, f64)> {
    let of_family = measured.networks.iter().filter(|network| network.family == *family);
    let mut profile: Vec<(f64, f64)> =
        of_family.map(|network| ((network.depth as f64).ln(), network.score)).collect();
    profile.sort_by(|a, b| a.0.total_cmp(&b.0));
    profile
}

fn interpolate(profile: &[(f64, f64)], at: f64) -> Option<f64> {
    let after = profile.partition_point(|(depth, _)| *depth < at);
    let (Some(last), Some(first)) = (profile.last(), profile.first()) else { return None };
    match (after.checked_sub(1).map(|before| profile[before]), profile.get(after)) {
        (None, _) => Some(first.1),
        (_, None) => Some(last.1),
        (Some((x, y)), Some(&(next_x, next_y))) => {
            let share = (at - x) / (next_x - x);
            Some((1.0 - share) * y + share * next_y)
        }
    }
}

/// Depth at which the scores fall below the threshold for good; those of a profile that never does are beyond its end.
fn depth(profile: &[(f64, f64)], threshold: f64) -> Option<f64> {
    let last = profile.iter().rposition(|(_, score)| *score >= threshold);
    let Some(last) = last else {
        // Shallower than all that were measured.
        return profile.first().map(|(depth, _)| 0.5 * depth.exp());
    };
    let (x, y) = profile[last];
    let Some(&(next_x, next_y)) = profile.get(last + 1) else { return Some(2.0 * x.exp()) };
    let share = if y > next_y { (y - threshold) / (y - next_y) } else { 0.5 };
    Some((x + share * (next_x - x)).exp())
}

#[cfg(test)]
mod tests {
    use isobath_architecture::Activation;
    use isobath_testkit::{Tolerance, assert_close};

    use super::*;
    use crate::outcomes::{Table, TableSettings};

    const PROFILE: [(f64, f64); 3] = [(0.0, 0.9), (1.0, 0.7), (2.0, 0.1)];

    #[test]
    fn scores_are_interpolated_and_constant_beyond_the_ends() {
        let at = |ln| interpolate(&PROFILE, ln).unwrap();
        assert_close(
            &[at(-1.0), at(0.0), at(0.5), at(1.5), at(9.0)],
            &[0.9, 0.9, 0.8, 0.4, 0.1],
            Tolerance::absolute(1e-12),
        );
        assert_eq!(interpolate(&[], 1.0), None);
    }

    #[test]
    fn the_frontier_is_where_the_last_score_falls_below_the_threshold() {
        let at = |threshold| depth(&PROFILE, threshold).unwrap().ln();
        assert_close(&[at(0.4), at(0.8)], &[1.5, 0.5], Tolerance::absolute(1e-12));
        // Outside of what was measured, by a factor of two.
        assert_close(&[depth(&PROFILE, 0.95).unwrap()], &[0.5], Tolerance::absolute(1e-12));
        assert_close(&[at(0.05)], &[2.0 + 2.0_f64.ln()], Tolerance::absolute(1e-12));
    }

    #[test]
    fn families_that_were_not_measured_have_no_score() {
        let settings = TableSettings {
            activation: Some(Activation::Tanh),
            sigma_b2: Some(0.05),
            ..TableSettings::default()
        };
        let text = "sigma_w2,depth,accuracy\n1.3,10,1\n1.3,20,0\n2,10,1\n";
        let grid = Table::read(text, &settings).unwrap().grids.remove(0);
        let network = |depth, score| MeasuredNetwork { family: grid.families[0], depth, score };
        let mut measured = MeasuredScores {
            name: "measured".to_owned(),
            meaning: String::new(),
            threshold: 0.5,
            networks: vec![network(20, 0.2), network(10, 0.8)],
        };
        let found = prediction(&grid, &measured).unwrap();
        assert_eq!(found.scores, [Some(0.8), Some(0.2), None]);
        let depths = found.depths.unwrap();
        assert_close(&[depths[0].unwrap()], &[200.0_f64.sqrt()], Tolerance::relative(1e-12));
        assert_eq!(depths[1], None);
        measured.networks.clear();
        assert_eq!(prediction(&grid, &measured), None);
    }
}
