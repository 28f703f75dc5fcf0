//! Reasons why a network may not train, each with its number and the layer where it shows.

use isobath_predictors::LayerState;
use isobath_tensor::Optimizer;
use isobath_trainer::TrainParams;
use serde::Serialize;

use crate::{Measurement, Trial, features::forecast};

/// Kind of a diagnosis.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum DiagnosisKind {
    /// Activations are beyond the range of f32.
    Overflow,
    /// Activations grow from layer to layer.
    SignalExplodes,
    /// Activations shrink from layer to layer.
    SignalVanishes,
    /// Gradients grow towards the first layer.
    GradientsExplode,
    /// Gradients shrink towards the first layer.
    GradientsVanish,
    /// The input cannot be reconstructed from the last hidden layer.
    InformationLost,
    /// Different samples become alike.
    CorrelationsCollapse,
    /// Activations sit at the ends of their function's range.
    Saturation,
    /// Units have the same activation for all samples.
    DeadUnits,
    /// Too narrow for the depth.
    TooNarrow,
    /// Inputs, or the first layer's weights, are of an unusual size.
    InputScale,
    /// Gradient descent diverges in the steepest direction.
    LearningRateTooLarge,
    /// The budget moves the outputs too little.
    LearningRateTooSmall,
    /// The first steps of the training diverge.
    Diverges,
}

/// A reason, as measured.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Diagnosis {
    /// What is wrong.
    pub kind: DiagnosisKind,
    /// The number that shows it, in the unit that the sentence states.
    pub value: f64,
    /// The layer where it shows, counted from 1.
    pub layer: Option<usize>,
    /// How far the number is beyond its limit, in units of the limit's own size: above 0 is beyond.
    pub severity: f64,
    /// The finding in a sentence.
    pub sentence: String,
}

/// Growth of the mean square between the first and the last layer, in powers of e, that counts as vanishing or exploding.
const SIGNAL: f64 = 9.2;
/// Ratio of gradients, in powers of e.
const GRADIENT: f64 = 6.9;
/// Reconstruction error.
const ERROR: f64 = 0.95;
/// Effective rank.
const RANK: f64 = 1.5;
/// Share of saturated activations, and of dead units.
const SHARE: f64 = 0.5;
/// Depth over width (Hanin and Nica, arXiv:1812.05994, where fluctuations of gradients grow like its exponential).
const NARROW: f64 = 1.0;
/// Logarithm of the inputs' mean square.
const SCALE: f64 = 3.9;

/// All reasons that apply, the gravest first.
pub fn diagnose(
    measurement: &Measurement,
    params: &TrainParams,
    steps: usize,
    trial: Option<&Trial>,
) -> Vec<Diagnosis> {
    let mut found = Vec::new();
    found.extend(overflow(measurement));
    if measurement.profile.overflow.is_none() {
        found.extend(signal(measurement));
        found.extend(gradients(measurement));
        found.extend(information(measurement));
        found.extend(correlations(measurement));
        found.extend(saturation(measurement));
        found.extend(dead_units(measurement));
        found.extend(learning_rate(measurement, params, steps));
    }
    found.extend(narrow(measurement));
    found.extend(input_scale(measurement));
    found.extend(trial.and_then(diverged));
    found.sort_by(|a, b| b.severity.total_cmp(&a.severity));
    found
}

fn overflow(measurement: &Measurement) -> Option<Diagnosis> {
    let layer = measurement.profile.overflow?;
    Some(Diagnosis {
        kind: DiagnosisKind::Overflow,
        value: layer as f64,
        layer: Some(layer),
        severity: 100.0,
        sentence: format!("activations overflow f32 at layer {layer}"),
    })
}

fn hidden(measurement: &Measurement) -> &[LayerState] {
    measurement.profile.hidden()
}

fn signal(measurement: &Measurement) -> Option<Diagnosis> {
    let layers = hidden(measurement);
    let (first, last) = (layers.first()?, layers.last()?);
    let growth = (last.mean_square / first.mean_square).ln();
    let steps = layers.len().saturating_sub(1).max(1);
    if growth.abs() < SIGNAL {
        return None;
    }
    let explodes = growth > 0.0;
    let rate = (growth.abs() / steps as f64).exp();
    let limit = if explodes { SIGNAL } else { -SIGNAL };
    let layer = layers.iter().position(|layer| {
        let ln = (layer.mean_square / first.mean_square).ln();
        if explodes { ln >= limit } else { ln <= limit }
    });
    let layer = layer.map(|index| index + 1);
    let (kind, verb) = if explodes {
        (DiagnosisKind::SignalExplodes, "grows")
    } else {
        (DiagnosisKind::SignalVanishes, "shrinks")
    };
    let power = (growth / std::f64::consts::LN_10).round();
    let sentence = if rate.is_finite() {
        format!(
            "the signal {verb}: the mean square of the activations {verb} by a factor of {rate:.3} per layer, to 1e{power:.0} of \
             the first layer's at layer {}",
            layers.len()
        )
    } else {
        format!("the signal vanishes: all activations are 0 from layer {} on", layer.unwrap_or(1))
    };
    let severity = growth.abs() / SIGNAL - 1.0;
    Some(Diagnosis { kind, value: rate, layer, severity, sentence })
}

fn gradients(measurement: &Measurement) -> Option<Diagnosis> {
    let layers = &measurement.profile.layers;
    let last = layers.last()?.ln_gradient;
    if !last.is_finite() {
        return None;
    }
    if let Some(index) = layers.iter().rposition(|layer| !layer.ln_gradient.is_finite()) {
        let sentence = format!("the gradient vanishes completely at layer {} and above", index + 1);
        return Some(Diagnosis {
            kind: DiagnosisKind::GradientsVanish,
            value: 0.0,
            layer: Some(index + 1),
            severity: 10.0,
            sentence,
        });
    }
    let first = layers.first()?.ln_gradient;
    let ratio = first - last;
    if ratio.abs() < GRADIENT {
        return None;
    }
    let power = (ratio / std::f64::consts::LN_10).round();
    let (kind, verb) = if ratio > 0.0 {
        (DiagnosisKind::GradientsExplode, "explode")
    } else {
        (DiagnosisKind::GradientsVanish, "vanish")
    };
    let sentence = format!(
        "gradients {verb}: that of layer 1 is 1e{power:.0} times that of the readout (layer {})",
        layers.len()
    );
    let (value, severity) = (ratio.exp(), ratio.abs() / GRADIENT - 1.0);
    Some(Diagnosis { kind, value, layer: Some(1), severity, sentence })
}

fn information(measurement: &Measurement) -> Option<Diagnosis> {
    let errors = measurement.information.as_ref()?;
    let last = *errors.last()?;
    if last < ERROR {
        return None;
    }
    let layer = errors.iter().position(|&error| error >= ERROR)? + 1;
    let missed = 100.0 * last.min(1.0);
    let sentence = format!(
        "information is lost before the readout: linear decoders miss 95% of the input's variance from layer {layer} on, \
         {missed:.1}% at the last hidden layer"
    );
    let severity = (errors.len() as f64 / layer as f64).ln() + 0.2;
    let kind = DiagnosisKind::InformationLost;
    Some(Diagnosis { kind, value: last, layer: Some(layer), severity, sentence })
}

fn correlations(measurement: &Measurement) -> Option<Diagnosis> {
    let layers = hidden(measurement);
    let last = layers.last()?;
    let collapsed = |layer: &LayerState| layer.rank.is_nan() || layer.rank < RANK;
    if !collapsed(last) {
        return None;
    }
    let layer = layers.iter().position(collapsed)? + 1;
    let sentence = format!(
        "correlations collapse: activations of different samples are nearly parallel from layer {layer} on (effective rank \
         {:.2} at the last hidden layer, 1 minus the mean cosine {:.1e})",
        last.rank,
        last.ln_distance.exp()
    );
    let severity = (layers.len() as f64 / layer as f64).ln() + 0.3;
    let kind = DiagnosisKind::CorrelationsCollapse;
    Some(Diagnosis { kind, value: last.rank, layer: Some(layer), severity, sentence })
}

/// The layer with the largest share, counted from 1.
fn worst(shares: impl Iterator<Item = f64>) -> Option<(usize, f64)> {
    let largest = shares.enumerate().max_by(|a, b| a.1.total_cmp(&b.1))?;
    (largest.1 > SHARE).then_some((largest.0 + 1, largest.1))
}

fn saturation(measurement: &Measurement) -> Option<Diagnosis> {
    let layers = hidden(measurement);
    let (layer, share) = worst(layers.iter().map(|layer| layer.saturated))?;
    let sentence = format!(
        "saturation: {:.0}% of the activations of layer {layer} are within 0.01 of the ends of their range",
        100.0 * share
    );
    let (kind, severity) = (DiagnosisKind::Saturation, share / SHARE - 1.0);
    Some(Diagnosis { kind, value: share, layer: Some(layer), severity, sentence })
}

fn dead_units(measurement: &Measurement) -> Option<Diagnosis> {
    let layers = hidden(measurement);
    let share = |layer: &LayerState| layer.dead as f64 / layer.units.max(1) as f64;
    let (layer, share) = worst(layers.iter().map(share))?;
    let state = &layers[layer - 1];
    let sentence = format!(
        "dead units: {} of the {} units of layer {layer} give the same output for all samples",
        state.dead, state.units
    );
    let (kind, severity) = (DiagnosisKind::DeadUnits, share / SHARE - 1.0);
    Some(Diagnosis { kind, value: share, layer: Some(layer), severity, sentence })
}

fn narrow(measurement: &Measurement) -> Option<Diagnosis> {
    let size = measurement.size;
    let ratio = size.depth as f64 / size.width as f64;
    if ratio <= NARROW {
        return None;
    }
    let sentence = format!(
        "too narrow for its depth: {} layers of width {} make gradients a matter of luck",
        size.depth, size.width
    );
    let (kind, severity) = (DiagnosisKind::TooNarrow, ratio.ln());
    Some(Diagnosis { kind, value: ratio, layer: None, severity, sentence })
}

fn input_scale(measurement: &Measurement) -> Option<Diagnosis> {
    let square = measurement.profile.input_mean_square;
    let ln = square.ln();
    if ln.abs() < SCALE {
        return None;
    }
    let size = if ln > 0.0 { "large" } else { "small" };
    let sentence = format!("inputs are unusually {size}: their mean square is {square:.2e}");
    let (kind, severity) = (DiagnosisKind::InputScale, ln.abs() / SCALE - 1.0);
    Some(Diagnosis { kind, value: square, layer: None, severity, sentence })
}

fn learning_rate(
    measurement: &Measurement,
    params: &TrainParams,
    steps: usize,
) -> Option<Diagnosis> {
    let forecast = forecast(measurement, params, steps)?;
    let lr = match params.optimizer {
        Optimizer::Sgd { lr, .. }
        | Optimizer::RmsProp { lr, .. }
        | Optimizer::Adagrad { lr, .. }
        | Optimizer::Adam { lr, .. } => f64::from(lr),
    };
    let is_plain = matches!(params.optimizer, Optimizer::Sgd { .. });
    if is_plain && forecast.ln_sharpness > 0.0 {
        let times = forecast.ln_sharpness.exp();
        let most = lr / times;
        let sentence = format!(
            "the learning rate is too large: at initialisation, steps along the steepest direction are {times:.3e} times \
             as long as is stable; the largest stable rate is {most:.1e}"
        );
        return Some(Diagnosis {
            kind: DiagnosisKind::LearningRateTooLarge,
            value: most,
            layer: None,
            severity: forecast.ln_sharpness,
            sentence,
        });
    }
    if forecast.ln_progress < 0.0 {
        let times = (-forecast.ln_progress).exp();
        let sentence = format!(
            "the learning rate is too small for the budget: {steps} steps shrink the part of the labels that the \
             linearised network sees by a factor of {:.3} only; {times:.1} times as many steps, or a larger rate, are needed",
            forecast.ln_progress.exp().exp()
        );
        return Some(Diagnosis {
            kind: DiagnosisKind::LearningRateTooSmall,
            value: times,
            layer: None,
            severity: -forecast.ln_progress,
            sentence,
        });
    }
    None
}

fn diverged(trial: &Trial) -> Option<Diagnosis> {
    let step = trial.diverged?;
    Some(Diagnosis {
        kind: DiagnosisKind::Diverges,
        value: step as f64,
        layer: None,
        severity: 50.0,
        sentence: format!("the training diverges at step {step} of a trial of its first steps"),
    })
}
