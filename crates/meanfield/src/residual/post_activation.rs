//! Blocks with the activation after the addition: `x_l = phi(x_{l-1} + W_2 phi(W_1 x_{l-1} + b_1) + b_2)`.
//!
//! These are the residual networks of arXiv:2406.12916. The branch is Gaussian, but the stream is not: what a unit
//! carries is a nonlinear function of all it was given, so that no recursion of a few moments is closed. Mean-field
//! theory is instead a process of one unit, driven by independent normal variables whose variance depends on the mean
//! over all units,
//!
//! ```text
//! u_l = x_{l-1} + n_l,   x_l = phi(u_l),   n_l ~ N(0, sigma_w2 E[phi(h)^2] + sigma_b2),
//! h ~ N(0, sigma_w2 E[x_{l-1}^2] + sigma_b2)
//! ```
//!
//! and a small difference between two inputs has, per unit, the mean square
//!
//! ```text
//! G_l = phi'(u_l)^2 (G_{l-1} + sigma_w2^2 E[phi'(h)^2] E[G_{l-1}])
//! ```
//!
//! whose growth rate `chi` plays the part of `chi_1`; gradients going back grow at the same rate. Both are solved here
//! for a population of units, by sampling; the number of units sets the precision, which is estimated and returned.

use isobath_architecture::Activation;
use serde::Serialize;

use crate::{
    Error, Result, Theory,
    fixed_point::finite_or_null,
    normal::Normal,
    theory::{MAX_VARIANCE, check},
};

/// The theory of these blocks; both weights have variance `sigma_w2`, both biases `sigma_b2`.
#[derive(Clone, Copy, Debug)]
pub struct PostActivation {
    inner: Theory,
}

/// Where a population settles.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct PostActivationPoint {
    /// The mean square of the stream.
    pub p_star: f64,
    /// The factor by which the squared difference of close inputs grows per block.
    pub chi: f64,
    /// The standard error of `ln chi`, from the spread over runs of blocks.
    pub ln_chi_error: f64,
    /// `-1 / ln chi`, the depth scale in the ordered phase; infinite where `chi >= 1`.
    #[serde(serialize_with = "finite_or_null")]
    pub xi_c: f64,
}

/// Units of the population, blocks until it has settled and blocks that are averaged over.
const N_UNITS: usize = 4_000;
const N_SETTLING: usize = 300;
const N_RUNS: usize = 12;
const RUN: usize = 25;

impl PostActivation {
    /// The theory of a bounded activation, variances as in [`Theory::new`].
    ///
    /// # Errors
    /// [`Error::OutOfRange`] for other variances, [`Error::Unbounded`] for an activation whose stream may grow without
    /// end.
    pub fn new(activation: Activation, sigma_w2: f64, sigma_b2: f64) -> Result<Self> {
        let inner = Theory::new(activation, sigma_w2, sigma_b2)?;
        if inner.phi.is_bounded() {
            Ok(Self { inner })
        } else {
            Err(Error::Unbounded { activation })
        }
    }

    /// The stream's mean square after each of `depth` blocks, from units drawn from `N(0, p_0)`.
    ///
    /// # Errors
    /// [`Error::OutOfRange`] unless `p_0` is in `[0, 1e30]`.
    pub fn profile(&self, p_0: f64, depth: usize) -> Result<Vec<f64>> {
        check("p_0", p_0, 0.0, MAX_VARIANCE, "from 0 to 1e30")?;
        let mut population = Population::new(self.inner, p_0);
        Ok((0..depth).map(|_| population.step().0).collect())
    }

    /// The state that a population settles in, and how it treats small differences.
    ///
    /// After 300 blocks; a stationary state that is reached more slowly (`sigma_w2` below about 0.1) is not reached.
    pub fn fixed_point(&self) -> PostActivationPoint {
        let mut population = Population::new(self.inner, 1.0);
        for _ in 0..N_SETTLING {
            population.step();
        }
        let mut squares = 0.0;
        let runs: Vec<f64> = (0..N_RUNS)
            .map(|_| {
                let mut growth = 0.0;
                for _ in 0..RUN {
                    let (square, ln_growth) = population.step();
                    squares += square;
                    growth += ln_growth;
                }
                growth / RUN as f64
            })
            .collect();
        let (ln_chi, ln_chi_error) = mean_and_error(&runs);
        PostActivationPoint {
            p_star: squares / (N_RUNS * RUN) as f64,
            chi: ln_chi.exp(),
            ln_chi_error,
            xi_c: if ln_chi < 0.0 { -ln_chi.recip() } else { f64::INFINITY },
        }
    }
}

/// Units that stand for infinitely many.
struct Population {
    theory: Theory,
    x: Vec<f64>,
    /// Squared differences `G`, scaled to mean one after each block.
    difference: Vec<f64>,
    normal: Normal,
}

impl Population {
    fn new(theory: Theory, p_0: f64) -> Self {
        let mut normal = Normal::new(N_UNITS as u64);
        let x = (0..N_UNITS).map(|_| p_0.sqrt() * normal.draw()).collect();
        Self { theory, x, difference: vec![1.0; N_UNITS], normal }
    }

    /// One block: the stream's mean square after it, and the logarithm of the growth of differences.
    fn step(&mut self) -> (f64, f64) {
        let Theory { kernel, phi, sigma_w2, sigma_b2, .. } = self.theory;
        let before = mean(self.x.iter().map(|x| x * x));
        let q = sigma_w2 * before + sigma_b2;
        let noise = (sigma_w2 * kernel.moments(q).square + sigma_b2).sqrt();
        let shared = sigma_w2 * sigma_w2 * kernel.gradient_square(q);
        for (x, difference) in self.x.iter_mut().zip(&mut self.difference) {
            let u = noise.mul_add(self.normal.draw(), *x);
            *x = phi.value(u);
            *difference = phi.derivative(u).powi(2) * (*difference + shared);
        }
        let growth = mean(self.difference.iter().copied()).max(f64::MIN_POSITIVE);
        self.difference.iter_mut().for_each(|difference| *difference /= growth);
        (mean(self.x.iter().map(|x| x * x)), growth.ln())
    }
}

fn mean(values: impl ExactSizeIterator<Item = f64>) -> f64 {
    let n = values.len() as f64;
    values.sum::<f64>() / n
}

/// The mean of `values` and its standard error.
fn mean_and_error(values: &[f64]) -> (f64, f64) {
    let centre = mean(values.iter().copied());
    let spread = mean(values.iter().map(|value| (value - centre).powi(2)));
    (centre, (spread / (values.len() as f64 - 1.0)).sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(sigma_w2: f64, sigma_b2: f64) -> PostActivationPoint {
        PostActivation::new(Activation::Tanh, sigma_w2, sigma_b2).unwrap().fixed_point()
    }

    /// Biases are common to all inputs and order them; weights are not.
    #[test]
    fn biases_order_and_weights_do_not() {
        let (ordered, chaotic) = (point(0.5, 0.5), point(3.0, 2e-5));
        assert!(ordered.chi + 5.0 * ordered.ln_chi_error < 1.0, "{ordered:?}");
        assert!(chaotic.chi - 5.0 * chaotic.ln_chi_error > 1.0, "{chaotic:?}");
        assert!(ordered.xi_c.is_finite() && chaotic.xi_c.is_infinite());
    }

    /// Without the branch a block is `x -> tanh(x + n)` with noise of variance `sigma_b2` alone; for small noise the
    /// stationary density of `x` is that of a particle in the potential `x^4 / 12`, for which
    /// `E[x^2] = sqrt(6 sigma_b2) Gamma(3/4) / Gamma(1/4)`.
    #[test]
    fn the_stationary_density_of_a_driven_unit_is_that_of_a_quartic_well() {
        let sigma_b2 = 1e-3;
        let found = point(1e-6, sigma_b2).p_star;
        let expected = (6.0 * sigma_b2).sqrt() * 0.337_989_12;
        assert!((found / expected - 1.0).abs() < 0.05, "{found} {expected}");
    }

    #[test]
    fn profiles_settle_at_the_fixed_point() {
        let blocks = PostActivation::new(Activation::Tanh, 1.5, 0.05).unwrap();
        let profile = blocks.profile(4.0, 100).unwrap();
        let settled = blocks.fixed_point().p_star;
        assert!((profile[99] / settled - 1.0).abs() < 0.05, "{} {settled}", profile[99]);
        assert!(blocks.profile(f64::NAN, 3).is_err());
    }

    #[test]
    fn unbounded_activations_are_refused() {
        let error = PostActivation::new(Activation::Relu, 1.0, 0.0).unwrap_err();
        assert!(error.to_string().contains("relu"), "{error}");
    }
}
