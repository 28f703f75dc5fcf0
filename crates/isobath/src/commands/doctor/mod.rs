//! Available backends, instruction sets and data, and their verification.

mod cuda;
mod kernels;
mod verify;

use anyhow::Result;
use clap::Args;
use isobath_tensor::{BackendSpec, SimdLevel};

use super::{GlobalArgs, exit};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    verify: verify::Verification,
    /// Compile all CUDA kernels for these architectures, for example `sm_80,sm_90a`, and fail if one spills registers.
    /// Needs NVRTC but no device
    #[arg(long, value_name = "ARCH,...", value_delimiter = ',', conflicts_with = "verify")]
    kernels: Vec<String>,
}

pub(super) fn main(global: &GlobalArgs, arguments: &Arguments) -> Result<u8> {
    if !arguments.kernels.is_empty() {
        return kernels::main(&arguments.kernels);
    }
    for (name, value) in isobath_store::environment::facts() {
        println!("{name:<12} {value}");
    }
    println!("instructions");
    for level in SimdLevel::ALL {
        println!(
            "  {:<10} {}",
            level.to_string(),
            if level.is_available() { "available" } else { "not available" }
        );
    }
    println!("backends");
    for backend in [BackendSpec::Cpu, BackendSpec::Reference] {
        let state =
            backend.check().map_or_else(|error| error.to_string(), |()| "available".to_owned());
        println!("  {:<10} {state}", backend.to_string());
    }
    cuda::print();
    super::data::list(global);
    if arguments.verify.is_requested() { verify::main(&arguments.verify) } else { Ok(exit::DONE) }
}
