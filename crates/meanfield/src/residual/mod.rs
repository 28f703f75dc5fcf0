//! Residual networks, in which lengths, correlations and gradients change more slowly than exponentially.
//!
//! Each block adds the output of a branch to a stream `x` (Yang and Schoenholz arXiv:1712.08969):
//!
//! ```text
//! h_l = W x_{l-1} + b
//! x_l = x_{l-1} + phi(h_l)                 reduced
//! x_l = x_{l-1} + V phi(h_l) + a           full
//! ```
//!
//! With `p = E[x^2]` and `q = E[h^2]`, means over units,
//!
//! ```text
//! q_l = sigma_w2 p_{l-1} + sigma_b2
//! p_l = p_{l-1} + 2 E[x_{l-1}] E[phi(h_l)] + E[phi(h_l)^2]        reduced
//! p_l = p_{l-1} + sigma_v2 E[phi(h_l)^2] + sigma_a2               full
//! ```
//!
//! and likewise for the product of the streams of two inputs. Squared gradients grow by
//! `1 + sigma_v2 sigma_w2 E[phi'(h_l)^2]` per block of back-propagation (reduced: `sigma_v2 = 1`). The middle term of
//! the reduced form vanishes for odd activations, the only ones for which the paper gives it. For other activations the
//! mean of the stream drifts away from zero; the maps here include this drift.

mod asymptotics;
mod post_activation;

use isobath_architecture::Activation;
use serde::Serialize;

pub use self::{
    asymptotics::{AsymptoticLaw, ResidualAsymptotics},
    post_activation::{PostActivation, PostActivationPoint},
};
use crate::{
    Error, MAX_LENGTH, Result, Theory,
    theory::{MAX_VARIANCE, check, check_correlation},
};

/// Branch of a residual block.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Branch {
    /// `phi(h)` without further weights.
    Reduced,
    /// `V phi(h) + a`, whose variances are defined like those of `W` and `b`.
    Full {
        /// Variance of the entries of `V` times their fan-in.
        sigma_v2: f64,
        /// Variance of the added biases `a`.
        sigma_a2: f64,
    },
}

/// Mean-field theory of a residual network.
#[derive(Clone, Copy, Debug)]
pub struct Residual {
    /// Theory of the layer before `phi`.
    inner: Theory,
    branch: Branch,
}

/// Moments of the streams of two inputs, as means over units.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StreamMoments {
    /// `E[x]` of each input.
    pub mean: [f64; 2],
    /// `E[x^2]` of each input.
    pub square: [f64; 2],
    /// `E[x_a x_b]`.
    pub product: f64,
}

/// Mean-field quantities of one block.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct ResidualLayer {
    /// Variance per unit of the pre-activations of each input.
    pub q: [f64; 2],
    /// Correlation of the pre-activations.
    pub c: f64,
    /// Mean square of the stream after the block.
    pub p: [f64; 2],
    /// Cosine of the two streams after the block.
    pub e: f64,
    /// Factor by which squared gradients grow from the output of the block to its input, at the first input.
    pub chi: f64,
}

impl StreamMoments {
    /// Creates centred streams with equal mean squares `p` and cosine `e`.
    pub const fn centred(p: f64, e: f64) -> Self {
        Self { mean: [0.0; 2], square: [p; 2], product: p * e }
    }

    /// Cosine of the streams; one for a stream of zeros.
    fn cosine(&self) -> f64 {
        cosine(self.product, self.square)
    }
}

impl Residual {
    /// Creates the theory with `sigma_w2` and `sigma_b2` as in [`Theory::new`].
    ///
    /// # Errors
    /// [`Error::OutOfRange`] if one of these is outside its range, or in a full branch if `sigma_v2` or `sigma_a2` is
    /// outside `[0, 1e30]`.
    pub fn new(
        activation: Activation,
        sigma_w2: f64,
        sigma_b2: f64,
        branch: Branch,
    ) -> Result<Self> {
        if let Branch::Full { sigma_v2, sigma_a2 } = branch {
            check("sigma_v2", sigma_v2, 0.0, MAX_VARIANCE, "from 0 to 1e30")?;
            check("sigma_a2", sigma_a2, 0.0, MAX_VARIANCE, "from 0 to 1e30")?;
        }
        Ok(Self { inner: Theory::new(activation, sigma_w2, sigma_b2)?, branch })
    }

    /// Quantities of the blocks `1, ..., depth`, starting from the streams before the first block.
    ///
    /// # Errors
    /// [`Error::OutOfRange`] unless mean squares are in `[0, 1e30]` and the cosine in `[-1, 1]`,
    /// [`Error::LengthOverflow`] if the mean square of the stream exceeds `1e60`.
    pub fn profile(&self, start: StreamMoments, depth: usize) -> Result<Vec<ResidualLayer>> {
        for square in start.square {
            check("square", square, 0.0, MAX_VARIANCE, "from 0 to 1e30")?;
        }
        check_correlation("e", start.cosine())?;
        let mut stream = start;
        (1..=depth).map(|layer| self.block(&mut stream, layer)).collect()
    }

    /// Logarithms `ln(E|dE/dx_l|^2 / E|dE/dx_depth|^2)` for `l = 0, ..., depth - 1`, with the streams `x_l` before each
    /// block.
    ///
    /// # Errors
    /// As for [`profile`](Self::profile).
    pub fn gradient_profile(&self, p_0: f64, depth: usize) -> Result<Vec<f64>> {
        let layers = self.profile(StreamMoments::centred(p_0, 1.0), depth)?;
        let mut ratios: Vec<f64> = layers
            .iter()
            .rev()
            .scan(0.0, |sum, layer| {
                *sum += layer.chi.ln();
                Some(*sum)
            })
            .collect();
        ratios.reverse();
        Ok(ratios)
    }

    fn block(&self, stream: &mut StreamMoments, layer: usize) -> Result<ResidualLayer> {
        let Theory { kernel, sigma_w2, sigma_b2, .. } = self.inner;
        let q = stream.square.map(|p| sigma_w2 * p + sigma_b2);
        if let Some(q) = q.into_iter().find(|q| !(0.0..=MAX_LENGTH).contains(q)) {
            return Err(Error::LengthOverflow { layer, q });
        }
        let c = cosine(sigma_w2 * stream.product + sigma_b2, q);
        let square = q.map(|q| kernel.moments(q).square);
        // At c = 1 and equal lengths the inputs are identical, but rounding may separate the covariance from the
        // square.
        let same = q[0].total_cmp(&q[1]).is_eq() && c >= 1.0;
        let product = if same { square[0] } else { kernel.covariance(q[0], q[1], c) };
        self.add(stream, q, square, product);
        let chi = self.sigma_v2().mul_add(sigma_w2 * kernel.gradient_square(q[0]), 1.0);
        Ok(ResidualLayer { q, c, p: stream.square, e: stream.cosine(), chi })
    }

    /// Adds the branch, whose activations have these second moments, to the stream.
    fn add(&self, stream: &mut StreamMoments, q: [f64; 2], square: [f64; 2], product: f64) {
        match self.branch {
            Branch::Reduced => {
                let drift = q.map(|q| self.inner.kernel.mean(q));
                let mean = stream.mean;
                stream.square[0] += 2.0 * mean[0] * drift[0] + square[0];
                stream.square[1] += 2.0 * mean[1] * drift[1] + square[1];
                stream.mean = [mean[0] + drift[0], mean[1] + drift[1]];
                stream.product += mean[0] * drift[1] + mean[1] * drift[0] + product;
            }
            Branch::Full { sigma_v2, sigma_a2 } => {
                stream.square[0] += sigma_v2 * square[0] + sigma_a2;
                stream.square[1] += sigma_v2 * square[1] + sigma_a2;
                stream.product += sigma_v2 * product + sigma_a2;
            }
        }
    }

    /// Factor of the second moments of `phi` in the branch.
    const fn sigma_v2(&self) -> f64 {
        match self.branch {
            Branch::Reduced => 1.0,
            Branch::Full { sigma_v2, .. } => sigma_v2,
        }
    }
}

fn cosine(product: f64, square: [f64; 2]) -> f64 {
    let scale = square[0].sqrt() * square[1].sqrt();
    if scale > 0.0 { (product / scale).clamp(-1.0, 1.0) } else { 1.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FULL: Branch = Branch::Full { sigma_v2: 0.7, sigma_a2: 0.1 };

    #[test]
    fn linear_blocks_add_the_identity() {
        let network = Residual::new(Activation::Linear, 0.5, 0.0, Branch::Reduced).unwrap();
        let layers = network.profile(StreamMoments::centred(2.0, 0.3), 3).unwrap();
        assert!((layers[2].p[0] / (2.0 * 1.5_f64.powi(3)) - 1.0).abs() < 1e-14);
        assert!((layers[2].e - 0.3).abs() < 1e-14 && (layers[2].chi - 1.5).abs() < 1e-14);
    }

    #[test]
    fn identical_inputs_stay_identical() {
        for activation in Activation::ALL {
            for branch in [Branch::Reduced, FULL] {
                let network = Residual::new(activation, 0.9, 0.05, branch).unwrap();
                let start = StreamMoments { mean: [0.2; 2], ..StreamMoments::centred(1.0, 1.0) };
                let last = network.profile(start, 30).unwrap()[29];
                assert!((last.e - 1.0).abs() < 1e-12, "{activation}: {last:?}");
            }
        }
    }

    #[test]
    fn gradients_are_products_of_gains() {
        let network = Residual::new(Activation::Tanh, 1.3, 0.05, FULL).unwrap();
        let layers = network.profile(StreamMoments::centred(1.0, 1.0), 7).unwrap();
        let ratios = network.gradient_profile(1.0, 7).unwrap();
        let product: f64 = layers.iter().map(|layer| layer.chi).product();
        assert!((ratios[0] - product.ln()).abs() < 1e-13);
        assert!((ratios[6] - layers[6].chi.ln()).abs() < 1e-14);
    }

    #[test]
    fn bad_arguments_are_errors() {
        let branch = Branch::Full { sigma_v2: -1.0, sigma_a2: 0.0 };
        assert!(Residual::new(Activation::Tanh, 1.0, 0.0, branch).is_err());
        let network = Residual::new(Activation::Relu, 1e4, 0.0, FULL).unwrap();
        assert!(network.profile(StreamMoments::centred(-1.0, 0.0), 1).is_err());
        assert!(network.profile(StreamMoments::centred(f64::NAN, 0.0), 1).is_err());
        let overflow = network.profile(StreamMoments::centred(1.0, 0.0), 100).unwrap_err();
        assert!(matches!(overflow, Error::LengthOverflow { .. }), "{overflow}");
    }
}
