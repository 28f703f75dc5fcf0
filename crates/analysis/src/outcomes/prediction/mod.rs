//! Predictions for the networks of a table: theory, the trivial baselines, and the cut-offs of runs.

mod cutoff_curve;
mod cutoffs;
mod measured;
mod theory;
mod trivial;

use isobath_predictors::ScoreInfo;
use isobath_store::RunRecord;

use super::{Grid, Network};

pub use measured::{MeasuredNetwork, MeasuredScores};
pub(super) use theory::THEORY;

/// Scores and depths that one predictor gives for a grid.
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

/// Predictions of every predictor for `grid`; those of runs last.
pub(super) fn predictions(
    grid: &Grid,
    runs: &[&RunRecord],
    measured: &[MeasuredScores],
) -> Vec<GridPrediction> {
    let mut all = theory::predictions(grid);
    all.extend(trivial::predictions(grid));
    all.extend(measured.iter().filter_map(|scores| measured::prediction(grid, scores)));
    all.extend(runs.iter().flat_map(|run| cutoffs::predictions(grid, run)));
    all
}

impl GridPrediction {
    /// Predictor without a frontier, by its score for each network.
    fn of_scores(grid: &Grid, info: &ScoreInfo, score: impl Fn(&Network) -> Option<f64>) -> Self {
        Self {
            name: info.id.to_string(),
            run: None,
            meaning: info.meaning.to_owned(),
            scores: grid.networks.iter().map(score).collect(),
            depths: None,
            is_named: false,
            note: None,
        }
    }

    /// Predictor of a depth for each family: the score of a network is `log2(depth / L)`.
    fn of_depths(grid: &Grid, info: &ScoreInfo, depths: Vec<Option<f64>>) -> Self {
        let score = |network: &Network| {
            depths[network.family].map(|depth| (depth / network.depth as f64).log2())
        };
        let scores = Self::of_scores(grid, info, score);
        Self { depths: Some(depths), is_named: true, ..scores }
    }
}

/// Descriptor of the score called `name`.
fn score_info(name: &str) -> ScoreInfo {
    ScoreInfo::find(name).expect("a registered score")
}

#[cfg(test)]
mod tests {
    use isobath_architecture::Activation;
    use isobath_meanfield::Weights;
    use isobath_store::synthetic::{self, Options};
    use isobath_testkit::{Tolerance, assert_close};

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
        let all = predictions(
            &grid("sigma_w2,depth,keep,accuracy\n1.3,10,1,1\n1.3,20,0.95,0\n"),
            &[],
            &[],
        );
        let scales = find(&all, "xi_c").depths.as_ref().unwrap();
        // Families are sorted by their keep probability.
        assert!((scales[1].unwrap() - 7.834).abs() < 1e-3, "{scales:?}");
        assert!(scales[0].unwrap() < 0.9 * scales[1].unwrap(), "{scales:?}");
        let scores = &find(&all, "6 xi_c").scores;
        assert!((scores[0].unwrap() - (6.0_f64 * 7.834 / 10.0).log2()).abs() < 1e-3);
        let ignored = find(&all, "xi_c without dropout").depths.as_ref().unwrap();
        assert_eq!(ignored[0], ignored[1]);
        let plain = predictions(&grid("sigma_w2,depth,accuracy\n1.3,10,1\n"), &[], &[]);
        assert!(plain.iter().all(|one| !one.name.contains("dropout")));
    }

    #[test]
    fn finite_width_needs_a_width_and_knows_the_law_of_the_weights() {
        let text =
            "sigma_w2,depth,width,weights,accuracy\n1.3,10,50,orthogonal,1\n1.3,20,50,gaussian,0\n";
        let all = predictions(&grid(text), &[], &[]);
        let depths = find(&all, "finite-width depth").depths.as_ref().unwrap();
        let theory = isobath_meanfield::Theory::new(Activation::Tanh, 1.3, 0.05).unwrap();
        let norm = |weights| theory.gradient_norm(weights).unwrap();
        // Gaussian weights come first.
        let expected = [Weights::Gaussian, Weights::Orthogonal].map(|one| norm(one).depth(50.0));
        let found = [0, 1].map(|family: usize| depths[family].unwrap());
        assert_close(&found, &expected, Tolerance::relative(1e-12));
        let score = find(&all, "finite-width").scores[0].unwrap();
        assert!((score + norm(Weights::Orthogonal).distance(10.0, 50.0)).abs() < 1e-12);
        let unknown = predictions(&grid("sigma_w2,depth,accuracy\n1.3,10,1\n"), &[], &[]);
        assert!(unknown.iter().all(|one| !one.name.contains("finite")));
    }

    #[test]
    fn parameters_rank_as_depth_unless_widths_differ() {
        let text = "sigma_w2,depth,width,accuracy\n1.3,10,100,1\n1.3,20,100,0\n1.3,15,300,0\n";
        let differ = predictions(&grid(text), &[], &[]);
        let scores = &find(&differ, "parameters").scores;
        assert!(scores[2] < scores[1] && scores[1] < scores[0], "{scores:?}");
        let equal = predictions(&grid("sigma_w2,depth,accuracy\n1.3,10,1\n1.3,20,0\n"), &[], &[]);
        let [depth, parameters] = ["depth", "parameters"].map(|name| find(&equal, name));
        assert_eq!((&depth.scores, &depth.depths), (&parameters.scores, &parameters.depths));
        assert!(parameters.note.as_ref().unwrap().contains("ranks as depth does"));
    }

    #[test]
    fn networks_without_a_stable_length_score_lowest() {
        let text = "sigma_w2,depth,activation,accuracy\n2.5,10,relu,1\n1.5,10,relu,0\n";
        let all = predictions(&grid(text), &[], &[]);
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
        let all = predictions(&grid(text), &[&run], &[]);
        let cascade = find(&all, "made-up: cascade relative saturation");
        let depths = cascade.depths.as_ref().unwrap();
        let middle = f64::midpoint(depths[0].unwrap(), depths[2].unwrap());
        assert!((depths[1].unwrap() - middle).abs() < 1e-9, "{depths:?}");
        assert!(depths[3].is_none() && cascade.scores[3].is_none(), "{depths:?}");
        assert!(cascade.note.as_ref().unwrap().contains("tanh MLP, width 784"));
        let ridge = RunRecord { noise: Some(0.1), ..run.clone() };
        let all = predictions(&grid(text), &[&ridge], &[]);
        assert_eq!(&find(&all, "made-up: ridge 0.1 relative saturation").depths, &cascade.depths);
        // Another activation or bias variance is another family.
        let others = "sigma_w2,depth,activation,accuracy\n0.6,10,relu,1\n0.8,10,relu,1\n";
        assert!(
            predictions(&grid(others), &[&run], &[])
                .iter()
                .all(|one| !one.name.contains("made-up"))
        );
    }
}
