use std::{env, process::Command};

use crate::{
    arrows,
    step::{cargo, run},
};

/// All tests, documentation tests included.
///
/// # Errors
/// When one fails.
pub(crate) fn test(more: &[String]) -> Result<(), String> {
    run("tests", cargo(&["test", "--workspace", "--all-features"]).args(more))
}

/// What CI runs.
///
/// # Errors
/// With the first step that fails.
pub(crate) fn all() -> Result<(), String> {
    println!("== arrows between crates");
    arrows::check()?;
    run("formatting", &mut cargo(&["fmt", "--all", "--check"]))?;
    let lints =
        ["clippy", "--workspace", "--all-targets", "--all-features", "--", "-D", "warnings"];
    run("lints", &mut cargo(&lints))?;
    // `isobath-cuda-sim` needs the CUDA backend, and would switch it on for all.
    let default_lints =
        ["clippy", "--workspace", "--exclude", "isobath-cuda-sim", "--", "-D", "warnings"];
    run("lints without CUDA", &mut cargo(&default_lints))?;
    test(&[])?;
    run("kernels", &mut kernels())?;
    let documentation = ["doc", "--workspace", "--no-deps", "--all-features"];
    run("documentation", cargo(&documentation).env("RUSTDOCFLAGS", "-D warnings"))?;
    deny()
}

/// Compiles every CUDA kernel. Says so and passes where there is no NVRTC and the environment does not require it.
fn kernels() -> Command {
    let test = ["test", "--workspace", "--all-features", "--test", "kernels", "--"];
    let mut command = cargo(&test);
    command.args(["--ignored", "--nocapture"]);
    command
}

/// Criterion benches, on the backend that `ISOBATH_BACKEND` names.
///
/// # Errors
/// When one fails, or the backend is missing.
pub(crate) fn bench(more: &[String]) -> Result<(), String> {
    let mut command = cargo(&["bench", "--package", "isobath-benches"]);
    if env::var("ISOBATH_BACKEND").is_ok_and(|backend| backend.contains("cuda")) {
        command.args(["--features", "cuda"]);
    }
    run("benches", command.arg("--").args(more))
}

/// Licences and sources of dependencies, where the tool for it is installed.
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
