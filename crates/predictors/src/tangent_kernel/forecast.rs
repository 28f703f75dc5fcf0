//! Gradient descent in the tangent-kernel regime: the kernel is constant during training.

use isobath_tensor::{Loss, Optimizer};
use nalgebra::{DMatrix, SymmetricEigen};
use ndarray::{Array1, Array2, ArrayView2, Axis, s};

use super::gram::TangentKernel;

/// The training whose result is forecast.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Budget {
    /// The optimiser.
    pub optimizer: Optimizer,
    /// Number of minibatches.
    pub steps: usize,
    /// Samples per minibatch.
    pub batch: usize,
    /// The loss.
    pub loss: Loss,
}

/// Labelled samples of a kernel: the first ones are trained on, the others held out.
#[derive(Clone, Copy, Debug)]
pub struct Split<'a> {
    /// Class of each sample.
    pub labels: &'a [u8],
    /// Number of samples to train on.
    pub train: usize,
}

/// Forecast of a training by the linearised network.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Forecast {
    /// Accuracy on the held-out samples after the steps, in `[0, 1]`.
    pub accuracy: f64,
    /// Logarithm of `lr steps h lambda_y`, the number of times that the part of the labels which the kernel sees shrinks by
    /// `e` within the budget. `lambda_y` is the mean eigenvalue of the kernel along the labels.
    pub ln_progress: f64,
    /// Logarithm of `lr h lambda_max / (2 + 2 momentum)`. Gradient descent diverges in the direction of the largest
    /// eigenvalue of the Gauss-Newton matrix where it is positive (`LeCun`, Kanter and Solla, NIPS 1990). For adaptive optimisers,
    /// of the matrix that they precondition.
    pub ln_sharpness: f64,
    /// Cosine of the centred kernel and that of the labels (Cortes, Mohri and Rostamizadeh, JMLR 13, 2012), in `[-1, 1]`.
    pub alignment: f64,
}

impl Budget {
    /// Forecast for the network of `kernel`; `None` if the split has no samples to train on or to test with.
    pub fn forecast(&self, kernel: &TangentKernel, split: Split<'_>) -> Option<Forecast> {
        let (n, all) = (split.train, kernel.samples());
        if n == 0 || n >= all || split.labels.len() != all {
            return None;
        }
        let outputs = kernel.outputs.t();
        let forces = self.forces(outputs.slice(s![..n, ..]), &split.labels[..n]);
        let curvature = self.curvature(outputs.slice(s![..n, ..]));
        let Rate { lr, momentum, steps, divisors } = self.rate(kernel, &forces);
        let kernel = kernel.preconditioned(&divisors);
        let trained = kernel.slice(s![..n, ..n]);
        let time = lr / (1.0 - momentum) * steps;
        let (weights, largest) = descend(trained, &forces, curvature, time);
        let later =
            outputs.slice(s![n.., ..]).to_owned() + kernel.slice(s![n.., ..n]).dot(&weights);
        let centred = centred(&forces);
        let along = (&centred * &trained.dot(&centred)).sum() / n as f64;
        let seen = along / (&centred * &centred).sum().max(f64::MIN_POSITIVE);
        Some(Forecast {
            accuracy: accuracy(later.view(), &split.labels[n..]),
            ln_progress: (time * curvature * seen.max(f64::MIN_POSITIVE)).ln(),
            ln_sharpness: (lr * curvature * largest / (2.0 + 2.0 * momentum)).ln(),
            alignment: alignment(trained, &split.labels[..n], outputs.ncols()),
        })
    }

    /// Minus the derivatives of each sample's own loss by its outputs, `[n, K]`.
    fn forces(&self, outputs: ArrayView2<'_, f64>, labels: &[u8]) -> Array2<f64> {
        self.loss.evaluate(outputs, labels).gradient * -(labels.len() as f64)
    }

    /// Mean eigenvalue of the loss's second derivative by the outputs, over samples and directions that change it.
    fn curvature(&self, outputs: ArrayView2<'_, f64>) -> f64 {
        let classes = outputs.ncols() as f64;
        let mean = |of: &dyn Fn(&[f64]) -> f64| {
            let rows = outputs.rows();
            let rows = rows.into_iter().map(|row| of(&softmax(row.iter().copied())));
            rows.sum::<f64>() / outputs.nrows() as f64
        };
        let spread = |p: &[f64]| (1.0 - p.iter().map(|p| p * p).sum::<f64>()) / (classes - 1.0);
        let curvature = match self.loss {
            Loss::CrossEntropy => mean(&spread),
            Loss::DoubleSoftmax => {
                mean(&|p| spread(p).powi(2) * spread(&softmax(p.iter().copied())))
            }
            Loss::MeanSquaredError => 2.0 / classes,
        };
        curvature.max(f64::MIN_POSITIVE)
    }

    /// How fast the optimiser moves at the start.
    fn rate(&self, kernel: &TangentKernel, forces: &Array2<f64>) -> Rate {
        let layers = kernel.layers.len();
        let steps = self.steps as f64;
        let (lr, eps, steps) = match self.optimizer {
            Optimizer::Sgd { lr, momentum, .. } => {
                let (lr, momentum) = (f64::from(lr), f64::from(momentum));
                return Rate { lr, momentum, steps, divisors: vec![1.0; layers] };
            }
            Optimizer::Adam { lr, eps, .. } | Optimizer::RmsProp { lr, eps, .. } => {
                (lr, eps, steps)
            }
            // The sum of squares grows with the steps: 1 + 1/sqrt(2) + 1/sqrt(3) + ...
            Optimizer::Adagrad { lr, eps, .. } => (lr, eps, 2.0 * steps.sqrt()),
        };
        let divisors = kernel.layers.iter().map(|layer| {
            self.gradient_size(&layer.gram, forces, layer.parameters) + f64::from(eps)
        });
        Rate { lr: f64::from(lr), momentum: 0.0, steps, divisors: divisors.collect() }
    }

    /// Root mean square of a layer's gradient over its parameters and over minibatches.
    fn gradient_size(&self, gram: &Array2<f64>, forces: &Array2<f64>, parameters: usize) -> f64 {
        let n = forces.nrows();
        let gram = gram.slice(s![..n, ..n]);
        let mean = (forces * &gram.dot(forces)).sum() / (n * n) as f64;
        let squares = forces.map_axis(Axis(1), |force| force.dot(&force));
        let single = (&squares * &gram.diag()).sum() / n as f64;
        let noise = 1.0 / self.batch.max(1) as f64;
        let square = mean * (1.0 - noise) + single * noise;
        (square.max(0.0) / parameters.max(1) as f64).sqrt()
    }
}

/// Speed of an optimiser.
struct Rate {
    lr: f64,
    momentum: f64,
    /// Steps of the first one's length.
    steps: f64,
    /// By which the kernel of each layer is divided.
    divisors: Vec<f64>,
}

/// Accuracy on the held-out samples of ridge regression on the inputs `[w_0, n]` themselves, which needs no network.
pub fn linear_accuracy(samples: ArrayView2<'_, f32>, split: Split<'_>, classes: usize) -> f64 {
    /// Ridge, in units of the mean of the kernel's diagonal.
    const RIDGE: f64 = 1e-3;
    let n = split.train;
    let samples = samples.mapv(f64::from);
    let kernel = samples.t().dot(&samples) + 1.0;
    let ridge = RIDGE * kernel.diag().mean().unwrap_or(1.0);
    let target = |(i, class): (usize, usize)| {
        f64::from(u8::from(usize::from(split.labels[i]) == class)) - 1.0 / classes as f64
    };
    let targets = DMatrix::from_fn(n, classes, |i, class| target((i, class)));
    let system = DMatrix::from_fn(n, n, |i, j| kernel[[i, j]] + if i == j { ridge } else { 0.0 });
    let Some(cholesky) = system.cholesky() else { return 0.0 };
    let weights = cholesky.solve(&targets);
    let weights = Array2::from_shape_fn((n, classes), |(i, class)| weights[(i, class)]);
    accuracy(kernel.slice(s![n.., ..n]).dot(&weights).view(), &split.labels[n..])
}

/// Gradient flow on training samples with the kernel `[n, n]` from forces `[n, K]` that decay like the outputs' distance
/// from their targets: `dF/dt = -curvature kernel F / n`. Returns the weights `integral F dt / n`, by which the kernel of a
/// sample with the training samples gives the change of its outputs, and the largest eigenvalue of `kernel / n`.
fn descend(
    kernel: ArrayView2<'_, f64>,
    forces: &Array2<f64>,
    curvature: f64,
    time: f64,
) -> (Array2<f64>, f64) {
    let n = kernel.nrows();
    let eigen = SymmetricEigen::new(DMatrix::from_fn(n, n, |i, j| kernel[[i, j]] / n as f64));
    let vectors = Array2::from_shape_fn((n, n), |(i, j)| eigen.eigenvectors[(i, j)]);
    let filters = eigen.eigenvalues.iter().map(|&value| filter(curvature * value, time));
    let modes = vectors.t().dot(forces) * Array1::from_iter(filters).insert_axis(Axis(1));
    (vectors.dot(&modes) / n as f64, eigen.eigenvalues.max().max(f64::MIN_POSITIVE))
}

/// `(1 - exp(-rate time)) / rate`
fn filter(rate: f64, time: f64) -> f64 {
    let x = rate * time;
    if x.abs() < 1e-9 { time } else { -(-x).exp_m1() / rate }
}

fn softmax(z: impl Iterator<Item = f64> + Clone) -> Vec<f64> {
    let largest = z.clone().fold(f64::NEG_INFINITY, f64::max);
    let powers: Vec<f64> = z.map(|z| (z - largest).exp()).collect();
    let sum: f64 = powers.iter().sum();
    powers.into_iter().map(|power| power / sum).collect()
}

/// Minus the mean over rows.
fn centred(matrix: &Array2<f64>) -> Array2<f64> {
    matrix - &matrix.mean_axis(Axis(0)).expect("rows").insert_axis(Axis(0))
}

/// Share of rows whose largest entry is that of the label.
fn accuracy(outputs: ArrayView2<'_, f64>, labels: &[u8]) -> f64 {
    let right = outputs.rows().into_iter().zip(labels).filter(|(row, label)| {
        let label = usize::from(**label);
        row.iter().enumerate().all(|(class, z)| class == label || *z < row[label])
    });
    right.count() as f64 / labels.len() as f64
}

/// Cosine of the centred kernel and the centred kernel of the labels.
fn alignment(kernel: ArrayView2<'_, f64>, labels: &[u8], classes: usize) -> f64 {
    let of = |(i, class): (usize, usize)| f64::from(u8::from(usize::from(labels[i]) == class));
    let targets = centred(&Array2::from_shape_fn((labels.len(), classes), of));
    let targets = targets.dot(&targets.t());
    let rows = centred(&kernel.to_owned());
    let kernel = centred(&rows.reversed_axes());
    let norm = |matrix: &Array2<f64>| matrix.iter().map(|x| x * x).sum::<f64>().sqrt();
    (&kernel * &targets).sum() / (norm(&kernel) * norm(&targets)).max(f64::MIN_POSITIVE)
}

#[cfg(test)]
mod tests {
    use isobath_testkit::{Tolerance, assert_close};
    use ndarray::array;

    use super::*;
    use crate::LayerKernel;

    /// Two groups of samples that the kernel tells apart, the last of each held out.
    fn kernel() -> TangentKernel {
        let x = array![[2.0, 0.1], [1.5, -0.2], [0.1, 1.8], [-0.2, 2.2], [1.9, 0.0], [0.0, 2.0]];
        let gram: Array2<f64> = x.dot(&x.t());
        let outputs = array![[0.3, 0.1, 0.2, 0.3, 0.1, 0.2], [0.2, 0.2, 0.1, 0.2, 0.2, 0.1]];
        TangentKernel { layers: vec![LayerKernel { parameters: 4, gram }], outputs }
    }

    const LABELS: [u8; 6] = [0, 0, 1, 1, 0, 1];
    const SPLIT: Split<'_> = Split { labels: &LABELS, train: 4 };

    fn budget(lr: f32, steps: usize) -> Budget {
        Budget { optimizer: Optimizer::sgd(lr), steps, batch: 4, loss: Loss::MeanSquaredError }
    }

    /// With the squared error the forces are linear, so that small steps of gradient descent approach the flow.
    #[test]
    fn flow_is_the_limit_of_small_steps() {
        let kernel = kernel();
        let gram = kernel.preconditioned(&[1.0]);
        let budget = budget(1e-4, 20_000);
        let mut outputs = kernel.outputs.t().to_owned();
        for _ in 0..20_000 {
            let forces = budget.forces(outputs.slice(s![..4, ..]), &LABELS[..4]);
            outputs = outputs + gram.slice(s![.., ..4]).dot(&forces) * (1e-4 / 4.0);
        }
        let start = kernel.outputs.t();
        let forces = budget.forces(start.slice(s![..4, ..]), &LABELS[..4]);
        let curvature = budget.curvature(start);
        let (weights, _) = descend(gram.slice(s![..4, ..4]), &forces, curvature, 2.0);
        let flow = &start + &gram.slice(s![.., ..4]).dot(&weights);
        assert_close(
            outputs.as_standard_layout().as_slice().unwrap(),
            flow.as_standard_layout().as_slice().unwrap(),
            Tolerance::absolute(2e-4),
        );
    }

    #[test]
    fn longer_budgets_reach_the_labels() {
        let accuracy = |steps| budget(1e-3, steps).forecast(&kernel(), SPLIT).unwrap().accuracy;
        assert_close(&[accuracy(1), accuracy(10_000)], &[0.0, 1.0], Tolerance::absolute(1e-12));
    }

    /// The largest eigenvalue of the Gauss-Newton matrix is that of `2 / K kernel / n` for the mean squared error.
    #[test]
    fn the_edge_of_stability_is_at_two_over_the_curvature() {
        let gram = kernel().preconditioned(&[1.0]);
        let trained = DMatrix::from_fn(4, 4, |i, j| gram[[i, j]] / 4.0);
        let largest = SymmetricEigen::new(trained).eigenvalues.max();
        let edge = (2.0 / largest) as f32;
        let sharpness = |lr| budget(lr, 10).forecast(&kernel(), SPLIT).unwrap().ln_sharpness;
        assert!(sharpness(edge * 1.01) > 0.0 && sharpness(edge * 0.99) < 0.0);
    }

    /// Dividing by the gradient makes the forecast independent of the scale of a layer's kernel.
    #[test]
    fn adaptive_optimisers_ignore_the_scale_of_gradients() {
        let optimizer = Optimizer::adam(1e-2);
        let budget = Budget { optimizer, ..budget(1.0, 50) };
        let forecast = budget.forecast(&kernel(), SPLIT).unwrap();
        let mut small = kernel();
        small.layers[0].gram *= 1e-4;
        let scaled = budget.forecast(&small, SPLIT).unwrap();
        // The step in output space is that of the gradient's size, 100 times smaller.
        let ratio = scaled.ln_progress - forecast.ln_progress;
        assert!((ratio + 100_f64.ln()).abs() < 1e-3, "{ratio}");
    }

    #[test]
    fn inputs_that_differ_by_class_are_separated_by_ridge_regression() {
        let x = array![[1.0_f32, 0.9, 0.1, 0.0, 1.1, 0.0], [0.0, 0.1, 1.0, 1.1, 0.0, 0.9]];
        assert_close(&[linear_accuracy(x.view(), SPLIT, 2)], &[1.0], Tolerance::absolute(0.0));
    }

    #[test]
    fn splits_without_either_kind_of_sample_have_no_forecast() {
        for train in [0, 6] {
            assert_eq!(budget(0.1, 5).forecast(&kernel(), Split { labels: &LABELS, train }), None);
        }
    }
}
