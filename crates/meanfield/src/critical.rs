//! The critical line `chi_1 = 1` between order and chaos.
//!
//! On the line the length itself is the natural coordinate: with `m(q) = E[phi^2]` and `g(q) = E[phi'^2]`, `chi_1 = 1`
//! and `V(q) = q` give `sigma_w2 = 1 / g(q)` and `sigma_b2 = q - m(q) / g(q)`. No fixed point needs to be searched
//! for inside the search for the line.

use serde::Serialize;
use tensor::Activation;

use crate::{
    Error, Phase, Result, Theory,
    kernel::Kernel,
    phi::Phi,
    roots::brent,
    theory::{MAX_VARIANCE, check},
};

/// A point of the critical line.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct CriticalPoint {
    /// The weight variance.
    pub sigma_w2: f64,
    /// The bias variance.
    pub sigma_b2: f64,
    /// The stable length there; zero also stands for "any" where every length is kept (ReLU and linear).
    pub q_star: f64,
}

/// The weight variance at which a network with bias variance `sigma_b2` in `[0, 1e30]` is critical.
///
/// The first one met as `sigma_w2` rises. Without bias and with `phi(0) = 0` it is `1 / E[phi'^2]` at vanishing length;
/// for GELU and SiLU lengths diverge immediately beyond that point.
///
/// # Errors
/// [`Error::NoCriticalPoint`] if the line is not met where lengths are stable, [`Error::OutOfRange`].
pub fn critical_sigma_w2(activation: Activation, sigma_b2: f64) -> Result<f64> {
    critical_point(activation, sigma_b2).map(|point| point.sigma_w2)
}

/// The critical point at bias variance `sigma_b2`, with its length; see [`critical_sigma_w2`].
///
/// # Errors
/// As for [`critical_sigma_w2`].
pub fn critical_point(activation: Activation, sigma_b2: f64) -> Result<CriticalPoint> {
    check("sigma_b2", sigma_b2, 0.0, MAX_VARIANCE, "from 0 to 1e30")?;
    let line = Line::new(activation)?;
    if sigma_b2 <= 0.0 && line.phi.at_zero() <= 0.0 {
        return Ok(CriticalPoint {
            sigma_w2: line.phi.slope_square_at_zero().recip(),
            sigma_b2,
            q_star: 0.0,
        });
    }
    // At fixed bias, sigma_w2 = (q - sigma_b2) / m(q) reaches every stable length q, and chi_1 = sigma_w2 g(q).
    let ln_chi_1 = |q: f64| ((q - sigma_b2) / line.square(q) * line.gradient_square(q)).ln();
    let missed = Error::NoCriticalPoint {
        activation,
        name: "sigma_b2",
        value: sigma_b2,
        phase: Phase::Ordered,
    };
    crossings(lengths(sigma_b2), ln_chi_1)
        .map(|q_star| CriticalPoint {
            sigma_w2: line.gradient_square(q_star).recip(),
            sigma_b2,
            q_star,
        })
        .find(|point| line.is_stable(*point))
        .ok_or(missed)
}

/// The bias variance at which a network with weight variance `sigma_w2` in `[1e-30, 1e30]` is critical.
///
/// The first one met as the length `q*` rises from zero.
///
/// # Errors
/// [`Error::NoCriticalPoint`] if the line is not met where lengths are stable, [`Error::OutOfRange`].
pub fn critical_sigma_b2(activation: Activation, sigma_w2: f64) -> Result<f64> {
    check("sigma_w2", sigma_w2, MAX_VARIANCE.recip(), MAX_VARIANCE, "from 1e-30 to 1e30")?;
    let line = Line::new(activation)?;
    let at_zero = sigma_w2 * line.phi.slope_square_at_zero();
    if (at_zero - 1.0).abs() <= 4.0 * f64::EPSILON && line.phi.at_zero() <= 0.0 {
        return Ok(0.0);
    }
    let ln_chi_1 = |q: f64| (sigma_w2 * line.gradient_square(q)).ln();
    let at_length =
        |q: f64| CriticalPoint { sigma_w2, sigma_b2: q - sigma_w2 * line.square(q), q_star: q };
    let found =
        crossings(lengths(0.0), ln_chi_1).map(at_length).find(|point| line.is_stable(*point));
    found.map(|point| point.sigma_b2).ok_or_else(|| {
        // Without a crossing the phase is the same at every bias for which a length is stable.
        let chaotic = lengths(0.0).any(|q| ln_chi_1(q) > 0.0 && line.is_stable(at_length(q)));
        let phase = if chaotic { Phase::Chaotic } else { Phase::Ordered };
        Error::NoCriticalPoint { activation, name: "sigma_w2", value: sigma_w2, phase }
    })
}

/// The functions of the length that the line is made of.
struct Line {
    activation: Activation,
    phi: Phi,
    kernel: Kernel,
}

impl Line {
    fn new(activation: Activation) -> Result<Self> {
        let phi = Phi::new(activation)?;
        Ok(Self { activation, phi, kernel: Kernel::new(phi) })
    }

    fn square(&self, q: f64) -> f64 {
        self.kernel.moments(q).square
    }

    fn gradient_square(&self, q: f64) -> f64 {
        self.kernel.gradient_square(q)
    }

    /// Whether `q_star` is the stable length at these variances, and not another fixed point of the length map.
    fn is_stable(&self, point: CriticalPoint) -> bool {
        let Ok(theory) = Theory::new(self.activation, point.sigma_w2, point.sigma_b2) else {
            return false;
        };
        let Ok(Some(stable)) = theory.stable_length() else { return false };
        // Compared by what matters, because many lengths are fixed to within rounding where V(q) hugs the diagonal.
        (self.gradient_square(stable) / self.gradient_square(point.q_star) - 1.0).abs() < 1e-9
    }
}

/// Lengths above `floor`, close enough together that no activation's line is crossed twice between two of them.
fn lengths(floor: f64) -> impl Iterator<Item = f64> {
    let first = if floor > 0.0 { 1e-6 * floor.min(1.0) } else { 1e-12 };
    let last = 1e40_f64.max(1e20 * floor);
    std::iter::successors(Some(first), move |&t| (t < last).then_some(2.0 * t))
        .map(move |t| floor + t)
}

/// The roots of `f` between neighbours in increasing `points`.
fn crossings(
    points: impl Iterator<Item = f64>,
    f: impl Fn(f64) -> f64 + Copy,
) -> impl Iterator<Item = f64> {
    let mut before: Option<(f64, f64)> = None;
    points.filter_map(move |x| {
        let y = f(x);
        let (x_before, y_before) = before.replace((x, y))?;
        ((y_before < 0.0) != (y < 0.0)).then(|| brent(x_before, x, f))
    })
}
