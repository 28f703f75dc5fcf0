//! Checks host arrays and uploads them to a backend.

use isobath_tensor::{Backend, ColumnMoments, Divergence, DivergenceKind};
use ndarray::{ArrayView1, ArrayView2};

use crate::{Error, Result, Source};

/// Required width of a layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Width {
    /// The width of the inputs, for estimators that compare each layer with them.
    AsInputs,
    /// Any width, for estimators that use each layer alone.
    Any,
}

/// Checks that there are samples and layers, that shapes match and that all numbers are finite.
pub(crate) fn check(
    inputs: ArrayView2<'_, f32>,
    layers: &[ArrayView2<'_, f32>],
    width: Width,
) -> Result<()> {
    check_samples(Source::Inputs, inputs)?;
    if layers.is_empty() {
        return Err(Error::NoLayers);
    }
    let cols = (width == Width::AsInputs).then_some(inputs.ncols());
    for (layer, samples) in (1..).zip(layers) {
        if samples.nrows() != inputs.nrows() || cols.is_some_and(|cols| cols != samples.ncols()) {
            let actual = (samples.nrows(), Some(samples.ncols()));
            return Err(Error::Shape { layer, expected: (inputs.nrows(), cols), actual });
        }
        check_samples(Source::Layer(layer), *samples)?;
    }
    Ok(())
}

fn check_samples(source_of: Source, samples: ArrayView2<'_, f32>) -> Result<()> {
    let (rows, cols) = samples.dim();
    if rows == 0 || cols == 0 {
        return Err(Error::Empty { source_of, rows, cols });
    }
    // The whole layer at once, without a branch for each number.
    if samples.iter().fold(true, |finite, value| finite & value.is_finite()) {
        return Ok(());
    }
    for (sample, row) in samples.outer_iter().enumerate() {
        if let Some(unit) = first_not_finite(row) {
            return Err(Error::NotFinite { source_of, sample, unit, value: row[unit] });
        }
    }
    Ok(())
}

fn first_not_finite(row: ArrayView1<'_, f32>) -> Option<usize> {
    row.iter().position(|value| !value.is_finite())
}

/// Uploads samples of any memory layout as a row-major buffer.
pub(crate) fn upload<B: Backend>(
    backend: &B,
    samples: ArrayView2<'_, f32>,
) -> Result<B::Buffer<f32>> {
    let buffer = match samples.to_slice() {
        Some(numbers) => backend.upload(numbers)?,
        None => backend.upload(&samples.iter().copied().collect::<Vec<_>>())?,
    };
    Ok(buffer)
}

/// Divergence of each row of `inputs` from the same row of `layer`.
pub(crate) fn row_divergences<B: Divergence>(
    backend: &B,
    kind: DivergenceKind,
    inputs: &B::Buffer<f32>,
    layer: ArrayView2<'_, f32>,
) -> Result<Vec<f64>> {
    let (rows, cols) = layer.dim();
    let mut out = backend.zeros(rows)?;
    backend.row_divergence(kind, [rows, cols], inputs, &upload(backend, layer)?, &mut out)?;
    Ok(backend.download(&out)?)
}

/// Mean and unbiased variance of each column. With `normalise_rows`, each row is first divided by its sum.
pub(crate) fn column_moments<B: ColumnMoments>(
    backend: &B,
    layer: ArrayView2<'_, f32>,
    normalise_rows: bool,
) -> Result<(Vec<f64>, Vec<f64>)> {
    let (rows, cols) = layer.dim();
    let (mut mean, mut variance) = (backend.zeros(cols)?, backend.zeros(cols)?);
    let samples = upload(backend, layer)?;
    backend.column_moments([rows, cols], normalise_rows, &samples, &mut mean, &mut variance)?;
    Ok((backend.download(&mean)?, backend.download(&variance)?))
}

#[cfg(test)]
mod tests {
    use ndarray::{Array2, array};

    use super::*;

    #[test]
    fn upload_is_row_major_for_any_layout() {
        let a = array![[1.0_f32, 2.0, 3.0], [4.0, 5.0, 6.0]];
        let upload = |view| {
            isobath_tensor::Cpu::new().download(&upload(&isobath_tensor::Cpu::new(), view).unwrap())
        };
        assert_eq!(upload(a.view()).unwrap(), [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
        assert_eq!(upload(a.t()).unwrap(), [1.0, 4.0, 2.0, 5.0, 3.0, 6.0]);
    }

    #[test]
    fn errors_name_layer_and_sample() {
        let (good, mut bad) = (Array2::<f32>::zeros((3, 4)), Array2::<f32>::zeros((3, 4)));
        bad[[1, 2]] = f32::NAN;
        let message = |inputs: &Array2<f32>, layer: &Array2<f32>| {
            check(inputs.view(), &[good.view(), layer.view()], Width::AsInputs)
                .expect_err("bad samples")
                .to_string()
        };
        assert!(message(&bad, &good).starts_with("sample 1 (counted from 0) of the inputs"));
        assert!(message(&good, &bad).contains("of the samples of layer 2 has NaN at unit 2"));
        assert!(message(&good, &Array2::zeros((3, 5))).starts_with("layer 2 is 3 x 5"));
        assert!(message(&good, &Array2::zeros((2, 4))).starts_with("layer 2 is 2 x 4"));
        assert!(message(&Array2::zeros((0, 4)), &good).starts_with("the inputs are 0 x 4"));
    }

    #[test]
    fn width_matters_only_if_layers_are_compared_with_inputs() {
        let (inputs, narrow) = (Array2::zeros((3, 4)), Array2::zeros((3, 2)));
        check(inputs.view(), &[narrow.view()], Width::Any).unwrap();
        check(inputs.view(), &[narrow.view()], Width::AsInputs).expect_err("widths differ");
        assert!(matches!(check(inputs.view(), &[], Width::Any), Err(Error::NoLayers)));
    }
}
