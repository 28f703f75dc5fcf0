//! Cobweb plots: maps from layer to layer with staircases to the diagonal.

use anyhow::Result;
use isobath_meanfield::{Dropout, Theory};

use super::{
    super::{architecture::Architecture, point::TheoryQuery},
    grid, panel_title, some, stem, title,
};
use isobath_report::theory_figures::{AxisSpec, Line, LineStyle, Panel, Panels};

/// Maximum number of panels, one per weight variance.
const MAX_PANELS: usize = 3;
/// Steps of a staircase.
const STEPS: usize = 40;

/// Map of one variable and its axis.
struct Map<'a> {
    apply: &'a dyn Fn(f64) -> f64,
    low: f64,
    high: f64,
}

/// Staircase between a map and the diagonal, from `start`.
fn stairs(map: &dyn Fn(f64) -> f64, start: f64) -> Vec<(f64, f64)> {
    let mut x = start;
    let mut points = vec![(x, x)];
    for _ in 0..STEPS {
        let next = map(x);
        points.extend([(x, next), (next, next)]);
        x = next;
    }
    points
}

fn cobweb(title: String, labels: [&str; 2], map: &Map<'_>, starts: &[f64]) -> Panel {
    let Map { apply, low, high } = *map;
    let curve: Vec<_> = grid(low, high).map(|x| (x, apply(x))).collect();
    let diagonal =
        Line { style: LineStyle::HELP.dashed(1), points: vec![(low, low), (high, high)] };
    let stairs = starts.iter().enumerate().map(|(index, &start)| Line {
        style: LineStyle::series(index + 1).thinner(),
        points: stairs(apply, start),
    });
    let axis = |label: &str| AxisSpec { label: label.into(), low, high, logarithmic: false };
    Panel {
        title,
        x: axis(labels[0]),
        y: axis(labels[1]),
        lines: std::iter::once(diagonal)
            .chain(stairs)
            .chain([Line { style: LineStyle::series(0), points: curve }])
            .collect(),
        points: Vec::new(),
        critical: None,
    }
}

/// Maps of one point, with or without dropout.
enum Maps {
    Plain(Theory),
    Dropout(Dropout),
}

impl Maps {
    fn new(query: &TheoryQuery, sigma_w2: f64) -> isobath_meanfield::Result<Self> {
        let TheoryQuery { activation, sigma_b2, ref architecture, .. } = *query;
        Ok(match architecture {
            Architecture::Dropout { keep } => {
                Self::Dropout(Dropout::new(activation, sigma_w2, sigma_b2, *keep)?)
            }
            _ => Self::Plain(Theory::new(activation, sigma_w2, sigma_b2)?),
        })
    }

    fn length(&self, q: f64) -> f64 {
        let next = match self {
            Self::Plain(theory) => theory.length_map(q),
            Self::Dropout(dropout) => dropout.length_map(q),
        };
        next.unwrap_or(f64::NAN)
    }

    fn correlation(&self, q: f64, c: f64) -> f64 {
        let next = match self {
            Self::Plain(theory) => theory.correlation_map(q, c),
            Self::Dropout(dropout) => dropout.correlation_map(q, c),
        };
        next.unwrap_or(f64::NAN)
    }
}

/// Length map of up to three points.
pub(super) fn lengths(query: &TheoryQuery) -> Result<Panels> {
    let mut panels = Vec::new();
    for sigma_w2 in some(&query.sigma_w2, MAX_PANELS) {
        let maps = Maps::new(query, sigma_w2)?;
        let state = query.architecture.fixed_point(query.activation, sigma_w2, query.sigma_b2);
        let q_star = state.as_ref().ok().and_then(|state| state.q_star);
        let high = q_star.filter(|q| *q > 1e-6).map_or(2.0, |q| 2.5 * q);
        let map = Map { apply: &|q| maps.length(q), low: 0.0, high };
        let labels = ["length q in a layer", "length q in the next"];
        let title = panel_title(sigma_w2, state.as_ref().ok());
        panels.push(cobweb(title, labels, &map, &[0.04 * high, 0.96 * high]));
    }
    Ok(Panels {
        stem: stem(query, "length-map"),
        title: title(query, "Length map"),
        legend: cobweb_legend(),
        marks: Vec::new(),
        critical: String::new(),
        list: panels,
    })
}

/// Correlation map of up to three points.
pub(super) fn correlations(query: &TheoryQuery) -> Result<Panels> {
    let mut panels = Vec::new();
    for sigma_w2 in some(&query.sigma_w2, MAX_PANELS) {
        let maps = Maps::new(query, sigma_w2)?;
        let state = query.architecture.fixed_point(query.activation, sigma_w2, query.sigma_b2);
        let q = state.as_ref().ok().and_then(|state| state.q_star).unwrap_or(1.0);
        let map =
            Map { apply: &|c: f64| maps.correlation(q, c.clamp(-1.0, 1.0)), low: 0.0, high: 1.0 };
        let labels = ["correlation c in a layer", "correlation c in the next"];
        let title = panel_title(sigma_w2, state.as_ref().ok());
        panels.push(cobweb(title, labels, &map, &[0.05, 0.995]));
    }
    Ok(Panels {
        stem: stem(query, "correlation-map"),
        title: title(query, "Correlation map at q*"),
        legend: cobweb_legend(),
        marks: Vec::new(),
        critical: String::new(),
        list: panels,
    })
}

fn cobweb_legend() -> Vec<(LineStyle, String)> {
    vec![
        (LineStyle::series(0), "map".to_owned()),
        (LineStyle::HELP.dashed(1), "no change".to_owned()),
        (LineStyle::series(1).thinner(), "from below".to_owned()),
        (LineStyle::series(2).thinner(), "from above".to_owned()),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stairs_end_at_the_fixed_point() {
        let steps = stairs(&|x| 0.5 * x + 1.0, 0.0);
        let last = steps[steps.len() - 1];
        assert!((last.0 - 2.0).abs() < 1e-9 && (last.1 - 2.0).abs() < 1e-9);
        assert_eq!(steps[1], (0.0, 1.0));
    }
}
