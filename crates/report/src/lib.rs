//! Reports of a run: a self-contained page, figures as PNG and SVG, and tables as CSV.
//!
//! The report reads only a [`RunRecord`], never the stages that produced it, so a finished run can be reported again
//! without computing anything.
//! Every figure is drawn once, as SVG. The PNG is that SVG rasterised, and the page embeds the same drawing with hover
//! values, so the three always agree.

pub mod comparison;
mod csv;
mod depth_words;
mod error;
mod figures;
mod files;
mod html;
pub mod interpretation;
mod json;
mod numbers;
pub mod outcomes;
#[cfg(feature = "parquet")]
mod parquet_tables;
mod places;
mod reach_words;
pub mod scoreboard;
mod sentences;
pub mod theory_figures;
mod trained;
pub mod verdict;
mod vocabulary;

use std::path::{Path, PathBuf};

use self::figures::{Figure, GrowthChart, Layout};
pub use self::json::json;
#[cfg(feature = "parquet")]
pub use self::parquet_tables::write_parquet;
pub use self::{
    error::{Error, Result},
    figures::Growth,
    sentences::verdict_sentences,
    vocabulary::count,
};
use isobath_analysis::{comparison::Comparison, scoreboard::Scoreboard};
use isobath_experiment::Format;
use isobath_store::RunRecord;

/// Writes the report of `run` into `folder` in each of `formats`. Returns the written files, the page first.
///
/// - [`Format::Html`]: `report.html`, one file that opens offline.
/// - [`Format::Png`] and [`Format::Svg`]: every figure, in `figures/`.
/// - [`Format::Csv`]: `csv/profiles.csv`, `cutoffs.csv`, `costs.csv` and `theory.csv`, in full precision; where networks
///   were trained, also `trainings.csv`, `learning_curves.csv`, `frontier.csv` and `scores.csv`.
///
/// Each file is written under a temporary name and then renamed, so readers never see a partial file.
///
/// # Errors
/// If a folder or file cannot be written, or a figure cannot be drawn.
pub fn write(run: &RunRecord, folder: &Path, formats: &[Format]) -> Result<Vec<PathBuf>> {
    let figures = figures::of(run);
    let mut written = Vec::new();
    if formats.contains(&Format::Csv) {
        for (name, table) in csv::tables(run)? {
            written.push(files::write(&folder.join("csv").join(name), table.as_bytes())?);
        }
    }
    if formats.contains(&Format::Svg) || formats.contains(&Format::Png) {
        for figure in &figures {
            written.extend(write_figure(figure.as_ref(), &folder.join("figures"), formats)?);
        }
    }
    if formats.contains(&Format::Html) {
        let links: Vec<_> =
            written.iter().filter_map(|path| path.strip_prefix(folder).ok()).collect();
        let page = html::page(run, &figures, &links).map_err(Error::part("report.html"))?;
        written.insert(0, files::write(&folder.join("report.html"), page.as_bytes())?);
    }
    Ok(written)
}

/// Writes a comparison of predictors into `folder`: `compare.html`, one file that opens offline, and its figures as
/// SVG and PNG in `figures/`. Returns the written files, the page first.
///
/// # Errors
/// See [`write()`].
pub fn write_comparison(
    run: &RunRecord,
    comparisons: &[Comparison],
    folder: &Path,
) -> Result<Vec<PathBuf>> {
    let section = |comparison| {
        let figures = figures::of_comparison(run, comparison);
        html::comparison::Section { comparison, figures }
    };
    let sections: Vec<_> = comparisons.iter().map(section).collect();
    let mut written = Vec::new();
    for figure in sections.iter().flat_map(|section| &section.figures) {
        let folder = folder.join("figures");
        written.extend(write_figure(figure.as_ref(), &folder, &[Format::Svg, Format::Png])?);
    }
    let links: Vec<_> = written.iter().filter_map(|path| path.strip_prefix(folder).ok()).collect();
    let page =
        html::comparison::page(run, &sections, &links).map_err(Error::part("compare.html"))?;
    written.insert(0, files::write(&folder.join("compare.html"), page.as_bytes())?);
    Ok(written)
}

/// Writes the figure of a scoreboard into `folder`: `scoreboard.svg` and `scoreboard.png`. Returns the written files.
///
/// # Errors
/// If the folder or a file cannot be written, or the figure cannot be drawn.
pub fn write_scoreboard(board: &Scoreboard, folder: &Path) -> Result<Vec<PathBuf>> {
    write_figure(&figures::Board { board }, folder, &[Format::Svg, Format::Png])
}

/// Writes a chart of quantities measured over depth into `folder` as `{stem}.svg` and `{stem}.png`.
///
/// # Errors
/// If the folder or a file cannot be written.
pub fn write_growth(
    folder: &Path,
    stem: &str,
    title: &str,
    quantities: &[Growth],
) -> Result<Vec<PathBuf>> {
    let chart = GrowthChart { stem, title, quantities };
    write_figure(&chart, folder, &[Format::Svg, Format::Png])
}

/// Writes one figure as SVG, PNG or both.
fn write_figure(figure: &dyn Figure, folder: &Path, formats: &[Format]) -> Result<Vec<PathBuf>> {
    let stem = figure.stem();
    let drawing = figures::draw(figure, Layout::Wide).map_err(Error::part(stem.as_str()))?;
    let mut written = Vec::new();
    if formats.contains(&Format::Svg) {
        written
            .push(files::write(&folder.join(format!("{stem}.svg")), drawing.to_svg().as_bytes())?);
    }
    if formats.contains(&Format::Png) {
        let png = drawing.to_png().map_err(Error::part(stem.as_str()))?;
        written.push(files::write(&folder.join(format!("{stem}.png")), &png)?);
    }
    Ok(written)
}

#[cfg(test)]
mod tests;
