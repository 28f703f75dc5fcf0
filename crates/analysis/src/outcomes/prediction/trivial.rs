//! Baselines from the description of the networks alone.

use super::{GridPrediction, score_info};
use crate::outcomes::{Grid, Network};

/// Depth, number of parameters and weight variance.
pub(super) fn predictions(grid: &Grid) -> [GridPrediction; 3] {
    let variance = |network: &Network| Some(grid.families[network.family].sigma_w2);
    let variance = GridPrediction::of_scores(grid, &score_info("sigma_w2"), variance);
    [depth(grid), parameters(grid), variance]
}

fn depth(grid: &Grid) -> GridPrediction {
    let score = |network: &Network| Some(-(network.depth as f64));
    GridPrediction {
        depths: Some(vec![Some(1.0); grid.families.len()]),
        note: Some("its frontier is one fitted depth for all variances".into()),
        ..GridPrediction::of_scores(grid, &score_info("depth"), score)
    }
}

/// The table has no widths of input and readout, so all layers count as hidden ones.
fn parameters(grid: &Grid) -> GridPrediction {
    // Weights and biases of one layer; 1 in tables without widths.
    let per_layer = |family: usize| {
        let width = grid.families[family].width;
        width.map_or(1.0, |width| (width * (width + 1)) as f64)
    };
    let score = |network: &Network| Some(-per_layer(network.family) * network.depth as f64);
    let depths = (0..grid.families.len()).map(|family| Some(per_layer(family).recip()));
    GridPrediction {
        depths: Some(depths.collect()),
        note: Some(note(grid)),
        ..GridPrediction::of_scores(grid, &score_info("parameters"), score)
    }
}

/// Says whether the number of parameters can differ from the depth.
fn note(grid: &Grid) -> String {
    let widths: Vec<Option<usize>> = grid.families.iter().map(|family| family.width).collect();
    match widths.first().copied().flatten() {
        _ if widths.windows(2).any(|pair| pair[0] != pair[1]) => {
            "counted as L w (w + 1) for width w".into()
        }
        Some(width) => format!("ranks as depth does: all networks have width {width}"),
        None => "ranks as depth does: the table has no widths, so they count as equal".into(),
    }
}
