//! Lengths, correlations and gradients of the samples of a data set, layer by layer.

use ndarray::{Array2, ArrayView2};
use serde::Serialize;

use crate::{LayerKernels, Result, Theory};

/// Mean and quantiles of a quantity over samples or pairs of samples.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Spread {
    /// Mean.
    pub mean: f64,
    /// 5% quantile.
    pub low: f64,
    /// 95% quantile.
    pub high: f64,
}

/// Predicted statistics of the pre-activations of one layer for given samples.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct LayerStatistics {
    /// Layer, counted from one.
    pub layer: usize,
    /// Lengths `q_l` over samples.
    pub q: Spread,
    /// Correlations `c_l` over pairs of different samples; one for a single sample.
    pub c: Spread,
    /// `ln(E|dE/dh_l|^2 / E|dE/dh_depth|^2)` over samples.
    pub ln_gradient: Spread,
}

impl Theory {
    /// Statistics of the layers `1, ..., depth` for `inputs` `[n, D]`: each sample starts from its own length and each
    /// pair from its own correlation.
    ///
    /// # Errors
    /// As for [`LayerKernels::new`] and [`LayerKernels::advance`].
    pub fn data_profile(
        &self,
        inputs: ArrayView2<'_, f32>,
        depth: usize,
    ) -> Result<Vec<LayerStatistics>> {
        let mut kernels = LayerKernels::new(*self, inputs)?;
        let mut layers = Vec::with_capacity(depth);
        // ln chi_1 of each layer, [depth, n]
        let mut gains = Array2::zeros((depth, inputs.nrows()));
        for layer in 1..=depth {
            let lengths = kernels.next_lengths();
            let c = Spread::of(self.correlations(&kernels, &lengths));
            for (gain, &q) in gains.row_mut(layer - 1).iter_mut().zip(&lengths) {
                *gain = (self.sigma_w2 * self.kernel.gradient_square(q)).ln();
            }
            let q = Spread::of(lengths);
            layers.push(LayerStatistics { layer, q, c, ln_gradient: Spread::of(vec![0.0]) });
            if layer < depth {
                kernels.advance()?;
            }
        }
        let mut sums = vec![0.0; inputs.nrows()];
        for (index, layer) in layers.iter_mut().enumerate().rev() {
            // The gradient ratio of the last layer is one; gradients of the other layers pass through their own
            // activations.
            if index + 1 < depth {
                sums.iter_mut().zip(gains.row(index)).for_each(|(sum, gain)| *sum += gain);
            }
            layer.ln_gradient = Spread::of(sums.clone());
        }
        Ok(layers)
    }

    /// Correlations of all pairs in the layer after `kernels`.
    fn correlations(&self, kernels: &LayerKernels, lengths: &[f64]) -> Vec<f64> {
        let kernel = kernels.kernel();
        let pairs = (0..lengths.len()).flat_map(|i| (0..i).map(move |j| (i, j)));
        let correlation = |(i, j): (usize, usize)| {
            let scale = lengths[i].sqrt() * lengths[j].sqrt();
            let covariance = self.sigma_w2 * kernel[[i, j]] + self.sigma_b2;
            if scale > 0.0 { (covariance / scale).clamp(-1.0, 1.0) } else { 0.0 }
        };
        let correlations: Vec<f64> = pairs.map(correlation).collect();
        if correlations.is_empty() { vec![1.0] } else { correlations }
    }
}

impl Spread {
    /// Mean and quantiles of `values`, which must not be empty.
    fn of(mut values: Vec<f64>) -> Self {
        values.sort_by(f64::total_cmp);
        let last = values.len() - 1;
        let at = |share: f64| {
            let place = share * last as f64;
            let (below, part) = (place.floor() as usize, place.fract());
            values[below] + part * (values[(below + 1).min(last)] - values[below])
        };
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        Self { mean, low: at(0.05), high: at(0.95) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::PairStart;
    use isobath_architecture::Activation;
    use ndarray::array;

    #[test]
    fn two_samples_match_the_profile_of_their_pair() {
        let theory = Theory::new(Activation::Tanh, 1.5, 0.05).unwrap();
        let inputs = array![[1.0_f32, 0.0, 1.0, 0.0], [1.0, 1.0, 0.0, 0.0]];
        let layers = theory.data_profile(inputs.view(), 8).unwrap();
        let q = 1.5 * 0.5 + 0.05;
        let start = PairStart { q_a: q, q_b: q, c: (1.5 * 0.25 + 0.05) / q };
        let lengths = theory.length_profile(q, 8).unwrap();
        let correlations = theory.correlation_profile(start, 8).unwrap();
        let gradients = theory.gradient_profile(q, 8).unwrap();
        for (l, layer) in layers.iter().enumerate() {
            assert!((layer.q.mean - lengths[l]).abs() < 1e-13, "{layer:?}");
            assert!((layer.c.mean - correlations[l]).abs() < 1e-8, "{layer:?} {}", correlations[l]);
            assert!((layer.ln_gradient.mean - gradients[l]).abs() < 1e-12, "{layer:?}");
        }
    }

    #[test]
    fn quantiles_cover_the_central_range() {
        let spread = Spread::of((0..=100).rev().map(f64::from).collect());
        assert!((spread.mean - 50.0).abs() < 1e-12);
        assert!((spread.low - 5.0).abs() < 1e-12 && (spread.high - 95.0).abs() < 1e-12);
    }

    #[test]
    fn a_single_sample_has_correlation_one() {
        let theory = Theory::new(Activation::Relu, 1.5, 0.05).unwrap();
        let layers = theory.data_profile(array![[0.3_f32]].view(), 2).unwrap();
        assert!((layers[1].c.low - 1.0).abs() < 1e-15);
        assert!(theory.data_profile(array![[0.3_f32]].view(), 0).unwrap().is_empty());
    }
}
