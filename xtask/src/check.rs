use std::{env, process::Command};

use crate::{
    arrows, python,
    step::{cargo, run},
};

/// Everything with tests. Benches have none, and their tools take long to build.
pub(crate) const TEST: [&str; 5] =
    ["test", "--workspace", "--all-features", "--exclude", "isobath-benches"];

/// Runs all tests, including documentation tests and, without `more`, those of the Python package.
///
/// # Errors
/// If a test fails.
pub(crate) fn test(more: &[String]) -> Result<(), String> {
    run("tests", cargo(&TEST).args(more))?;
    if more.is_empty() { python::test() } else { Ok(()) }
}

/// Runs all CI checks. `--no-tests` skips the tests.
///
/// # Errors
/// The first failing step, or unknown arguments.
pub(crate) fn all(arguments: &[String]) -> Result<(), String> {
    let with_tests = match arguments {
        [] => true,
        [argument] if argument == "--no-tests" => false,
        _ => return Err("`check` takes only --no-tests".to_owned()),
    };
    println!("== crate dependencies");
    arrows::check()?;
    run("formatting", &mut cargo(&["fmt", "--all", "--check"]))?;
    let lints =
        ["clippy", "--workspace", "--all-targets", "--all-features", "--", "-D", "warnings"];
    run("lints", &mut cargo(&lints))?;
    // `isobath-cuda-sim` needs the CUDA backend and would enable it for all crates.
    let default_lints =
        ["clippy", "--workspace", "--exclude", "isobath-cuda-sim", "--", "-D", "warnings"];
    run("lints without CUDA", &mut cargo(&default_lints))?;
    if with_tests {
        test(&[])?;
    }
    run("kernels", &mut kernels())?;
    run("fuzz", &mut fuzz_in_test_build())?;
    let documentation = ["doc", "--workspace", "--no-deps", "--all-features"];
    run("documentation", cargo(&documentation).env("RUSTDOCFLAGS", "-D warnings"))?;
    deny()
}

/// Compiles all CUDA kernels. Prints a note and passes without NVRTC, unless the environment requires it.
fn kernels() -> Command {
    // Built like all tests are, so that nothing is built again.
    let mut command = cargo(&TEST);
    command.args(["--test", "it", "--", "--ignored", "--nocapture", "kernels::"]);
    command
}

/// Feeds a fixed number of damaged inputs to every parser, in less than a minute.
fn fuzz_in_test_build() -> Command {
    // Built like all tests are, so that only the program itself is compiled.
    let mut command = cargo(&TEST);
    command.args(["--bin", "isobath-fuzz", "--", "--inputs", "120000"]);
    command
}

/// Feeds random damaged input to every parser.
///
/// # Errors
/// If a parser panics or hangs.
pub(crate) fn fuzz(more: &[String]) -> Result<(), String> {
    let mut command = cargo(&["run", "--quiet", "--release", "--package", "isobath-fuzz", "--"]);
    run("fuzz", command.args(more))
}

/// Runs the criterion benchmarks on the backend in `ISOBATH_BACKEND`.
///
/// # Errors
/// If one fails, or the backend is missing.
pub(crate) fn bench(more: &[String]) -> Result<(), String> {
    let mut command = cargo(&["bench", "--package", "isobath-benches"]);
    if env::var("ISOBATH_BACKEND").is_ok_and(|backend| backend.contains("cuda")) {
        command.args(["--features", "cuda"]);
    }
    run("benches", command.arg("--").args(more))
}

/// Checks licences and sources of dependencies, if cargo-deny is installed.
fn deny() -> Result<(), String> {
    let installed = Command::new("cargo-deny")
        .arg("--version")
        .output()
        .is_ok_and(|output| output.status.success());
    if installed {
        return run("dependencies", &mut cargo(&["deny", "check", "licenses", "sources", "bans"]));
    }
    println!("== dependencies: skipped, cargo-deny is not installed (`cargo install cargo-deny`)");
    Ok(())
}
