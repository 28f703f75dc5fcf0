//! Who is right about trainability: every predictor's scores against the trainings of a run.
//!
//! [`judge`] takes what a run has stored, trains nothing and predicts nothing. A score is held against outcomes as it
//! is; a calibration, where one is needed, is fitted on some weight variances and tested on others, or on another run.
//! Intervals are by cell: a cell is one `(sigma_w2, sigma_b2, depth)`, its initialisations stay together. They take
//! calibrations as given, and cells as independent, which neighbours are not quite: true intervals are somewhat wider.

mod disagreement;
mod error;
mod frontiers;
mod meaning;
mod networks;
mod predictor_summary;
mod scores;
mod unchanged_scores;

pub use isobath_scoring::Frontier;
use isobath_scoring::{Bin, Folds, FrontierError, Interval, Resamples, reliability};
use rayon::prelude::*;

pub use self::{
    disagreement::{Cell, Class},
    error::Error,
    frontiers::Family,
    predictor_summary::{Coefficient, Costs, FrontierErrors, PredictorSummary},
};
use self::{
    frontiers::Families,
    networks::Networks,
    predictor_summary::{Bench, Calibrations},
};
use isobath_store::RunRecord;

/// How predictors are judged.
#[derive(Clone, Copy, Debug)]
pub struct Settings<'a> {
    /// A run whose networks calibrations are fitted on; where there is none, parts of the run itself.
    pub calibrate_on: Option<&'a RunRecord>,
    /// Resamples behind each interval.
    pub resamples: usize,
}

/// A number with its 95% bootstrap interval; none where too few resamples have it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Estimate {
    /// Of all networks.
    pub value: f64,
    /// By cell.
    pub interval: Option<Interval>,
}

/// What is to be said of the predictors on one recipe's trainings.
#[derive(Clone, Debug, PartialEq)]
pub struct Comparison {
    /// The way in which the networks were trained.
    pub recipe: String,
    /// The accuracy that is called success.
    pub success: Option<f64>,
    /// Networks that were trained.
    pub networks: usize,
    /// Those that training every depth of every initialisation would have come to; more where the frontier was searched
    /// for.
    pub grid: usize,
    /// Those of them that succeeded.
    pub succeeded: usize,
    /// `(sigma_w2, sigma_b2, depth)` they are of.
    pub cells: usize,
    /// Mean cost of a training.
    pub training: Costs,
    /// What calibrations were fitted on, in words.
    pub calibrated_on: String,
    /// The predictors, the best by AUC first; those without one last.
    pub summaries: Vec<PredictorSummary>,
    /// The names of those that stand for the cascade, for theory and for training briefly, where the run has them.
    pub leading: Leading,
    /// Reliability curves of the leading predictors.
    pub reliability: Vec<(String, Vec<Bin>)>,
    /// Measured and predicted frontiers.
    pub families: Vec<Family>,
    /// Where cascade, theory and training differ.
    pub map: Vec<Cell>,
}

/// The predictors that are shown beside each other.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Leading {
    /// The run's first estimator with its first cut-off rule.
    pub cascade: Option<String>,
    /// `xi_c`.
    pub theory: Option<String>,
    /// A training for the cost of the cascade, or of few steps.
    pub trial: Option<String>,
    /// Depth alone.
    pub depth: Option<String>,
}

impl Leading {
    /// Their names.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        [&self.cascade, &self.theory, &self.trial, &self.depth]
            .into_iter()
            .flatten()
            .map(String::as_str)
    }
}

impl Comparison {
    /// What is to be said of one predictor.
    pub fn summary(&self, predictor: &str) -> Option<&PredictorSummary> {
        self.summaries.iter().find(|summary| summary.predictor == predictor)
    }
}

/// Seed of all resamples: intervals are the same every time.
const SEED: u64 = 1;
/// Bins of a reliability curve.
const BINS: usize = 10;
/// Parts of the weight variances, each tested on a calibration fitted on the others.
pub const FOLDS: usize = 5;

/// The recipes of a run, or the one of that name.
///
/// # Errors
/// [`Error::NoTrainings`] and [`Error::UnknownRecipe`].
pub fn recipes<'a>(run: &'a RunRecord, name: Option<&str>) -> Result<Vec<&'a str>, Error> {
    if run.trainings.is_empty() {
        return Err(Error::NoTrainings { run: run.name.clone() });
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

/// Holds every predictor of `run` against the trainings by `recipe`.
///
/// # Errors
/// [`Error`] where there is nothing to compare: no trainings, no scores, or one outcome for all.
pub fn judge(run: &RunRecord, recipe: &str, settings: &Settings<'_>) -> Result<Comparison, Error> {
    let networks = Networks::new(run, recipe)?;
    let columns = scores::columns(run, &networks);
    if columns.is_empty() {
        return Err(Error::NoScores { run: run.name.clone() });
    }
    let other = settings
        .calibrate_on
        .map(|other| {
            let networks = Networks::new(other, recipe)?;
            let columns = scores::columns(other, &networks);
            Ok((other.name.as_str(), networks, columns))
        })
        .transpose()?;
    let families = Families::new(&networks);
    let leading = leading(run, &columns);
    let bench = Bench {
        resamples: Resamples::new(&networks.cells, settings.resamples, SEED),
        family_resamples: Resamples::new(&families.numbers(), settings.resamples, SEED),
        rivals: [leading.theory.as_deref(), leading.depth.as_deref()]
            .map(|name| columns.iter().find(|column| Some(column.name.as_str()) == name)),
        networks: &networks,
        meanings: meaning::Meanings::new(),
        families: &families,
    };
    let calibrations = |column: &scores::Column, folds| match &other {
        Some((_, networks, columns)) => {
            let same = columns.iter().find(|other| other.name == column.name)?;
            Some(Calibrations::elsewhere(&same.scores, &networks.outcomes()))
        }
        None => Calibrations::across(&column.scores, &networks, folds),
    };
    let judged: Vec<_> = columns
        .par_iter()
        .map(|column| {
            let contiguous = calibrations(column, Folds::Contiguous);
            // Nothing is shared out where calibrations are from another run.
            let alternating = match &other {
                Some(_) => None,
                None => calibrations(column, Folds::Alternating),
            };
            let summary = bench.summary(column, contiguous.as_ref(), alternating.as_ref());
            let probabilities = contiguous.map(|fit| fit.probabilities(&column.scores));
            (summary, probabilities)
        })
        .collect();
    let probabilities = |name: &str| -> Option<&[f64]> {
        let (_, probabilities) = judged.iter().find(|(summary, _)| summary.predictor == name)?;
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
        judged.into_iter().map(|(summary, _)| summary).collect();
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
        calibrated_on: match &other {
            Some((name, ..)) => format!("the run {name}"),
            None => format!("the other weight variances, in {FOLDS} blocks of neighbours"),
        },
        families: families.measured_and_predicted(&summaries),
        reliability,
        leading,
        summaries,
        map,
    })
}

/// The columns that stand for the cascade, for theory and for training briefly.
fn leading(run: &RunRecord, columns: &[scores::Column]) -> Leading {
    let has = |name: String| columns.iter().any(|column| column.name == name).then_some(name);
    let cascade = run.estimators.first().zip(run.rules.first());
    let trials = ["steps-equal-cost", "steps-100", "steps-10"];
    Leading {
        cascade: cascade.and_then(|(estimator, rule)| has(format!("cascade {estimator} {rule}"))),
        theory: has("xi_c".to_owned()),
        trial: trials.into_iter().find_map(|name| has(name.to_owned())),
        depth: has("depth".to_owned()),
    }
}

/// Of one family, or of all.
type Errors = Option<FrontierError>;

#[cfg(any(test, feature = "test-util"))]
pub mod synthetic;
#[cfg(test)]
mod tests;
