use std::{
    path::{Path, PathBuf},
    process::Command,
    time::Instant,
};

/// Workspace folder.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Folder of build outputs.
pub(crate) fn target() -> PathBuf {
    let folder =
        std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| "target".into(), PathBuf::from);
    root().canonicalize().unwrap_or_else(|_| root()).join(folder)
}

/// The cargo that runs this task.
pub(crate) fn cargo(arguments: &[&str]) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(arguments).current_dir(root());
    // Cargo's variables about this package; some build scripts would treat them as changes and rebuild their crates.
    for (name, _) in std::env::vars_os() {
        let is_package = |name: &str| {
            ["CARGO_PKG_", "CARGO_MANIFEST_"].iter().any(|start| name.starts_with(start))
        };
        if name.to_str().is_some_and(is_package) {
            command.env_remove(name);
        }
    }
    command
}

/// Runs a command and prints its name and duration.
///
/// # Errors
/// If it cannot be started or fails.
pub(crate) fn run(name: &str, command: &mut Command) -> Result<(), String> {
    println!("== {name}");
    let start = Instant::now();
    let status =
        command.status().map_err(|error| format!("{name}: cannot start {command:?}: {error}"))?;
    if !status.success() {
        return Err(format!("{name} failed: {command:?} exited with {status}"));
    }
    println!("== {name}: passed in {:.1} s", start.elapsed().as_secs_f64());
    Ok(())
}
