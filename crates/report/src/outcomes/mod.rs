//! Predictors against trainings made elsewhere, as text: Markdown, JSON, CSV.

mod csv;
mod json;
mod markdown;
mod summary;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

use isobath_analysis::outcomes::TableScores;

pub use self::{json::json, markdown::markdown};
use crate::{Result, files};

/// Writes the tables of a scoreboard into `folder`: `predictors.csv` (one row for each grid and predictor),
/// `frontiers.csv` (one row for each family) and `depths.csv` (one row for each family and predictor of a depth). Returns
/// the written files.
///
/// # Errors
/// If the folder or a file cannot be written.
pub fn write_csv(board: &TableScores, folder: &Path) -> Result<Vec<PathBuf>> {
    let tables = csv::tables(board)?;
    tables.iter().map(|(name, text)| files::write(&folder.join(name), text.as_bytes())).collect()
}
