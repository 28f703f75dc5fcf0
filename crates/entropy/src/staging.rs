//! Checks host arrays and uploads them to a backend, once for all estimators.

use std::cell::OnceCell;

use isobath_tensor::{Backend, ColumnMoments};
use ndarray::ArrayView2;

use crate::{Error, Result, Source};

/// Required width of a layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Width {
    /// The width of the inputs, for estimators that compare each layer with them.
    AsInputs,
    /// Any width, for estimators that use each layer alone.
    Any,
}

/// Checked samples on the host and on the backend.
pub(crate) struct Staged<'a, B: Backend> {
    pub(crate) backend: &'a B,
    pub(crate) samples: ArrayView2<'a, f32>,
    pub(crate) buffer: B::Buffer<f32>,
    moments: OnceCell<Moments>,
}

/// Mean and unbiased variance of each column.
#[derive(Clone, Debug)]
pub(crate) struct Moments {
    pub(crate) mean: Vec<f64>,
    pub(crate) variance: Vec<f64>,
}

impl<'a, B: Backend> Staged<'a, B> {
    /// Checks that there are samples and that all numbers are finite, and uploads them to `buffer`.
    pub(crate) fn new(
        backend: &'a B,
        source_of: Source,
        samples: ArrayView2<'a, f32>,
        mut buffer: B::Buffer<f32>,
    ) -> Result<Self> {
        check_samples(source_of, samples)?;
        match samples.to_slice() {
            Some(numbers) => backend.write(&mut buffer, 0, numbers)?,
            None => {
                backend.write(&mut buffer, 0, &samples.iter().copied().collect::<Vec<_>>())?;
            }
        }
        Ok(Self { backend, samples, buffer, moments: OnceCell::new() })
    }

    /// Stages layer `layer`, counted from 1, whose shape must match that of `inputs`.
    pub(crate) fn layer(
        inputs: &Staged<'a, B>,
        layer: usize,
        samples: ArrayView2<'a, f32>,
        width: Width,
        buffer: B::Buffer<f32>,
    ) -> Result<Self> {
        let (rows, cols) = inputs.samples.dim();
        let cols = (width == Width::AsInputs).then_some(cols);
        if samples.nrows() != rows || cols.is_some_and(|cols| cols != samples.ncols()) {
            let actual = (samples.nrows(), Some(samples.ncols()));
            return Err(Error::Shape { layer, expected: (rows, cols), actual });
        }
        Self::new(inputs.backend, Source::Layer(layer), samples, buffer)
    }

    /// `[samples, units]`
    pub(crate) fn shape(&self) -> [usize; 2] {
        let (rows, cols) = self.samples.dim();
        [rows, cols]
    }
}

impl<B: ColumnMoments> Staged<'_, B> {
    /// Moments of the columns, computed once.
    pub(crate) fn moments(&self) -> Result<&Moments> {
        if let Some(moments) = self.moments.get() {
            return Ok(moments);
        }
        let moments = column_moments(self.backend, self.shape(), &self.buffer, false)?;
        Ok(self.moments.get_or_init(|| moments))
    }

    /// Moments of the columns after each row is divided by its sum.
    pub(crate) fn moments_of_normalised_rows(&self) -> Result<Moments> {
        column_moments(self.backend, self.shape(), &self.buffer, true)
    }
}

fn check_samples(source_of: Source, samples: ArrayView2<'_, f32>) -> Result<()> {
    let (rows, cols) = samples.dim();
    if rows == 0 || cols == 0 {
        return Err(Error::Empty { source_of, rows, cols });
    }
    for (sample, row) in samples.outer_iter().enumerate() {
        // The whole row at once, without a branch for each number.
        let is_finite =
            row.to_slice().is_some_and(|row| row.iter().copied().fold(true, all_finite));
        if !is_finite && let Some(unit) = row.iter().position(|value| !value.is_finite()) {
            return Err(Error::NotFinite { source_of, sample, unit, value: row[unit] });
        }
    }
    Ok(())
}

fn all_finite(finite: bool, value: f32) -> bool {
    finite & value.is_finite()
}

/// Memory for samples that an estimator changes first, used again for each layer.
pub(crate) struct Scratch<B: Backend> {
    host: Vec<f32>,
    pub(crate) buffer: B::Buffer<f32>,
}

impl<B: Backend> Scratch<B> {
    /// Room for `numbers` numbers.
    pub(crate) fn new(backend: &B, numbers: usize) -> Result<Self> {
        Ok(Self { host: Vec::new(), buffer: backend.zeros(numbers)? })
    }

    /// Uploads `samples` after `change`, which gets a sample and the row of zeros that it becomes.
    pub(crate) fn upload(
        &mut self,
        backend: &B,
        samples: ArrayView2<'_, f32>,
        mut change: impl FnMut(&[f32], &mut [f32]),
    ) -> Result<()> {
        self.host.clear();
        self.host.resize(samples.len(), 0.0);
        for (sample, to) in samples.outer_iter().zip(self.host.chunks_mut(samples.ncols())) {
            match sample.to_slice() {
                Some(sample) => change(sample, to),
                None => change(&sample.to_vec(), to),
            }
        }
        Ok(backend.write(&mut self.buffer, 0, &self.host)?)
    }
}

/// Moments of the columns of `samples`. With `normalise_rows`, each row is first divided by its sum.
pub(crate) fn column_moments<B: ColumnMoments>(
    backend: &B,
    shape: [usize; 2],
    samples: &B::Buffer<f32>,
    normalise_rows: bool,
) -> Result<Moments> {
    let (mut mean, mut variance) = (backend.zeros(shape[1])?, backend.zeros(shape[1])?);
    backend.column_moments(shape, normalise_rows, samples, &mut mean, &mut variance)?;
    Ok(Moments { mean: backend.download(&mean)?, variance: backend.download(&variance)? })
}

#[cfg(test)]
mod tests {
    use isobath_tensor::Cpu;
    use ndarray::{Array2, array};

    use super::*;

    #[test]
    fn samples_of_any_layout_are_staged_row_by_row() {
        let a = array![[1.0_f32, 2.0, 3.0], [4.0, 5.0, 6.0]];
        let backend = Cpu::new();
        let staged = |samples| {
            let room = backend.zeros(6).unwrap();
            let staged = Staged::new(&backend, Source::Inputs, samples, room).unwrap();
            backend.download(&staged.buffer).unwrap()
        };
        assert_eq!(staged(a.view()), [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
        assert_eq!(staged(a.t()), [1.0, 4.0, 2.0, 5.0, 3.0, 6.0]);
    }

    /// Error of a second layer, if it has one.
    fn refused(inputs: &Array2<f32>, second: &Array2<f32>, width: Width) -> Option<String> {
        let backend = Cpu::new();
        let room = || backend.zeros(100).unwrap();
        let staged = Staged::new(&backend, Source::Inputs, inputs.view(), room());
        let staged = staged
            .and_then(|inputs| Staged::layer(&inputs, 2, second.view(), width, room()).map(|_| ()));
        staged.err().map(|error| error.to_string())
    }

    #[test]
    fn errors_name_layer_and_sample() {
        let (good, mut bad) = (Array2::<f32>::zeros((3, 4)), Array2::<f32>::zeros((3, 4)));
        bad[[1, 2]] = f32::NAN;
        let message = |inputs: &Array2<f32>, layer: &Array2<f32>| {
            refused(inputs, layer, Width::AsInputs).expect("bad samples")
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
        assert_eq!(refused(&inputs, &narrow, Width::Any), None);
        assert!(refused(&inputs, &narrow, Width::AsInputs).is_some());
    }
}
