use std::process::{Command, ExitCode, ExitStatus};

use crate::step::{cargo, root};

/// Builds the program in release mode and hands it `arguments`; its exit code is this one's.
pub(crate) fn run(arguments: &[String]) -> ExitCode {
    let mut build = cargo(&["build", "--release", "--package", "runner"]);
    // The one part of the program that is too heavy to build for those who do not ask for it.
    if arguments.iter().any(|argument| argument.contains("parquet")) {
        build.args(["--features", "parquet"]);
    }
    match build.status() {
        Ok(status) if status.success() => {}
        Ok(_) => return ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: cannot start cargo: {error}");
            return ExitCode::FAILURE;
        }
    }
    let target =
        std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), Into::into);
    let program = target.join("release").join(format!("isobath{}", std::env::consts::EXE_SUFFIX));
    let mut command = Command::new(&program);
    command.args(arguments);
    if let Some(commit) = commit() {
        command.env("ISOBATH_COMMIT", commit);
    }
    match command.status() {
        Ok(status) => ExitCode::from(code(status)),
        Err(error) => {
            eprintln!("error: cannot start {}: {error}", program.display());
            ExitCode::FAILURE
        }
    }
}

/// The exit code as a shell has it: 128 and the signal's number where a signal ended the program.
fn code(status: ExitStatus) -> u8 {
    #[cfg(unix)]
    let signal = std::os::unix::process::ExitStatusExt::signal(&status);
    #[cfg(not(unix))]
    let signal: Option<i32> = None;
    status.code().or_else(|| signal.map(|signal| 128 + signal)).unwrap_or(1) as u8
}

/// The commit of the working tree, with `+` where it has changes.
fn commit() -> Option<String> {
    let output = Command::new("git")
        .args(["describe", "--always", "--dirty=+"])
        .current_dir(root())
        .output()
        .ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    (output.status.success() && !text.trim().is_empty()).then(|| text.trim().to_owned())
}
