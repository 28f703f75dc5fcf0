//! Points of the grid: the variances of each variant.

use super::{ExperimentFile, FileError, Variant, grid::Values};
use crate::GridPoint;

/// Points of all variants, in the order of the grid's cells: those of one variant by `sigma_b2`, then by `sigma_w2`.
///
/// A variant whose initialisation has its own scale has one point, with the variances of a hidden layer.
///
/// # Errors
/// [`FileError::Invalid`] for missing, useless or invalid variances.
pub(super) fn points(
    file: &mut ExperimentFile,
    variants: &[Variant],
) -> Result<Vec<GridPoint>, FileError> {
    let reject = |message: String| Err(FileError::invalid("grid", message));
    let grid = &mut file.grid;
    if let Some(unused) = variants.iter().find(|variant| !variant.scheme.uses_grid())
        && variants.iter().all(|variant| !variant.scheme.uses_grid())
    {
        for (name, values) in [("sigma_w2", &grid.sigma_w2), ("sigma_b2", &grid.sigma_b2)] {
            if values.is_some() {
                return reject(format!(
                    "{name} has no effect, because the initialisation `{}` has a scale of its own; remove one of them",
                    unused.scheme
                ));
            }
        }
    }
    let mut points = Vec::new();
    for (index, variant) in variants.iter().enumerate() {
        if !variant.scheme.uses_grid() {
            points.push(variant.nominal_point(index));
            continue;
        }
        let Some(sigma_w2) = &grid.sigma_w2 else {
            return reject(
                "sigma_w2 is missing; give its values, or an initialisation with a scale of its own, such as \
                 init = \"pytorch\""
                    .to_owned(),
            );
        };
        let sigma_w2 = sigma_w2.expand("sigma_w2")?;
        if let Some(zero) = sigma_w2.iter().find(|value| **value <= 0.0) {
            return reject(format!("sigma_w2 = {zero} must be positive"));
        }
        for sigma_b2 in grid.sigma_b2.get_or_insert_with(Values::default).expand("sigma_b2")? {
            let point = |&sigma_w2: &f64| GridPoint { variant: index, sigma_w2, sigma_b2 };
            points.extend(sigma_w2.iter().map(point));
        }
    }
    Ok(points)
}
