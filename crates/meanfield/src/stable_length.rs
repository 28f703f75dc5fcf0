//! Stable length `q*`, the fixed point `V(q) = q` of the length map.
//!
//! For all activations but two, `|phi(x) / x|` decreases with `|x|`. `V(q) / q` then decreases with `q` and crosses one
//! at most once. GELU and SiLU are convex near zero: their `V'(q)` increases from `sigma_w2 / 4` to a maximum slightly
//! above `sigma_w2 / 2` and then decreases to `sigma_w2 / 2`. `V(q) - q` may therefore have a minimum and a maximum.

use crate::{
    Error, Result, Theory,
    phi::{Growth, Shape},
    roots::{brent, newton_log},
    theory::MAX_LENGTH,
};

impl Theory {
    /// Stable length `q*`, the larger one if two are stable; `None` if every length is a fixed point.
    pub(crate) fn stable_length(&self) -> Result<Option<f64>> {
        if matches!(self.phi.0, Shape::Rectifier { .. }) {
            return self.homogeneous_length();
        }
        if self.sigma_b2 <= 0.0 && self.phi.at_zero() <= 0.0 && self.slope_at_zero() <= 1.0 {
            return Ok(Some(0.0));
        }
        let Some((lo, hi)) = self.length_bracket()? else { return Ok(Some(0.0)) };
        let guess = self.sigma_w2 + self.sigma_b2;
        Ok(Some(newton_log(lo, hi, guess, |q| {
            let moments = self.kernel.moments(q);
            let next = self.sigma_w2 * moments.square + self.sigma_b2;
            (((next - q) / q).ln_1p(), self.sigma_w2 * moments.slope * q / next - 1.0)
        })))
    }

    /// Stable length `q* = sigma_b2 / (1 - sigma_w2 E[phi'^2])` of activations with `phi(a x) = a phi(x)`, `a > 0`.
    fn homogeneous_length(&self) -> Result<Option<f64>> {
        let gain = self.slope_at_zero();
        if self.sigma_b2 <= 0.0 && (gain - 1.0).abs() <= 4.0 * f64::EPSILON {
            return Ok(None);
        }
        let q = self.sigma_b2 / (1.0 - gain);
        if gain < 1.0 && q <= MAX_LENGTH {
            Ok(Some(q))
        } else {
            Err(self.diverges(self.sigma_w2 / gain))
        }
    }

    /// Bracket in which `V(q) - q` falls through zero at the stable length and nowhere else.
    ///
    /// `None` if the stable length cannot be distinguished from zero.
    fn length_bracket(&self) -> Result<Option<(f64, f64)>> {
        let limit = match self.phi.growth() {
            Growth::Bounded(bound) => {
                let hi = self.sigma_w2 * bound * bound + self.sigma_b2;
                return Ok(self.length_lower_bound().map(|lo| (lo, hi)));
            }
            Growth::Linear(slope) => slope.recip(),
        };
        if let Some(steepest) = self.phi.steepest_length() {
            return self.gated_bracket(steepest, limit).map(Some);
        }
        // At the limit itself, the curvature at zero keeps V(q) / q above one.
        if self.sigma_w2 >= limit {
            return Err(self.diverges(limit));
        }
        let Some(lo) = self.length_lower_bound() else { return Ok(None) };
        let hi = self.length_upper_bound(lo).ok_or_else(|| self.diverges(limit))?;
        Ok(Some((lo, hi)))
    }

    /// Bracket for GELU and SiLU. Every length diverges at `sigma_w2 = 4`, and large ones diverge at `limit`.
    fn gated_bracket(&self, steepest: f64, limit: f64) -> Result<(f64, f64)> {
        let lo = self.length(0.0);
        let excess_slope = |q: f64| self.sigma_w2 * self.kernel.moments(q).slope - 1.0;
        if excess_slope(0.0) >= 0.0 {
            return Err(self.diverges(self.sigma_w2 / self.slope_at_zero()));
        }
        let above = |q: f64| self.length_upper_bound(q).ok_or_else(|| self.diverges(limit));
        if excess_slope(steepest) <= 0.0 {
            return Ok((lo, above(lo)?));
        }
        let minimum = brent(0.0, steepest, excess_slope);
        if self.sigma_w2 < limit {
            let end = doublings(steepest).find(|&q| excess_slope(q) < 0.0).unwrap_or(MAX_LENGTH);
            let maximum = brent(steepest, end, excess_slope);
            if self.length(maximum) >= maximum {
                return Ok((maximum, above(maximum)?));
            }
        }
        if self.length(minimum) > minimum {
            let (activation, sigma_w2, sigma_b2) = (self.activation, self.sigma_w2, self.sigma_b2);
            let limit = self.sigma_b2 - (self.length(minimum) - minimum);
            return Err(Error::BiasTooLarge { activation, sigma_w2, sigma_b2, limit });
        }
        Ok((lo, minimum))
    }

    /// Positive lower bound `q` of the stable length, with `V(q) >= q`.
    fn length_lower_bound(&self) -> Option<f64> {
        // V increases, so the length after zero is below the fixed point.
        let after_zero = self.length(0.0);
        if after_zero > 0.0 {
            return Some(after_zero);
        }
        // With V(q) = q (1 + e - k q) and e below the rounding error, zero is an equally good answer.
        std::iter::successors(Some(1.0), |&q| (q > SMALLEST_LENGTH).then_some(0.25 * q))
            .find(|&q| self.length(q) > q)
    }

    /// Upper bound `r > q` of the stable length, with `V(r) <= r`.
    fn length_upper_bound(&self, q: f64) -> Option<f64> {
        doublings(q.max(1.0)).find(|&q| self.length(q) <= q)
    }

    fn slope_at_zero(&self) -> f64 {
        self.sigma_w2 * self.phi.slope_square_at_zero()
    }

    fn diverges(&self, limit: f64) -> Error {
        let (activation, sigma_w2, sigma_b2) = (self.activation, self.sigma_w2, self.sigma_b2);
        Error::LengthDiverges { activation, sigma_w2, sigma_b2, limit }
    }
}

const SMALLEST_LENGTH: f64 = 1e-18;

fn doublings(start: f64) -> impl Iterator<Item = f64> {
    std::iter::successors(Some(start), |&q| (q < 0.5 * MAX_LENGTH).then_some(2.0 * q))
}

#[cfg(test)]
mod tests {
    use super::*;
    use isobath_architecture::Activation;

    fn length(activation: Activation, sigma_w2: f64, sigma_b2: f64) -> Result<Option<f64>> {
        Theory::new(activation, sigma_w2, sigma_b2).unwrap().stable_length()
    }

    #[test]
    fn finds_the_larger_of_two_stable_lengths() {
        let theory = Theory::new(Activation::Gelu, 1.995, 0.145).unwrap();
        let found = theory.stable_length().unwrap().unwrap();
        let reached = |start| theory.length_profile(start, 100_000).unwrap()[99_999];
        let (from_below, from_above) = (reached(0.0), reached(1e4));
        assert!(
            from_above > 2.0 * from_below,
            "{from_below} {from_above}: the strip of two stable lengths has moved"
        );
        assert!((found / from_above - 1.0).abs() < 1e-9, "{found} {from_above}");
    }

    #[test]
    fn steepest_length_maximises_the_slope() {
        for activation in [Activation::Gelu, Activation::Silu] {
            let theory = Theory::new(activation, 1.0, 0.0).unwrap();
            let q = theory.phi.steepest_length().unwrap();
            let [before, there, after] =
                [0.99, 1.0, 1.01].map(|factor| theory.length_slope(factor * q).unwrap());
            assert!(there > before && there > after, "{activation}: {before} {there} {after}");
        }
    }

    #[test]
    fn iteration_from_both_sides_agrees() {
        for activation in Activation::ALL {
            let theory = Theory::new(activation, 0.9, 0.3).unwrap();
            let found = theory.stable_length().unwrap().unwrap();
            for start in [1e-3, 50.0] {
                let end = theory.length_profile(start, 1000).unwrap()[999];
                assert!((end / found - 1.0).abs() < 1e-13, "{activation}: {end} {found}");
            }
        }
    }

    #[test]
    fn the_stable_length_vanishes_at_the_bias_limit() {
        for activation in [Activation::Gelu, Activation::Silu] {
            let Err(Error::BiasTooLarge { limit, .. }) = length(activation, 3.0, 10.0) else {
                panic!()
            };
            assert!(length(activation, 3.0, limit * (1.0 - 1e-9)).is_ok());
            assert!(length(activation, 3.0, limit * (1.0 + 1e-9)).is_err());
        }
    }
}
