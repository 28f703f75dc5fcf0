use ndarray::{Array2, ArrayView1, ArrayView2};
use serde::{Deserialize, Serialize};

/// A classification loss, a mean over the batch. Cross-entropies are in nats.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Loss {
    /// `-ln softmax(z)[label]` of the logits `z`.
    #[default]
    CrossEntropy,
    /// Cross-entropy of `softmax(z)` in the logits' place, as in the code of arXiv:2406.12916 (its `z` has been through
    /// tanh already). Kept as an ablation: with ten classes and outputs in `[-1, 1]` it
    /// cannot leave `[1.959, 2.388]` (chance is 2.303).
    DoubleSoftmax,
    /// Mean squared error between the outputs `z` and the label's one-hot vector `y`, over samples and classes:
    /// `mean_k (z_k - y_k)^2`. It is PyTorch's `MSELoss` on outputs against one-hot targets, so neither a softmax nor a
    /// factor of one half is in it. Outputs that are all zero cost `1 / K`.
    #[serde(rename = "mse")]
    MeanSquaredError,
}

impl Loss {
    /// All losses.
    pub const ALL: [Self; 3] = [Self::CrossEntropy, Self::DoubleSoftmax, Self::MeanSquaredError];
}

/// A loss and its derivative.
#[derive(Clone, Debug, PartialEq)]
pub struct LossAndGradient {
    /// Mean loss over the batch.
    pub loss: f64,
    /// Its derivative with respect to the last layer's output, `[B, K]`.
    pub gradient: Array2<f64>,
}

impl Loss {
    /// The loss of a batch: `outputs` `[B, K]`, `labels` `[B]`, each below `K`.
    ///
    /// # Panics
    /// When a label is not below `K` or the lengths differ.
    pub fn evaluate(self, outputs: ArrayView2<'_, f64>, labels: &[u8]) -> LossAndGradient {
        assert_eq!(outputs.nrows(), labels.len(), "one label for each sample");
        let mut gradient = Array2::zeros(outputs.dim());
        let mut loss = 0.0;
        for ((z, &label), mut row) in
            outputs.rows().into_iter().zip(labels).zip(gradient.rows_mut())
        {
            let mut derivative = z.to_vec();
            loss += self.of_sample(&mut z.to_vec(), usize::from(label), &mut derivative);
            row.assign(&ArrayView1::from(&derivative));
        }
        let scale = 1.0 / labels.len().max(1) as f64;
        gradient *= scale;
        LossAndGradient { loss: loss * scale, gradient }
    }

    /// The loss of one sample's outputs `z`, which are overwritten, and its `gradient`.
    pub(crate) fn of_sample(self, z: &mut [f64], label: usize, gradient: &mut [f64]) -> f64 {
        match self {
            Self::CrossEntropy => {
                let loss = log_sum_exp(z) - z[label];
                softmax(z, gradient);
                gradient[label] -= 1.0;
                loss
            }
            Self::DoubleSoftmax => {
                let (p, outer) = (gradient, z);
                softmax(outer, p);
                let loss = log_sum_exp(p) - p[label];
                softmax(p, outer);
                outer[label] -= 1.0;
                // The Jacobian of the softmax, diag(p) - p p^T, applied to the outer gradient.
                let mean: f64 = p.iter().zip(&*outer).map(|(p, g)| p * g).sum();
                p.iter_mut().zip(&*outer).for_each(|(p, g)| *p *= g - mean);
                loss
            }
            Self::MeanSquaredError => {
                let classes = z.len() as f64;
                z[label] -= 1.0;
                gradient.iter_mut().zip(&*z).for_each(|(g, gap)| *g = 2.0 * gap / classes);
                z.iter().map(|gap| gap * gap).sum::<f64>() / classes
            }
        }
    }
}

fn largest(z: &[f64]) -> f64 {
    z.iter().copied().fold(f64::NEG_INFINITY, f64::max)
}

fn softmax(z: &[f64], out: &mut [f64]) {
    let largest = largest(z);
    out.iter_mut().zip(z).for_each(|(out, z)| *out = (z - largest).exp());
    let sum: f64 = out.iter().sum();
    out.iter_mut().for_each(|out| *out /= sum);
}

fn log_sum_exp(z: &[f64]) -> f64 {
    let largest = largest(z);
    largest + z.iter().map(|z| (z - largest).exp()).sum::<f64>().ln()
}

#[cfg(test)]
mod tests {
    use isobath_testkit::{Tolerance, assert_close};

    use super::*;

    fn outputs() -> Array2<f64> {
        Array2::from_shape_fn((4, 5), |(i, j)| ((i * 5 + j) as f64 * 1.7).sin() * 3.0)
    }

    #[test]
    fn gradients_match_central_differences() {
        let labels = [0, 4, 2, 2];
        for loss in Loss::ALL {
            let analytic = loss.evaluate(outputs().view(), &labels).gradient;
            let numeric = Array2::from_shape_fn((4, 5), |index| {
                let step = 1e-5;
                let at = |shift: f64| {
                    let mut outputs = outputs();
                    outputs[index] += shift;
                    loss.evaluate(outputs.view(), &labels).loss
                };
                (at(step) - at(-step)) / (2.0 * step)
            });
            let flat = |a: &Array2<f64>| a.iter().copied().collect::<Vec<_>>();
            assert_close(&flat(&analytic), &flat(&numeric), Tolerance::absolute(1e-9));
        }
    }

    #[test]
    fn equal_outputs_cost_the_logarithm_of_the_classes() {
        let outputs = Array2::from_elem((3, 10), 0.7);
        for loss in [Loss::CrossEntropy, Loss::DoubleSoftmax] {
            assert_close(
                &[loss.evaluate(outputs.view(), &[1, 2, 3]).loss],
                &[10.0_f64.ln()],
                Tolerance::relative(1e-12),
            );
        }
    }

    #[test]
    fn mean_squared_error_is_a_mean_over_samples_and_classes() {
        // By hand: gaps (0.5, -1, 2) to class 1 and (-1, 0, 0) to class 0, squares 5.25 and 1, over 2 x 3 elements.
        let outputs = ndarray::array![[0.5, 0.0, 2.0], [0.0, 0.0, 0.0]];
        let LossAndGradient { loss, gradient } =
            Loss::MeanSquaredError.evaluate(outputs.view(), &[1, 0]);
        assert_close(&[loss], &[6.25 / 6.0], Tolerance::relative(1e-15));
        let expected = [0.5, -1.0, 2.0, -1.0, 0.0, 0.0].map(|gap| gap / 3.0);
        assert_close(gradient.as_slice().unwrap(), &expected, Tolerance::relative(1e-15));
    }

    #[test]
    fn huge_outputs_stay_finite() {
        let outputs = ndarray::array![[1e300, -1e300, 0.0]];
        for loss in [Loss::CrossEntropy, Loss::DoubleSoftmax] {
            let LossAndGradient { loss, gradient } = loss.evaluate(outputs.view(), &[0]);
            assert!(loss.is_finite() && gradient.iter().all(|g| g.is_finite()));
        }
    }

    #[test]
    fn double_softmax_behind_tanh_has_a_narrow_range() {
        // Best: the label at 1 and the others at -1. Worst: the label at -1 and the others at 1, which is worse than one
        // wrong class at 1 (2.3492).
        let extreme =
            |sign: f64| Array2::from_shape_fn((1, 10), |(_, j)| if j == 0 { sign } else { -sign });
        let loss = |sign| Loss::DoubleSoftmax.evaluate(extreme(sign).view(), &[0]).loss;
        assert_close(&[loss(1.0), loss(-1.0)], &[1.9593, 2.3882], Tolerance::absolute(1e-4));
    }
}
