//! Files that draw a figure of theory: what `run`, `validate` and `list` do with them.

use std::path::Path;

use anyhow::Result;

use super::{GlobalArgs, exit, meanfield::figure};
use isobath_experiment as experiment;
use isobath_experiment::{Override, TheoryFile};
use isobath_store::{RunFolder, environment};

/// The file at `path` with `overrides`, checked, if it draws a figure of theory.
///
/// # Errors
/// When it is no file of either kind, or a setting is outside its range.
pub(super) fn read(path: &Path, overrides: &[Override]) -> Result<Option<TheoryFile>> {
    let file = experiment::read_theory(path, overrides)?;
    if let Some(file) = &file {
        figure::check(&file.theory)?;
    }
    Ok(file)
}

/// Draws the file's figure into its run's folder.
///
/// # Errors
/// When the folder is held by another process or cannot be written, or the figure cannot be computed.
pub(super) fn run(global: &GlobalArgs, file: &TheoryFile) -> Result<u8> {
    let folder = RunFolder::lock(global.runs.join(file.run_name()), None)?;
    folder.write(RunFolder::EXPERIMENT, &file.resolved_toml())?;
    folder.write(RunFolder::ENVIRONMENT, &environment::json())?;
    for path in figure::draw(global, &file.theory, &folder.path().join("figures"))? {
        println!("{}", path.display());
    }
    Ok(exit::DONE)
}

/// Prints the file with every default filled in, and where its figure goes.
pub(super) fn validate(file: &TheoryFile) -> u8 {
    println!("{}", file.resolved_toml());
    println!("# run folder   {}", file.run_name());
    exit::DONE
}
