use std::{env, process::Command};

use crate::{
    arrows,
    step::{cargo, run},
};

/// Everything with tests. Benches have none, and their tools take long to build.
const TEST: [&str; 5] = ["test", "--workspace", "--all-features", "--exclude", "isobath-benches"];

/// All tests, documentation tests included.
///
/// # Errors
/// When one fails.
pub(crate) fn test(more: &[String]) -> Result<(), String> {
    run("tests", cargo(&TEST).args(more))
}

/// What CI runs. `--no-tests` leaves the tests out, for those who have just run them.
///
/// # Errors
/// With the first step that fails, and for arguments that are not known.
pub(crate) fn all(arguments: &[String]) -> Result<(), String> {
    let with_tests = match arguments {
        [] => true,
        [argument] if argument == "--no-tests" => false,
        _ => return Err("`check` takes nothing but --no-tests".to_owned()),
    };
    println!("== arrows between crates");
    arrows::check()?;
    run("formatting", &mut cargo(&["fmt", "--all", "--check"]))?;
    let lints =
        ["clippy", "--workspace", "--all-targets", "--all-features", "--", "-D", "warnings"];
    run("lints", &mut cargo(&lints))?;
    let default_lints = ["clippy", "--workspace", "--", "-D", "warnings"];
    run("lints without CUDA", &mut cargo(&default_lints))?;
    if with_tests {
        test(&[])?;
    }
    run("kernels", &mut kernels())?;
    let documentation = ["doc", "--workspace", "--no-deps", "--all-features"];
    run("documentation", cargo(&documentation).env("RUSTDOCFLAGS", "-D warnings"))?;
    deny()
}

/// Compiles every CUDA kernel. Says so and passes where there is no NVRTC and the environment does not require it.
fn kernels() -> Command {
    // Built like all tests are, so that nothing is built again.
    let mut command = cargo(&TEST);
    command.args(["--test", "it", "--", "--ignored", "--nocapture", "kernels::"]);
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
