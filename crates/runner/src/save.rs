use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::error::{Error, Result};

use crate::cell::Computed;
use isobath_experiment::{Cell, GridPoint, Plan};

/// Writes a cell's decoders and reconstructions if the plan sets `save`.
///
/// # Errors
/// When the files cannot be written.
pub(super) fn save(plan: &Plan, folder: &Path, cell: &Cell, done: &Computed) -> Result<()> {
    let Some(cascade) = done.cascade.as_ref().filter(|_| plan.file.cascade.save) else {
        return Ok(());
    };
    let id = cell.id;
    let [w, b] = [id.point.sigma_w2, id.point.sigma_b2].map(GridPoint::file_stem);
    let variant = match plan.variants.len() {
        1 => String::new(),
        _ => format!("{}-", plan.variant(id.point).file_stem()),
    };
    let name = format!("{variant}w{w}-b{b}-seed{}", id.seed_index);
    let target: PathBuf = folder.join("cascades").join(name);
    fs::create_dir_all(&target).map_err(Error::file("make the folder", &target))?;
    isobath_cascade::save_decoders(&target.join("decoders.safetensors"), &cascade.decoders)?;
    let reconstructions = target.join("reconstructions.safetensors");
    Ok(isobath_cascade::save_reconstructions(&reconstructions, cascade)?)
}
