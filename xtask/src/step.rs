use std::{
    path::{Path, PathBuf},
    process::Command,
    time::Instant,
};

/// The workspace's folder.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Cargo, the one that runs this task.
pub(crate) fn cargo(arguments: &[&str]) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(arguments).current_dir(root());
    // What cargo says of this package; some build scripts would take it for a change and build their crates again.
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

/// Runs a command and says what it is and how long it took.
///
/// # Errors
/// When it cannot be started or fails.
pub(crate) fn run(name: &str, command: &mut Command) -> Result<(), String> {
    println!("== {name}");
    let start = Instant::now();
    let status =
        command.status().map_err(|error| format!("{name}: cannot start {command:?}: {error}"))?;
    if !status.success() {
        return Err(format!("{name} failed: {command:?} ended with {status}"));
    }
    println!("== {name}: passed in {:.1} s", start.elapsed().as_secs_f64());
    Ok(())
}
