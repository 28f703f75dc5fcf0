//! Lengths, correlations and gradients layer by layer.

use crate::{
    Error, MAX_LENGTH, Result, Theory,
    theory::{check, check_correlation, check_length},
};

/// Pre-activations of two inputs in the first layer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PairStart {
    /// Length `q_1` of the first input, a variance per unit.
    pub q_a: f64,
    /// Length of the second input.
    pub q_b: f64,
    /// Correlation of the two inputs, in `[-1, 1]`.
    pub c: f64,
}

impl Theory {
    /// Lengths `q_1, ..., q_depth`, starting from the given `q_1`.
    ///
    /// # Errors
    /// [`Error::OutOfRange`] unless `q_1` is in `[0, 1e60]`, [`Error::LengthOverflow`] if lengths grow beyond that.
    pub fn length_profile(&self, q_1: f64, depth: usize) -> Result<Vec<f64>> {
        check_length("q_1", q_1)?;
        let mut q = q_1;
        (1..=depth)
            .map(|layer| {
                if layer > 1 {
                    q = self.checked_length(q, layer)?;
                }
                Ok(q)
            })
            .collect()
    }

    /// Correlations `c_1, ..., c_depth` of two inputs whose lengths may differ.
    ///
    /// While the length of an input is zero, its correlation with the other is undefined and keeps its previous value.
    ///
    /// # Errors
    /// [`Error::OutOfRange`] unless the start's lengths are in `[0, 1e60]` and its correlation in `[-1, 1]`,
    /// [`Error::LengthOverflow`] if lengths grow beyond that.
    pub fn correlation_profile(&self, start: PairStart, depth: usize) -> Result<Vec<f64>> {
        check_length("q_a", start.q_a)?;
        check_length("q_b", start.q_b)?;
        check_correlation("c", start.c)?;
        if start.q_a.total_cmp(&start.q_b).is_eq() {
            let deficiencies = self.deficiency_profile(start.q_a, 1.0 - start.c, depth)?;
            return Ok(deficiencies.into_iter().map(|d| 1.0 - d).collect());
        }
        let PairStart { mut q_a, mut q_b, mut c } = start;
        (1..=depth)
            .map(|layer| {
                if layer > 1 {
                    let covariance =
                        self.sigma_w2 * self.kernel.covariance(q_a, q_b, c) + self.sigma_b2;
                    q_a = self.checked_length(q_a, layer)?;
                    q_b = self.checked_length(q_b, layer)?;
                    let scale = q_a.sqrt() * q_b.sqrt();
                    if scale > 0.0 {
                        c = (covariance / scale).clamp(-1.0, 1.0);
                    }
                }
                Ok(c)
            })
            .collect()
    }

    /// Deficiencies `d = 1 - c` of two inputs of equal length `q_1`, from `d_1` to `d_depth`.
    ///
    /// Unlike the correlation, the deficiency keeps its relative accuracy for arbitrarily similar inputs.
    ///
    /// # Errors
    /// [`Error::OutOfRange`] unless `q_1` is in `[0, 1e60]` and `d_1` in `[0, 2]`, [`Error::LengthOverflow`] if lengths
    /// grow beyond that.
    pub fn deficiency_profile(&self, q_1: f64, d_1: f64, depth: usize) -> Result<Vec<f64>> {
        check_length("q_1", q_1)?;
        check("d_1", d_1, 0.0, 2.0, "from 0 to 2")?;
        let (mut q, mut d) = (q_1, d_1);
        (1..=depth)
            .map(|layer| {
                if layer > 1 {
                    d = self.next_deficiency(q, d);
                    q = self.checked_length(q, layer)?;
                }
                Ok(d)
            })
            .collect()
    }

    /// Logarithms `ln(E|dE/dh_l|^2 / E|dE/dh_depth|^2)` for `l = 1, ..., depth`, with the pre-activations `h_l` of
    /// layers of equal width (Schoenholz et al. arXiv:1611.01232, on backpropagation); the last element is zero.
    ///
    /// The ratio itself overflows after some hundred chaotic layers.
    ///
    /// # Errors
    /// As for [`length_profile`](Self::length_profile).
    pub fn gradient_profile(&self, q_1: f64, depth: usize) -> Result<Vec<f64>> {
        let lengths = self.length_profile(q_1, depth)?;
        let mut ratios = vec![0.0; depth];
        for l in (0..depth.saturating_sub(1)).rev() {
            ratios[l] =
                ratios[l + 1] + (self.sigma_w2 * self.kernel.gradient_square(lengths[l])).ln();
        }
        Ok(ratios)
    }

    fn checked_length(&self, q_before: f64, layer: usize) -> Result<f64> {
        let q = self.length(q_before);
        if q <= MAX_LENGTH { Ok(q) } else { Err(Error::LengthOverflow { layer, q }) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use isobath_architecture::Activation;

    fn theory(activation: Activation, sigma_w2: f64, sigma_b2: f64) -> Theory {
        Theory::new(activation, sigma_w2, sigma_b2).unwrap()
    }

    #[test]
    fn profiles_end_at_the_fixed_point() {
        let theory = theory(Activation::Tanh, 2.5, 0.05);
        let point = theory.fixed_point().unwrap();
        let q = theory.length_profile(3.0, 60).unwrap();
        assert!((q[59] - point.q_star.unwrap()).abs() < 1e-12);
        let c = theory.correlation_profile(PairStart { q_a: 3.0, q_b: 0.2, c: 0.9 }, 400).unwrap();
        assert!((c[399] - point.c_star).abs() < 1e-12);
    }

    #[test]
    fn deficiencies_decay_at_the_rate_chi_1_far_below_rounding() {
        let theory = theory(Activation::Tanh, 0.8, 0.05);
        let d = theory.deficiency_profile(0.5, 0.1, 300).unwrap();
        let rate = d[299] / d[298];
        assert!(
            d[299] < 1e-40 && (rate - theory.fixed_point().unwrap().chi_1).abs() < 1e-12,
            "{rate}"
        );
    }

    #[test]
    fn different_lengths_approach_the_equal_case() {
        for activation in Activation::ALL {
            let theory = theory(activation, 1.4, 0.1);
            let start = PairStart { q_a: 0.8, q_b: 0.8, c: 0.6 };
            let equal = theory.correlation_profile(start, 3).unwrap();
            let nearly =
                theory.correlation_profile(PairStart { q_b: 0.8 + 1e-9, ..start }, 3).unwrap();
            assert!((equal[2] - nearly[2]).abs() < 1e-8, "{activation}: {equal:?} {nearly:?}");
        }
    }

    #[test]
    fn gradients_grow_by_chi_1_per_layer() {
        let theory = theory(Activation::Erf, 3.0, 0.05);
        let point = theory.fixed_point().unwrap();
        let ratios = theory.gradient_profile(point.q_star.unwrap(), 2000).unwrap();
        assert!((ratios[0] / (1999.0 * point.chi_1.ln()) - 1.0).abs() < 1e-10);
        assert!(theory.gradient_profile(1.0, 0).unwrap().is_empty());
    }

    #[test]
    fn overflow_reports_the_layer() {
        let error = theory(Activation::Relu, 2e11, 0.0).length_profile(1.0, 100).unwrap_err();
        assert!(matches!(error, Error::LengthOverflow { layer: 7, .. }), "{error}");
    }
}
