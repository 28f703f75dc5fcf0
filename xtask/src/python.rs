//! The Python package: its wheel, tests and lints. Needs Python; tools are installed into `target/python`.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use crate::{
    check::TEST,
    step::{cargo, root, run, target},
};

/// Largest wheel, in bytes.
const LARGEST_WHEEL: u64 = 12_000_000;
/// Python's name on this machine.
const PYTHON: &str = if cfg!(windows) { "python" } else { "python3" };
/// Tools that tests and lints need.
const TOOLS: [&str; 4] = ["numpy", "pytest", "ruff", "mypy"];

/// Builds the wheel that carries the program and prints its path. `more` are arguments of `maturin build`.
///
/// # Errors
/// If Python or maturin is missing, the build fails, or the wheel is too large.
pub(crate) fn wheel(more: &[String]) -> Result<(), String> {
    // Zig links for older versions of glibc; patchelf is not needed, since the program needs no other library.
    install(&["maturin>=1.7,<2", "ziglang"])?;
    let wheels = target().join("wheels");
    let mut command = Command::new(tool("maturin"));
    command.args(["build", "--target-dir"]).arg(target()).arg("--out").arg(&wheels).args(more);
    command.current_dir(root().join("python")).env("PATH", path_with_tools());
    // Installed, the program goes by its own name.
    command.env("ISOBATH_PROGRAM", "isobath");
    run("wheel", &mut command)?;
    let newest = newest_wheel(&wheels)?;
    let size = fs::metadata(&newest).map_err(|error| error.to_string())?.len();
    println!("{}: {:.1} MB", newest.display(), size as f64 / 1e6);
    if size > LARGEST_WHEEL {
        return Err(format!("the wheel is larger than {} MB", LARGEST_WHEEL / 1_000_000));
    }
    Ok(())
}

/// Runs the package's tests with the program of the test build, then its lints and type checks.
///
/// Prints a note and passes where there is no Python, or its tools cannot be installed.
///
/// # Errors
/// If a test or check fails.
pub(crate) fn test() -> Result<(), String> {
    if let Err(reason) = install(&TOOLS) {
        println!("== Python: skipped, {reason}");
        return Ok(());
    }
    // Built like all tests are, so that nothing is built again.
    run("program for Python", cargo(&TEST).args(["--no-run", "--test", "it"]))?;
    let program = target().join("debug").join(format!("isobath{}", std::env::consts::EXE_SUFFIX));
    let python = |arguments: &[&str]| {
        let mut command = Command::new(tool(PYTHON));
        command.arg("-m").args(arguments).current_dir(root().join("python"));
        command.env("ISOBATH_EXECUTABLE", &program).env("PYTHONPATH", "src");
        command.env("PYTHONDONTWRITEBYTECODE", "1");
        command
    };
    run("Python tests", &mut python(&["pytest", "-q", "-rs", "-p", "no:cacheprovider"]))?;
    run("Python lints", &mut python(&["ruff", "check", "--no-cache", "."]))?;
    run("Python formatting", &mut python(&["ruff", "format", "--no-cache", "--check", "."]))?;
    let cache = target().join("mypy");
    run("Python types", python(&["mypy"]).arg("--cache-dir").arg(cache))
}

/// Folder of the tools' environment.
fn environment() -> PathBuf {
    target().join("python")
}

/// Folder of programs in it.
fn tools() -> PathBuf {
    environment().join(if cfg!(windows) { "Scripts" } else { "bin" })
}

fn tool(name: &str) -> PathBuf {
    tools().join(format!("{name}{}", std::env::consts::EXE_SUFFIX))
}

/// The search path with the tools before everything else.
fn path_with_tools() -> std::ffi::OsString {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::iter::once(tools()).chain(std::env::split_paths(&path));
    std::env::join_paths(folders).unwrap_or(path)
}

/// Makes the environment and installs packages that it lacks.
fn install(packages: &[&str]) -> Result<(), String> {
    if !tool(PYTHON).exists() {
        let made = Command::new(PYTHON).args(["-m", "venv"]).arg(environment()).output();
        match made {
            Ok(output) if output.status.success() => {}
            Ok(output) => {
                return Err(format!(
                    "`{PYTHON} -m venv` fails: {}",
                    String::from_utf8_lossy(&output.stdout).trim()
                ));
            }
            Err(error) => return Err(format!("{PYTHON} cannot be started: {error}")),
        }
    }
    let mut pip = Command::new(tool(PYTHON));
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]).args(packages);
    match pip.output() {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => {
            let text = String::from_utf8_lossy(&output.stderr);
            let last = text.trim().lines().last().unwrap_or_default().to_owned();
            Err(format!("pip cannot install {}: {last}", packages.join(", ")))
        }
        Err(error) => Err(format!("pip cannot be started: {error}")),
    }
}

/// The wheel in the folder that was written last.
fn newest_wheel(folder: &Path) -> Result<PathBuf, String> {
    let entries = fs::read_dir(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let wheels = entries.flatten().map(|entry| entry.path());
    let wheels = wheels.filter(|path| path.extension().is_some_and(|ending| ending == "whl"));
    let newest =
        wheels.max_by_key(|path| fs::metadata(path).and_then(|metadata| metadata.modified()).ok());
    newest.ok_or_else(|| format!("{} has no wheel", folder.display()))
}
