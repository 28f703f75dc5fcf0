//! Fixed points `q*` and `c*`, and the depth scales of the convergence to them.

use std::fmt;

use serde::{Serialize, Serializer};

use crate::{Result, Theory, roots::newton_log};

/// Phase of a point relative to the critical line `chi_1 = 1`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// `chi_1 < 1`: the correlation of any two inputs converges to one, and gradients vanish.
    Ordered,
    /// `chi_1 = 1` to within 1e-12, the error left by rounding and by its square root in `q*`.
    Critical,
    /// `chi_1 > 1`: similar inputs decorrelate, and gradients explode.
    Chaotic,
}

impl Phase {
    /// Phase at `chi_1`.
    pub fn of(chi_1: f64) -> Self {
        let distance = chi_1 - 1.0;
        if distance.abs() <= Self::CRITICAL_WIDTH {
            Self::Critical
        } else if distance < 0.0 {
            Self::Ordered
        } else {
            Self::Chaotic
        }
    }

    const CRITICAL_WIDTH: f64 = 1e-12;
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Ordered => "ordered",
            Self::Critical => "critical",
            Self::Chaotic => "chaotic",
        })
    }
}

/// Limits of lengths and correlations in deep layers, with the depth scales of the convergence.
///
/// Depth scales are in layers. A depth scale is infinite if nothing decays: [`f64::INFINITY`] here and `null` in JSON.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct FixedPoint {
    /// Stable length `q*` (variance per unit), or `None` where every length is a fixed point: a ReLU-like or linear
    /// activation at `sigma_w2 E[phi'^2] = 1` without bias.
    ///
    /// Every initial length converges to it, except with GELU and SiLU. Above `sigma_w2 = 2` these have a second,
    /// unstable fixed point beyond which lengths diverge. In a strip just below 2 (GELU from 1.983, SiLU from 1.988)
    /// they may have two stable lengths with an unstable one between them. `q_star` is then the larger one, and initial
    /// lengths below the unstable one converge to the smaller one. [`Theory::length_profile`] shows the convergence of
    /// a given input.
    pub q_star: Option<f64>,
    /// Slope `dV/dq` of the length map at `q*`.
    pub dq_map: f64,
    /// Depth scale `-1 / ln(dV/dq)` of the convergence of lengths to `q*` (Schoenholz et al. arXiv:1611.01232).
    #[serde(serialize_with = "finite_or_null")]
    pub xi_q: f64,
    /// `sigma_w2 E[phi'^2]` at `q*`, the factor by which squared gradients grow per layer of back-propagation.
    pub chi_1: f64,
    /// `chi_1 - 1`: negative in the ordered and positive in the chaotic phase.
    pub distance: f64,
    /// Phase of the point.
    pub phase: Phase,
    /// Stable correlation `c*`; 1 outside the chaotic phase.
    ///
    /// It is also 1 where the outputs vanish (`q* = 0`), and for a linear network at its critical point, which
    /// preserves every correlation.
    pub c_star: f64,
    /// `1 - c*` with all its digits.
    pub d_star: f64,
    /// `sigma_w2 E[phi'(u_1) phi'(u_2)]` at `c*`.
    pub chi_c_star: f64,
    /// Depth scale `-1 / ln(chi_c_star)` of the convergence of correlations to `c*` (Schoenholz et al.
    /// arXiv:1611.01232).
    ///
    /// Zero where `chi_c_star` is below the smallest double.
    #[serde(serialize_with = "finite_or_null")]
    pub xi_c: f64,
    /// Depth scale `1 / |ln chi_1|` of vanishing or exploding gradients (Schoenholz et al. arXiv:1611.01232).
    #[serde(serialize_with = "finite_or_null")]
    pub xi_gradient: f64,
}

impl FixedPoint {
    /// Replaces the correlation quantities by `d*` and the slope of the correlation map there; keeps lengths and
    /// gradients.
    pub(crate) fn with_correlation(self, d_star: f64, chi_c_star: f64) -> Self {
        let xi_c = depth_scale(chi_c_star);
        Self { c_star: 1.0 - d_star, d_star, chi_c_star, xi_c, ..self }
    }
}

impl Theory {
    /// Computes the stable fixed point of lengths and correlations.
    ///
    /// # Errors
    /// [`Error::LengthDiverges`](crate::Error::LengthDiverges) or [`Error::BiasTooLarge`](crate::Error::BiasTooLarge)
    /// if there is no stable length.
    pub fn fixed_point(&self) -> Result<FixedPoint> {
        let q_star = self.stable_length()?;
        // Where every length is a fixed point, the activation is homogeneous and the maps do not depend on the length.
        let q = q_star.unwrap_or(1.0);
        let (dq_map, chi_1) = self.slopes(q);
        let distance = chi_1 - 1.0;
        let phase = Phase::of(chi_1);
        let (d_star, chi_c_star) = match phase {
            Phase::Ordered | Phase::Critical => (0.0, chi_1),
            Phase::Chaotic => self.stable_deficiency(q, chi_1),
        };
        let critical = phase == Phase::Critical;
        Ok(FixedPoint {
            q_star,
            dq_map,
            xi_q: depth_scale(dq_map),
            chi_1,
            distance,
            phase,
            c_star: 1.0 - d_star,
            d_star,
            chi_c_star,
            xi_c: if critical { f64::INFINITY } else { depth_scale(chi_c_star) },
            xi_gradient: if critical { f64::INFINITY } else { chi_1.ln().abs().recip() },
        })
    }

    /// `dV/dq` and `chi_1` at length `q`; exact where the activations vanish.
    fn slopes(&self, q: f64) -> (f64, f64) {
        if q > 0.0 {
            (
                self.sigma_w2 * self.kernel.moments(q).slope,
                self.sigma_w2 * self.kernel.gradient_square(q),
            )
        } else {
            let at_zero = self.sigma_w2 * self.phi.slope_square_at_zero();
            (at_zero, at_zero)
        }
    }

    /// Fixed point `d*` and the slope `chi` there, given `chi_1 > 1`.
    ///
    /// The correlation map is a power series in `c` with non-negative coefficients, so its deficiency map is concave.
    /// It crosses the diagonal once in `(0, 1]`, where the contraction, which decreases with `d`, is one.
    fn stable_deficiency(&self, q: f64, chi_1: f64) -> (f64, f64) {
        let independent = self.pair(q, 1.0);
        // Without bias, odd activations map c = 0 to itself; otherwise rounding may remove a tiny E[phi]^2.
        if (self.phi.is_odd() && self.sigma_b2 <= 0.0) || independent.contraction >= 1.0 {
            return (1.0, independent.gradient);
        }
        let chord = (chi_1 - 1.0) / (chi_1 - independent.contraction);
        // The derivative of the contraction D(d) / d with respect to ln d is D'(d) - D(d) / d.
        let d_star = newton_log(f64::MIN_POSITIVE, 1.0, chord, |d| {
            let pair = self.pair(q, d);
            (pair.contraction - 1.0, pair.gradient - pair.contraction)
        });
        (d_star, self.pair(q, d_star).gradient)
    }
}

/// Depth scale `-1 / ln(rate)` of a deviation that is multiplied by `rate` in each layer.
pub(crate) fn depth_scale(rate: f64) -> f64 {
    if rate < 1.0 { -rate.max(0.0).ln().recip() } else { f64::INFINITY }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's `serialize_with` passes references")]
pub(crate) fn finite_or_null<S: Serializer>(value: &f64, serializer: S) -> Result<S::Ok, S::Error> {
    value.is_finite().then_some(value).serialize(serializer)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Error;
    use isobath_architecture::Activation;

    fn fixed_point(activation: Activation, sigma_w2: f64, sigma_b2: f64) -> FixedPoint {
        Theory::new(activation, sigma_w2, sigma_b2).unwrap().fixed_point().unwrap()
    }

    #[test]
    fn depth_scales_reach_zero_and_infinity() {
        assert!(depth_scale(1.0).is_infinite() && depth_scale(1.1).is_infinite());
        assert!(depth_scale(0.0).abs() < 1e-300);
        assert!((depth_scale((-0.25_f64).exp()) - 4.0).abs() < 1e-14);
    }

    #[test]
    fn ordered_tanh_without_bias_decays_to_zero() {
        let point = fixed_point(Activation::Tanh, 0.5, 0.0);
        assert_eq!((point.q_star, point.c_star, point.phase), (Some(0.0), 1.0, Phase::Ordered));
        assert!((point.chi_1 - 0.5).abs() < 1e-15 && (point.dq_map - 0.5).abs() < 1e-15);
    }

    #[test]
    fn chaotic_tanh_near_criticality_matches_the_expansion() {
        // tanh without bias at sigma_w2 = 1 + e: q* = e/2, and chi at c* = 0 is
        // sigma_w2 E[phi']^2 = (1 + e)(1 - 2q + ...) = 1 - O(e^2).
        let e = 1e-4;
        let point = fixed_point(Activation::Tanh, 1.0 + e, 0.0);
        assert!((point.q_star.unwrap() / (0.5 * e) - 1.0).abs() < 1e-3, "{point:?}");
        assert_eq!(point.phase, Phase::Chaotic);
        assert!(point.chi_c_star < 1.0 && point.c_star.abs() < 1e-300, "{point:?}");
    }

    #[test]
    fn infinite_scales_are_null_in_json() {
        let json = serde_json::to_value(fixed_point(Activation::Relu, 2.0, 0.0)).unwrap();
        assert!(
            json["xi_c"].is_null() && json["q_star"].is_null() && json["xi_gradient"].is_null()
        );
        assert_eq!(json["phase"], "critical");
    }

    #[test]
    fn diverging_lengths_report_the_limit() {
        let error = |activation, sigma_w2, sigma_b2| {
            Theory::new(activation, sigma_w2, sigma_b2).unwrap().fixed_point().unwrap_err()
        };
        for (activation, limit) in [
            (Activation::Relu, 2.0),
            (Activation::Linear, 1.0),
            (Activation::Elu, 2.0),
            (Activation::Softplus, 2.0),
        ] {
            let Error::LengthDiverges { limit: found, .. } = error(activation, 4.5, 0.1) else {
                panic!()
            };
            assert!((found - limit).abs() < 1e-12, "{activation}");
        }
        assert!(matches!(error(Activation::Relu, 2.0, 0.1), Error::LengthDiverges { .. }));
        assert!(matches!(error(Activation::Gelu, 4.5, 0.1), Error::LengthDiverges { .. }));
        let Error::BiasTooLarge { limit, .. } = error(Activation::Gelu, 3.0, 10.0) else {
            panic!()
        };
        let theory = Theory::new(Activation::Gelu, 3.0, 0.999 * limit).unwrap();
        assert!(theory.fixed_point().unwrap().dq_map < 1.0);
    }
}
