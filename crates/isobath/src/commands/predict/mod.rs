//! Verdict: will this network train, why not, and what to change.

mod assess;
mod described;
mod dump;
mod model;
mod page;
mod prescription;
mod print;
mod remedy;
mod search_remedies;
mod verify;

use std::{
    path::PathBuf,
    time::{Duration, Instant},
};

use anyhow::Result;
use isobath_datasets::DatasetSource;
use isobath_experiment::Override;
use isobath_verdict::Calibration;

pub(super) use self::described::{Described, describe, of_plan, plan};
use self::{
    assess::Assessment, described::TrialLimit, prescription::Prescription, verify::Verified,
};
use super::{GlobalArgs, Usage, exit, interpret::OnnxData, meanfield::dataset};

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Description of the network, its data and its training, in the vocabulary of experiment files; or an ONNX model
    #[arg(required_unless_present = "activations")]
    file: Option<PathBuf>,
    /// Activations of a batch in each layer of a network of any framework: a safetensors file with the array `input` and one
    /// array for each layer, in the order of their names
    #[arg(long, value_name = "FILE", conflicts_with_all = ["file", "weights", "dataset", "labels", "overrides", "gate",
        "verify", "report"])]
    activations: Option<PathBuf>,
    /// Parameters of the described network: a safetensors file or a PyTorch state dict
    #[arg(long, value_name = "FILE")]
    weights: Option<PathBuf>,
    /// Data of an ONNX model: the name of a dataset, the path of your own data, or a table such as
    /// '{ path = "x.csv", labels = "y" }'
    #[arg(long, value_parser = dataset::source, value_name = "DATA")]
    dataset: Option<DatasetSource>,
    /// Labels of the data of an ONNX model. CSV: name or index of the column, -1 for the last; .npy: file of labels
    #[arg(long, allow_hyphen_values = true)]
    labels: Option<String>,
    /// Override a key of the file, for example network.depth=20
    #[arg(long = "set", value_name = "KEY=VALUE")]
    overrides: Vec<Override>,
    /// Fail with exit code 3 if the probability is below this
    #[arg(long, value_name = "P")]
    gate: Option<f64>,
    /// Train the network, and the best alternative, for the steps of the file, and report what happened
    #[arg(long)]
    verify: bool,
    /// Do not look for alternatives
    #[arg(long)]
    no_alternatives: bool,
    /// Length of the trial of the first training steps. That of a huge network is cut, and the probability then leaves it
    /// out
    #[arg(long, value_enum, default_value_t)]
    trial: TrialLimit,
    /// Seconds after which no alternative is begun that would not end in time, counted from the start of the program
    #[arg(long, value_name = "SECONDS", default_value_t = 60,
        value_parser = clap::value_parser!(u64).range(..=MOST_SECONDS))]
    search_seconds: u64,
    /// Write a page with the verdict and the layers' measurements
    #[arg(long, value_name = "FILE.html")]
    report: Option<PathBuf>,
    /// Print JSON, as docs/predict.schema.json describes it
    #[arg(long)]
    json: bool,
}

/// A month, which no search needs.
const MOST_SECONDS: u64 = 31 * 24 * 3600;

/// Exit code if the probability is below the gate.
const BELOW_GATE: u8 = 3;

/// Everything that a verdict says.
struct Answer {
    overrides: Vec<Override>,
    described: Described,
    calibration: Calibration,
    assessment: Assessment,
    prescription: Option<Prescription>,
    verified: Vec<Verified>,
}

impl Answer {
    /// The probability, where it has a basis: within the calibration, and for parameters that were not trained.
    fn probability(&self) -> Option<isobath_verdict::Probability> {
        self.assessment.known().filter(|_| self.trained().is_none())
    }

    /// Accuracy of given parameters on held-out samples, and their number, if it is above chance by more than four standard
    /// errors: then they have been trained.
    fn trained(&self) -> Option<(f64, usize)> {
        let (accuracy, samples) = self.assessment.measurement.held_out_accuracy()?;
        let chance = 1.0 / self.assessment.measurement.size.classes as f64;
        let error = (chance * (1.0 - chance) / samples as f64).sqrt();
        let is_trained = self.described.is_given && accuracy > chance + 4.0 * error;
        is_trained.then_some((accuracy, samples))
    }
}

pub(super) fn main(global: &GlobalArgs, arguments: &Arguments) -> Result<u8> {
    if let Some(path) = &arguments.activations {
        return dump::main(path, arguments.json);
    }
    let Some(file) = &arguments.file else {
        return Err(Usage("name a description of a network, or an ONNX model".to_owned()).into());
    };
    if let Some(gate) = arguments.gate
        && !(0.0..=1.0).contains(&gate)
    {
        return Err(Usage(format!("--gate {gate} must be a probability, from 0 to 1")).into());
    }
    if let Some(report) = &arguments.report {
        page::check(report)?;
    }
    let source = model::Source {
        file,
        weights: arguments.weights.as_deref(),
        data: OnnxData { dataset: arguments.dataset.as_ref(), labels: arguments.labels.as_deref() },
        changes: &arguments.overrides,
    };
    let start = Instant::now();
    let described = Described { trial: arguments.trial, ..source.open(global)? };
    let calibration = Calibration::built_in();
    let measuring = Instant::now();
    let assessment = assess::assess(&described, &calibration)?;
    let cost = measuring.elapsed();
    let mut answer = Answer {
        overrides: arguments.overrides.clone(),
        described,
        calibration,
        assessment,
        prescription: None,
        verified: Vec::new(),
    };
    let fails = match answer.probability() {
        Some(probability) => probability.p < print::TRAINS,
        None => answer.trained().is_none() && !answer.assessment.diagnoses.is_empty(),
    };
    if fails && !arguments.no_alternatives {
        let search = prescription::Search {
            file,
            changes: &arguments.overrides,
            described: &answer.described,
            calibration: &answer.calibration,
            is_onnx: source.is_onnx()?,
            until: start + Duration::from_secs(arguments.search_seconds),
            cost,
        };
        answer.prescription = Some(search.run(&answer.assessment)?);
    }
    if arguments.verify {
        answer.verified = verify::run(file, &arguments.overrides, &answer)?;
    }
    if arguments.json {
        println!("{}", serde_json::to_string_pretty(&print::json(&answer))?);
    } else {
        for line in print::lines(&answer) {
            println!("{line}");
        }
    }
    if let Some(report) = &arguments.report {
        let written = page::write(&answer, file, report)?;
        // Standard output is JSON and nothing else.
        if arguments.json {
            eprintln!("report: {}", written.display());
        } else {
            println!("report: {}", written.display());
        }
    }
    let below = match (arguments.gate, answer.probability()) {
        (None, _) => false,
        (Some(gate), Some(probability)) => {
            let below = probability.p < gate;
            if below {
                eprintln!("the probability of {:.4} is below the gate of {gate}", probability.p);
            }
            below
        }
        (Some(_), None) => {
            eprintln!("no probability is known, so the gate is not passed");
            true
        }
    };
    Ok(if below { BELOW_GATE } else { exit::DONE })
}
