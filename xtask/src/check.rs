use std::{env, process::Command};

use crate::{
    arrows,
    step::{cargo, run},
};

/// Runs all tests, including documentation tests.
///
/// # Errors
/// If a test fails.
pub(crate) fn test(more: &[String]) -> Result<(), String> {
    run("tests", cargo(&["test", "--workspace", "--all-features"]).args(more))
}

/// Runs all CI checks.
///
/// # Errors
/// The first failing step.
pub(crate) fn all() -> Result<(), String> {
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
    test(&[])?;
    run("kernels", &mut kernels())?;
    let documentation = ["doc", "--workspace", "--no-deps", "--all-features"];
    run("documentation", cargo(&documentation).env("RUSTDOCFLAGS", "-D warnings"))?;
    deny()
}

/// Compiles all CUDA kernels. Prints a note and passes without NVRTC, unless the environment requires it.
fn kernels() -> Command {
    let test = ["test", "--workspace", "--all-features", "--test", "kernels", "--"];
    let mut command = cargo(&test);
    command.args(["--ignored", "--nocapture"]);
    command
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
