use anyhow::Result;
use clap::Args;
use tensor::{BackendSpec, BackendTask, FullBackend, SimdLevel, conformance};

use super::{Places, exit};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Run the conformance suite: every operation against the reference backend
    #[arg(long)]
    verify: bool,
    /// The backend to verify
    #[arg(long, default_value = "cpu")]
    backend: BackendSpec,
}

pub(super) fn main(places: &Places, arguments: &Arguments) -> Result<u8> {
    for (name, value) in crate::environment::facts() {
        println!("{name:<12} {value}");
    }
    println!("instructions");
    for level in SimdLevel::ALL {
        println!(
            "  {:<10} {}",
            level.to_string(),
            if level.is_available() { "available" } else { "not on this processor" }
        );
    }
    println!("backends");
    for backend in [BackendSpec::Cpu, BackendSpec::Reference, BackendSpec::Cuda { ordinal: 0 }] {
        let state =
            backend.check().map_or_else(|error| error.to_string(), |()| "available".to_owned());
        println!("  {:<10} {state}", backend.to_string());
    }
    super::data::list(places);
    if arguments.verify { verify(arguments.backend) } else { Ok(exit::DONE) }
}

/// The conformance suite on whichever backend.
struct Conformance;

impl BackendTask for Conformance {
    type Output = tensor::Result<Vec<conformance::Finding>>;

    fn run<B: FullBackend>(self, backend: B) -> Self::Output {
        /// Random shapes for each operation.
        const CASES: usize = 100;
        conformance::run(&backend, CASES, 1)
    }
}

fn verify(backend: BackendSpec) -> Result<u8> {
    println!("conformance of {backend} with the reference");
    let findings = backend.dispatch(Conformance)??;
    for finding in &findings {
        let verdict = if finding.passed() { "pass" } else { "FAIL" };
        println!(
            "  {:<28} {:>9.2e} of {:>8.1e}  {verdict}",
            finding.check, finding.worst, finding.tolerance
        );
        if !finding.passed() {
            println!("    worst case: {}", finding.worst_case);
        }
    }
    Ok(if findings.iter().all(conformance::Finding::passed) { exit::DONE } else { exit::FAILED })
}
