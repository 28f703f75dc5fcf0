//! Figures described by an experiment file, with the same settings, results and drawings as on the command line.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use isobath_architecture::Activation;
use isobath_meanfield::Theory;

use super::{architecture::Architecture, plot, point::TheoryQuery, ridge};
use isobath_experiment::{CobwebsFigure, FileError, PlaneFigure, ScalesFigure, Span, TheoryFigure};

use crate::commands::GlobalArgs;

/// Writer for the numbers of a figure, if it has more than its lines show.
const NUMBERS: &str = "numbers.json";

/// Checks the settings of `figure` without computing anything.
///
/// # Errors
/// [`FileError::Invalid`] with the setting, its value and its range.
pub(in crate::commands) fn check(figure: &TheoryFigure) -> Result<(), FileError> {
    let points = match figure {
        TheoryFigure::Cobwebs(CobwebsFigure { activation, sigma_w2, sigma_b2 }) => {
            if sigma_w2.is_empty() {
                return Err(invalid("sigma_w2 is empty"));
            }
            sigma_w2.iter().map(|&w| (*activation, w, *sigma_b2)).collect()
        }
        TheoryFigure::DepthScales(ScalesFigure { activation, sigma_w2, sigma_b2 }) => {
            ascending("sigma_w2", *sigma_w2)?;
            ends(*sigma_w2).map(|w| (*activation, w, *sigma_b2)).to_vec()
        }
        TheoryFigure::Plane(PlaneFigure { activation, sigma_w2, sigma_b2 }) => {
            ascending("sigma_w2", *sigma_w2)?;
            ascending("sigma_b2", *sigma_b2)?;
            vec![
                (*activation, sigma_w2.from, sigma_b2.from),
                (*activation, sigma_w2.to, sigma_b2.to),
            ]
        }
        TheoryFigure::Ridge(figure) => return ridge::check(figure).map_err(invalid),
    };
    for (activation, sigma_w2, sigma_b2) in points {
        Theory::new(activation, sigma_w2, sigma_b2).map_err(invalid)?;
    }
    Ok(())
}

fn invalid(message: impl ToString) -> FileError {
    FileError::invalid("theory", message)
}

const fn ends(Span { from, to }: Span) -> [f64; 2] {
    [from, to]
}

fn ascending(name: &str, Span { from, to }: Span) -> Result<(), FileError> {
    if from < to {
        return Ok(());
    }
    Err(invalid(format!("{name} = {{ from = {from}, to = {to} }} must have from < to")))
}

/// Draws `figure` into `folder` as PNG and SVG. Returns the files.
///
/// # Errors
/// If data are missing, a computation fails or a file cannot be written.
pub(in crate::commands) fn draw(
    global: &GlobalArgs,
    figure: &TheoryFigure,
    folder: &Path,
) -> Result<Vec<PathBuf>> {
    match figure {
        TheoryFigure::Cobwebs(CobwebsFigure { activation, sigma_w2, sigma_b2 }) => {
            plot::write_cobwebs(&query(*activation, sigma_w2.clone(), *sigma_b2), folder)
        }
        TheoryFigure::DepthScales(ScalesFigure { activation, sigma_w2, sigma_b2 }) => {
            plot::write_scales(&query(*activation, ends(*sigma_w2).to_vec(), *sigma_b2), folder)
        }
        TheoryFigure::Plane(PlaneFigure { activation, sigma_w2, sigma_b2 }) => {
            let query = query(*activation, ends(*sigma_w2).to_vec(), sigma_b2.to);
            plot::write_depth_plane(&query, (sigma_b2.from, sigma_b2.to), folder)
        }
        TheoryFigure::Ridge(figure) => {
            let answer = ridge::answer(global, figure)?;
            let mut written = plot::write_ridge(figure, &answer, folder)?;
            let path = folder.join(NUMBERS);
            std::fs::write(&path, ridge::numbers(figure, &answer).to_string())
                .with_context(|| format!("cannot write {}", path.display()))?;
            written.push(path);
            Ok(written)
        }
    }
}

/// Query for fully connected layers at these points.
const fn query(activation: Activation, sigma_w2: Vec<f64>, sigma_b2: f64) -> TheoryQuery {
    let architecture = Architecture::FullyConnected;
    TheoryQuery { activation, sigma_w2, sigma_b2, architecture, depth: 1, json: false }
}
