//! Mean-field theory of dropout: no critical point exists, and every depth scale is finite.
//!
//! Each activation is kept with probability `p` and then divided by `p`, with independent masks for different inputs.
//! The variance of the masks enters the length map but not the correlation map (Schoenholz et al. arXiv:1611.01232,
//! section on dropout):
//!
//! ```text
//! q'   = (sigma_w2 / p) E[phi(u)^2] + sigma_b2
//! q' c' = sigma_w2 E[phi(u_1) phi(u_2)] + sigma_b2
//! ```
//!
//! Two copies of one input therefore decorrelate, `c'(1) < 1`, and `c* < 1` everywhere.

use isobath_architecture::Activation;

use crate::{
    Error, FixedPoint, Result, Theory,
    roots::newton_log,
    theory::{check, check_correlation, check_length},
};

/// Fully connected layers with dropout.
#[derive(Clone, Copy, Debug)]
pub struct Dropout {
    /// The theory without dropout whose weight variance `sigma_w2 / p` gives the same lengths.
    pub(crate) inflated: Theory,
    pub(crate) keep: f64,
}

/// Smallest probability of keeping an activation.
const MIN_KEEP: f64 = 1e-6;

impl Dropout {
    /// Creates the theory with keep probability `keep` in `[1e-6, 1]` and variances as in [`Theory::new`].
    ///
    /// # Errors
    /// [`Error::OutOfRange`] if an argument is outside its range.
    pub fn new(activation: Activation, sigma_w2: f64, sigma_b2: f64, keep: f64) -> Result<Self> {
        check("keep", keep, MIN_KEEP, 1.0, "a probability from 1e-6 to 1")?;
        // Check the variance before dividing it, so that an error message contains the caller's value.
        Theory::new(activation, sigma_w2, sigma_b2)?;
        Ok(Self { inflated: Theory::new(activation, sigma_w2 / keep, sigma_b2)?, keep })
    }

    /// Length map.
    ///
    /// # Errors
    /// [`Error::OutOfRange`] unless `q` is in `[0, 1e60]`.
    pub fn length_map(&self, q: f64) -> Result<f64> {
        self.inflated.length_map(q)
    }

    /// Correlation map at equal lengths `q`.
    ///
    /// # Errors
    /// [`Error::OutOfRange`] unless `q` is in `[0, 1e60]` and `c` in `[-1, 1]`.
    pub fn correlation_map(&self, q: f64, c: f64) -> Result<f64> {
        check_length("q", q)?;
        check_correlation("c", c)?;
        Ok(1.0 - self.next_deficiency(q, 1.0 - c))
    }

    /// Stable fixed point of lengths and correlations.
    ///
    /// `chi_1 = (sigma_w2 / p) E[phi'^2]` determines whether gradients vanish or explode, and the phase follows from
    /// it; `c* < 1` in both phases. `chi_c_star` is the slope of the correlation map at `c*`. Where lengths decay to
    /// zero, this slope is a ratio of two vanishing rates. The masks alone then determine the correlation, and `c* = 0`
    /// for an activation that is linear at zero.
    ///
    /// # Errors
    /// [`Error::LengthDiverges`] or [`Error::BiasTooLarge`] if there is no stable length.
    pub fn fixed_point(&self) -> Result<FixedPoint> {
        let plain = self.inflated.fixed_point().map_err(|error| self.with_given_variance(error))?;
        if self.keep >= 1.0 {
            return Ok(plain);
        }
        let (d_star, chi) = self.stable_deficiency(plain.q_star.unwrap_or(1.0));
        Ok(plain.with_correlation(d_star, chi))
    }

    /// Fraction of the next length that the variance of the masks contributes.
    fn mask_fraction(&self, q: f64) -> f64 {
        let noise = 1.0 - self.keep;
        if q <= 0.0 && self.inflated.vanishes_at_zero() {
            return noise;
        }
        let length = self.inflated.length(q);
        noise * (length - self.inflated.sigma_b2) / length
    }

    fn next_deficiency(&self, q: f64, d: f64) -> f64 {
        let kept = self.keep * self.inflated.length_ratio(q) * self.inflated.pair(q, d).contraction;
        (kept * d + self.mask_fraction(q)).clamp(0.0, 2.0)
    }

    /// Fixed point `d*` and the slope of the correlation map there.
    ///
    /// As without dropout, the deficiency map is concave. It starts above zero, so it crosses the diagonal exactly
    /// once.
    fn stable_deficiency(&self, q: f64) -> (f64, f64) {
        let scale = self.keep * self.inflated.length_ratio(q);
        let noise = self.mask_fraction(q);
        let pair = |d: f64| self.inflated.pair(q, d);
        let excess = |d: f64| scale * pair(d).contraction + noise / d - 1.0;
        if excess(1.0) >= 0.0 {
            return (1.0, scale * pair(1.0).gradient);
        }
        let d_star = newton_log(noise.max(f64::MIN_POSITIVE), 1.0, noise.sqrt(), |d| {
            let pair = pair(d);
            let (contraction, gradient) = (scale * pair.contraction, scale * pair.gradient);
            (contraction + noise / d - 1.0, gradient - contraction - noise / d)
        });
        (d_star, scale * pair(d_star).gradient)
    }

    /// Converts limits of the inflated variance in an error to limits of the given variance.
    fn with_given_variance(&self, error: Error) -> Error {
        let keep = self.keep;
        match error {
            Error::LengthDiverges { activation, sigma_w2, sigma_b2, limit } => {
                let (sigma_w2, limit) = (keep * sigma_w2, keep * limit);
                Error::LengthDiverges { activation, sigma_w2, sigma_b2, limit }
            }
            Error::BiasTooLarge { activation, sigma_w2, sigma_b2, limit } => {
                Error::BiasTooLarge { activation, sigma_w2: keep * sigma_w2, sigma_b2, limit }
            }
            other => other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fixed_point(sigma_w2: f64, keep: f64) -> FixedPoint {
        Dropout::new(Activation::Tanh, sigma_w2, 0.05, keep).unwrap().fixed_point().unwrap()
    }

    #[test]
    fn keep_probability_one_equals_no_dropout() {
        let plain = Theory::new(Activation::Tanh, 2.5, 0.05).unwrap().fixed_point().unwrap();
        assert_eq!(fixed_point(2.5, 1.0), plain);
        let almost = fixed_point(2.5, 1.0 - 1e-9);
        assert!((almost.c_star - plain.c_star).abs() < 1e-7, "{almost:?}");
        assert!((almost.xi_c / plain.xi_c - 1.0).abs() < 1e-6, "{almost:?}");
    }

    #[test]
    fn no_weight_variance_is_critical() {
        let longest = |keep: f64| {
            (100..400).map(|i| fixed_point(0.01 * f64::from(i), keep).xi_c).fold(0.0, f64::max)
        };
        let [strong, weak, weaker] = [0.9, 0.99, 0.999].map(longest);
        assert!(strong < weak && weak < weaker && weaker < 100.0, "{strong} {weak} {weaker}");
    }

    /// Near criticality `d' = noise + chi d - k d^2`. At `chi = 1` noise `e` therefore gives `d* ~ sqrt(e / k)` and a
    /// depth scale of `1 / (2 sqrt(e k))`.
    #[test]
    fn longest_scale_grows_like_the_inverse_root_of_the_drop_rate() {
        let critical = crate::critical_sigma_w2(Activation::Tanh, 0.05).unwrap();
        let scale = |drop: f64| fixed_point(critical * (1.0 - drop), 1.0 - drop).xi_c;
        let ratio = scale(1e-8) / scale(1e-6);
        assert!((ratio - 10.0).abs() < 0.05, "{ratio}");
    }

    #[test]
    fn masks_alone_set_the_correlation_where_lengths_vanish() {
        let point = Dropout::new(Activation::Tanh, 0.5, 0.0, 0.8).unwrap().fixed_point().unwrap();
        assert_eq!((point.q_star, point.c_star), (Some(0.0), 0.0));
        assert!((point.chi_c_star - 0.8).abs() < 1e-15, "{point:?}");
    }

    #[test]
    fn limits_refer_to_the_given_variance() {
        let error = Dropout::new(Activation::Relu, 1.9, 0.1, 0.9).unwrap().fixed_point();
        let Err(Error::LengthDiverges { sigma_w2, limit, .. }) = error else { panic!("{error:?}") };
        assert!((sigma_w2 - 1.9).abs() < 1e-12 && (limit - 1.8).abs() < 1e-12);
        assert!(Dropout::new(Activation::Relu, 1.0, 0.1, 0.0).is_err());
        assert!(Dropout::new(Activation::Relu, 1.0, 0.1, 1.1).is_err());
    }
}
