//! Accuracy of predictors on trainings made elsewhere.
//!
//! A [`Table`] lists trained networks over weight variance and depth; [`score`] compares what theory, the trivial
//! baselines and the cut-offs of runs say about them with what happened. Nothing is trained; scores
//! that were measured on such networks are compared as well.
//!
//! Scores are compared as they are: a larger one predicts success. A predictor of a depth is also compared with the
//! measured frontier: as named, times one factor fitted on the other weight variances of the grid, and times one factor
//! fitted on the other grids of the table. Intervals resample cells, where a cell is one family at one depth with all
//! its initialisations; those of frontier errors resample families and treat fitted factors as fixed. Neighbouring cells
//! are correlated, so true intervals are somewhat wider.

mod column;
mod error;
mod prediction;
mod scores;
mod table;

pub use self::{
    column::{Column, ColumnHeader, ParseColumnError},
    error::Error,
    prediction::{MeasuredNetwork, MeasuredScores},
    scores::{FamilyFrontier, GridScores, PredictorScores, TableScores, score},
    table::{Family, Grid, Network, Table, TableSettings},
};

#[cfg(test)]
mod tests;
