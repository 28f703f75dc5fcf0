//! Accuracy and cost of every trainability predictor, measured on the trainings of a run.
//!
//! [`compare`] reads stored results; it trains and predicts nothing. Scores are compared with outcomes as they are.
//! Calibrations, where needed, are fitted on some weight variances and tested on others, or on another run. Intervals
//! resample configurations: a configuration is one `(sigma_w2, sigma_b2, depth)`, and its initialisations stay
//! together. The intervals treat calibrations as fixed and configurations as independent. Neighbouring configurations
//! are correlated, so true intervals are somewhat wider.

mod budget;
mod disagreement;
mod error;
mod frontiers;
mod networks;
mod predictor_summary;
mod score_info;
mod scores;
mod unchanged_scores;

pub use isobath_predictors::Evidence;
use isobath_predictors::{DEPTH, LEADING_TRIALS, ScoreId, XI_C, cascade_depth_score};
pub use isobath_scoring::Frontier;
use isobath_scoring::{Bin, Folds, FrontierError, Interval, Resamples, reliability};
use rayon::prelude::*;

pub use self::{
    budget::limit_budget,
    disagreement::{Class, Configuration},
    error::Error,
    frontiers::Family,
    predictor_summary::{Coefficient, Costs, FrontierErrors, PredictorSummary},
};
use self::{
    frontiers::Families,
    networks::Networks,
    predictor_summary::{Bench, Calibrations},
};
pub(crate) use self::{
    predictor_summary::{frontier_errors, interval_over},
    score_info::evidence,
};
use isobath_store::RunRecord;

/// Settings of the comparison.
#[derive(Clone, Copy, Debug)]
pub struct Settings<'a> {
    /// Runs on whose networks the calibrations are fitted; none for cross-validation within the run. A score is calibrated
    /// on those of them that have it.
    pub calibrate_on: &'a [&'a RunRecord],
    /// Number of resamples per interval.
    pub resamples: usize,
}

/// A number with its 95% bootstrap interval; the interval is `None` if too few resamples define the statistic.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Estimate {
    /// Value over all networks.
    pub value: f64,
    /// Interval over configurations.
    pub interval: Option<Interval>,
}

/// Comparison of all predictors with one recipe's trainings.
#[derive(Clone, Debug, PartialEq)]
pub struct Comparison {
    /// Recipe of the trainings.
    pub recipe: String,
    /// Accuracy that counts as success.
    pub success: Option<f64>,
    /// Number of trained networks.
    pub networks: usize,
    /// Number of networks in the full grid of depths and initialisations; larger than `networks` after a frontier
    /// search.
    pub grid: usize,
    /// Number of successful trainings.
    pub succeeded: usize,
    /// Number of configurations `(sigma_w2, sigma_b2, depth)`.
    pub cells: usize,
    /// Mean cost of a training.
    pub training: Costs,
    /// Description of the data that calibrations were fitted on.
    pub calibrated_on: String,
    /// Predictors by descending AUC; those without an AUC last.
    pub summaries: Vec<PredictorSummary>,
    /// Names of the leading predictors: cascade, theory, brief training and depth, if the run has them.
    pub leading: Leading,
    /// Reliability curves of the leading predictors.
    pub reliability: Vec<(String, Vec<Bin>)>,
    /// Measured and predicted frontiers.
    pub families: Vec<Family>,
    /// Configurations, with the errors of cascade and theory.
    pub map: Vec<Configuration>,
}

/// Names of the leading predictors of each kind.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Leading {
    /// The run's first estimator with its first cut-off rule.
    pub cascade: Option<String>,
    /// `xi_c`.
    pub theory: Option<String>,
    /// Training at the cost of the cascade, or of few steps.
    pub trial: Option<String>,
    /// Depth alone.
    pub depth: Option<String>,
}

impl Leading {
    /// Names of the leading predictors.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        [&self.cascade, &self.theory, &self.trial, &self.depth]
            .into_iter()
            .flatten()
            .map(String::as_str)
    }
}

impl Comparison {
    /// True if there are successes and failures enough for intervals and for comparisons of predictors with each other.
    pub fn is_conclusive(&self) -> bool {
        has_enough(self.succeeded, self.networks)
    }

    /// Summary of one predictor.
    pub fn summary(&self, predictor: &str) -> Option<&PredictorSummary> {
        self.summaries.iter().find(|summary| summary.predictor == predictor)
    }
}

/// Least number of successes, and of failures, for intervals and for comparisons of predictors with each other.
pub const LEAST_OUTCOMES: usize = 5;

/// Seed of all resamples, for reproducible intervals.
pub(crate) const SEED: u64 = 1;
/// Bins of a reliability curve.
const BINS: usize = 10;
/// Number of folds of the weight variances; each is tested with a calibration fitted on the others.
pub const FOLDS: usize = 5;

/// Recipes of a run, or the one called `name`.
///
/// # Errors
/// [`Error::NoTrainings`] and [`Error::UnknownRecipe`].
pub fn recipes<'a>(run: &'a RunRecord, name: Option<&str>) -> Result<Vec<&'a str>, Error> {
    if run.trainings.is_empty() {
        return Err(Error::no_trainings(run));
    }
    let known = || run.recipes.iter().map(String::as_str);
    match name {
        None => Ok(known().collect()),
        Some(name) => match known().find(|recipe| *recipe == name) {
            Some(recipe) => Ok(vec![recipe]),
            None => {
                Err(Error::UnknownRecipe { name: name.to_owned(), known: run.recipes.join(", ") })
            }
        },
    }
}

/// Compares every predictor of `run` with the trainings of `recipe`.
///
/// # Errors
/// [`Error`] if there is nothing to compare: no trainings, no scores, or the same outcome everywhere.
pub fn compare(
    run: &RunRecord,
    recipe: &str,
    settings: &Settings<'_>,
) -> Result<Comparison, Error> {
    let networks = Networks::new(run, recipe)?;
    let columns = scores::columns(run, &networks);
    if columns.is_empty() {
        return Err(Error::NoScores { run: run.name.clone() });
    }
    let others = settings
        .calibrate_on
        .iter()
        .map(|other| {
            let networks = Networks::new(other, recipe_of(other, recipe))?;
            let columns = scores::columns(other, &networks);
            Ok((networks, columns))
        })
        .collect::<Result<Vec<_>, Error>>()?;
    let families = Families::new(&networks);
    let leading = leading(run, &columns);
    let is_conclusive = has_enough(networks.succeeded(), networks.rows.len());
    let resamples = if is_conclusive { settings.resamples } else { 0 };
    let rival = |name: Option<&str>| {
        let mut columns = columns.iter().filter(|_| is_conclusive);
        columns.find(|column| Some(column.name.as_str()) == name)
    };
    let bench = Bench {
        resamples: Resamples::new(&networks.cells, resamples, SEED),
        family_resamples: Resamples::new(&families.numbers(), resamples, SEED),
        rivals: [leading.theory.as_deref(), leading.depth.as_deref()].map(rival),
        networks: &networks,
        families: &families,
    };
    let calibrations = |column: &scores::Column, folds| {
        if others.is_empty() {
            return Calibrations::across(&column.scores, &networks, folds);
        }
        let same = others.iter().flat_map(|(networks, columns)| {
            let same = columns.iter().find(|other| other.name == column.name);
            same.into_iter().flat_map(|same| same.scores.iter().copied().zip(networks.outcomes()))
        });
        let (scores, outcomes): (Vec<f64>, Vec<bool>) = same.unzip();
        (!scores.is_empty()).then(|| Calibrations::elsewhere(&scores, &outcomes))
    };
    let evaluated: Vec<_> = columns
        .par_iter()
        .map(|column| {
            let contiguous = calibrations(column, Folds::Contiguous);
            // Calibrations from other runs need no folds.
            let alternating =
                others.is_empty().then(|| calibrations(column, Folds::Alternating)).flatten();
            let summary = bench.summary(column, contiguous.as_ref(), alternating.as_ref());
            let probabilities = contiguous.map(|fit| fit.probabilities(&column.scores));
            (summary, probabilities)
        })
        .collect();
    let probabilities = |name: &str| -> Option<&[f64]> {
        let (_, probabilities) = evaluated.iter().find(|(summary, _)| summary.predictor == name)?;
        probabilities.as_deref()
    };
    let curve = |name: &str| {
        let probabilities = probabilities(name)?;
        let bins = reliability(probabilities, &networks.outcomes(), BINS, &bench.resamples);
        Some((name.to_owned(), bins))
    };
    let classes =
        [&leading.cascade, &leading.theory].map(|name| name.as_deref().and_then(probabilities));
    let map = disagreement::map(&networks, classes);
    let reliability = leading.names().filter_map(curve).collect();
    let mut summaries: Vec<PredictorSummary> =
        evaluated.into_iter().map(|(summary, _)| summary).collect();
    let auc = |summary: &PredictorSummary| summary.auc.map_or(f64::NEG_INFINITY, |auc| auc.value);
    summaries.sort_by(|a, b| auc(b).total_cmp(&auc(a)));
    Ok(Comparison {
        recipe: recipe.to_owned(),
        success: run.success,
        networks: networks.rows.len(),
        grid: families.initialisations() * run.train_depths.len(),
        succeeded: networks.succeeded(),
        cells: networks.cell_count(),
        training: networks.training_costs(),
        calibrated_on: match settings.calibrate_on {
            [other] => format!("the run {}", other.name),
            [] if run.variants.iter().all(|variant| variant.scheme.is_some()) => {
                "the other initialisations".to_owned()
            }
            [] => format!("the other weight variances, in {FOLDS} blocks of neighbours"),
            others => {
                let names: Vec<&str> = others.iter().map(|other| other.name.as_str()).collect();
                format!("the runs {}", names.join(", "))
            }
        },
        families: families.measured_and_predicted(&summaries),
        reliability,
        leading,
        summaries,
        map,
    })
}

/// The recipe of another run that is called `name`, or its only one.
fn recipe_of<'a>(run: &'a RunRecord, name: &'a str) -> &'a str {
    match &run.recipes[..] {
        [only] => only,
        _ => name,
    }
}

/// True if at least [`LEAST_OUTCOMES`] of `networks` trainings succeeded, and as many failed.
pub(crate) const fn has_enough(succeeded: usize, networks: usize) -> bool {
    succeeded >= LEAST_OUTCOMES && networks - succeeded >= LEAST_OUTCOMES
}

/// Finds the columns of the leading predictors.
fn leading(run: &RunRecord, columns: &[scores::Column]) -> Leading {
    let has = |id: &ScoreId| {
        let column = columns.iter().find(|column| column.name == id.as_str());
        column.map(|column| column.name.clone())
    };
    let cascade = run.estimators.first().zip(run.rules.first());
    Leading {
        cascade: cascade
            .and_then(|(&estimator, &rule)| has(&cascade_depth_score(estimator, rule).id)),
        theory: has(&XI_C),
        trial: LEADING_TRIALS.iter().find_map(has),
        depth: has(&DEPTH),
    }
}

/// Key that selects one family, or all.
type Errors = Option<FrontierError>;

#[cfg(any(test, feature = "test-util"))]
pub mod synthetic;
#[cfg(test)]
mod tests;
