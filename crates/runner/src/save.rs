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
    let variant = plan.variant(id.point);
    let point = match (variant.scheme.uses_grid(), plan.variants.len()) {
        (true, 1) => format!("w{w}-b{b}"),
        (true, _) => format!("{}-w{w}-b{b}", variant.file_stem()),
        (false, _) => isobath_experiment::file_stem(&plan.describe(id.point)),
    };
    let name = format!("{point}-seed{}", id.seed_index);
    let target: PathBuf = folder.join("cascades").join(name);
    fs::create_dir_all(&target).map_err(Error::file("make the folder", &target))?;
    isobath_cascade::save_decoders(&target.join("decoders.safetensors"), &cascade.decoders)?;
    let reconstructions = target.join("reconstructions.safetensors");
    Ok(isobath_cascade::save_reconstructions(&reconstructions, cascade)?)
}
