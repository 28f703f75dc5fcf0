//! How right predictions were: plain statistics of scores against outcomes, knowing nothing of networks.
//!
//! Scores are numbers of which a larger one speaks for success, infinite ones included. They are judged as they are: a
//! score that says the opposite of the truth stays below an AUC of 1/2 and is never turned around, neither here nor by
//! a [calibration](Logistic).
//!
//! What there is one of for every cell is judged over cells: a cell's seeds are no independent evidence, so that
//! [`Resamples`] draw whole cells. A statistic that does not exist, an AUC with one class, is `None`.
//!
//! # Panics
//! All functions of several slices panic when these have different lengths, and where a score or a probability is NaN.
#![expect(clippy::missing_panics_doc, reason = "said once, above")]

mod auc;
mod bootstrap;
mod brier;
mod folds;
mod frontier;
mod isotonic;
mod logistic;
mod rank;
mod reliability;

pub use auc::{roc_auc, roc_auc_within};
pub use bootstrap::{Interval, Resamples, interval};
pub use brier::{Brier, brier_score};
pub use folds::{Folds, cross_calibrations};
pub use frontier::{
    Frontier, FrontierError, Observed, OutcomesByDepth, SeedFrontier, Side, TrainedFrontier,
    frontier, frontier_error,
};
pub use isotonic::isotonic;
pub use logistic::Logistic;
pub use rank::{kendall, midranks, spearman};
pub use reliability::{Bin, reliability};
