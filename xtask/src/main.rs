//! The project's tasks: `cargo xtask COMMAND`.
//!
//! Needs no crate, so that it compiles in seconds. `test`, `check` and `bench` are its own; every other
//! command is the program's, which is built in release mode first.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "printing is what a task does")]

mod arrows;
mod check;
mod program;
mod step;

use std::process::ExitCode;

/// Whether a bench is one of the program's, not one of criterion's.
fn is_programs_bench(arguments: &[String]) -> bool {
    arguments
        .first()
        .is_some_and(|name| ["cascade", "compare", "depth", "train"].contains(&name.as_str()))
}

/// What `kernels` stands for.
fn kernels(more: &[String]) -> Vec<String> {
    let command = ["doctor", "--kernels", "sm_80,sm_90a"].map(str::to_owned);
    command.into_iter().chain(more.iter().cloned()).collect()
}

const HELP: &str = "\
Tasks of the project:
  cargo xtask test            run all tests
  cargo xtask kernels         compile every CUDA kernel for sm_80 and sm_90a; needs NVRTC but no device
  cargo xtask check           formatting, lints, tests, kernels, documentation, arrows between crates: what CI runs;
                              --no-tests leaves out the tests
  cargo xtask bench [NAME]    criterion benches of the kernels, on the backend that ISOBATH_BACKEND names, cuda:0 say;
                              `cascade`, `compare`, `depth` and `train` are the program's

Everything else is the program's:";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let outcome = match arguments.first().map(String::as_str) {
        Some("test") => check::test(&arguments[1..]),
        Some("check") => check::all(&arguments[1..]),
        Some("kernels") => return program::run(&kernels(&arguments[1..])),
        Some("bench") if !is_programs_bench(&arguments[1..]) => check::bench(&arguments[1..]),
        None | Some("help" | "--help" | "-h") => {
            println!("{HELP}\n");
            return program::run(&["--help".to_owned()]);
        }
        Some(_) => return program::run(&arguments),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("error: {message}");
            ExitCode::FAILURE
        }
    }
}
