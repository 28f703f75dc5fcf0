//! Verification of a backend.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::Args;
use isobath_tensor::{BackendSpec, BackendTask, FullBackend, conformance};
use serde_json::{Value, json};

use isobath_runner::agreement::{
    Agreement, Extent, LayerDifference, Tolerance, TrainingAgreement, compare_backends,
    compare_trainings,
};

use crate::commands::{Usage, check_reference, exit};

#[derive(Debug, Args)]
pub(super) struct Verification {
    /// Verify a backend: every operation against the reference backend, stored computations of another implementation,
    /// and whole cascades against the cpu backend
    #[arg(long)]
    verify: bool,
    /// Backend to verify: cpu, reference or cuda:N
    #[arg(long, default_value = "cpu", requires = "verify")]
    backend: BackendSpec,
    /// Folder of stored computations to repeat, as for `check-reference`; may be given several times
    #[arg(long, value_name = "DIR", requires = "verify")]
    reference: Vec<PathBuf>,
    /// Use small shapes and networks only; this is the default for backends that would take hours with larger ones
    #[arg(long, requires = "verify")]
    quick: bool,
    /// Write all results, layer by layer, as JSON
    #[arg(long, value_name = "FILE", requires = "verify")]
    json: Option<PathBuf>,
}

impl Verification {
    pub(super) const fn is_requested(&self) -> bool {
        self.verify
    }

    /// Backend to compare with: the reference backend for the cpu backend, else the cpu backend.
    fn baseline(&self) -> BackendSpec {
        if self.backend == BackendSpec::Cpu { BackendSpec::Reference } else { BackendSpec::Cpu }
    }

    /// Small networks unless the backend is a device: the reference backend would take hours with large ones.
    fn extent(&self) -> Extent {
        let is_device = matches!(self.backend, BackendSpec::Cuda { .. });
        if is_device && !self.quick { Extent::Full } else { Extent::Quick }
    }
}

/// Verifies a backend and prints the results.
///
/// # Errors
/// [`Usage`] if the backend is missing or a folder has nothing to repeat; errors of the backend.
pub(super) fn main(arguments: &Verification) -> Result<u8> {
    let backend = arguments.backend;
    let missing = |error: isobath_tensor::Error| Usage(error.to_string());
    let description = backend.description().map_err(missing)?;
    println!("\nverifying {description}");
    let parts =
        [conform(arguments)?, repeat_references(arguments)?, agree(arguments)?, train(arguments)?];
    let passed = parts.iter().all(|part| part.passed);
    println!("\n{backend}: {}", if passed { "PASS" } else { "FAIL" });
    if let Some(path) = &arguments.json {
        let [conformance, references, agreement, trainings] = parts.map(|part| part.json);
        let facts: Value = serde_json::from_str(&isobath_store::environment::json())?;
        let found = json!({
            "backend": backend, "device": description, "environment": facts, "extent": arguments.extent(),
            "passed": passed, "conformance": conformance, "references": references, "agreement": agreement,
            "trainings": trainings,
        });
        let text = serde_json::to_string_pretty(&found)?;
        std::fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(if passed { exit::DONE } else { exit::FAILED })
}

/// Result of one part of the verification.
struct Part {
    passed: bool,
    json: Value,
}

const fn status(passed: bool) -> &'static str {
    if passed { "pass" } else { "FAIL" }
}

fn conform(arguments: &Verification) -> Result<Part> {
    println!("\noperations, against the reference backend");
    let cases = if arguments.quick { 5 } else { 100 };
    let findings = arguments.backend.dispatch(Conformance { cases })??;
    for finding in &findings {
        println!(
            "  {:<32} {:>9.2e} of {:>8.1e}  {}",
            finding.check,
            finding.worst,
            finding.tolerance,
            status(finding.passed())
        );
        if !finding.passed() {
            println!("    worst case: {}", finding.worst_case);
        }
    }
    let json = findings.iter().map(|finding| {
        json!({
            "check": finding.check, "cases": finding.cases, "worst": finding.worst, "tolerance": finding.tolerance,
            "worst_case": finding.worst_case, "passed": finding.passed(),
        })
    });
    let json = json.collect();
    Ok(Part { passed: findings.iter().all(conformance::Finding::passed), json })
}

/// Task that runs the conformance suite.
struct Conformance {
    /// Random shapes per operation.
    cases: usize,
}

impl BackendTask for Conformance {
    type Output = isobath_tensor::Result<Vec<conformance::Finding>>;

    fn run<B: FullBackend>(self, backend: B) -> Self::Output {
        conformance::run(&backend, self.cases, 1)
    }
}

fn repeat_references(arguments: &Verification) -> Result<Part> {
    println!("\nstored computations of another implementation");
    if arguments.reference.is_empty() {
        println!("  skipped: no --reference DIR given");
        return Ok(Part { passed: true, json: Value::Null });
    }
    let (mut passed, mut json) = (true, serde_json::Map::new());
    for folder in &arguments.reference {
        for stem in stems(folder)? {
            let lines = check_reference::repeat(&stem, arguments.backend)?;
            let failed: Vec<_> = lines.iter().filter(|line| !line.passed()).collect();
            let agreeing = lines.len() - failed.len();
            println!("  {}: {agreeing} of {} quantities agree", stem.display(), lines.len());
            failed.iter().for_each(|line| println!("    {line}"));
            passed &= failed.is_empty();
            json.insert(stem.display().to_string(), serde_json::to_value(&lines)?);
        }
    }
    Ok(Part { passed, json: json.into() })
}

/// Pairs of files in `folder`, without their extensions, sorted by name.
fn stems(folder: &Path) -> Result<Vec<PathBuf>> {
    let unreadable = |error| Usage(format!("cannot read {}: {error}", folder.display()));
    let mut stems = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        let ending = path.extension().unwrap_or_default();
        if ending == "safetensors" && path.with_extension("json").is_file() {
            stems.push(path.with_extension(""));
        }
    }
    stems.sort();
    if stems.is_empty() {
        let folder = folder.display();
        return Err(Usage(format!(
            "{folder} has no stored computations; each is a pair NAME.json and NAME.safetensors"
        ))
        .into());
    }
    Ok(stems)
}

fn agree(arguments: &Verification) -> Result<Part> {
    let (backend, baseline, extent) = (arguments.backend, arguments.baseline(), arguments.extent());
    println!(
        "\ncascades, against {baseline} in the same precision: largest relative difference over all layers, and its layer"
    );
    println!(
        "  {:<26} {:>13} {:>13} {:>13}  {:<14}",
        "width, phase, decoders", "decoder", "reconstr.", "entropy", "cut-off"
    );
    let agreements = compare_backends(backend, baseline, extent, print_agreement)?;
    println!("  tolerance:");
    let mut methods = Vec::new();
    for Agreement { case, tolerance, .. } in &agreements {
        if !methods.contains(&case.method) {
            methods.push(case.method);
            let Tolerance { decoder, reconstruction, entropy, cutoff } = tolerance;
            println!(
                "  {:<26} {decoder:>10.0e}    {reconstruction:>10.0e}    {entropy:>10.0e}     {cutoff} apart",
                case.method.to_string()
            );
        }
    }
    let passed = agreements.iter().all(|agreement| agreement.passed);
    let json = json!({ "baseline": baseline, "cases": agreements });
    Ok(Part { passed, json })
}

fn print_agreement(agreement: &Agreement) {
    let Agreement { case, differences, passed, .. } = agreement;
    let quantities: [fn(&LayerDifference) -> f64; 3] =
        [|layer| layer.decoder, |layer| layer.reconstruction, |layer| layer.entropy];
    let [decoder, reconstruction, entropy] = quantities.map(|quantity| {
        let (worst, layer) = differences.worst(quantity);
        format!("{worst:.1e} @{layer:<2}")
    });
    let [here, there] = &differences.cutoffs;
    let cutoffs = if here == there { here.clone() } else { format!("{here}, not {there}") };
    println!(
        "  {:<26} {decoder:>13} {reconstruction:>13} {entropy:>13}  {cutoffs:<14} {}",
        case.to_string(),
        status(*passed)
    );
}

fn train(arguments: &Verification) -> Result<Part> {
    let (backend, baseline) = (arguments.backend, arguments.baseline());
    println!(
        "\nfour networks trained together, against {baseline}: largest differences over all steps and layers"
    );
    println!("  {:<26} {:>13} {:>13}  bits equal alone", "optimiser", "loss, nats", "weights");
    let print = |agreement: &TrainingAgreement| {
        let TrainingAgreement {
            optimizer, loss, weights, same_alone, same_outcomes, passed, ..
        } = agreement;
        let alone = if *same_alone { "yes" } else { "no" };
        let status = status(*passed);
        println!("  {optimizer:<26} {loss:>13.1e} {weights:>13.1e}  {alone:<17} {status}");
        if !same_outcomes {
            println!("    the training outcomes differ");
        }
    };
    let agreements = compare_trainings(backend, baseline, arguments.extent(), print)?;
    if let Some(TrainingAgreement { tolerance: [loss, weights], .. }) = agreements.first() {
        println!("  {:<26} {loss:>13.0e} {weights:>13.0e}", "tolerance");
    }
    let passed = agreements.iter().all(|agreement| agreement.passed);
    Ok(Part { passed, json: json!({ "baseline": baseline, "optimizers": agreements }) })
}
