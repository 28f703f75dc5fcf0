//! Errors of ridge decoders over depth.

use tensor::Activation;

use super::{super::ridge::Prediction, MOST_LINES, depths, some, variance_legend};
use crate::report::theory::{AxisSpec, Line, LineStyle, Panel, Panels};

/// The predicted errors of the chain of decoders, and of one decoder from each layer.
pub(super) fn errors(predictions: &[Prediction], title: &str, activation: Activation) -> Panels {
    let variances: Vec<f64> = predictions.iter().map(|prediction| prediction.sigma_w2).collect();
    let shown = some(&variances, MOST_LINES);
    let chosen: Vec<&Prediction> = shown
        .iter()
        .filter_map(|w| predictions.iter().find(|p| p.sigma_w2.total_cmp(w).is_eq()))
        .collect();
    let depth = chosen.iter().map(|prediction| prediction.direct.len()).max().unwrap_or(1);
    let curve = |values: &[f64]| (1..).map(f64::from).zip(values.iter().copied()).collect();
    let lines = chosen.iter().enumerate().flat_map(|(index, prediction)| {
        let style = LineStyle::series(index);
        [
            Line { style: style.dashed(1).thinner(), points: curve(&prediction.direct) },
            Line { style, points: curve(&prediction.chained) },
        ]
    });
    let mut legend = variance_legend(&shown);
    legend.push((LineStyle::HELP, "chain of decoders".to_owned()));
    legend.push((LineStyle::HELP.dashed(1), "one decoder".to_owned()));
    let label = "reconstruction error 1 \u{2212} R²".to_owned();
    let panel = Panel {
        title: String::new(),
        x: depths("depth (layers)", depth),
        y: AxisSpec { label, low: 0.0, high: 1.1, logarithmic: false },
        lines: lines.collect(),
        points: Vec::new(),
        critical: None,
    };
    Panels {
        stem: format!("theory-ridge-{}", activation.to_string().replace(':', "-")),
        title: title.to_owned(),
        list: vec![panel],
        legend,
        critical: String::new(),
    }
}
