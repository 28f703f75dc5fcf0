//! Figures of `meanfield --plot`: cobwebs of the maps, depth scales, the plane, profiles of residual networks, errors
//! of ridge decoders.

mod cobweb;
mod residual;
mod ridge;
mod scales;

use std::path::{Path, PathBuf};

use anyhow::Result;
use isobath_meanfield::{FixedPoint, Phase};

use super::{architecture::Architecture, point::TheoryQuery, ridge::RidgeProfiles};
use isobath_experiment::RidgeFigure;
use isobath_report::theory_figures::{AxisSpec, LineStyle, write_panels, write_plane};

/// Maximum number of profile lines, one per weight variance.
const MAX_LINES: usize = 6;
/// Points per curve.
const RESOLUTION: usize = 400;

/// Draws all figures of the query.
pub(super) fn write(query: &TheoryQuery, folder: &Path) -> Result<Vec<PathBuf>> {
    if let Architecture::Residual(branch) = query.architecture {
        return Ok(write_panels(&residual::profiles(query, branch)?, folder)?);
    }
    let mut written = write_cobwebs(query, folder)?;
    written.extend(write_scales(query, folder)?);
    if let Architecture::FullyConnected = query.architecture {
        let most = (4.0 * query.sigma_b2).max(0.2);
        written.extend(write_depth_plane(query, (0.0, most), folder)?);
    }
    Ok(written)
}

/// Draws the maps of lengths and of correlations.
pub(super) fn write_cobwebs(query: &TheoryQuery, folder: &Path) -> Result<Vec<PathBuf>> {
    let mut written = write_panels(&cobweb::lengths(query)?, folder)?;
    written.extend(write_panels(&cobweb::correlations(query)?, folder)?);
    Ok(written)
}

/// Draws the depth scales over the weight variance.
pub(super) fn write_scales(query: &TheoryQuery, folder: &Path) -> Result<Vec<PathBuf>> {
    Ok(write_panels(&scales::scales(query), folder)?)
}

/// Draws the correlations' depth scale over the weight variance and a range of bias variances.
pub(super) fn write_depth_plane(
    query: &TheoryQuery,
    sigma_b2: (f64, f64),
    folder: &Path,
) -> Result<Vec<PathBuf>> {
    Ok(write_plane(&scales::plane(query, sigma_b2), folder)?)
}

/// Draws the reconstructions of ridge decoders.
pub(super) fn write_ridge(
    figure: &RidgeFigure,
    answer: &RidgeProfiles,
    folder: &Path,
) -> Result<Vec<PathBuf>> {
    let mut written = Vec::new();
    for panels in ridge::figures(figure, answer) {
        written.extend(write_panels(&panels, folder)?);
    }
    Ok(written)
}

/// Maximum distance of `chi_1` from one for a panel to be called critical; smaller differences are invisible.
const NEARLY: f64 = 1e-3;

/// Title of a panel of one weight variance; `state` is `None` if no length is stable.
fn panel_title(sigma_w2: f64, state: Option<&FixedPoint>) -> String {
    let words = match state {
        None => "no stable length".to_owned(),
        Some(state) if state.distance.abs() < NEARLY => Phase::Critical.to_string(),
        Some(state) => state.phase.to_string(),
    };
    format!("σ_w² = {sigma_w2}, {words}")
}

fn stem(query: &TheoryQuery, what: &str) -> String {
    let TheoryQuery { activation, sigma_b2, ref architecture, .. } = *query;
    let activation = activation.to_string().replace(':', "-");
    let sigma_b2 = isobath_experiment::GridPoint::file_stem(sigma_b2);
    format!("theory-{what}-{activation}{}-sigma_b2-{sigma_b2}", architecture.stem())
}

fn title(query: &TheoryQuery, what: &str) -> String {
    let TheoryQuery { activation, sigma_b2, ref architecture, .. } = *query;
    let words = architecture.words().replace("sigma_v2", "σ_v²").replace("sigma_a2", "σ_a²");
    format!("{what}: {activation}, σ_b² = {sigma_b2}{words}")
}

/// Selects up to `count` of `values`, evenly spaced, including the first and the last.
fn some(values: &[f64], count: usize) -> Vec<f64> {
    if values.len() <= count {
        return values.to_vec();
    }
    let last = values.len() - 1;
    (0..count).map(|i| values[(i * last + (count - 1) / 2) / (count - 1)]).collect()
}

fn grid(low: f64, high: f64) -> impl Iterator<Item = f64> {
    (0..=RESOLUTION).map(move |i| low + (high - low) * i as f64 / RESOLUTION as f64)
}

/// Depth axis from the first layer to the last.
fn depths(label: &str, depth: usize) -> AxisSpec {
    AxisSpec {
        label: label.to_owned(),
        low: 1.0,
        high: (depth as f64).max(2.0),
        logarithmic: false,
    }
}

fn variance_legend(variances: &[f64]) -> Vec<(LineStyle, String)> {
    let entry = |(index, sigma_w2)| (LineStyle::series(index), format!("σ_w² = {sigma_w2}"));
    variances.iter().enumerate().map(entry).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn selection_is_even_and_includes_the_ends() {
        let values: Vec<f64> = (0..=10).map(f64::from).collect();
        assert_eq!(some(&values, 3), [0.0, 5.0, 10.0]);
        assert_eq!(some(&values[..2], 3), [0.0, 1.0]);
    }
}
