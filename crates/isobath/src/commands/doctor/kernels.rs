use anyhow::Result;
use isobath_tensor::{CheckedKernel, check_cuda_kernels};

use isobath_report::count;

use crate::commands::{Usage, exit};

/// Compiles all kernels for each of `architectures` and prints their resources.
///
/// # Errors
/// [`Usage`] without a compiler or for an architecture it does not support; the compiler's message for a rejected
/// kernel.
pub(super) fn main(architectures: &[String]) -> Result<u8> {
    let mut kernels = 0;
    let mut spilling = Vec::new();
    for architecture in architectures {
        let checked = check_cuda_kernels(architecture).map_err(wrong_usage)?;
        println!(
            "{:<16} {:<24} {:<22} {:>9} {:>6} {:>6}",
            architecture, "kernel", "specialised for", "registers", "stack", "spills"
        );
        for kernel in &checked {
            let CheckedKernel { source, specialisation, resources, .. } = kernel;
            let status = if kernel.stays_in_registers() { "" } else { "  FAIL" };
            println!(
                "{:<16} {:<24} {specialisation:<22} {:>9} {:>6} {:>6}{status}",
                format!("{source}.cu"),
                resources.kernel,
                resources.registers,
                resources.stack_bytes,
                resources.spill_bytes
            );
            if !kernel.stays_in_registers() {
                spilling.push(format!("{} for {architecture}", resources.kernel));
            }
        }
        kernels += checked.len();
    }
    if spilling.is_empty() {
        println!("all {} compile and stay in registers", count(kernels, "kernel"));
        return Ok(exit::DONE);
    }
    println!("{} of {kernels} do not stay in registers: {}", spilling.len(), spilling.join(", "));
    Ok(exit::FAILED)
}

/// Converts unavailable compilers and architectures to usage errors; kernel errors remain errors.
fn wrong_usage(error: isobath_tensor::Error) -> anyhow::Error {
    match error {
        isobath_tensor::Error::Unavailable { .. } | isobath_tensor::Error::Architecture { .. } => {
            Usage(error.to_string()).into()
        }
        _ => error.into(),
    }
}
