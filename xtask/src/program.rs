use std::{
    path::Path,
    process::{Command, ExitCode, ExitStatus},
};

use crate::step::{cargo, root, target};

/// Builds `isobath` in release mode and runs it with `arguments`. Returns its exit code.
pub(crate) fn run(arguments: &[String]) -> ExitCode {
    let mut build = cargo(&["build", "--release", "--package", "isobath"]);
    let features = features(arguments);
    if !features.is_empty() {
        build.args(["--features", &features.join(",")]);
    }
    if arguments.iter().any(|argument| argument == "--offline") {
        build.arg("--offline");
    }
    match build.status() {
        Ok(status) if status.success() => {}
        Ok(_) => return ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: cannot start cargo: {error}");
            return ExitCode::FAILURE;
        }
    }
    let program = target().join("release").join(format!("isobath{}", std::env::consts::EXE_SUFFIX));
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

/// Cargo features that are built only for commands that need them.
fn features(arguments: &[String]) -> Vec<&'static str> {
    let named = |name| arguments.iter().any(|argument| argument.contains(name));
    let is_doctor = arguments.first().is_some_and(|command| command == "doctor");
    let has_driver = || Path::new("/proc/driver/nvidia").exists();
    let cuda = named("cuda")
        || is_doctor && (named("--kernels") || has_driver())
        || arguments.iter().any(|argument| is_file_for_cuda(Path::new(argument)));
    let fetch = is_data_fetch(arguments);
    let parts = [("fetch", fetch), ("parquet", named("parquet")), ("cuda", cuda)];
    parts.into_iter().filter_map(|(part, is_asked_for)| is_asked_for.then_some(part)).collect()
}

/// True if the arguments contain `data fetch`, with options before, between or after.
fn is_data_fetch(arguments: &[String]) -> bool {
    let mut words = arguments.iter().map(String::as_str);
    words.any(|word| word == "data") && words.any(|word| word == "fetch")
}

/// True if `path` is an experiment file with a CUDA backend.
fn is_file_for_cuda(path: &Path) -> bool {
    let is_experiment = path.extension().is_some_and(|extension| extension == "toml");
    is_experiment && std::fs::read_to_string(path).is_ok_and(|text| names_cuda(&text))
}

fn names_cuda(experiment: &str) -> bool {
    let mut settings = experiment.lines().filter_map(|line| line.split('#').next());
    settings.any(|setting| setting.contains("backend") && setting.contains("cuda"))
}

/// Exit code by shell convention: 128 plus the signal number if a signal ended the program.
fn code(status: ExitStatus) -> u8 {
    #[cfg(unix)]
    let signal = std::os::unix::process::ExitStatusExt::signal(&status);
    #[cfg(not(unix))]
    let signal: Option<i32> = None;
    status.code().or_else(|| signal.map(|signal| 128 + signal)).unwrap_or(1) as u8
}

/// Commit of the working tree, with `+` if it has changes.
fn commit() -> Option<String> {
    let output = Command::new("git")
        .args(["describe", "--always", "--dirty=+"])
        .current_dir(root())
        .output()
        .ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    (output.status.success() && !text.trim().is_empty()).then(|| text.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(command: &str, expected: &[&str]) {
        let arguments: Vec<String> = command.split(' ').map(str::to_owned).collect();
        assert_eq!(features(&arguments), expected, "{command}");
    }

    #[test]
    fn features_depend_on_the_command() {
        check("list", &[]);
        check("run no-such-file.toml", &[]);
        check("run no-such-file.toml --backend cuda:0", &["cuda"]);
        check("run no-such-file.toml --set cascade.backend=cuda:1", &["cuda"]);
        check("doctor --kernels sm_80", &["cuda"]);
        check("export mnist --format parquet", &["parquet"]);
        check("data fetch mnist", &["fetch"]);
        check("--data elsewhere data fetch mnist", &["fetch"]);
        check("data list", &[]);
        check("data import fetched --name mnist", &[]);
    }

    #[test]
    fn cuda_experiments_are_detected() {
        assert!(names_cuda("[cascade]\nbackend = \"cuda:0\"\n"));
        assert!(names_cuda("cascade = { epochs = 1, backend = 'cuda:1' }"));
        assert!(!names_cuda("[cascade]\nbackend = \"cpu\" # or cuda:0\n"));
        assert!(!names_cuda("description = \"as fast as cuda\"\n"));
    }
}
