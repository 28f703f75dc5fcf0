//! Reconstructions of ridge decoders over depth and over width.

use super::{
    super::ridge::{Point, RidgeProfiles},
    MAX_LINES, depths, some, variance_legend,
};
use isobath_experiment::RidgeFigure;
use isobath_report::theory_figures::{AxisSpec, Line, LineStyle, Panel, Panels, PointWithBar};

/// Maximum number of panels, one per weight variance.
const MAX_PANELS: usize = 3;
/// Maximum number of depths in a panel over width.
const MAX_DEPTHS: usize = 4;

/// Figures of `answer`: predictions alone, or each estimator's profiles of networks with the predictions.
pub(super) fn figures(figure: &RidgeFigure, answer: &RidgeProfiles) -> Vec<Panels> {
    if figure.measure.is_empty() {
        return vec![errors(figure, answer)];
    }
    (0..figure.estimators.len())
        .flat_map(|index| [profiles(figure, answer, index), approach(figure, answer, index)])
        .collect()
}

fn title(figure: &RidgeFigure, what: &str) -> String {
    let RidgeFigure { activation, sigma_b2, dataset, .. } = figure;
    format!("{what}: {dataset}, {activation}, σ_b² = {sigma_b2}")
}

fn stem(figure: &RidgeFigure, what: &str) -> String {
    format!("theory-ridge{what}-{}", figure.activation.to_string().replace(':', "-"))
}

fn curve(values: &[f64]) -> Vec<(f64, f64)> {
    (1..).map(f64::from).zip(values.iter().copied()).collect()
}

/// Points whose variances are shown.
fn shown(answer: &RidgeProfiles, most: usize) -> Vec<&Point> {
    let variances: Vec<f64> = answer.points.iter().map(|p| p.prediction.sigma_w2).collect();
    some(&variances, most)
        .iter()
        .filter_map(|w| answer.points.iter().find(|p| p.prediction.sigma_w2.total_cmp(w).is_eq()))
        .collect()
}

/// Predicted errors of the chain of decoders, and of one decoder from each layer.
fn errors(figure: &RidgeFigure, answer: &RidgeProfiles) -> Panels {
    let points = shown(answer, MAX_LINES);
    let lines = points.iter().enumerate().flat_map(|(index, Point { prediction, .. })| {
        let style = LineStyle::series(index);
        [
            Line { style: style.dashed(1).thinner(), points: curve(&prediction.direct) },
            Line { style, points: curve(&prediction.chained) },
        ]
    });
    let variances: Vec<f64> = points.iter().map(|point| point.prediction.sigma_w2).collect();
    let mut legend = variance_legend(&variances);
    legend.push((LineStyle::HELP, "chain of decoders".to_owned()));
    legend.push((LineStyle::HELP.dashed(1), "one decoder".to_owned()));
    let panel = Panel {
        title: String::new(),
        x: depths("depth (layers)", figure.depth),
        y: AxisSpec { label: ERROR.to_owned(), low: 0.0, high: 1.1, logarithmic: false },
        lines: lines.collect(),
        points: Vec::new(),
        critical: None,
    };
    let what = format!("Reconstruction by ridge decoders at width {}, theory", answer.width);
    Panels {
        stem: stem(figure, ""),
        title: title(figure, &what),
        list: vec![panel],
        legend,
        marks: Vec::new(),
        critical: String::new(),
    }
}

const ERROR: &str = "reconstruction error 1 \u{2212} R²";

/// The `index`-th estimator over depth, predicted and measured.
fn profiles(figure: &RidgeFigure, answer: &RidgeProfiles, index: usize) -> Panels {
    let points = shown(answer, MAX_PANELS);
    let name = &points[0].prediction.profiles[index].estimator;
    let predicted = points.iter().flat_map(|point| point.prediction.values(index)).copied();
    let measured = points
        .iter()
        .flat_map(|point| &point.measured)
        .flat_map(|measured| measured.profiles[index].iter().map(|mean| mean.mean));
    let (low, high) =
        predicted.chain(measured).fold((0.0_f64, 0.0_f64), |(l, h), y| (l.min(y), h.max(y)));
    let room = 0.05 * (high - low);
    let panel = |point: &&Point| Panel {
        title: panel_title(figure, point),
        // A margin of half a layer keeps points off the frame.
        x: AxisSpec {
            label: "depth (layers)".to_owned(),
            low: 0.5,
            high: figure.depth as f64 + 0.5,
            logarithmic: false,
        },
        y: AxisSpec {
            label: name.descriptor().axis_label(),
            low: if low < 0.0 { low - room } else { 0.0 },
            high: high + room,
            logarithmic: false,
        },
        lines: vec![Line { style: LineStyle::HELP, points: curve(point.prediction.values(index)) }],
        points: measured_points(point, index),
        critical: None,
    };
    let widths = figure.measure.iter().enumerate();
    Panels {
        stem: stem(figure, &format!("-{name}")),
        title: title(figure, "Ridge decoders of infinitely wide and of real networks"),
        list: points.iter().map(panel).collect(),
        legend: vec![(LineStyle::HELP, "infinite width".to_owned())],
        marks: widths.map(|(series, width)| (series, format!("width {width}"))).collect(),
        critical: String::new(),
    }
}

fn panel_title(figure: &RidgeFigure, point: &Point) -> String {
    let sigma_w2 = point.prediction.sigma_w2;
    let state = isobath_meanfield::Theory::new(figure.activation, sigma_w2, figure.sigma_b2)
        .and_then(|theory| theory.fixed_point());
    super::panel_title(sigma_w2, state.as_ref().ok())
}

fn measured_points(point: &Point, index: usize) -> Vec<PointWithBar> {
    let of_width = |(series, measured): (usize, &super::super::ridge::Measured)| {
        let layers = (1..).map(f64::from).zip(measured.profiles[index].clone());
        layers
            .map(|(depth, mean)| PointWithBar {
                series,
                at: (depth, mean.mean),
                bar: (mean.mean - mean.error, mean.mean + mean.error),
            })
            .collect::<Vec<_>>()
    };
    point.measured.iter().enumerate().flat_map(of_width).collect()
}

/// Distance of the measurements from the prediction over the width, at a few depths.
fn approach(figure: &RidgeFigure, answer: &RidgeProfiles, index: usize) -> Panels {
    let points = shown(answer, MAX_PANELS);
    let name = &points[0].prediction.profiles[index].estimator;
    let all: Vec<f64> = (1..=figure.depth).map(|layer| layer as f64).collect();
    let layers: Vec<usize> = some(&all, MAX_DEPTHS).into_iter().map(|l| l as usize).collect();
    let widths = || figure.measure.iter().map(|&width| width as f64);
    let across = AxisSpec {
        label: "width".into(),
        low: 0.8 * widths().fold(f64::INFINITY, f64::min),
        high: 1.25 * widths().fold(0.0, f64::max),
        logarithmic: true,
    };
    let mut list: Vec<Panel> = points
        .iter()
        .map(|point| Panel {
            title: panel_title(figure, point),
            x: across.clone(),
            y: AxisSpec {
                label: "distance from infinite width".to_owned(),
                low: 1.0,
                high: 1.0,
                logarithmic: true,
            },
            lines: inverse_widths(point, index, &layers, [across.low, across.high]),
            points: differences(point, index, &layers),
            critical: None,
        })
        .collect();
    let values = || list.iter().flat_map(|panel| &panel.points).map(|point| point.at.1);
    let high = 2.0 * values().fold(f64::MIN_POSITIVE, f64::max);
    // Differences far below their errors are uninformative and would stretch the axis.
    let low = (0.5 * values().fold(high, f64::min)).max(1e-4 * high);
    for panel in &mut list {
        (panel.y.low, panel.y.high) = (low, high);
    }
    let depth = |(series, layer): (usize, &usize)| (series, format!("layer {layer}"));
    Panels {
        stem: stem(figure, &format!("-{name}-over-width")),
        title: title(
            figure,
            &format!("Approach to infinite width, {}", name.descriptor().axis_label()),
        ),
        list,
        legend: vec![(LineStyle::HELP, "inversely proportional to the width".to_owned())],
        marks: layers.iter().enumerate().map(depth).collect(),
        critical: String::new(),
    }
}

fn differences(point: &Point, index: usize, layers: &[usize]) -> Vec<PointWithBar> {
    let predicted = point.prediction.values(index);
    let at = |(series, &layer): (usize, &usize)| {
        let of_width = move |measured: &super::super::ridge::Measured| {
            let mean = measured.profiles[index][layer - 1];
            let difference = (mean.mean - predicted[layer - 1]).abs();
            PointWithBar {
                series,
                at: (measured.width as f64, difference),
                bar: (difference - mean.error, difference + mean.error),
            }
        };
        point.measured.iter().map(of_width)
    };
    layers.iter().enumerate().flat_map(at).collect()
}

/// Guide line inversely proportional to the width, through the difference of the widest networks; `None` if it is
/// below the noise.
fn inverse_widths(point: &Point, index: usize, layers: &[usize], ends: [f64; 2]) -> Vec<Line> {
    let predicted = point.prediction.values(index);
    let Some(widest) = point.measured.iter().max_by_key(|measured| measured.width) else {
        return Vec::new();
    };
    let is_seen =
        |(_, layer): &(usize, &usize)| point.approach[index][*layer - 1].exponent.is_some();
    let line = |(series, &layer): (usize, &usize)| {
        let difference = (widest.profiles[index][layer - 1].mean - predicted[layer - 1]).abs();
        let points = ends.map(|width| (width, difference * widest.width as f64 / width));
        Line { style: LineStyle::series(series).thinner(), points: points.to_vec() }
    };
    layers.iter().enumerate().filter(is_seen).map(line).collect()
}
