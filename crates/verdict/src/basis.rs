//! From features to the terms of a logistic regression.

use serde::{Deserialize, Serialize};

use crate::Features;

/// Piecewise linear functions of one feature.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Spline {
    /// Name of the feature.
    pub name: String,
    /// Subtracted from the feature.
    pub centre: f64,
    /// By which the difference is divided.
    pub scale: f64,
    /// Values of the feature at which the slope may change, in increasing order.
    pub knots: Vec<f64>,
    /// Smallest and largest value among the trainings that the model was fitted to.
    pub seen: [f64; 2],
}

/// Quantiles of the knots.
const KNOTS: [f64; 5] = [0.1, 0.3, 0.5, 0.7, 0.9];

impl Spline {
    /// A spline with knots at quantiles of the values.
    pub(crate) fn of(name: &str, values: &[f64]) -> Self {
        let mut sorted = values.to_vec();
        sorted.sort_by(f64::total_cmp);
        let last = sorted.len().saturating_sub(1);
        let at = |share: f64| sorted[(share * last as f64).round() as usize];
        let scale = [at(0.9) - at(0.1), at(1.0) - at(0.0), 1.0];
        let scale = scale.into_iter().find(|&scale| scale > 0.0).unwrap_or(1.0);
        let mut knots: Vec<f64> = KNOTS.map(at).to_vec();
        knots.dedup_by(|a, b| (*a - *b).abs() < 1e-3 * scale);
        // A slope that changes at an end of the values is no change.
        knots.retain(|&knot| knot > at(0.0) && knot < at(1.0));
        Self { name: name.to_owned(), centre: at(0.5), scale, knots, seen: [at(0.0), at(1.0)] }
    }

    /// Appends the terms of a value. Beyond the values seen, they are those of the last one seen.
    fn terms(&self, value: f64, out: &mut Vec<f64>) {
        let value = value.clamp(self.seen[0], self.seen[1]);
        out.push((value - self.centre) / self.scale);
        out.extend(self.knots.iter().map(|knot| (value - knot).max(0.0) / self.scale));
    }
}

/// Features whose effect may differ between optimisers that normalise gradients and those that do not.
const BY_OPTIMIZER: [&str; 5] =
    ["forecast", "ln_progress", "ln_sharpness", "trial_drop", "trial_level"];

/// Features whose effect may change with the forecast.
const BY_FORECAST: [&str; 3] = ["information", "ln_sharpness", "trial_level"];

/// Terms of features: a constant, splines, and splines that depend on the optimiser and on the forecast.
pub(crate) fn terms(splines: &[Spline], features: &Features) -> Vec<f64> {
    let value = |name: &str| Features::NAMES.iter().position(|other| *other == name);
    let [adaptive, forecast] =
        ["adaptive", "forecast"].map(|name| value(name).map_or(0.0, |index| features.0[index]));
    let mut out = vec![1.0];
    for spline in splines {
        let Some(index) = value(&spline.name) else { continue };
        let start = out.len();
        spline.terms(features.0[index], &mut out);
        let own = out[start..].to_vec();
        if BY_OPTIMIZER.contains(&spline.name.as_str()) {
            out.extend(own.iter().map(|term| term * adaptive));
        }
        if BY_FORECAST.contains(&spline.name.as_str()) {
            out.extend(own.iter().map(|term| term * forecast));
        }
    }
    out
}
