//! Networks of any framework, by the activations of a batch in each layer.

use isobath_predictors::{LayerProfile, LayerState};
use isobath_tensor::Loss;
use isobath_trainer::TrainParams;
use nalgebra::DMatrix;
use ndarray::{Array2, ArrayView2, Axis, s};

use crate::{Diagnosis, Error, Measurement, Result, Size, diagnose};

/// Activations of one layer.
#[derive(Clone, Debug)]
pub struct Activations {
    /// Name.
    pub name: String,
    /// `[n, units]`, one row for each sample; images flattened.
    pub values: Array2<f32>,
    /// Channels of images, or units.
    pub channels: usize,
}

/// What activations alone tell of a network: no probability, and nothing of gradients.
#[derive(Clone, Debug)]
pub struct Inspection {
    /// Signal, rank and dead units by layer, and the error of a linear decoder from the layer to the input.
    pub measurement: Measurement,
    /// Reasons why such a network may not train.
    pub diagnoses: Vec<Diagnosis>,
}

/// Standard deviation of the noise on each activation, as for ridge decoders of the cascade.
const NOISE: f64 = isobath_cascade::DEFAULT_NOISE;
/// Fewest samples.
const LEAST: usize = 16;
/// Most samples of the linear decoders.
const MOST: usize = 1000;

/// Inspects activations of the same samples in all layers, the first layer first, the output last.
///
/// Linear decoders are fitted to one half of the samples and tested on the other.
///
/// # Errors
/// [`Error::TooFewSamples`] or [`Error::Samples`].
pub fn inspect(input: ArrayView2<'_, f32>, layers: &[Activations]) -> Result<Inspection> {
    let n = input.nrows();
    if n < LEAST {
        return Err(Error::TooFewSamples { what: "dumped", count: n, least: LEAST });
    }
    if let Some(layer) = layers.iter().find(|layer| layer.values.nrows() != n) {
        let (name, count) = (layer.name.clone(), layer.values.nrows());
        return Err(Error::Samples { name, count, expected: n });
    }
    let finite = |layer: &Activations| layer.values.iter().all(|h| h.is_finite());
    let overflow = layers.iter().position(|layer| !finite(layer));
    let known = &layers[..overflow.unwrap_or(layers.len())];
    let state = |layer: &Activations| LayerState::of(layer.values.t(), layer.channels);
    let input_square =
        input.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>() / input.len() as f64;
    let hidden = known.len().saturating_sub(usize::from(overflow.is_none()));
    let errors = known[..hidden].iter().map(|layer| linear_error(input, layer.values.view()));
    let profile = LayerProfile {
        input_mean_square: input_square,
        layers: known.iter().map(state).collect(),
        overflow: overflow.map(|index| index + 1),
        loss: f64::NAN,
    };
    let widths = layers.iter().map(|layer| layer.channels);
    let size = Size {
        depth: layers.len(),
        width: widths
            .clone()
            .rev()
            .skip(1)
            .min()
            .or_else(|| widths.clone().next_back())
            .unwrap_or(0),
        inverse_widths: widths.clone().rev().skip(1).map(|width| 1.0 / width as f64).sum(),
        parameters: 0,
        classes: layers.last().map_or(0, |layer| layer.values.ncols()),
    };
    let information = Some(errors.collect());
    let measurement = Measurement {
        size,
        profile,
        kernel: None,
        labels: Vec::new(),
        kernel_train: 0,
        linear_accuracy: 0.0,
        information,
    };
    let training = TrainParams { loss: Loss::CrossEntropy, ..TrainParams::default() };
    let diagnoses = diagnose(&measurement, &training, 0, None);
    Ok(Inspection { measurement, diagnoses })
}

/// Mean squared error, over the inputs' variance, of the best linear decoder from noisy activations `[n, units]` to the
/// inputs `[n, w_0]`: 1 if nothing of them is left. NaN for inputs that are all equal.
fn linear_error(input: ArrayView2<'_, f32>, activations: ArrayView2<'_, f32>) -> f64 {
    let half = input.nrows().min(MOST) / 2;
    let split = |matrix: ArrayView2<'_, f32>| -> [Array2<f64>; 2] {
        let all = matrix.mapv(f64::from);
        let mean = all.slice(s![..half, ..]).mean_axis(Axis(0)).expect("samples");
        [
            all.slice(s![..half, ..]).to_owned() - &mean,
            all.slice(s![half..2 * half, ..]).to_owned() - &mean,
        ]
    };
    let [x, x_test] = split(input);
    let [h, h_test] = split(activations);
    let kernel = h.dot(&h.t());
    let ridge = half as f64 * NOISE * NOISE;
    let system =
        DMatrix::from_fn(half, half, |i, j| kernel[[i, j]] + if i == j { ridge } else { 0.0 });
    let Some(cholesky) = system.cholesky() else { return 1.0 };
    let weights = cholesky.solve(&DMatrix::from_fn(half, x.ncols(), |i, j| x[[i, j]]));
    let weights = Array2::from_shape_fn(x.dim(), |(i, j)| weights[(i, j)]);
    let decoded = h_test.dot(&h.t()).dot(&weights);
    let missed = (&x_test - &decoded).mapv(|d| d * d).sum();
    missed / x_test.mapv(|d| d * d).sum()
}

#[cfg(test)]
mod tests {
    use isobath_tensor::RandomStream;

    use super::*;
    use crate::DiagnosisKind;

    fn normal(stream: u64, rows: usize, columns: usize) -> Array2<f32> {
        let numbers = RandomStream::Normal { seed: 2, stream, std: 1.0 }.take(rows * columns);
        Array2::from_shape_vec((rows, columns), numbers).unwrap()
    }

    fn layer(name: &str, values: Array2<f32>) -> Activations {
        let channels = values.ncols();
        Activations { name: name.to_owned(), values, channels }
    }

    /// Linear maps of full rank keep the input; independent numbers and constants lose it.
    #[test]
    fn linear_decoders_tell_what_is_left() {
        let input = normal(1, 200, 6);
        let map = normal(2, 6, 20);
        let kept = layer("kept", input.dot(&map));
        let lost = layer("lost", normal(3, 200, 20));
        let output = layer("output", normal(4, 200, 3));
        let found = inspect(input.view(), &[kept, lost, output]).unwrap();
        let errors = found.measurement.information.unwrap();
        assert_eq!(errors.len(), 2);
        assert!(errors[0] < 0.01 && errors[1] > 0.9, "{errors:?}");
        let kinds: Vec<DiagnosisKind> = found.diagnoses.iter().map(|found| found.kind).collect();
        assert!(kinds.contains(&DiagnosisKind::InformationLost), "{kinds:?}");
    }

    #[test]
    fn the_first_layer_that_is_not_finite_is_named() {
        let input = normal(1, 32, 4);
        let mut broken = normal(2, 32, 4);
        broken[[3, 1]] = f32::INFINITY;
        let layers =
            [layer("a", normal(3, 32, 4)), layer("b", broken), layer("c", normal(4, 32, 2))];
        let found = inspect(input.view(), &layers).unwrap();
        assert_eq!(found.measurement.profile.overflow, Some(2));
        assert_eq!(found.diagnoses[0].kind, DiagnosisKind::Overflow);
    }

    #[test]
    fn numbers_of_samples_must_agree() {
        let error =
            inspect(normal(1, 32, 4).view(), &[layer("fc1", normal(2, 31, 4))]).unwrap_err();
        assert!(error.to_string().contains("fc1") && error.to_string().contains("31"), "{error}");
        assert!(inspect(normal(1, 3, 4).view(), &[]).is_err());
    }
}
