//! Residual networks over depth.

use anyhow::Result;
use isobath_meanfield::{Branch, Residual};

use super::{
    super::{point::TheoryQuery, residual::START},
    MAX_LINES, depths, some, stem, title, variance_legend,
};
use isobath_report::theory_figures::{AxisSpec, Line, LineStyle, Panel, Panels};

/// Curves of one weight variance: `log10 p`, `e`, and the logarithm of the gradient gain.
type Curves = [Vec<(f64, f64)>; 3];

const NAMES: [&str; 3] = [
    "mean square of the stream, log p",
    "cosine e of two inputs",
    "gain of squared gradients, log",
];

/// Stream, cosine of two inputs and gradient gain.
pub(super) fn profiles(query: &TheoryQuery, branch: Branch) -> Result<Panels> {
    let TheoryQuery { activation, sigma_b2, depth, .. } = *query;
    let variances = some(&query.sigma_w2, MAX_LINES);
    let mut profiles = Vec::new();
    for &sigma_w2 in &variances {
        let network = Residual::new(activation, sigma_w2, sigma_b2, branch)?;
        let mut gain = 0.0;
        let mut curves = Curves::default();
        for (x, layer) in (1..).map(f64::from).zip(network.profile(START, depth)?) {
            gain += layer.chi.log10();
            for (curve, y) in curves.iter_mut().zip([layer.p[0].log10(), layer.e, gain]) {
                curve.push((x, y));
            }
        }
        profiles.push(curves);
    }
    Ok(Panels {
        stem: stem(query, "profiles"),
        title: title(query, "Residual network, logarithms to base 10"),
        list: (0..NAMES.len()).map(|kind| panel(kind, &profiles, depth)).collect(),
        legend: variance_legend(&variances),
        marks: Vec::new(),
        critical: String::new(),
    })
}

fn panel(kind: usize, profiles: &[Curves], depth: usize) -> Panel {
    let values = || profiles.iter().flat_map(|curves| &curves[kind]).map(|(_, y)| *y);
    let (low, high) = values().fold((0.0_f64, 1.0_f64), |(l, h), y| (l.min(y), h.max(y)));
    // The cosine ends at one; the other axes get a margin at the top.
    let high = if kind == 1 { high } else { low + 1.05 * (high - low) };
    let curve = |(index, curves): (usize, &Curves)| Line {
        style: LineStyle::series(index),
        points: curves[kind].clone(),
    };
    Panel {
        title: String::new(),
        x: depths("depth (blocks)", depth),
        y: AxisSpec { label: NAMES[kind].to_owned(), low, high, logarithmic: false },
        lines: profiles.iter().enumerate().map(curve).collect(),
        points: Vec::new(),
        critical: None,
    }
}
