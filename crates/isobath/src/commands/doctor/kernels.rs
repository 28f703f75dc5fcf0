use anyhow::Result;
use isobath_tensor::{CheckedKernel, check_cuda_kernels};

use isobath_report::count;

use crate::commands::{Usage, exit};

/// Compiles all kernels for each of `architectures` and prints what they take.
///
/// # Errors
/// [`Usage`] without a compiler or where it knows no such architecture; what it says of a kernel it refuses.
pub(super) fn main(architectures: &[String]) -> Result<u8> {
    let mut kernels = 0;
    let mut outside = Vec::new();
    for architecture in architectures {
        let checked = check_cuda_kernels(architecture).map_err(wrong_usage)?;
        println!(
            "{:<16} {:<24} {:<22} {:>9} {:>6} {:>6}",
            architecture, "kernel", "specialised for", "registers", "stack", "spills"
        );
        for kernel in &checked {
            let CheckedKernel { source, specialisation, resources, .. } = kernel;
            let verdict = if kernel.stays_in_registers() { "" } else { "  FAIL" };
            println!(
                "{:<16} {:<24} {specialisation:<22} {:>9} {:>6} {:>6}{verdict}",
                format!("{source}.cu"),
                resources.kernel,
                resources.registers,
                resources.stack_bytes,
                resources.spill_bytes
            );
            if !kernel.stays_in_registers() {
                outside.push(format!("{} for {architecture}", resources.kernel));
            }
        }
        kernels += checked.len();
    }
    if outside.is_empty() {
        println!("all {} compile and stay in registers", count(kernels, "kernel"));
        return Ok(exit::DONE);
    }
    println!("{} of {kernels} do not stay in registers: {}", outside.len(), outside.join(", "));
    Ok(exit::FAILED)
}

/// What was asked for in vain is told from kernels that are wrong.
fn wrong_usage(error: isobath_tensor::Error) -> anyhow::Error {
    match error {
        isobath_tensor::Error::Unavailable { .. } | isobath_tensor::Error::Architecture { .. } => {
            Usage(error.to_string()).into()
        }
        _ => error.into(),
    }
}
