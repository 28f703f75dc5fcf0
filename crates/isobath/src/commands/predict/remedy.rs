//! Changes of a network without a probability, judged by the reasons that they remove.

use isobath_verdict::{Diagnosis, DiagnosisKind};
use serde::Serialize;

use super::{assess::Assessment, prescription::shell_options};

/// A change after which the gravest reason is gone, and no other is as grave.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Remedy {
    /// Description of the change.
    pub(super) change: String,
    /// Settings as `--set` takes them.
    pub(super) settings: Vec<String>,
    /// Measurements before and after the change, in words.
    pub(super) effects: Vec<String>,
    /// Severity of the gravest reason that remains; 0 if none does.
    #[serde(skip)]
    pub(super) severity: f64,
}

impl Remedy {
    /// The change, if its measurements speak for it.
    pub(super) fn of(
        (change, settings): (String, Vec<String>),
        before: &Assessment,
        after: &Assessment,
    ) -> Option<Self> {
        let gravest = before.diagnoses.first()?;
        let remains = after.diagnoses.first();
        let severity = remains.map_or(0.0, |reason| reason.severity);
        let is_gone = after.diagnoses.iter().all(|reason| reason.kind != gravest.kind);
        let level = before.trial.map_or(f64::INFINITY, |trial| trial.level);
        let falls = after.trial.is_none_or(|trial| trial.drop > 0.0 || trial.level < level);
        if !is_gone || severity >= gravest.severity || !falls {
            return None;
        }
        let effects = [
            measured(gravest, before, after),
            first_steps(before, after),
            remains.map(|reason| format!("what remains: {}", words(reason.kind))),
        ];
        let effects = effects.into_iter().flatten().collect();
        Some(Self { change, settings, effects, severity })
    }

    /// The options of the command line that make the change.
    pub(super) fn options(&self) -> String {
        shell_options(&self.settings)
    }
}

/// The number of a reason before and after a change.
fn measured(reason: &Diagnosis, before: &Assessment, after: &Assessment) -> Option<String> {
    let (what, of) = quantity(reason.kind)?;
    let [before, after] = [before, after].map(|assessment| of(assessment).map(short));
    Some(format!("{what} {} -> {}", before?, after.unwrap_or_else(|| "none".to_owned())))
}

/// Name of the quantity that a diagnosis measures, and the function that reads it from an assessment.
type Quantity = (&'static str, fn(&Assessment) -> Option<f64>);

fn quantity(kind: DiagnosisKind) -> Option<Quantity> {
    Some(match kind {
        DiagnosisKind::SignalExplodes | DiagnosisKind::SignalVanishes => {
            ("growth of the mean square per layer:", growth)
        }
        DiagnosisKind::GradientsExplode | DiagnosisKind::GradientsVanish => {
            ("gradient of the first layer over that of the last:", |assessment| {
                let layers = assessment.measurement.profile.layers.iter();
                let mut weighted = layers.filter(|layer| layer.parameters > 0);
                let (first, last) = (weighted.next()?, weighted.next_back()?);
                Some((first.ln_gradient - last.ln_gradient).exp())
            })
        }
        DiagnosisKind::InformationLost => {
            ("error of linear decoders at the last hidden layer:", |assessment| {
                assessment.measurement.information.as_ref()?.last().map(|error| error.min(1.0))
            })
        }
        DiagnosisKind::CorrelationsCollapse => {
            ("effective rank at the last hidden layer:", |assessment| {
                assessment.measurement.profile.hidden().last().map(|layer| layer.rank)
            })
        }
        DiagnosisKind::Saturation => ("largest share of saturated activations:", |assessment| {
            let layers = assessment.measurement.profile.hidden().iter();
            layers.map(|layer| layer.saturated).reduce(f64::max)
        }),
        DiagnosisKind::DeadUnits => ("largest share of dead units:", |assessment| {
            let layers = assessment.measurement.profile.hidden().iter();
            layers.map(|layer| layer.dead as f64 / layer.units.max(1) as f64).reduce(f64::max)
        }),
        DiagnosisKind::LearningRateTooLarge => {
            ("step over the largest stable one:", |assessment| {
                assessment.features.get("ln_sharpness").map(f64::exp)
            })
        }
        DiagnosisKind::LearningRateTooSmall => {
            ("progress of the linearised network (1 covers 63% of the way):", |assessment| {
                assessment.features.get("ln_progress").map(f64::exp)
            })
        }
        DiagnosisKind::Overflow
        | DiagnosisKind::Diverges
        | DiagnosisKind::TooNarrow
        | DiagnosisKind::InputScale => return None,
    })
}

fn growth(assessment: &Assessment) -> Option<f64> {
    let states = assessment.measurement.profile.hidden();
    let (first, last) = (states.first()?, states.last()?);
    let steps = states.len().saturating_sub(1).max(1);
    Some((last.mean_square / first.mean_square).powf(1.0 / steps as f64))
}

/// The losses of the first steps before and after a change.
fn first_steps(before: &Assessment, after: &Assessment) -> Option<String> {
    let loss = |assessment: &Assessment| {
        let trial = assessment.trial?;
        Some(match trial.diverged {
            Some(step) => format!("diverges at step {step}"),
            None => format!("loss {} to {}", short(trial.level + trial.drop), short(trial.level)),
        })
    };
    let (before, after, trial) = (loss(before)?, loss(after)?, after.trial?);
    Some(format!("in {} first steps: {before} -> {after}", trial.steps))
}

fn words(kind: DiagnosisKind) -> &'static str {
    match kind {
        DiagnosisKind::Overflow => "activations exceed the range of f32",
        DiagnosisKind::SignalExplodes => "the signal grows from layer to layer",
        DiagnosisKind::SignalVanishes => "the signal shrinks from layer to layer",
        DiagnosisKind::GradientsExplode => "gradients explode",
        DiagnosisKind::GradientsVanish => "gradients vanish",
        DiagnosisKind::InformationLost => "information is lost before the readout",
        DiagnosisKind::CorrelationsCollapse => "correlations collapse",
        DiagnosisKind::Saturation => "activations are saturated",
        DiagnosisKind::DeadUnits => "dead units",
        DiagnosisKind::TooNarrow => "too narrow for its depth",
        DiagnosisKind::InputScale => "inputs of an unusual size",
        DiagnosisKind::LearningRateTooLarge => "the learning rate is above the largest stable one",
        DiagnosisKind::LearningRateTooSmall => "the learning rate is small for the budget",
        DiagnosisKind::Diverges => "the training diverges",
    }
}

/// Three significant digits.
fn short(x: f64) -> String {
    let rounded: f64 = format!("{x:.2e}").parse().unwrap_or(x);
    let is_plain = rounded == 0.0 || (1e-3..1e6).contains(&rounded.abs());
    if is_plain { rounded.to_string() } else { format!("{rounded:e}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short() {
        assert_eq!(
            [1.476, 0.0, 2.0571, 3.1e-9, 1.5e11].map(short),
            ["1.48", "0", "2.06", "3.1e-9", "1.5e11"]
        );
    }
}
