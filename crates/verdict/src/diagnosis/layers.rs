//! Reasons that show in the layers of a network, whatever its training.

use isobath_predictors::LayerState;

use super::{
    Diagnosis, DiagnosisKind,
    words::{layers, number, percent, power_of_ten},
};
use crate::Measurement;

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
/// Sum over layers of 1 over the width (Hanin and Nica, arXiv:1812.05994, where fluctuations of gradients grow like its exponential).
const NARROW: f64 = 1.0;
/// Logarithm of the inputs' mean square.
const SCALE: f64 = 3.9;
/// Most layers whose dead units a sentence lists one by one.
const LISTED: usize = 20;

/// All reasons of this kind.
pub(super) fn diagnose(measurement: &Measurement) -> Vec<Diagnosis> {
    let mut found = Vec::new();
    if let Some(layer) = measurement.profile.overflow {
        found.push(overflow(measurement, layer));
    } else {
        found.extend(signal(measurement));
        found.extend(gradients(measurement));
        found.extend(information(measurement));
        found.extend(correlations(measurement));
        found.extend(saturation(measurement));
        found.extend(dead_units(measurement));
    }
    found.extend(narrow(measurement));
    found.extend(input_scale(measurement));
    found
}

/// Growth of the mean square from layer 1 to the last of `states`, in powers of e, and by layer.
fn growth(states: &[LayerState]) -> Option<(f64, f64)> {
    let (first, last) = (states.first()?, states.last()?);
    let growth = (last.mean_square / first.mean_square).ln();
    Some((growth, growth / states.len().saturating_sub(1).max(1) as f64))
}

fn overflow(measurement: &Measurement, layer: usize) -> Diagnosis {
    let mut sentence = format!("activations exceed the range of f32 at layer {layer}");
    let states = &measurement.profile.layers;
    if states.len() > 1
        && let Some((_, per_layer)) = growth(states).filter(|(growth, _)| growth.is_finite())
    {
        let factor = number(per_layer.exp());
        sentence.push_str(": their mean square grows by a factor of ");
        sentence.push_str(&factor);
        sentence.push_str(" per layer before");
    }
    Diagnosis {
        kind: DiagnosisKind::Overflow,
        value: layer as f64,
        layer: Some(layer),
        severity: 100.0,
        sentence,
    }
}

fn signal(measurement: &Measurement) -> Option<Diagnosis> {
    let states = measurement.profile.hidden();
    let zeros = trailing(states, |state| state.mean_square == 0.0);
    if let Some(first) = zeros {
        return Some(Diagnosis {
            kind: DiagnosisKind::SignalVanishes,
            value: 0.0,
            layer: Some(first),
            severity: 90.0,
            sentence: format!(
                "the signal vanishes: all activations are 0 in {}",
                layers(first, states.len())
            ),
        });
    }
    let (growth, per_layer) = growth(states)?;
    if !growth.is_finite() || growth.abs() < SIGNAL {
        return None;
    }
    let first = states.first()?.mean_square;
    let is_beyond = |state: &LayerState| {
        let ln = (state.mean_square / first).ln();
        ln.abs() >= SIGNAL && (ln > 0.0) == (growth > 0.0)
    };
    let layer = states.iter().position(is_beyond).map(|index| index + 1);
    let rate = per_layer.abs().exp();
    let (kind, what, verb) = if growth > 0.0 {
        (DiagnosisKind::SignalExplodes, "explodes", "grows")
    } else {
        (DiagnosisKind::SignalVanishes, "vanishes", "shrinks")
    };
    let sentence = format!(
        "the signal {what}: the mean square of the activations {verb} by a factor of {} per layer, to {} times that of \
         layer 1 at layer {}",
        number(rate),
        power_of_ten(growth),
        states.len()
    );
    let severity = growth.abs() / SIGNAL - 1.0;
    Some(Diagnosis { kind, value: rate, layer, severity, sentence })
}

/// The layer, counted from 1, from which on all layers have a property.
fn trailing<T>(states: &[T], has: impl Fn(&T) -> bool) -> Option<usize> {
    let start = states.iter().rposition(|state| !has(state)).map_or(0, |index| index + 1);
    (start < states.len()).then_some(start + 1)
}

fn gradients(measurement: &Measurement) -> Option<Diagnosis> {
    // Pooling has no gradient of its own.
    let weighted: Vec<(usize, f64)> = measurement
        .profile
        .layers
        .iter()
        .enumerate()
        .filter(|(_, state)| state.parameters > 0)
        .map(|(index, state)| (index + 1, state.ln_gradient))
        .collect();
    let (readout, last) = *weighted.last()?;
    if !last.is_finite() {
        return None;
    }
    if let Some((layer, _)) = weighted.iter().rfind(|(_, ln)| !ln.is_finite()) {
        let sentence = format!(
            "gradients vanish: that of {} is 0 or too small for f32",
            layers(weighted[0].0, *layer)
        );
        return Some(Diagnosis {
            kind: DiagnosisKind::GradientsVanish,
            value: 0.0,
            layer: Some(*layer),
            severity: 10.0,
            sentence,
        });
    }
    let (layer, first) = weighted[0];
    let ratio = first - last;
    if ratio.abs() < GRADIENT {
        return None;
    }
    let (kind, verb) = if ratio > 0.0 {
        (DiagnosisKind::GradientsExplode, "explode")
    } else {
        (DiagnosisKind::GradientsVanish, "vanish")
    };
    let sentence = format!(
        "gradients {verb}: the norm at layer {layer} is {} times that at the readout (layer {readout})",
        power_of_ten(ratio)
    );
    let (value, severity) = (ratio.exp(), ratio.abs() / GRADIENT - 1.0);
    Some(Diagnosis { kind, value, layer: Some(layer), severity, sentence })
}

fn information(measurement: &Measurement) -> Option<Diagnosis> {
    let errors = measurement.information.as_ref()?;
    let last = *errors.last()?;
    let layer = trailing(errors, |&error| error >= ERROR)?;
    let sentence = format!(
        "information is lost before the readout: linear decoders miss at least 95% of the input's variance from layer \
         {layer} on ({} at the last hidden layer)",
        percent(last.min(1.0))
    );
    let severity = (errors.len() as f64 / layer as f64).ln() + 0.2;
    let kind = DiagnosisKind::InformationLost;
    Some(Diagnosis { kind, value: last, layer: Some(layer), severity, sentence })
}

fn correlations(measurement: &Measurement) -> Option<Diagnosis> {
    let states = measurement.profile.hidden();
    let last = states.last()?;
    // Without any activation there is no rank; the vanished signal says so.
    let layer = trailing(states, |state| state.rank < RANK)?;
    let sentence = format!(
        "correlations collapse: activations of different samples are nearly parallel from layer {layer} on (at the last \
         hidden layer, the effective rank is {:.2} and the mean cosine is 1 - {})",
        last.rank,
        number(last.ln_distance.exp())
    );
    let severity = (states.len() as f64 / layer as f64).ln() + 0.3;
    let kind = DiagnosisKind::CorrelationsCollapse;
    Some(Diagnosis { kind, value: last.rank, layer: Some(layer), severity, sentence })
}

/// The layer with the largest share, counted from 1; the first one of several.
fn worst(shares: impl Iterator<Item = f64>) -> Option<(usize, f64)> {
    let larger = |most: (usize, f64), next: (usize, f64)| if next.1 > most.1 { next } else { most };
    let largest = shares.enumerate().reduce(larger)?;
    (largest.1 > SHARE).then_some((largest.0 + 1, largest.1))
}

fn saturation(measurement: &Measurement) -> Option<Diagnosis> {
    let states = measurement.profile.hidden();
    let (layer, share) = worst(states.iter().map(|state| state.saturated))?;
    let sentence = format!(
        "saturation: {} of the activations of layer {layer} are within 0.01 of an end of the activation function's range",
        percent(share)
    );
    let (kind, severity) = (DiagnosisKind::Saturation, share / SHARE - 1.0);
    Some(Diagnosis { kind, value: share, layer: Some(layer), severity, sentence })
}

fn dead_units(measurement: &Measurement) -> Option<Diagnosis> {
    let states = measurement.profile.hidden();
    let share = |state: &LayerState| state.dead as f64 / state.units.max(1) as f64;
    let (layer, share) = worst(states.iter().map(share))?;
    let state = &states[layer - 1];
    let mut sentence = format!(
        "dead units: {} of {} in layer {layer}, whose output is the same for all {} samples",
        state.dead, state.units, measurement.kernel_train
    );
    if (2..=LISTED).contains(&states.len()) {
        let counts: Vec<String> = states.iter().map(|state| state.dead.to_string()).collect();
        sentence.push_str(" (by layer: ");
        sentence.push_str(&counts.join(", "));
        sentence.push(')');
    }
    let (kind, severity) = (DiagnosisKind::DeadUnits, share / SHARE - 1.0);
    Some(Diagnosis { kind, value: share, layer: Some(layer), severity, sentence })
}

fn narrow(measurement: &Measurement) -> Option<Diagnosis> {
    let size = measurement.size;
    let ratio = size.inverse_widths;
    if ratio <= NARROW || size.depth < 2 {
        return None;
    }
    let sentence = format!(
        "too narrow for its depth: with {} layers down to a width of {}, whose inverse widths add up to {ratio:.1}, gradients \
         differ by orders of magnitude from one initialisation to the next",
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
    let sentence = if square > 0.0 {
        let size = if ln > 0.0 { "large" } else { "small" };
        format!(
            "inputs are unusually {size}: their mean square is {}; scale them to about 1",
            number(square)
        )
    } else {
        "all inputs are 0".to_owned()
    };
    let (kind, severity) = (DiagnosisKind::InputScale, (ln.abs() / SCALE - 1.0).min(100.0));
    Some(Diagnosis { kind, value: square, layer: None, severity, sentence })
}
