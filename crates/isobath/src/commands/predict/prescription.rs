//! Searches for alternatives to a described network; each alternative gets its own verdict.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use anyhow::Result;
use isobath_architecture::Activation;
use isobath_experiment::{NetworkKind, Override, Plan};
use isobath_tensor::Optimizer;
use isobath_trainer::TrainValidParams;
use isobath_verdict::{Calibration, DiagnosisKind, Probability};
use serde::Serialize;

use super::{
    assess::{self, Assessment},
    described::{self, Described},
    remedy::Remedy,
};
use crate::print::shell_word;

/// A change of the file and the verdict after it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Alternative {
    /// Description of the change.
    pub(super) change: String,
    /// Settings as `--set` takes them.
    pub(super) settings: Vec<String>,
    /// The learning rate, where nothing else changes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) learning_rate: Option<f64>,
    /// Probability of success after the change.
    #[serde(flatten)]
    pub(super) probability: Probability,
}

impl Alternative {
    /// The options of the command line that make the change.
    pub(super) fn options(&self) -> String {
        shell_options(&self.settings)
    }
}

/// Options of the command line that make settings.
pub(super) fn shell_options(settings: &[String]) -> String {
    let option = |setting: &String| format!("--set {}", shell_word(setting));
    settings.iter().map(option).collect::<Vec<_>>().join(" ")
}

/// Result of the search.
#[derive(Clone, Debug, Default, Serialize)]
pub(super) struct Prescription {
    /// Alternatives with a probability above one half and above the present one, the best first.
    pub(super) alternatives: Vec<Alternative>,
    /// Changes without a probability that remove the gravest reason, where the present network has none, the best first.
    pub(super) remedies: Vec<Remedy>,
    /// Smallest and largest learning rate with a probability above one half, of those tried.
    pub(super) learning_rates: Option<[f64; 2]>,
    /// Largest depth with a probability above one half, of those tried, everything else being equal.
    pub(super) largest_depth: Option<usize>,
    /// Number of alternatives that were tried.
    pub(super) tried: usize,
    /// True if there was no time for all.
    pub(super) is_cut_short: bool,
}

/// Factors of the learning rate.
const FACTORS: [f64; 6] = [0.001, 0.01, 0.1, 0.3, 3.0, 10.0];

/// Range of learning rates to try.
pub(super) const LEAST_RATE: f64 = 1e-12;
pub(super) const MOST_RATE: f64 = 1e6;

/// Learning rates that the diagnoses suggest: well below the largest stable one, or as much larger as is needed.
pub(super) fn suggested(assessment: &Assessment, now: f64) -> Vec<f64> {
    let rates = assessment.diagnoses.iter().flat_map(|diagnosis| match diagnosis.kind {
        DiagnosisKind::LearningRateTooLarge => vec![0.5 * diagnosis.value, 0.1 * diagnosis.value],
        DiagnosisKind::LearningRateTooSmall => vec![now * diagnosis.value],
        _ => Vec::new(),
    });
    rates.collect()
}

/// Search for alternatives.
pub(super) struct Search<'a> {
    pub(super) file: &'a Path,
    pub(super) changes: &'a [Override],
    pub(super) described: &'a Described,
    pub(super) calibration: &'a Calibration,
    /// True if the network is that of an ONNX model, of which only the training can change.
    pub(super) is_onnx: bool,
    /// When all alternatives must be done.
    pub(super) until: Instant,
    /// Time that the verdict on the present network took, about what that on another takes.
    pub(super) cost: Duration,
}

impl Search<'_> {
    /// Tries alternatives to a network with this verdict.
    pub(super) fn run(&self, present: &Assessment) -> Result<Prescription> {
        if present.known().is_none() {
            return self.remedies(present);
        }
        let mut found = Prescription::default();
        self.learning_rates(present, &mut found)?;
        if self.is_onnx {
            return Ok(sorted(found, present));
        }
        for (change, settings) in self.initialisations() {
            if self.is_over(&mut found) {
                break;
            }
            self.initialisation(&change, &settings, &mut found)?;
        }
        for (change, settings) in self.architectures() {
            if self.is_over(&mut found) {
                break;
            }
            self.initialisation(&change, &settings, &mut found)?;
        }
        self.depths(present, &mut found)?;
        Ok(sorted(found, present))
    }

    pub(super) fn is_over(&self, found: &mut Prescription) -> bool {
        let over = Instant::now() + self.cost > self.until;
        found.is_cut_short |= over;
        over
    }

    /// Other learning rates for the network as it is.
    fn learning_rates(&self, present: &Assessment, found: &mut Prescription) -> Result<()> {
        let mut good = Vec::new();
        let now = learning_rate(self.described.training.params().optimizer);
        if present.probability.p > 0.5 {
            good.push(now);
        }
        let rates = self.rates_of(self.described, present, found)?;
        for (lr, probability) in rates {
            found.tried += 1;
            if probability.p > 0.5 {
                good.push(lr);
            }
            found.alternatives.push(Alternative {
                change: format!("a learning rate of {}", short(lr)),
                settings: vec![self.rate_setting(lr)],
                learning_rate: Some(lr),
                probability,
            });
        }
        good.sort_by(f64::total_cmp);
        found.learning_rates = good.first().zip(good.last()).map(|(low, high)| [*low, *high]);
        Ok(())
    }

    /// Verdicts with other learning rates, on a measured network.
    fn rates_of(
        &self,
        network: &Described,
        measured: &Assessment,
        found: &mut Prescription,
    ) -> Result<Vec<(f64, Probability)>> {
        let now = learning_rate(network.training.params().optimizer);
        let mut rates = Vec::new();
        let fixed = FACTORS.iter().map(|factor| now * factor);
        for lr in suggested(measured, now).into_iter().chain(fixed).map(rounded) {
            if self.is_over(found) {
                break;
            }
            if rates.iter().any(|(other, _): &(f64, Probability)| other.to_bits() == lr.to_bits())
                || !(LEAST_RATE..=MOST_RATE).contains(&lr)
            {
                continue;
            }
            let training = with_rate(&network.training, lr)?;
            let measurement = measured.measurement.clone();
            let other = assess::with_training(network, &training, measurement, self.calibration)?;
            rates.push((lr, other.probability));
        }
        Ok(rates)
    }

    /// Another network, with its own best learning rate.
    fn initialisation(
        &self,
        change: &str,
        settings: &[String],
        found: &mut Prescription,
    ) -> Result<()> {
        let Some(other) = self.changed(settings)? else { return Ok(()) };
        let verdict = assess::assess(&other, self.calibration)?;
        if verdict.known().is_none() {
            return Ok(());
        }
        found.tried += 1;
        let alternative = |change: String, settings: &[String], probability| Alternative {
            change,
            settings: settings.to_vec(),
            learning_rate: None,
            probability,
        };
        found.alternatives.push(alternative(change.to_owned(), settings, verdict.probability));
        if verdict.probability.p > 0.8 {
            return Ok(());
        }
        let rates = self.rates_of(&other, &verdict, found)?;
        found.tried += rates.len();
        let best = rates.into_iter().max_by(|a, b| a.1.p.total_cmp(&b.1.p));
        if let Some((lr, probability)) = best
            && probability.p > verdict.probability.p + 0.05
        {
            let change = format!("{change}, with a learning rate of {}", short(lr));
            let settings = [settings, &[self.rate_setting(lr)]].concat();
            found.alternatives.push(alternative(change, &settings, probability));
        }
        Ok(())
    }

    /// The network after a change; `None` if it cannot be built or is the present one.
    pub(super) fn changed(&self, settings: &[String]) -> Result<Option<Described>> {
        let mut changes = self.changes.to_vec();
        for setting in settings {
            changes.push(setting.parse()?);
        }
        match described::plan(self.file, &changes) {
            Ok(plan) if is_same(&plan, &self.described.plan) => Ok(None),
            Ok(plan) => {
                let trial = self.described.trial;
                let data = self.described.data.clone();
                Ok(Some(Described { trial, ..described::of_plan(plan, data) }))
            }
            Err(_) => Ok(None),
        }
    }

    fn activation(&self) -> Activation {
        self.described.plan.variants[0].activation
    }

    /// The file's optimiser at another learning rate.
    pub(super) fn rate_setting(&self, lr: f64) -> String {
        let optimizer = self.described.training.params().optimizer;
        let mut value =
            toml::Value::try_from(optimizer).unwrap_or_else(|_| toml::Table::new().into());
        if let Some(table) = value.as_table_mut() {
            // Numbers are f32, whose digits as f64 nobody wrote.
            for (_, number) in table.iter_mut() {
                if let toml::Value::Float(number) = number {
                    *number = (*number as f32).to_string().parse().unwrap_or(*number);
                }
            }
            table.insert("lr".to_owned(), lr.into());
        }
        format!("train.optimizer={value}")
    }

    /// Initialisations that suit the activation.
    pub(super) fn initialisations(&self) -> Vec<(String, Vec<String>)> {
        let schemes: &[(&str, &str)] = match self.activation() {
            Activation::Relu
            | Activation::LeakyRelu { .. }
            | Activation::Gelu
            | Activation::Silu => {
                &[("Kaiming's initialisation (sigma_w2 = 2)", "\"kaiming-normal\"")]
            }
            Activation::Selu => &[("LeCun's initialisation (sigma_w2 = 1)", "\"lecun-normal\"")],
            Activation::Elu => &[
                ("weights with sigma_w2 = 1.5", "{ sigma_w2 = 1.5, sigma_b2 = 0.0 }"),
                ("orthogonal weights of gain 1.2", "{ name = \"orthogonal\", gain = 1.2 }"),
            ],
            Activation::Sine => {
                &[("weights with sigma_w2 = 2", "{ sigma_w2 = 2.0, sigma_b2 = 0.0 }")]
            }
            Activation::Sigmoid | Activation::Softplus => {
                &[("weights with sigma_w2 = 10", "{ sigma_w2 = 10.0, sigma_b2 = 0.0 }")]
            }
            Activation::Tanh | Activation::Erf | Activation::HardTanh | Activation::Linear => &[
                ("orthogonal weights of gain 1.05", "{ name = \"orthogonal\", gain = 1.05 }"),
                ("weights with sigma_w2 = 1.2", "{ sigma_w2 = 1.2, sigma_b2 = 0.0 }"),
            ],
        };
        let setting =
            |(words, value): &(&str, &str)| ((*words).to_owned(), self.with_init(value, &[]));
        schemes.iter().map(setting).collect()
    }

    /// Settings of an initialisation with a scale of its own, and others.
    pub(super) fn with_init(&self, value: &str, further: &[&str]) -> Vec<String> {
        let mut settings: Vec<String> = further.iter().map(|&setting| setting.to_owned()).collect();
        settings.push(format!("network.init={value}"));
        if self.described.plan.variants[0].scheme.uses_grid() {
            settings.push("grid={}".to_owned());
        }
        settings
    }

    /// Other activations and residual blocks.
    pub(super) fn architectures(&self) -> Vec<(String, Vec<String>)> {
        let kind = self.described.plan.file.network.kind;
        let mut found = Vec::new();
        if matches!(self.activation(), Activation::Sigmoid | Activation::Softplus)
            && kind != NetworkKind::Layers
        {
            let settings = self.with_init("\"kaiming-normal\"", &["network.activation=relu"]);
            let words = "relu with Kaiming's initialisation in place of the activation";
            found.push((words.to_owned(), settings));
        }
        let depth = self.described.plan.depth;
        if matches!(kind, NetworkKind::Mlp | NetworkKind::Cnn) && depth >= 6 {
            let blocks = (depth / 2 + 1).max(3);
            let depths = [format!("network.depth={blocks}"), format!("train.depths={blocks}")];
            let further = ["network.kind=resnet", &depths[0], &depths[1]];
            let settings = self.with_init("\"xavier-normal\"", &further);
            found.push((
                "residual blocks of two layers, with Glorot's initialisation".to_owned(),
                settings,
            ));
        }
        found
    }

    /// The largest depth that trains, by bisection, where the file has a depth.
    pub(super) fn depths(&self, present: &Assessment, found: &mut Prescription) -> Result<()> {
        let kind = self.described.plan.file.network.kind;
        if kind == NetworkKind::Layers {
            return Ok(());
        }
        let depth = self.described.plan.depth;
        if present.known().is_some_and(|probability| probability.p > 0.5) {
            return Ok(());
        }
        let (mut trains, mut fails) = (None, depth);
        let mut lowest = match kind {
            NetworkKind::Mlp => 2,
            _ => 4,
        };
        while fails > lowest {
            if self.is_over(found) {
                break;
            }
            let middle = usize::midpoint(lowest, fails);
            let settings =
                vec![format!("network.depth={middle}"), format!("train.depths={middle}")];
            let Some(other) = self.changed(&settings)? else { break };
            let verdict = assess::assess(&other, self.calibration)?;
            found.tried += 1;
            match verdict.known().filter(|probability| probability.p > 0.5) {
                Some(probability) => {
                    trains = Some((middle, settings, probability));
                    lowest = middle + 1;
                }
                None => fails = middle,
            }
        }
        if let Some((depth, settings, probability)) = trains {
            found.largest_depth = Some(depth);
            let change = format!("a depth of {depth}");
            found.alternatives.push(Alternative {
                change,
                settings,
                learning_rate: None,
                probability,
            });
        }
        Ok(())
    }
}

/// Alternatives that are better than the present network, the best first.
pub(super) fn sorted(mut found: Prescription, present: &Assessment) -> Prescription {
    let p = present.known().map_or(0.0, |probability| probability.p);
    found.alternatives.retain(|other| other.probability.p > p.max(0.5));
    found.alternatives.sort_by(|a, b| b.probability.p.total_cmp(&a.probability.p));
    found
}

/// True for two plans of one network.
fn is_same(a: &Plan, b: &Plan) -> bool {
    a.file.network == b.file.network && a.file.grid == b.file.grid
}

pub(super) fn learning_rate(optimizer: Optimizer) -> f64 {
    match optimizer {
        Optimizer::Sgd { lr, .. }
        | Optimizer::RmsProp { lr, .. }
        | Optimizer::Adagrad { lr, .. }
        | Optimizer::Adam { lr, .. } => f64::from(lr),
    }
}

/// A training at another learning rate.
pub(super) fn with_rate(training: &TrainValidParams, rate: f64) -> Result<TrainValidParams> {
    let mut params = training.params().clone();
    match &mut params.optimizer {
        Optimizer::Sgd { lr, .. }
        | Optimizer::RmsProp { lr, .. }
        | Optimizer::Adagrad { lr, .. }
        | Optimizer::Adam { lr, .. } => *lr = rate as f32,
    }
    Ok(params.check()?)
}

/// To two significant digits.
pub(super) fn rounded(x: f64) -> f64 {
    format!("{x:.1e}").parse().unwrap_or(x)
}

/// A learning rate in words.
pub(super) fn short(x: f64) -> String {
    let x = rounded(x);
    if (1e-4..1e6).contains(&x) { format!("{x}") } else { format!("{x:e}") }
}

/// The only network of a plan in words.
pub(super) fn describe(plan: &Plan) -> String {
    plan.describe(plan.points[0])
}
