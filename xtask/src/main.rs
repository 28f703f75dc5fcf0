//! Tasks of the project: `cargo xtask COMMAND`.
//!
//! It has no dependencies, so it compiles in seconds. It implements `test`, `check` and `bench`; all other commands
//! are forwarded to `isobath`, which is built in release mode first.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "printing is what a task does")]

mod arrows;
mod check;
mod program;
mod python;
mod step;

use std::process::ExitCode;

/// Benches that are commands of `isobath`, not of criterion.
const PROGRAMS_BENCHES: [&str; 5] = ["cascade", "compare", "train", "depth", "widths"];

/// True if a bench belongs to `isobath`.
fn is_programs_bench(arguments: &[String]) -> bool {
    arguments.first().is_some_and(|name| PROGRAMS_BENCHES.contains(&name.as_str()))
}

/// Expands `kernels` to a `doctor` command.
fn kernels(more: &[String]) -> Vec<String> {
    let command = ["doctor", "--kernels", "sm_80,sm_90a"].map(str::to_owned);
    command.into_iter().chain(more.iter().cloned()).collect()
}

const HELP: &str = "\
Tasks of the project:
  cargo xtask test            Run all tests
  cargo xtask python          Test and check the Python package alone, as `test` does after everything else
  cargo xtask wheel           Build the wheel of the Python package; further arguments are those of `maturin build`
  cargo xtask kernels         Compile all CUDA kernels for sm_80 and sm_90a (needs NVRTC, no device)
  cargo xtask check           Run all CI checks: formatting, lints, tests, kernels, fuzzing, documentation, crate dependencies;
                              `--no-tests` skips the tests
  cargo xtask fuzz [PARSER]   Feed random damaged input to every parser for a minute; `--inputs N` for a number of inputs,
                              `--seed N` for other inputs, `--replay I` for one input again
  cargo xtask bench [NAME]    Run criterion benchmarks of the kernels on the backend in ISOBATH_BACKEND (such as cuda:0);
                              `cascade`, `compare`, `train`, `depth` and `widths` are isobath commands

All other commands are isobath commands:";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let outcome = match arguments.first().map(String::as_str) {
        Some("test") => check::test(&arguments[1..]),
        Some("check") => check::all(&arguments[1..]),
        Some("python") => python::test(),
        Some("wheel") => python::wheel(&arguments[1..]),
        Some("fuzz") => check::fuzz(&arguments[1..]),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn benches_of_the_program_are_its_commands() {
        let source = include_str!("../../crates/isobath/src/commands/bench/mod.rs");
        let (_, commands) = source.split_once("enum Command {").unwrap();
        let (commands, _) = commands.split_once('}').unwrap();
        let names: Vec<String> = commands
            .lines()
            .filter_map(|line| line.trim().split_once('('))
            .filter(|(name, _)| !name.starts_with("//"))
            .map(|(name, _)| name.to_lowercase())
            .collect();
        assert_eq!(names, PROGRAMS_BENCHES);
    }
}
