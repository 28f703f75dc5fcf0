//! Statistics of scores against binary outcomes, independent of networks.
//!
//! A larger score predicts success; scores may be infinite. Scores are never reversed: a score that predicts the
//! opposite of the outcome has an AUC below 1/2, and no [calibration](Logistic) reverses it either.
//!
//! Confidence intervals are by cell, because the seeds of a cell are not independent: [`Resamples`] draw whole cells. A
//! statistic that does not exist, such as an AUC with one class, is `None`.
//!
//! # Panics
//! All functions of several slices panic if the slices differ in length, or if a score or a probability is NaN.
#![expect(clippy::missing_panics_doc, reason = "the crate documentation lists the panics")]

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
    DepthPair, Frontier, FrontierError, Observed, OutcomesByDepth, SeedFrontier, Side,
    TrainedFrontier, frontier, frontier_error, frontier_factor, frontier_factors_across,
};
pub use isotonic::isotonic;
pub use logistic::Logistic;
pub use rank::{kendall, midranks, spearman};
pub use reliability::{Bin, reliability};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
