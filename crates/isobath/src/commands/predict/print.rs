//! The verdict in words and as JSON.

use isobath_report::count;
use isobath_tensor::Optimizer;
use isobath_verdict::{Outside, Probability, Skill, Trial};
use serde_json::{Value, json};

use super::{
    Answer, assess,
    prescription::{Prescription, describe, learning_rate, short},
};

/// Version of the JSON, which grows when a reader of the one before would misunderstand it.
pub(super) const VERSION: u32 = 1;
/// From this probability on, a network trains, and no alternatives are looked for.
pub(super) const TRAINS: f64 = 0.8;
/// Most reasons, and most alternatives, on the terminal.
const MOST: usize = 3;

/// Lines for a terminal.
pub(super) fn lines(answer: &Answer) -> Vec<String> {
    let mut lines = vec![verdict(answer), basis(answer)];
    let diagnoses = &answer.assessment.diagnoses;
    if diagnoses.is_empty() {
        lines.push("nothing unusual was found at initialisation".to_owned());
    } else {
        let sentences = diagnoses.iter().take(MOST).map(|diagnosis| diagnosis.sentence.clone());
        let title = reasons_title(answer);
        let indented = format!("\n{}", " ".repeat(title.len() + 2));
        lines.push(format!("{title}: {}", sentences.collect::<Vec<_>>().join(&indented)));
    }
    if let Some(prescription) = &answer.prescription {
        let shown = prescription.alternatives.iter().take(MOST).map(|found| {
            format!("{}: P = {:.2} ({})", found.change, found.probability.p, found.options())
        });
        let remedies = remedies(prescription).into_iter().take(MOST + 1);
        let parts: Vec<String> = shown.chain(remedies).chain(advice(prescription)).collect();
        lines.push(format!("what to change: {}", parts.join("\n                ")));
    }
    for verified in &answer.verified {
        lines.push(format!("trained, {}: {}", verified.network, verified.result()));
    }
    lines
}

/// The verdict with the network.
fn verdict(answer: &Answer) -> String {
    format!("{}; {}", judgement(answer), facts(answer).join("; "))
}

/// The network and its training in words.
pub(super) fn facts(answer: &Answer) -> Vec<String> {
    let size = answer.assessment.measurement.size;
    let network =
        format!("{}, width {}, {}", count(size.depth, "layer"), size.width, description(answer));
    vec![network, training(answer)]
}

/// The network in words; the initialisation of the file does not hold for given parameters.
fn description(answer: &Answer) -> String {
    if answer.described.is_given {
        return "given parameters".to_owned();
    }
    describe(&answer.described.plan)
}

/// The verdict alone.
pub(super) fn judgement(answer: &Answer) -> String {
    if let Some((accuracy, samples)) = answer.trained() {
        return format!(
            "trained already: the given parameters classify {:.1}% of {} correctly, so no probability applies; `interpret` \
             shows what each layer keeps",
            100.0 * accuracy,
            count(samples, "held-out sample")
        );
    }
    let Some(Probability { p, low, high }) = answer.probability() else {
        let reasons: Vec<String> = answer.assessment.outside.iter().map(out_of).collect();
        return format!("not known: {}", reasons.join(", "));
    };
    let word = match p {
        p if p >= TRAINS => "trains",
        p if p >= 0.5 => "will probably train",
        p if p >= 0.2 => "will probably not train",
        _ => "does not train",
    };
    format!("{word}: P = {p:.2} ({low:.2} to {high:.2})")
}

/// Heading of the diagnoses, which are no reasons to fail where the network trains.
pub(super) fn reasons_title(answer: &Answer) -> &'static str {
    match answer.probability() {
        Some(probability) if probability.p >= TRAINS => "weak points",
        _ => "why",
    }
}

fn cut(trial: &Trial) -> String {
    format!(
        "; the network is so large that only {} of the {} first steps were run, and P leaves them out (--trial full runs all \
         and uses them)",
        trial.steps, trial.planned
    )
}

fn out_of(outside: &Outside) -> String {
    let [low, high] = outside.seen.map(f64::exp);
    let value = outside.value.exp();
    let name = match outside.feature.as_str() {
        "ln_depth" => "a depth",
        "ln_width" => "a width",
        "ln_steps" => "a number of steps",
        other => other,
    };
    format!(
        "{name} of {value:.0} is outside of the calibration, whose successes have {low:.0} to {high:.0}"
    )
}

fn training(answer: &Answer) -> String {
    let params = answer.described.training.params();
    let steps = answer.described.steps();
    format!(
        "{}, batch {}, {}",
        optimizer_in_words(params.optimizer),
        params.batch,
        count(steps, "step")
    )
}

fn optimizer_in_words(optimizer: Optimizer) -> String {
    let name = match optimizer {
        Optimizer::Sgd { .. } => "sgd",
        Optimizer::RmsProp { .. } => "rmsprop",
        Optimizer::Adagrad { .. } => "adagrad",
        Optimizer::Adam { .. } => "adam",
    };
    let rate = short(learning_rate(optimizer));
    match optimizer {
        Optimizer::Sgd { momentum, .. } if momentum > 0.0 => {
            format!("{name} {rate}, momentum {momentum}")
        }
        _ => format!("{name} {rate}"),
    }
}

/// Trainings of the same kind of network and optimiser in the atlas.
fn like(answer: &Answer) -> usize {
    let kind = answer.described.plan.file.network.kind.name();
    let optimizer = match answer.described.training.params().optimizer {
        Optimizer::Sgd { momentum, .. } if momentum > 0.0 => "momentum",
        Optimizer::Sgd { .. } => "sgd",
        Optimizer::RmsProp { .. } | Optimizer::Adagrad { .. } | Optimizer::Adam { .. } => "adam",
    };
    let of = |kind: &str| answer.calibration.like.get(&format!("{kind}, {optimizer}")).copied();
    match kind {
        "layers" => ["mlp", "cnn", "resnet"].into_iter().filter_map(of).sum(),
        kind => of(kind).unwrap_or(0),
    }
}

/// Skill of the model behind the probability.
fn skill(answer: &Answer) -> &Skill {
    &assess::model(&answer.calibration, answer.assessment.trial.as_ref()).skill
}

/// Meaning of the probability, and what it is calibrated on.
pub(super) fn basis(answer: &Answer) -> String {
    let skill = skill(answer);
    let params = answer.described.training.params();
    let like = match like(answer) {
        0 => "none of them".to_owned(),
        like => format!("{like} of them"),
    };
    let mut text = format!(
        "P is the probability of an accuracy halfway between chance and that of a shallow network within the budget, \
         calibrated on {} trainings, {like} with this kind of network and optimiser; AUC {:.2} and Brier score {:.3} on \
         families left out",
        answer.calibration.trainings, skill.auc[0], skill.brier[0]
    );
    text += &answer.assessment.cut_trial().as_ref().map(cut).unwrap_or_default();
    if matches!(params.optimizer, Optimizer::RmsProp { .. } | Optimizer::Adagrad { .. }) {
        text += "; none of them used this optimiser, which the model takes for Adam; its first steps are run as they are";
    }
    text
}

/// Changes without a probability, with what they do to the measurements, under a heading.
pub(super) fn remedies(prescription: &Prescription) -> Vec<String> {
    if prescription.remedies.is_empty() {
        return Vec::new();
    }
    let heading = "without a probability, changes that remove the first reason:".to_owned();
    let each = prescription.remedies.iter().map(|remedy| {
        format!("{}: {} ({})", remedy.change, remedy.effects.join("; "), remedy.options())
    });
    [heading].into_iter().chain(each).collect()
}

/// Describes the other results of the search: learning rates, the largest depth, the number of attempts.
pub(super) fn advice(prescription: &Prescription) -> Vec<String> {
    let Prescription { alternatives, remedies, learning_rates, largest_depth, tried, is_cut_short } =
        prescription;
    let mut parts = Vec::new();
    if alternatives.is_empty() && remedies.is_empty() {
        parts.push(match tried {
            0 => "no alternative was tried".to_owned(),
            1 => "the one alternative that was tried has no better probability above one half"
                .to_owned(),
            tried => {
                format!("none of {tried} alternatives has a better probability above one half")
            }
        });
    }
    if let Some([low, high]) = learning_rates {
        parts.push(if low < high {
            format!(
                "P is above one half at learning rates from {} to {}",
                short(*low),
                short(*high)
            )
        } else {
            format!("of the learning rates tried, P is above one half only at {}", short(*low))
        });
    }
    if let Some(depth) = largest_depth {
        parts.push(format!("the largest depth that keeps P above one half is {depth}"));
    }
    if *is_cut_short {
        parts.push("time ran out before all alternatives were tried (--search-seconds)".to_owned());
    }
    parts
}

/// The verdict as JSON.
pub(super) fn json(answer: &Answer) -> Value {
    let assessment = &answer.assessment;
    let measurement = &assessment.measurement;
    json!({
        "version": VERSION,
        "network": {
            "description": description(answer),
            "depth": measurement.size.depth,
            "width": measurement.size.width,
            "parameters": measurement.size.parameters,
            "classes": measurement.size.classes,
        },
        "training": training(answer),
        "steps": answer.described.steps(),
        "probability": answer.probability(),
        "outside": assessment.outside,
        "calibration": {
            "trainings": answer.calibration.trainings,
            "like": like(answer),
            "auc": skill(answer).auc,
            "brier": skill(answer).brier,
        },
        "diagnoses": assessment.diagnoses,
        "prescription": answer.prescription,
        "verified": answer.verified,
        "trial": assessment.trial,
        "profile": {
            "input_mean_square": measurement.profile.input_mean_square,
            "overflow": measurement.profile.overflow,
            "layers": measurement.profile.layers,
            "information": measurement.information,
        },
        "sentence": verdict(answer),
    })
}
