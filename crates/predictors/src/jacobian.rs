use isobath_trainer::TrainerBackend;
use nalgebra::DMatrix;
use ndarray::{Array2, ArrayView2, Axis, s};

use crate::{
    CostClass, Evidence, Prediction, Predictor, PredictorId, PredictorInfo, PredictorOutput,
    Result, Scope, ScoreInfo, Settings, Subject, batch::Batch, descriptor::no_other_scores,
    tape::Tape,
};

const ID: PredictorId = PredictorId::new("jacobian");

/// Descriptor.
pub(crate) const INFO: PredictorInfo = PredictorInfo {
    id: ID,
    label: "input-output Jacobian",
    evidence: Evidence::Initialisation,
    scope: Scope::Network,
    cost: CostClass::ForwardBackward,
    source: "Saxe et al., arXiv:1312.6120",
    scores: &[
        ScoreInfo::fixed(
            ID,
            ["jacobian", "largest singular value"],
            "ln",
            "-|ln s|, s the largest singular value of the input-output Jacobian, averaged over samples: signals \
                 should neither vanish nor explode (after Saxe et al., arXiv:1312.6120)",
        ),
        ScoreInfo::fixed(
            ID,
            ["jacobian-condition", "condition number"],
            "ln",
            "minus the logarithm of the condition number of the input-output Jacobian, averaged over samples: all \
                 directions should be carried alike (dynamical isometry, Pennington et al., arXiv:1711.04735)",
        ),
    ],
    parse: no_other_scores,
};

/// Predictors of this kind.
pub(crate) fn build<B: TrainerBackend>(
    backend: &B,
    settings: &Settings,
) -> Vec<Box<dyn Predictor>> {
    vec![Box::new(Jacobian::new(backend.clone(), settings.jacobian_samples))]
}

/// The singular values of the derivative of a network's outputs by its input.
///
/// Derivatives are f32 numbers: a condition number above some 1e7 is one of rounding.
#[derive(Clone, Debug)]
pub(crate) struct Jacobian<B> {
    backend: B,
    samples: usize,
}

impl<B> Jacobian<B> {
    /// Takes Jacobians at so many samples and the mean of their logarithms.
    pub(crate) const fn new(backend: B, samples: usize) -> Self {
        Self { backend, samples }
    }
}

impl<B: TrainerBackend> Predictor for Jacobian<B> {
    fn info(&self) -> &'static PredictorInfo {
        &INFO
    }

    fn predict(&self, subject: &Subject<'_>) -> Result<PredictorOutput> {
        let batch = Batch::new(subject, self.samples, 1)?;
        let widths = subject.network.spec().widths();
        let (n, classes) = (batch.len(), widths[widths.len() - 1]);
        // Each sample once for every output, so that one way back has all rows of all Jacobians.
        let column = |(pixel, column): (usize, usize)| batch.samples[[pixel, column / classes]];
        let repeated = Array2::from_shape_fn((widths[0], n * classes), column);
        let mut tape = Tape::record(&self.backend, subject.network, repeated.view())?;
        let one_way: u64 = subject
            .network
            .spec()
            .layers()
            .iter()
            .map(isobath_architecture::Layer::forward_flops)
            .sum();
        let mut flops = one_way * (n * classes) as u64;
        let unit = |(class, column): (usize, usize)| f64::from(u8::from(class == column % classes));
        let derivative = Array2::from_shape_fn((classes, n * classes), unit);
        let back = match tape.outputs()? {
            Some(_) => {
                flops *= 2;
                tape.backward(&derivative, None)?
            }
            None => None,
        };
        let scores = back.map_or([f64::NEG_INFINITY; 2], |back| {
            let jacobian = |i: usize| back.stored.slice(s![.., i * classes..(i + 1) * classes]);
            let ends: Vec<_> = (0..n).map(|i| ln_ends(jacobian(i))).collect();
            let mean = |of: fn(&(f64, f64)) -> f64| ends.iter().map(of).sum::<f64>() / n as f64;
            let largest = mean(|(largest, _)| *largest) + back.ln_scale;
            [-largest.abs(), -mean(|(largest, smallest)| largest - smallest)]
        });
        let predictions = scores.map(crate::predictor::defined).map(Prediction::Score).to_vec();
        Ok(PredictorOutput { predictions, flops })
    }
}

/// The logarithms of the largest and of the smallest singular value of a finite matrix.
fn ln_ends(matrix: ArrayView2<'_, f32>) -> (f64, f64) {
    let (rows, columns) = matrix.dim();
    let wide = if rows < columns { matrix.reversed_axes() } else { matrix };
    let (rows, columns) = (wide.len_of(Axis(0)), wide.len_of(Axis(1)));
    let matrix = DMatrix::from_fn(rows, columns, |i, j| f64::from(wide[[i, j]]));
    let values = matrix.singular_values();
    (values.max().ln(), values.min().ln())
}

#[cfg(test)]
mod tests {
    use isobath_architecture::Activation;
    use isobath_tensor::Cpu;
    use isobath_testkit::{Tolerance, assert_close};
    use ndarray::array;

    use super::*;
    use crate::testing::{Case, forward64};

    #[test]
    fn singular_values_of_a_known_matrix() {
        let (largest, smallest) = ln_ends(array![[3.0, 0.0], [4.0, 5.0], [0.0, 0.0]].view());
        // The eigenvalues of [[25, 20], [20, 25]] are 45 and 5.
        assert_close(
            &[largest, smallest],
            &[0.5 * 45.0_f64.ln(), 0.5 * 5.0_f64.ln()],
            Tolerance::absolute(1e-12),
        );
    }

    /// Central differences in f64; two singular values are the roots of a quadratic equation.
    #[test]
    fn two_outputs_have_a_closed_form() {
        let case = Case { classes: 2, ..Case::tanh(4, 1.5) };
        let layers = case.layers64();
        let (x, _) = case.batch64();
        let step = 1e-5;
        let (mut largest, mut condition) = (0.0, 0.0);
        for sample in x.columns() {
            let output = |pixel: usize, shift: f64| {
                let mut x = sample.to_owned().insert_axis(Axis(1));
                x[[pixel, 0]] += shift;
                forward64(&layers, &x).pop().unwrap().column(0).to_owned()
            };
            let slope = |pixel| (output(pixel, step) - output(pixel, -step)) / (2.0 * step);
            let rows: Vec<_> = (0..sample.len()).map(slope).collect();
            let inner = |i: usize, j: usize| rows.iter().map(|row| row[i] * row[j]).sum::<f64>();
            let (a, b, c) = (inner(0, 0), inner(0, 1), inner(1, 1));
            let root = (0.25 * (a - c).powi(2) + b * b).sqrt();
            let (high, low) = (f64::midpoint(a, c) + root, f64::midpoint(a, c) - root);
            largest += 0.5 * high.ln() / x.ncols() as f64;
            condition += 0.5 * (high / low).ln() / x.ncols() as f64;
        }
        let scores = case.scores(&Jacobian::new(Cpu::new(), x.ncols()));
        assert_close(&scores, &[-largest.abs(), -condition], Tolerance::relative(1e-4));
    }

    #[test]
    fn relu_without_biases_hides_the_variance_from_the_condition_only() {
        let scores = |sigma_w2| {
            let case =
                Case { activation: Activation::Relu, sigma_b2: 0.0, ..Case::tanh(6, sigma_w2) };
            case.scores(&Jacobian::new(Cpu::new(), 4))
        };
        let (small, large) = (scores(0.5), scores(2.0));
        assert!((small[1] - large[1]).abs() < 1e-4, "{small:?} {large:?}");
        assert!((small[0] - large[0]).abs() > 0.5, "{small:?} {large:?}");
    }
}
