//! Reasons that lie in the training: its learning rate, its budget and its first steps.

use isobath_predictors::Forecast;
use isobath_tensor::Optimizer;
use isobath_trainer::TrainParams;

use super::{
    Diagnosis, DiagnosisKind,
    words::{estimate, percent},
};
use crate::{Measurement, Trial, features::forecast};

/// Steps of up to so many times the stable length are often survived (Lewkowycz et al., arXiv:2003.02218).
const SURVIVED: f64 = 2.0;
/// A learning rate is too small if it lacks this factor, and rather small below.
const SMALL: f64 = 3.0;
/// Beyond this factor, a larger learning rate is no remedy.
const NO_REMEDY: f64 = 1e4;

/// All reasons of this kind.
pub(super) fn diagnose(
    measurement: &Measurement,
    params: &TrainParams,
    steps: usize,
    trial: Option<&Trial>,
) -> Vec<Diagnosis> {
    let mut found = Vec::new();
    if measurement.profile.overflow.is_none()
        && let Some(forecast) = forecast(measurement, params, steps)
    {
        let large = too_large(&forecast, params.optimizer, trial);
        found.extend(large.or_else(|| too_small(&forecast, steps)));
    }
    found.extend(trial.and_then(diverges));
    found
}

fn too_large(
    forecast: &Forecast,
    optimizer: Optimizer,
    trial: Option<&Trial>,
) -> Option<Diagnosis> {
    // Adaptive optimisers change their own steps.
    let Optimizer::Sgd { lr, .. } = optimizer else { return None };
    if forecast.ln_sharpness <= 0.0 {
        return None;
    }
    let times = forecast.ln_sharpness.exp();
    let most = f64::from(lr) / times;
    let survived = match trial {
        Some(Trial { steps, diverged: None, .. }) => {
            format!("; {steps} trial steps do not diverge")
        }
        _ => String::new(),
    };
    let stable = estimate(most);
    let sentence = if times > SURVIVED {
        format!(
            "the learning rate is too large: at initialisation, steps along the steepest direction are {} times as long as \
             is stable, and the largest stable rate is {stable}{survived}",
            estimate(times)
        )
    } else {
        format!(
            "the learning rate is at the edge of stability: at initialisation, the largest stable rate is {stable}\
             {survived}"
        )
    };
    Some(Diagnosis {
        kind: DiagnosisKind::LearningRateTooLarge,
        value: most,
        layer: None,
        severity: forecast.ln_sharpness,
        sentence,
    })
}

fn too_small(forecast: &Forecast, steps: usize) -> Option<Diagnosis> {
    if forecast.ln_progress >= 0.0 {
        return None;
    }
    let times = (-forecast.ln_progress).exp();
    // Then another reason is the cause, if there is one.
    let severity = if times > NO_REMEDY { 0.5 } else { -forecast.ln_progress };
    let steps = if steps == 1 { "1 step".to_owned() } else { format!("{steps} steps") };
    let sentence = if times > NO_REMEDY {
        format!(
            "the outputs hardly move: linearised at its initialisation, the network needs more than 10,000 times the \
             learning rate for {steps}, so its initialisation or its inputs are at fault and not the rate"
        )
    } else {
        let judgement = if times > SMALL { "too small" } else { "rather small" };
        let fitted = -(-forecast.ln_progress.exp()).exp_m1();
        format!(
            "the learning rate is {judgement} for the budget: linearised at its initialisation, the network covers {} of the \
             way to the labels in {steps}; {} times the rate, or as many times the steps, would cover 63%",
            percent(fitted),
            estimate(times)
        )
    };
    Some(Diagnosis {
        kind: DiagnosisKind::LearningRateTooSmall,
        value: times,
        layer: None,
        severity,
        sentence,
    })
}

fn diverges(trial: &Trial) -> Option<Diagnosis> {
    let step = trial.diverged?;
    Some(Diagnosis {
        kind: DiagnosisKind::Diverges,
        value: step as f64,
        layer: None,
        severity: 50.0,
        sentence: format!(
            "the training diverges: in a trial of its first steps, the loss of step {step} is no number or beyond the \
             limit"
        ),
    })
}
