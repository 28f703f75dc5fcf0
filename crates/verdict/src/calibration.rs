//! The calibrated model: from features to a probability, with the trainings that it was fitted to.

use std::collections::BTreeMap;

use isobath_scoring::{Resamples, brier_score, interval, reliability, roc_auc, roc_auc_within};
use ndarray::{Array2, Axis};
use serde::{Deserialize, Serialize};

use crate::{
    Features,
    basis::{Spline, terms},
    fit::{fit, logistic},
};

/// One training of the atlas under one budget.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// Experiment that it belongs to.
    pub run: String,
    /// Family that is left out together: networks of one experiment with one activation.
    pub family: String,
    /// Kind of network: `mlp`, `cnn`, `resnet`.
    pub kind: String,
    /// Family of the optimiser: `sgd`, `momentum`, `adam`.
    pub optimizer: String,
    /// Features.
    pub features: Features,
    /// True if the training succeeded within its budget.
    pub success: bool,
}

impl Row {
    /// Shares of a training's budget, each of which makes a row: a training that succeeds early says what a smaller budget would
    /// have come to.
    pub const BUDGETS: [f64; 2] = [0.25, 1.0];
}

/// Two models of one atlas: with the first steps of the training, and without them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Calibration {
    /// Number of trainings.
    pub trainings: usize,
    /// Number of trainings by kind of network and optimiser, as `mlp, adam`.
    pub like: BTreeMap<String, usize>,
    /// The model of all features.
    pub tried: Model,
    /// The model that leaves out the features of the first steps, for networks too large to run them all.
    pub untried: Model,
    /// Smallest and largest depth, width and number of steps of the atlas's successes, as features.
    bounds: Vec<Bound>,
}

/// A regression of success on features.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Model {
    /// Coefficients of the terms.
    coefficients: Vec<f64>,
    /// Coefficients of models fitted to families drawn at random, with replacement.
    resamples: Vec<Vec<f64>>,
    /// Skill on families of networks that were left out of the fit.
    pub skill: Skill,
    /// Terms of each feature.
    splines: Vec<Spline>,
}

/// Range of a feature in the successes of the atlas.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Bound {
    feature: String,
    seen: [f64; 2],
}

/// Skill on families left out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Skill {
    /// Number of families.
    pub families: usize,
    /// Area under the ROC curve, with a 95% interval by family.
    pub auc: [f64; 3],
    /// Area under the ROC curve among trainings of equal depth and budget.
    pub auc_at_equal_depth: [f64; 3],
    /// Brier score, with a 95% interval by family.
    pub brier: [f64; 3],
    /// Area under the ROC curve and Brier score when a whole experiment is left out, by experiment.
    pub by_experiment: BTreeMap<String, [f64; 2]>,
    /// Reliability: mean predicted probability, observed share, its 95% interval, and outcomes.
    pub reliability: Vec<[f64; 5]>,
}

/// A probability of success, with an interval of 80% from the resampled models.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Probability {
    /// The probability.
    pub p: f64,
    /// Lower end of the interval.
    pub low: f64,
    /// Upper end of the interval.
    pub high: f64,
}

/// A feature outside of what the model was fitted to.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Outside {
    /// Name of the feature.
    pub feature: String,
    /// Value.
    pub value: f64,
    /// Smallest and largest value of the atlas.
    pub seen: [f64; 2],
}

/// Number of resampled models.
const RESAMPLES: u64 = 20;
/// Resamples of the intervals of skill.
const INTERVALS: usize = 400;
/// Bins of the reliability curve.
const BINS: usize = 10;
/// Features that a verdict must not extrapolate by more than this, in powers of e.
const BOUNDED: [(&str, f64); 3] = [("ln_depth", 0.35), ("ln_width", 0.7), ("ln_steps", 2.1)];

impl Calibration {
    /// The calibration in this program, from `docs/results/atlas.md`.
    ///
    /// # Panics
    /// Never: a test reads it.
    pub fn built_in() -> Self {
        toml::from_str(include_str!("calibration.toml")).expect("checked by a test")
    }

    /// Fits both models to trainings, and measures their skill by leaving families out.
    pub fn fit(rows: &[Row]) -> Self {
        let mut like = BTreeMap::new();
        for row in rows {
            *like.entry(format!("{}, {}", row.kind, row.optimizer)).or_insert(0) += 1;
        }
        let bounds = BOUNDED.iter().map(|(name, _)| {
            // Where nothing ever succeeded, the model knows one answer only.
            let values = values_of(name, rows.iter().filter(|row| row.success));
            let low = values.iter().copied().fold(f64::INFINITY, f64::min);
            let high = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            Bound { feature: (*name).to_owned(), seen: [low, high] }
        });
        let bounds = bounds.collect();
        like.values_mut().for_each(|count| *count /= Row::BUDGETS.len());
        let trainings = rows.len() / Row::BUDGETS.len();
        let (tried, untried) =
            rayon::join(|| Model::fit(rows, &[]), || Model::fit(rows, &Features::OF_TRIAL));
        Self { trainings, like, tried, untried, bounds }
    }

    /// Depth, width or number of steps far outside of the atlas, where a probability has no basis.
    pub fn outside(&self, features: &Features) -> Vec<Outside> {
        let outside = self.bounds.iter().filter_map(|Bound { feature, seen }| {
            let index = Features::NAMES.iter().position(|name| name == feature)?;
            let (_, slack) = BOUNDED.iter().find(|(name, _)| name == feature)?;
            let value = features.0[index];
            let near = seen[0] - slack..=seen[1] + slack;
            let (feature, seen) = (feature.clone(), *seen);
            (!near.contains(&value)).then_some(Outside { feature, value, seen })
        });
        outside.collect()
    }
}

impl Model {
    /// Fits the model to trainings without the features `left_out`, and measures its skill by leaving families out.
    fn fit(rows: &[Row], left_out: &[&str]) -> Self {
        let splines = splines(rows, &[&UNUSED, left_out].concat());
        let matrix = matrix(&splines, rows);
        let outcomes: Vec<bool> = rows.iter().map(|row| row.success).collect();
        let ones = vec![1.0; rows.len()];
        let coefficients = rounded(fit(&matrix, &outcomes, &ones, None));
        let families = Groups::new(rows.iter().map(|row| row.family.as_str()));
        let resamples = (0..RESAMPLES).map(|seed| {
            let weights = families.resampled(seed);
            rounded(fit(&matrix, &outcomes, &weights, Some(&coefficients)))
        });
        let resamples = resamples.collect();
        let skill = skill(rows, &matrix, &outcomes, &families, &coefficients);
        Self { coefficients, resamples, skill, splines }
    }

    /// Scores the model on trainings that it was not fitted to; intervals resample trainings.
    pub fn scores(&self, rows: &[Row]) -> Scores {
        let p: Vec<f64> = rows.iter().map(|row| self.probability(&row.features).p).collect();
        let outcomes: Vec<bool> = rows.iter().map(|row| row.success).collect();
        let each: Vec<usize> = (0..rows.len()).collect();
        scores(&p, &outcomes, &strata(rows), &Resamples::new(&each, INTERVALS, 1))
    }

    /// Probability of success.
    pub fn probability(&self, features: &Features) -> Probability {
        let terms = terms(&self.splines, features);
        let of = |coefficients: &[f64]| {
            let odds = terms.iter().zip(coefficients).map(|(term, c)| term * c).sum();
            logistic(odds)
        };
        let p = of(&self.coefficients);
        let mut others: Vec<f64> = self.resamples.iter().map(|c| of(c)).collect();
        others.sort_by(f64::total_cmp);
        let tenth = others.len() / 10;
        let ends = others.get(tenth).zip(others.get(others.len().saturating_sub(tenth + 1)));
        let (low, high) = ends.map_or((0.0, 1.0), |(low, high)| (low.min(p), high.max(p)));
        Probability { p, low, high }
    }
}

/// Features that the model leaves out. With depth, width and budget it would learn how deep and for how long the atlas
/// trained; what they do to a network shows in the other features.
const UNUSED: [&str; 4] = ["ln_depth", "ln_width", "ln_steps", "ln_lr_steps"];

/// Terms of the features other than `left_out`.
fn splines(rows: &[Row], left_out: &[&str]) -> Vec<Spline> {
    let used = Features::NAMES.iter().enumerate().filter(|(_, name)| !left_out.contains(name));
    let spline = |(index, name): (usize, &&str)| {
        let values: Vec<f64> = rows.iter().map(|row| row.features.0[index]).collect();
        Spline::of(name, &values)
    };
    used.map(spline).collect()
}

/// Coefficients to four decimals, which changes no probability that is shown.
fn rounded(coefficients: Vec<f64>) -> Vec<f64> {
    coefficients.into_iter().map(|c| (c * 1e4).round() / 1e4).collect()
}

/// Values of a feature in rows.
fn values_of<'a>(name: &str, rows: impl Iterator<Item = &'a Row>) -> Vec<f64> {
    let index = Features::NAMES.iter().position(|other| *other == name);
    rows.filter_map(|row| index.map(|index| row.features.0[index])).collect()
}

fn matrix(splines: &[Spline], rows: &[Row]) -> Array2<f64> {
    let all: Vec<Vec<f64>> = rows.iter().map(|row| terms(splines, &row.features)).collect();
    let columns = all.first().map_or(1, Vec::len);
    let flat: Vec<f64> = all.concat();
    Array2::from_shape_vec((rows.len(), columns), flat).expect("rows of one length")
}

/// Rows by group.
struct Groups {
    /// Group of each row.
    of_row: Vec<usize>,
    count: usize,
}

impl Groups {
    fn new<'a>(names: impl Iterator<Item = &'a str>) -> Self {
        let mut known = BTreeMap::new();
        let mut of_row = Vec::new();
        for name in names {
            let next = known.len();
            of_row.push(*known.entry(name).or_insert(next));
        }
        Self { of_row, count: known.len() }
    }

    /// How often each row is drawn when groups are drawn with replacement.
    fn resampled(&self, seed: u64) -> Vec<f64> {
        let mut times = vec![0.0; self.count];
        let mut state = seed.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        for _ in 0..self.count {
            // SplitMix64 (Steele, Lea and Flood, OOPSLA 2014).
            state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut z = state;
            z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            times[((z ^ (z >> 31)) % self.count as u64) as usize] += 1.0;
        }
        self.of_row.iter().map(|&group| times[group]).collect()
    }

    /// Probabilities for each group by a model fitted to the others.
    fn left_out(&self, matrix: &Array2<f64>, outcomes: &[bool], start: &[f64]) -> Vec<f64> {
        let mut probabilities = vec![0.0; outcomes.len()];
        for group in 0..self.count {
            let weights: Vec<f64> =
                self.of_row.iter().map(|&other| f64::from(u8::from(other != group))).collect();
            let coefficients = fit(matrix, outcomes, &weights, Some(start));
            for (row, p) in probabilities.iter_mut().enumerate() {
                if self.of_row[row] == group {
                    let terms = matrix.index_axis(Axis(0), row);
                    *p = logistic(terms.iter().zip(&coefficients).map(|(t, c)| t * c).sum());
                }
            }
        }
        probabilities
    }
}

/// Stratum of each row: its experiment, depth and budget.
fn strata(rows: &[Row]) -> Vec<usize> {
    let experiments = Groups::new(rows.iter().map(|row| row.run.as_str()));
    let stratum = |(index, row): (usize, &Row)| {
        let [depth, steps] = [0, 3].map(|feature| (row.features.0[feature] * 1e3).round() as usize);
        (experiments.of_row[index] * 100_000 + depth) * 100_000 + steps
    };
    rows.iter().enumerate().map(stratum).collect()
}

/// Skill of one feature alone.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FeatureSkill {
    /// Name.
    pub name: &'static str,
    /// Area under the ROC curve over all rows, of the feature or of its negative, whichever is larger.
    pub auc: f64,
    /// Area under the ROC curve among rows of equal experiment, depth and budget, with the same sign.
    pub auc_at_equal_depth: f64,
    /// True if smaller values speak for success.
    pub is_reversed: bool,
}

/// Skill of each feature alone on the rows. Signs are chosen on the same rows.
pub fn feature_skills(rows: &[Row]) -> Vec<FeatureSkill> {
    let outcomes: Vec<bool> = rows.iter().map(|row| row.success).collect();
    let strata = strata(rows);
    let of = |(index, &name): (usize, &&'static str)| {
        let values: Vec<f64> = rows.iter().map(|row| row.features.0[index]).collect();
        let up = roc_auc(&values, &outcomes).unwrap_or(0.5);
        let within = roc_auc_within(&values, &outcomes, &strata).unwrap_or(0.5);
        let is_reversed = up < 0.5;
        let [auc, auc_at_equal_depth] =
            [up, within].map(|auc| if is_reversed { 1.0 - auc } else { auc });
        FeatureSkill { name, auc, auc_at_equal_depth, is_reversed }
    };
    Features::NAMES.iter().enumerate().map(of).collect()
}

fn skill(
    rows: &[Row],
    matrix: &Array2<f64>,
    outcomes: &[bool],
    families: &Groups,
    start: &[f64],
) -> Skill {
    let probabilities = families.left_out(matrix, outcomes, start);
    let resamples = Resamples::new(&families.of_row, INTERVALS, 1);
    let scores = scores(&probabilities, outcomes, &strata(rows), &resamples);
    let experiments = Groups::new(rows.iter().map(|row| row.run.as_str()));
    let without = experiments.left_out(matrix, outcomes, start);
    let mut by_experiment = BTreeMap::new();
    // Nothing is left to fit to without the only experiment.
    let several = if experiments.count > 1 { rows } else { &[] };
    for row in several {
        let of_run: Vec<usize> =
            (0..rows.len()).filter(|&index| rows[index].run == row.run).collect();
        by_experiment.entry(row.run.clone()).or_insert_with(|| {
            let p: Vec<f64> = of_run.iter().map(|&row| without[row]).collect();
            let y: Vec<bool> = of_run.iter().map(|&row| outcomes[row]).collect();
            let nan = f64::NAN;
            [roc_auc(&p, &y).unwrap_or(nan), brier_score(&p, &y).unwrap_or(nan)]
        });
    }
    let bins = reliability(&probabilities, outcomes, BINS, &resamples);
    let bin = |bin: &isobath_scoring::Bin| {
        let (low, high) = bin.interval.map_or((0.0, 1.0), |ends| (ends.low, ends.high));
        [bin.predicted, bin.observed, low, high, bin.rows as f64]
    };
    Skill {
        families: families.count,
        auc: scores.auc,
        auc_at_equal_depth: scores.auc_at_equal_depth,
        brier: scores.brier,
        by_experiment,
        reliability: bins.iter().map(bin).collect(),
    }
}

/// Scores of predicted probabilities against outcomes, each with a 95% interval.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scores {
    /// Area under the ROC curve.
    pub auc: [f64; 3],
    /// Area under the ROC curve among trainings of equal depth and budget.
    pub auc_at_equal_depth: [f64; 3],
    /// Brier score.
    pub brier: [f64; 3],
}

fn scores(
    probabilities: &[f64],
    outcomes: &[bool],
    strata: &[usize],
    resamples: &Resamples,
) -> Scores {
    let pick = |rows: &[usize]| {
        let p: Vec<f64> = rows.iter().map(|&row| probabilities[row]).collect();
        let y: Vec<bool> = rows.iter().map(|&row| outcomes[row]).collect();
        (p, y)
    };
    let with_interval = |statistic: &dyn Fn(&[usize]) -> Option<f64>| {
        let all: Vec<usize> = (0..probabilities.len()).collect();
        let value = statistic(&all).unwrap_or(f64::NAN);
        let ends = interval(resamples, statistic);
        ends.map_or([value; 3], |ends| [value, ends.low, ends.high])
    };
    Scores {
        auc: with_interval(&|rows| {
            let (p, y) = pick(rows);
            roc_auc(&p, &y)
        }),
        auc_at_equal_depth: with_interval(&|rows| {
            let (p, y) = pick(rows);
            let groups: Vec<usize> = rows.iter().map(|&row| strata[row]).collect();
            roc_auc_within(&p, &y, &groups)
        }),
        brier: with_interval(&|rows| {
            let (p, y) = pick(rows);
            brier_score(&p, &y)
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_calibration_can_be_read() {
        let built_in = Calibration::built_in();
        assert!(built_in.trainings > 0);
        for model in [&built_in.tried, &built_in.untried] {
            assert!(model.skill.families > 1);
            let p = model.probability(&Features([0.0; Features::COUNT]));
            assert!(0.0 < p.low && p.low <= p.p && p.p <= p.high && p.high < 1.0, "{p:?}");
        }
    }

    /// Rows whose success depends on one feature alone.
    fn rows() -> Vec<Row> {
        let row = |index: usize| {
            let forecast = (index % 21) as f64 / 20.0;
            let mut features = [0.0; Features::COUNT];
            features[0] = 2.0 + (index % 5) as f64 * 0.1;
            features[5] = forecast;
            // One outcome in nine is the other one.
            let success = (forecast > 0.5) != index.is_multiple_of(9);
            Row {
                run: format!("run {}", index % 2),
                family: format!("family {}", index % 7),
                kind: "mlp".to_owned(),
                optimizer: "sgd".to_owned(),
                features: Features(features),
                success,
            }
        };
        (0..420).map(row).collect()
    }

    #[test]
    fn the_feature_that_decides_is_found_and_families_left_out_are_predicted() {
        let rows = rows();
        let calibration = Calibration::fit(&rows);
        let mut features = rows[0].features;
        let mut at = |forecast: f64| {
            features.0[5] = forecast;
            calibration.tried.probability(&features).p
        };
        let (low, high) = (at(0.05), at(0.95));
        assert!(low < 0.25 && high > 0.75, "{low} {high}");
        let [auc, from, to] = calibration.tried.skill.auc;
        assert!(auc > 0.85 && from <= auc && auc <= to, "{:?}", calibration.tried.skill);
        assert_eq!(calibration.like.get("mlp, sgd"), Some(&210));
        assert_eq!(calibration.tried.skill.by_experiment.len(), 2);
    }

    #[test]
    fn a_model_without_the_feature_that_decides_has_no_skill() {
        let rows = rows();
        let auc = |names: &[&str]| Model::fit(&rows, names).skill.auc[0];
        assert!(auc(&["dead"]) > 0.85 && auc(&["forecast"]) < 0.6, "{}", auc(&["forecast"]));
    }

    #[test]
    fn depths_outside_of_the_atlas_are_named() {
        let rows = rows();
        let calibration = Calibration::fit(&rows);
        assert_eq!(calibration.outside(&rows[0].features), []);
        let mut deep = rows[0].features;
        deep.0[0] = 6.0;
        let outside = calibration.outside(&deep);
        assert_eq!(outside.len(), 1);
        assert_eq!(outside[0].feature, "ln_depth");
    }

    #[test]
    fn trainings_elsewhere_are_scored_as_they_are() {
        let rows = rows();
        let model = Model::fit(&rows, &[]);
        let reversed: Vec<Row> =
            rows.iter().map(|row| Row { success: !row.success, ..row.clone() }).collect();
        let [here, there] = [&rows, &reversed].map(|rows| model.scores(rows));
        assert!(here.auc[0] > 0.85 && here.brier[0] < 0.15, "{here:?}");
        assert!((there.auc[0] - (1.0 - here.auc[0])).abs() < 1e-9 && there.brier[0] > 0.5);
    }

    #[test]
    fn models_survive_their_file() {
        let calibration = Calibration::fit(&rows());
        let text = toml::to_string(&calibration).unwrap();
        let read: Calibration = toml::from_str(&text).unwrap();
        let features = rows()[3].features;
        let same = |p: Probability| [p.p, p.low, p.high].map(f64::to_bits);
        assert_eq!(
            same(read.untried.probability(&features)),
            same(calibration.untried.probability(&features))
        );
    }
}
