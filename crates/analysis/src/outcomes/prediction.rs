//! Predictions for the networks of a table: theory, the trivial baselines, and the cut-offs of runs.

use isobath_entropy::{EstimatorSpec, cutoff::CutoffRule};
use isobath_meanfield::{Dropout, FixedPoint};
use isobath_predictors::{ScoreInfo, cascade_depth_score};
use isobath_store::RunRecord;

use super::{
    Family, Grid,
    cutoff_curve::{CutoffCurve, matching_slices},
};

/// What one predictor says about a grid.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct GridPrediction {
    pub(super) name: String,
    /// Run that measured it, for cut-offs.
    pub(super) run: Option<String>,
    /// Meaning of a larger score.
    pub(super) meaning: String,
    /// Score of each network; larger means trainable, `None` without a prediction.
    pub(super) scores: Vec<Option<f64>>,
    /// A depth for each family, whose multiple is the frontier that the predictor draws; `None` if it draws none.
    pub(super) depths: Option<Vec<Option<f64>>>,
    /// True if the depths themselves are the predicted frontier.
    pub(super) is_named: bool,
    /// Remark on this grid.
    pub(super) note: Option<String>,
}

/// The name of the rule of thumb's rival, with which all others are compared.
pub(super) const THEORY: &str = "xi_c";

/// Factor of the rule of thumb.
const RULE_OF_THUMB: f64 = 6.0;

/// Predictions of every predictor for `grid`; those of runs last.
pub(super) fn predictions(grid: &Grid, runs: &[&RunRecord]) -> Vec<GridPrediction> {
    let mut all = theory(grid);
    all.extend(trivial(grid));
    all.extend(runs.iter().flat_map(|run| cutoffs(grid, run)));
    all
}

/// Predictor of a depth for each family: the score of a network is `log2(depth / L)`.
fn of_depths(grid: &Grid, name: &str, meaning: &str, depths: Vec<Option<f64>>) -> GridPrediction {
    let score = |network: &super::Network| {
        depths[network.family].map(|depth| (depth / network.depth as f64).log2())
    };
    GridPrediction {
        name: name.to_owned(),
        run: None,
        meaning: meaning.to_owned(),
        scores: grid.networks.iter().map(score).collect(),
        depths: Some(depths),
        is_named: true,
        note: None,
    }
}

fn meaning(score: &str) -> &'static str {
    ScoreInfo::find(score).map_or("", |info| info.meaning)
}

fn theory(grid: &Grid) -> Vec<GridPrediction> {
    let with_dropout: Vec<_> =
        grid.families.iter().map(|family| fixed_point(family, family.keep)).collect();
    let unstable = with_dropout.iter().filter(|point| point.is_none()).count();
    let note = (unstable > 0).then(|| {
        format!(
            "theory has no stable length in {unstable} of {} families, whose networks score lowest",
            with_dropout.len()
        )
    });
    let depths = |points: &[Option<FixedPoint>], factor: f64| -> Vec<Option<f64>> {
        points.iter().map(|point| Some(point.map_or(0.0, |point| factor * point.xi_c))).collect()
    };
    let scale = |name: &str, points: &[Option<FixedPoint>], factor: f64| GridPrediction {
        note: note.clone(),
        ..of_depths(grid, name, meaning(name), depths(points, factor))
    };
    let distance = |network: &super::Network| {
        let point = with_dropout[network.family];
        Some(point.map_or(f64::NEG_INFINITY, |point| -point.distance.abs()))
    };
    let mut all = vec![
        scale(THEORY, &with_dropout, 1.0),
        scale("6 xi_c", &with_dropout, RULE_OF_THUMB),
        GridPrediction {
            name: "chi_1".into(),
            run: None,
            meaning: meaning("chi_1").into(),
            scores: grid.networks.iter().map(distance).collect(),
            depths: None,
            is_named: false,
            note: note.clone(),
        },
    ];
    if grid.families.iter().any(|family| family.keep < 1.0) {
        let without: Vec<_> = grid.families.iter().map(|family| fixed_point(family, 1.0)).collect();
        let ignored = |name: &str, factor: f64| GridPrediction {
            name: format!("{name} without dropout"),
            note: Some("for comparison: theory that does not know of the dropout".into()),
            ..scale(name, &without, factor)
        };
        all.extend([ignored(THEORY, 1.0), ignored("6 xi_c", RULE_OF_THUMB)]);
    }
    all
}

/// Theory of a family with keep probability `keep`; `None` without a stable length.
fn fixed_point(family: &Family, keep: f64) -> Option<FixedPoint> {
    let Family { activation, sigma_w2, sigma_b2, .. } = *family;
    Dropout::new(activation, sigma_w2, sigma_b2, keep).ok()?.fixed_point().ok()
}

fn trivial(grid: &Grid) -> [GridPrediction; 3] {
    let widths: Vec<Option<usize>> = grid.families.iter().map(|family| family.width).collect();
    let has_one_width = widths.windows(2).all(|pair| pair[0] == pair[1]);
    // Weights and biases of one layer; 1 in tables without widths.
    let per_layer = |width: Option<usize>| width.map_or(1.0, |width| (width * (width + 1)) as f64);
    let minus_depth = |network: &super::Network| Some(-(network.depth as f64));
    let parameters =
        |network: &super::Network| Some(-per_layer(widths[network.family]) * network.depth as f64);
    let variance = |network: &super::Network| Some(grid.families[network.family].sigma_w2);
    let column = |name: &str, score: &dyn Fn(&super::Network) -> Option<f64>| GridPrediction {
        name: name.to_owned(),
        run: None,
        meaning: meaning(name).to_owned(),
        scores: grid.networks.iter().map(score).collect(),
        depths: None,
        is_named: false,
        note: None,
    };
    let same = match widths.first().copied().flatten() {
        Some(width) => format!("ranks as depth does: all networks have width {width}"),
        None => "ranks as depth does: the table has no widths, so they count as equal".into(),
    };
    let different = "counted as L w (w + 1) for width w".to_owned();
    [
        GridPrediction {
            depths: Some(vec![Some(1.0); widths.len()]),
            note: Some("its frontier is one fitted depth for all variances".into()),
            ..column("depth", &minus_depth)
        },
        GridPrediction {
            depths: Some(widths.iter().map(|&width| Some(per_layer(width).recip())).collect()),
            note: Some(if has_one_width { same } else { different }),
            ..column("parameters", &parameters)
        },
        column("sigma_w2", &variance),
    ]
}

/// Predictions from the cut-offs of `run`, by every estimator and rule.
fn cutoffs(grid: &Grid, run: &RunRecord) -> Vec<GridPrediction> {
    let pairs = run.pairs();
    pairs.iter().flat_map(|&(estimator, rule)| of_rule(grid, run, estimator, rule)).collect()
}

/// Predictions by one rule: one for each network of the run whose curve covers a family of the grid.
fn of_rule(
    grid: &Grid,
    run: &RunRecord,
    estimator: EstimatorSpec,
    rule: CutoffRule,
) -> Vec<GridPrediction> {
    let info = cascade_depth_score(estimator, rule);
    let mut variants: Vec<(usize, Vec<Option<f64>>, usize)> = Vec::new();
    for (index, family) in grid.families.iter().enumerate() {
        for slice in matching_slices(run, family) {
            let Some(point) = CutoffCurve::new(run, &slice, estimator, rule).at(family.sigma_w2)
            else {
                continue;
            };
            let found = variants.iter().position(|(variant, ..)| *variant == slice.variant);
            let place = found.unwrap_or_else(|| {
                variants.push((slice.variant, vec![None; grid.families.len()], 0));
                variants.len() - 1
            });
            variants[place].1[index] = point.depth;
            variants[place].2 += usize::from(point.is_lower_bound);
        }
    }
    let prediction = |(variant, depths, bounds): (usize, Vec<Option<f64>>, usize)| {
        let variant = &run.variants[variant];
        let name = if run.has_variants() { format!(", {}", variant.name) } else { String::new() };
        GridPrediction {
            run: Some(run.name.clone()),
            note: Some(remark(grid, run, &variant.description, bounds)),
            ..of_depths(grid, &format!("{}{name}: {}", run.name, info.id), info.meaning, depths)
        }
    };
    variants.into_iter().map(prediction).collect()
}

/// Networks that the run measured, and how they differ from those of the table.
fn remark(grid: &Grid, run: &RunRecord, networks: &str, bounds: usize) -> String {
    let mut parts = vec![format!("measured on {networks}, {}", run.dataset)];
    if grid.families.iter().any(|family| family.keep < 1.0) {
        parts.push("without dropout".into());
    }
    if bounds > 0 {
        parts.push(format!("a lower bound in {bounds} of {} families", grid.families.len()));
    }
    parts.join("; ")
}

#[cfg(test)]
mod tests {
    use isobath_architecture::Activation;
    use isobath_store::synthetic::{self, Options};

    use super::*;
    use crate::outcomes::{Table, TableSettings};

    fn grid(text: &str) -> Grid {
        let settings = TableSettings {
            activation: Some(Activation::Tanh),
            sigma_b2: Some(0.05),
            ..TableSettings::default()
        };
        Table::read(text, &settings).unwrap().grids.remove(0)
    }

    fn find<'a>(all: &'a [GridPrediction], name: &str) -> &'a GridPrediction {
        all.iter().find(|one| one.name == name).unwrap_or_else(|| panic!("no {name}"))
    }

    #[test]
    fn theory_scores_depths_and_knows_of_dropout() {
        let all =
            predictions(&grid("sigma_w2,depth,keep,accuracy\n1.3,10,1,1\n1.3,20,0.95,0\n"), &[]);
        let scales = find(&all, "xi_c").depths.as_ref().unwrap();
        // Families are sorted by their keep probability.
        assert!((scales[1].unwrap() - 7.834).abs() < 1e-3, "{scales:?}");
        assert!(scales[0].unwrap() < 0.9 * scales[1].unwrap(), "{scales:?}");
        let scores = &find(&all, "6 xi_c").scores;
        assert!((scores[0].unwrap() - (6.0_f64 * 7.834 / 10.0).log2()).abs() < 1e-3);
        let ignored = find(&all, "xi_c without dropout").depths.as_ref().unwrap();
        assert_eq!(ignored[0], ignored[1]);
        let plain = predictions(&grid("sigma_w2,depth,accuracy\n1.3,10,1\n"), &[]);
        assert!(plain.iter().all(|one| !one.name.contains("dropout")));
    }

    #[test]
    fn parameters_rank_as_depth_unless_widths_differ() {
        let text = "sigma_w2,depth,width,accuracy\n1.3,10,100,1\n1.3,20,100,0\n1.3,15,300,0\n";
        let differ = predictions(&grid(text), &[]);
        let scores = &find(&differ, "parameters").scores;
        assert!(scores[2] < scores[1] && scores[1] < scores[0], "{scores:?}");
        let equal = predictions(&grid("sigma_w2,depth,accuracy\n1.3,10,1\n1.3,20,0\n"), &[]);
        let [depth, parameters] = ["depth", "parameters"].map(|name| find(&equal, name));
        assert_eq!((&depth.scores, &depth.depths), (&parameters.scores, &parameters.depths));
        assert!(parameters.note.as_ref().unwrap().contains("ranks as depth does"));
    }

    #[test]
    fn networks_without_a_stable_length_score_lowest() {
        let text = "sigma_w2,depth,activation,accuracy\n2.5,10,relu,1\n1.5,10,relu,0\n";
        let all = predictions(&grid(text), &[]);
        for name in ["xi_c", "chi_1"] {
            let prediction = find(&all, name);
            assert_eq!(prediction.scores[0], Some(f64::NEG_INFINITY));
            assert!(prediction.note.as_ref().unwrap().contains("1 of 2 families"));
        }
    }

    #[test]
    fn cutoffs_cover_the_variances_of_their_run() {
        let run = synthetic::run(&Options {
            sigma_w2: vec![0.6, 1.0],
            layers: 200,
            ..Options::default()
        });
        let text = "sigma_w2,depth,accuracy\n0.6,10,1\n0.8,10,1\n1.0,10,0\n1.2,10,0\n";
        let all = predictions(&grid(text), &[&run]);
        let cascade = find(&all, "made-up: cascade relative saturation");
        let depths = cascade.depths.as_ref().unwrap();
        let middle = f64::midpoint(depths[0].unwrap(), depths[2].unwrap());
        assert!((depths[1].unwrap() - middle).abs() < 1e-9, "{depths:?}");
        assert!(depths[3].is_none() && cascade.scores[3].is_none(), "{depths:?}");
        assert!(cascade.note.as_ref().unwrap().contains("tanh MLP, width 784"));
        // Another activation or bias variance is another family.
        let others = "sigma_w2,depth,activation,accuracy\n0.6,10,relu,1\n0.8,10,relu,1\n";
        assert!(
            predictions(&grid(others), &[&run]).iter().all(|one| !one.name.contains("made-up"))
        );
    }
}
