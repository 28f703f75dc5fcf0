//! Residual blocks with the activation after the addition: `x_l = phi(x_{l-1} + W_2 phi(W_1 x_{l-1} + b_1) + b_2)`.
//!
//! These are the residual networks of arXiv:2406.12916. The branch is Gaussian but the stream is not: the value of a
//! unit is a nonlinear function of all previous inputs to it, so no recursion of a few moments closes. The mean-field
//! theory is instead a stochastic process of one unit. Independent normal variables drive it, and their variance
//! depends on the mean over all units:
//!
//! ```text
//! u_l = x_{l-1} + n_l,   x_l = phi(u_l),   n_l ~ N(0, sigma_w2 E[phi(h)^2] + sigma_b2),
//! h ~ N(0, sigma_w2 E[x_{l-1}^2] + sigma_b2)
//! ```
//!
//! The mean square per unit of a small difference between two inputs is
//!
//! ```text
//! G_l = phi'(u_l)^2 (G_{l-1} + sigma_w2^2 E[phi'(h)^2] E[G_{l-1}])
//! ```
//!
//! Its growth rate `chi` plays the role of `chi_1`; gradients grow at the same rate in back-propagation. Both equations
//! are solved by sampling a population of units. The number of units sets the precision, which is estimated and
//! returned.

use isobath_architecture::Activation;
use serde::Serialize;

use crate::{
    Error, Result, Theory,
    fixed_point::finite_or_null,
    normal_rng::NormalRng,
    theory::{MAX_VARIANCE, check},
};

/// Mean-field theory of these blocks; both weights have variance `sigma_w2`, both biases `sigma_b2`.
#[derive(Clone, Copy, Debug)]
pub struct PostActivation {
    inner: Theory,
}

/// Stationary state of the population.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct PostActivationPoint {
    /// Mean square of the stream.
    pub p_star: f64,
    /// Factor by which the squared difference of similar inputs grows per block.
    pub chi: f64,
    /// Standard error of `ln chi`, from the variation between runs of blocks.
    pub ln_chi_error: f64,
    /// Depth scale `-1 / ln chi` of the ordered phase; infinite if `chi >= 1`.
    #[serde(serialize_with = "finite_or_null")]
    pub xi_c: f64,
}

/// Number of units, of blocks before the average, of averaged runs, and of blocks in each run.
const N_UNITS: usize = 4_000;
const N_BURN_IN: usize = 300;
const N_RUNS: usize = 12;
const RUN_LENGTH: usize = 25;

impl PostActivation {
    /// Creates the theory of a bounded activation, with variances as in [`Theory::new`].
    ///
    /// # Errors
    /// [`Error::OutOfRange`] if a variance is outside its range, [`Error::Unbounded`] if the activation is unbounded,
    /// so that the stream may grow without limit.
    pub fn new(activation: Activation, sigma_w2: f64, sigma_b2: f64) -> Result<Self> {
        // Beyond, steps of the activation are narrower than the distance between the units of the population.
        check(
            "sigma_w2",
            sigma_w2,
            0.0,
            1e6,
            "from 0 to 1,000,000 with the activation after the addition",
        )?;
        let inner = Theory::new(activation, sigma_w2, sigma_b2)?;
        if inner.phi.is_bounded() {
            Ok(Self { inner })
        } else {
            Err(Error::Unbounded { activation })
        }
    }

    /// Mean square of the stream after each of `depth` blocks, starting from units drawn from `N(0, p_0)`.
    ///
    /// # Errors
    /// [`Error::OutOfRange`] unless `p_0` is in `[0, 1e30]`.
    pub fn profile(&self, p_0: f64, depth: usize) -> Result<Vec<f64>> {
        check("p_0", p_0, 0.0, MAX_VARIANCE, "from 0 to 1e30")?;
        let mut population = Population::new(self.inner, p_0);
        Ok((0..depth).map(|_| population.step().0).collect())
    }

    /// Computes the stationary state of the population and the growth rate of small differences there.
    ///
    /// The population runs for 300 blocks first. A slower convergence (`sigma_w2` below about 0.1) is not completed by
    /// then.
    pub fn fixed_point(&self) -> PostActivationPoint {
        let mut population = Population::new(self.inner, 1.0);
        for _ in 0..N_BURN_IN {
            population.step();
        }
        let mut squares = 0.0;
        let runs: Vec<f64> = (0..N_RUNS)
            .map(|_| {
                let mut growth = 0.0;
                for _ in 0..RUN_LENGTH {
                    let (square, ln_growth) = population.step();
                    squares += square;
                    growth += ln_growth;
                }
                growth / RUN_LENGTH as f64
            })
            .collect();
        let (ln_chi, ln_chi_error) = mean_and_error(&runs);
        PostActivationPoint {
            p_star: squares / (N_RUNS * RUN_LENGTH) as f64,
            chi: ln_chi.exp(),
            ln_chi_error,
            xi_c: if ln_chi < 0.0 { -ln_chi.recip() } else { f64::INFINITY },
        }
    }
}

/// Sample of units that approximates infinitely many.
struct Population {
    theory: Theory,
    x: Vec<f64>,
    /// Squared differences `G`, scaled to mean one after each block.
    difference: Vec<f64>,
    normal: NormalRng,
}

impl Population {
    fn new(theory: Theory, p_0: f64) -> Self {
        let mut normal = NormalRng::new(N_UNITS as u64);
        let x = (0..N_UNITS).map(|_| p_0.sqrt() * normal.draw()).collect();
        Self { theory, x, difference: vec![1.0; N_UNITS], normal }
    }

    /// Advances one block; returns the mean square of the stream after it and the logarithm of the growth of
    /// differences.
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

/// Mean of `values` and its standard error.
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

    /// Biases are common to all inputs and make them more similar; weights do not.
    #[test]
    fn biases_cause_order_and_weights_chaos() {
        let (ordered, chaotic) = (point(0.5, 0.5), point(3.0, 2e-5));
        assert!(ordered.chi + 5.0 * ordered.ln_chi_error < 1.0, "{ordered:?}");
        assert!(chaotic.chi - 5.0 * chaotic.ln_chi_error > 1.0, "{chaotic:?}");
        assert!(ordered.xi_c.is_finite() && chaotic.xi_c.is_infinite());
    }

    /// Without the branch a block is `x -> tanh(x + n)` with noise of variance `sigma_b2` alone. For small noise the
    /// stationary density of `x` is that of a particle in the potential `x^4 / 12`, for which
    /// `E[x^2] = sqrt(6 sigma_b2) Gamma(3/4) / Gamma(1/4)`.
    #[test]
    fn stationary_density_matches_a_quartic_potential() {
        let sigma_b2 = 1e-3;
        let found = point(1e-6, sigma_b2).p_star;
        let expected = (6.0 * sigma_b2).sqrt() * 0.337_989_12;
        assert!((found / expected - 1.0).abs() < 0.05, "{found} {expected}");
    }

    #[test]
    fn profiles_converge_to_the_fixed_point() {
        let blocks = PostActivation::new(Activation::Tanh, 1.5, 0.05).unwrap();
        let profile = blocks.profile(4.0, 100).unwrap();
        let settled = blocks.fixed_point().p_star;
        assert!((profile[99] / settled - 1.0).abs() < 0.05, "{} {settled}", profile[99]);
        assert!(blocks.profile(f64::NAN, 3).is_err());
    }

    #[test]
    fn unbounded_activations_are_errors() {
        let error = PostActivation::new(Activation::Relu, 1.0, 0.0).unwrap_err();
        assert!(error.to_string().contains("relu"), "{error}");
    }
}
