//! Verdict: will this network train, why not, and what to change.

mod assess;
mod described;
mod page;
mod prescription;
mod print;
mod verify;

use std::{
    path::PathBuf,
    time::{Duration, Instant},
};

use anyhow::Result;
use isobath_experiment::Override;
use isobath_verdict::Calibration;

use self::{
    assess::Assessment, described::Described, prescription::Prescription, verify::Verified,
};
use super::{GlobalArgs, Usage, exit};

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Description of the network, its data and its training, in the vocabulary of experiment files
    file: PathBuf,
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
    /// Most seconds to spend on alternatives
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
    /// The probability, where it has a basis.
    fn probability(&self) -> Option<isobath_verdict::Probability> {
        self.assessment.outside.is_empty().then_some(self.assessment.probability)
    }
}

pub(super) fn main(global: &GlobalArgs, arguments: &Arguments) -> Result<u8> {
    if let Some(gate) = arguments.gate
        && !(0.0..=1.0).contains(&gate)
    {
        return Err(Usage(format!("--gate {gate} must be a probability, from 0 to 1")).into());
    }
    if let Some(file) = &arguments.report {
        page::check(file)?;
    }
    let described = described::describe(global, &arguments.file, &arguments.overrides)?;
    let calibration = Calibration::built_in();
    let assessment = assess::assess(&described, &calibration)?;
    let mut answer = Answer {
        overrides: arguments.overrides.clone(),
        described,
        calibration,
        assessment,
        prescription: None,
        verified: Vec::new(),
    };
    let fails = answer.probability().is_some_and(|probability| probability.p < print::TRAINS);
    if fails && !arguments.no_alternatives {
        let search = prescription::Search {
            file: &arguments.file,
            changes: &arguments.overrides,
            described: &answer.described,
            calibration: &answer.calibration,
            until: Instant::now() + Duration::from_secs(arguments.search_seconds),
        };
        answer.prescription = Some(search.run(&answer.assessment)?);
    }
    if arguments.verify {
        answer.verified = verify::run(&arguments.file, &arguments.overrides, &answer)?;
    }
    if arguments.json {
        println!("{}", serde_json::to_string_pretty(&print::json(&answer))?);
    } else {
        for line in print::lines(&answer) {
            println!("{line}");
        }
    }
    if let Some(file) = &arguments.report {
        let written = page::write(&answer, &arguments.file, file)?;
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
