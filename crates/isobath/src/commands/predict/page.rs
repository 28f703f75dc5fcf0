//! The verdict as a page.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use isobath_report::verdict::{
    Alternative, LayerValues, Reason, Training, VerdictReport, write_verdict,
};
use isobath_verdict::{Measurement, Probability};

use super::{Answer, print};
use crate::print::shell_word;

/// Writes the page; `command` is the command line that makes it.
pub(super) fn write(answer: &Answer, source: &Path, file: &Path) -> Result<PathBuf> {
    write_verdict(&report(answer, source, file), file).context("cannot write the report")
}

/// An error now, instead of after the work, if no file can be written at this path.
pub(super) fn check(file: &Path) -> Result<()> {
    let folder = match file.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let reason = if file.is_dir() {
        "it is a folder; name a file, such as report.html".to_owned()
    } else if folder.is_file() {
        format!("{} is a file", folder.display())
    } else {
        // The last ancestor of a relative path is empty.
        let existing = folder.ancestors().find(|folder| folder.exists()).unwrap_or(Path::new("."));
        match tempfile::tempfile_in(existing) {
            Ok(_) => return Ok(()),
            Err(error) => format!("no file can be written in {}: {error}", existing.display()),
        }
    };
    Err(super::Usage(format!("--report {}: {reason}", file.display())).into())
}

fn report(answer: &Answer, source: &Path, file: &Path) -> VerdictReport {
    let name = source.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let found = answer.prescription.as_ref();
    VerdictReport {
        name,
        facts: print::facts(answer),
        sentence: print::judgement(answer),
        probability: answer.probability().map(ends),
        basis: print::basis(answer),
        reasons_title: print::reasons_title(answer).to_owned(),
        reasons: answer.assessment.diagnoses.iter().map(reason).collect(),
        alternatives: found.map(|found| found.alternatives.iter().map(alternative).collect()),
        advice: found
            .map_or_else(Vec::new, |found| [print::remedies(found), print::advice(found)].concat()),
        trainings: answer.verified.iter().map(training).collect(),
        profile: values(&answer.assessment.measurement),
        command: command(answer, source, file),
    }
}

const fn ends(probability: Probability) -> [f64; 3] {
    [probability.p, probability.low, probability.high]
}

fn reason(diagnosis: &isobath_verdict::Diagnosis) -> Reason {
    Reason { sentence: diagnosis.sentence.clone(), layer: diagnosis.layer }
}

fn alternative(found: &super::prescription::Alternative) -> Alternative {
    Alternative {
        change: found.change.clone(),
        options: found.options(),
        probability: ends(found.probability),
    }
}

fn training(verified: &super::verify::Verified) -> Training {
    Training {
        network: verified.network.clone(),
        predicted: verified.predicted,
        result: verified.result(),
        accuracy: (!verified.diverged).then_some(verified.accuracy),
    }
}

fn values(measurement: &Measurement) -> LayerValues {
    let profile = &measurement.profile;
    let hidden = profile.hidden();
    let share = |count: usize, of: usize| count as f64 / of.max(1) as f64;
    let no_reconstruction = measurement
        .information
        .is_none()
        .then(|| "linear decoders could not be fitted to its activations".to_owned());
    LayerValues {
        depth: measurement.size.depth,
        overflow: profile.overflow,
        mean_square: profile.layers.iter().map(|layer| layer.mean_square).collect(),
        ln_gradient: profile.layers.iter().map(|layer| layer.ln_gradient).collect(),
        reconstruction_error: measurement.information.clone().unwrap_or_default(),
        no_reconstruction,
        rank: hidden.iter().map(|layer| layer.rank).collect(),
        dead: hidden.iter().map(|layer| share(layer.dead, layer.units)).collect(),
        saturated: hidden.iter().map(|layer| layer.saturated).collect(),
    }
}

fn command(answer: &Answer, source: &Path, file: &Path) -> String {
    let word = |path: &Path| shell_word(&path.display().to_string());
    let mut words = vec!["isobath predict".to_owned(), word(source)];
    words.extend(
        answer.overrides.iter().map(|change| format!("--set {}", shell_word(&change.to_string()))),
    );
    if !answer.verified.is_empty() {
        words.push("--verify".to_owned());
    }
    words.push(format!("--report {}", word(file)));
    words.join(" ")
}
