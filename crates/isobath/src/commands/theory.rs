//! Experiment files for figures of theory, as handled by `run`, `validate` and `list`.

use std::path::Path;

use anyhow::Result;

use super::{GlobalArgs, exit, meanfield::figure};
use isobath_experiment as experiment;
use isobath_experiment::{Override, TheoryFile};
use isobath_store::{RunFolder, environment};

/// Reads and checks the file at `path` with `overrides`; `None` if it does not draw a figure of theory.
///
/// # Errors
/// If it is neither kind of experiment file, or a setting is outside its range.
pub(super) fn read(path: &Path, overrides: &[Override]) -> Result<Option<TheoryFile>> {
    let file = experiment::read_theory(path, overrides)?;
    if let Some(file) = &file {
        figure::check(&file.theory)?;
    }
    Ok(file)
}

/// Draws the file's figure into its run folder.
///
/// # Errors
/// If another process holds the folder, it cannot be written, or the figure cannot be computed.
pub(super) fn run(global: &GlobalArgs, file: &TheoryFile) -> Result<u8> {
    let folder = RunFolder::lock(global.runs.join(file.run_name()), None)?;
    folder.write(RunFolder::EXPERIMENT, &file.resolved_toml())?;
    folder.write(RunFolder::ENVIRONMENT, &environment::json())?;
    for path in figure::draw(global, &file.theory, &folder.path().join("figures"))? {
        println!("{}", path.display());
    }
    Ok(exit::DONE)
}

/// Prints the file with all defaults, and its run folder.
pub(super) fn validate(file: &TheoryFile) -> u8 {
    println!("{}", file.resolved_toml());
    println!("# run folder   {}", file.run_name());
    exit::DONE
}
