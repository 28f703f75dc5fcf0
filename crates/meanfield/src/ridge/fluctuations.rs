//! First-order effect in one over the width of finite-width kernel fluctuations on ridge decoders.
//!
//! The kernel of `w` random units equals `A` only on average. Let the units be Gaussian with the covariance `K` of the
//! training samples. The mean resolvent of the random kernel is then the resolvent of `K` with a larger ridge `l`,
//! `l = lambda + l tr[K R] / w`, `R = (K + l)^-1` (Jacot et al. arXiv:2002.08404, the effective ridge). The second
//! moments follow from the derivative `l' = dl / dlambda`. For centred kernels `k` of the decoded activations `h` and
//! weights `alpha = R k`, the variance of the decoder's outputs for the targets `S` is
//!
//! ```text
//! (l' / w) (b t + l^2 |S^T R alpha|^2),   b = k(h, h) - k^T R k - l |R k|^2,   t = tr[S^T K R^2 S]
//! ```
//!
//! summed over outputs. Further down a chain, `h = sum_i beta_i h_i`, so `b = l^2 beta^T F beta` with `F = K R^2`, and
//! `R alpha = F beta`. The variance of each decoder passes through the decoders below it. Together these add
//! `alpha^T Q alpha` to the variance of a reconstruction, where
//!
//! ```text
//! Q <- M Q M + (l' / w) l^2 (t F + F S S^T F),   M = K R
//! ```
//!
//! and `S` is the targets after the decoders below.

use ndarray::{Array1, Array2, Axis};

use super::factorise;
use crate::{Result, cholesky::Cholesky, normal_rng::NormalRng};

/// Effective ridge of a kernel of finite width.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct EffectiveRidge {
    pub(super) lambda: f64,
    /// Derivative of the effective ridge with respect to the explicit one.
    pub(super) derivative: f64,
}

const N_VECTORS: usize = 32;
const MAX_STEPS: usize = 40;

impl EffectiveRidge {
    /// Solves `l = lambda + l tr[K (K + l)^-1] / w` for the effective ridge `l`.
    ///
    /// `l - l tr[..] / w` is a convex function of `l`, so Newton's method converges to the root from above. Traces are
    /// estimated from random vectors (Hutchinson 1990).
    pub(super) fn new(kernel: &Array2<f64>, lambda: f64, width: f64) -> Result<Self> {
        let n = kernel.nrows();
        let mut normal = NormalRng::new(n as u64);
        let vectors = Array2::from_shape_simple_fn((n, N_VECTORS), || normal.draw().signum());
        let mut l = lambda + kernel.diag().sum().max(0.0) / width;
        let mut derivative = 1.0;
        for _ in 0..MAX_STEPS {
            let mut solved = vectors.clone();
            factorise(kernel, l)?.solve(&mut solved);
            // tr (K + l)^-1 and tr (K + l)^-2
            let inverse = (&vectors * &solved).sum() / N_VECTORS as f64;
            let square = (&solved * &solved).sum() / N_VECTORS as f64;
            let captured = n as f64 - l * inverse;
            let excess = l - l * captured / width - lambda;
            let slope = 1.0 - (captured + l * (l * square - inverse)) / width;
            derivative = slope.recip();
            let next = (l - excess / slope).max(lambda);
            let step = (l - next) / l;
            l = next;
            if step.abs() < 1e-4 {
                break;
            }
        }
        Ok(Self { lambda: l, derivative })
    }
}

/// Factorised decoder of one layer.
pub(super) struct DecoderStage<'a> {
    pub(super) kernel: &'a Array2<f64>,
    pub(super) ridge: EffectiveRidge,
    pub(super) decoder: &'a Cholesky,
    pub(super) width: f64,
}

impl DecoderStage<'_> {
    /// Variance of each of `m` outputs for targets of variance `t`, given `R S` as `solved` `[n, D]`; `alpha` `[n, m]`
    /// are the weights of activations with the kernels `cross` `[n, m]` and `own` `[m]`.
    pub(super) fn variance(
        &self,
        [cross, alpha]: [&Array2<f64>; 2],
        own: &Array1<f64>,
        solved: &Array2<f64>,
        t: f64,
    ) -> Array1<f64> {
        let EffectiveRidge { lambda, derivative } = self.ridge;
        let explained = (cross * alpha).sum_axis(Axis(0));
        let shrunk = (alpha * alpha).sum_axis(Axis(0)) * lambda;
        let b = (own - &explained - &shrunk).mapv(|b| b.max(0.0));
        let aligned = solved.t().dot(alpha).mapv(|x| x * x).sum_axis(Axis(0));
        (b * t + aligned * (lambda * lambda)) * (derivative / self.width)
    }

    /// Computes `tr[S^T K R^2 S]` for targets `S` `[n, D]`, given `R S`.
    pub(super) fn target_variance(&self, targets: &Array2<f64>, solved: &Array2<f64>) -> f64 {
        (solved * targets).sum() - self.ridge.lambda * (solved * solved).sum()
    }

    /// Computes the next `Q`, given the targets `S` `[n, D]` and their variance `t`.
    pub(super) fn propagate(&self, q: &Array2<f64>, targets: &Array2<f64>, t: f64) -> Array2<f64> {
        let n = self.kernel.nrows();
        let EffectiveRidge { lambda, derivative } = self.ridge;
        let mut inverse = Array2::eye(n);
        self.decoder.solve(&mut inverse);
        let filter = &inverse - &(inverse.dot(&inverse) * lambda);
        let smoother = Array2::eye(n) - inverse * lambda;
        let filtered = filter.dot(targets);
        let added = filter * t + filtered.dot(&filtered.t());
        smoother.dot(&q.dot(&smoother)) + added * (derivative / self.width * lambda * lambda)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A kernel with `n` equal eigenvalues `e`: `l = lambda + l n e / ((e + l) w)`, a quadratic equation.
    #[test]
    fn effective_ridge_solves_its_equation() {
        let (n, e, width) = (50.0, 2.0, 80.0);
        let exact = |lambda: f64| {
            let half = 0.5 * (lambda - e + n * e / width);
            half + (half * half + lambda * e).sqrt()
        };
        let found = EffectiveRidge::new(&(Array2::eye(50) * e), 0.1, width).unwrap();
        assert!((found.lambda / exact(0.1) - 1.0).abs() < 1e-6, "{found:?}");
        let slope = (exact(0.1001) - exact(0.0999)) / 2e-4;
        assert!((found.derivative / slope - 1.0).abs() < 1e-3, "{found:?} {slope}");
    }

    /// Average over random kernels of the squared error of a ridge decoder from Gaussian units to given targets.
    #[test]
    fn variances_match_random_gaussian_units() {
        const N: usize = 12;
        const WIDTH: usize = 30;
        let lambda = 0.2;
        // Training samples come first, followed by one probe sample.
        let mut normal = NormalRng::new(5);
        let root = Array2::from_shape_simple_fn((N + 1, 6), || normal.draw() / 6_f64.sqrt());
        let all = root.dot(&root.t());
        let (kernel, cross) = (part(&all, N, N), all.slice(ndarray::s![..N, N..]).to_owned());
        let own = Array1::from_elem(1, all[[N, N]]);
        let targets = Array2::from_shape_simple_fn((N, 2), || normal.draw());

        let ridge = EffectiveRidge::new(&kernel, lambda, WIDTH as f64).unwrap();
        let decoder = factorise(&kernel, ridge.lambda).unwrap();
        let stage = DecoderStage { kernel: &kernel, ridge, decoder: &decoder, width: WIDTH as f64 };
        let (mut alpha, mut solved) = (cross.clone(), targets.clone());
        decoder.solve(&mut alpha);
        decoder.solve(&mut solved);
        let t = stage.target_variance(&targets, &solved);
        let predicted = stage.variance([&cross, &alpha], &own, &solved, t)[0];

        let mut outputs = Vec::new();
        for _ in 0..4000 {
            let units = Array2::from_shape_simple_fn((6, WIDTH), || normal.draw());
            let units = root.dot(&units) / (WIDTH as f64).sqrt();
            let random = units.dot(&units.t());
            let mut weights = random.slice(ndarray::s![..N, N..]).to_owned();
            factorise(&part(&random, N, N), lambda).unwrap().solve(&mut weights);
            outputs.push(weights.t().dot(&targets));
        }
        let n = outputs.len() as f64;
        let mean = outputs.iter().fold(Array2::<f64>::zeros((1, 2)), |sum, y| sum + y) / n;
        let variance = outputs.iter().map(|y| (y - &mean).mapv(|x| x * x).sum()).sum::<f64>() / n;
        // The theory is exact to first order in 1 / WIDTH.
        assert!((predicted / variance - 1.0).abs() < 0.08, "{predicted} {variance}");
        let expected = alpha.t().dot(&targets);
        assert!((&mean - &expected).iter().all(|x| x.abs() < 0.05), "{mean} {expected}");
    }

    fn part(a: &Array2<f64>, rows: usize, columns: usize) -> Array2<f64> {
        a.slice(ndarray::s![..rows, ..columns]).to_owned()
    }
}
