//! Critical line `chi_1 = 1` between the ordered and the chaotic phase.
//!
//! The length is the natural coordinate on the line. With `m(q) = E[phi^2]` and `g(q) = E[phi'^2]`, the conditions
//! `chi_1 = 1` and `V(q) = q` give `sigma_w2 = 1 / g(q)` and `sigma_b2 = q - m(q) / g(q)`. The search for the line
//! therefore needs no inner search for a fixed point.

use isobath_architecture::Activation;
use serde::Serialize;

use crate::{
    Error, Phase, Result, Theory,
    kernel::Kernel,
    phi::{Phi, Shape},
    roots::brent,
    theory::check,
};

/// Point of the critical line.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct CriticalPoint {
    /// Weight variance.
    pub sigma_w2: f64,
    /// Bias variance.
    pub sigma_b2: f64,
    /// Stable length at this point; zero also where every length is a fixed point (ReLU and linear).
    pub q_star: f64,
}

/// Weight variance at which a network with bias variance `sigma_b2` in `[0, 1e10]` is critical.
///
/// This is the first critical point with increasing `sigma_w2`. Without bias and with `phi(0) = 0` it is
/// `1 / E[phi'^2]` in the limit of zero length. For GELU and SiLU lengths diverge immediately beyond that point.
///
/// # Errors
/// [`Error::NoCriticalPoint`] or [`Error::CriticalJump`] if the line is not crossed where lengths are stable,
/// [`Error::OutOfRange`] if `sigma_b2` is outside its range.
pub fn critical_sigma_w2(activation: Activation, sigma_b2: f64) -> Result<f64> {
    critical_point(activation, sigma_b2).map(|point| point.sigma_w2)
}

/// Critical point at bias variance `sigma_b2`, with its length; see [`critical_sigma_w2`].
///
/// # Errors
/// As for [`critical_sigma_w2`].
pub fn critical_point(activation: Activation, sigma_b2: f64) -> Result<CriticalPoint> {
    check("sigma_b2", sigma_b2, 0.0, MAX_SEARCH_VARIANCE, "from 0 to 1e10")?;
    let line = CriticalLine::new(activation);
    if sigma_b2 <= 0.0 && line.phi.at_zero() <= 0.0 {
        return Ok(CriticalPoint {
            sigma_w2: line.phi.slope_square_at_zero().recip(),
            sigma_b2,
            q_star: 0.0,
        });
    }
    if let Shape::Rectifier { .. } = line.phi.0 {
        return Err(line.never_critical("sigma_b2", sigma_b2));
    }
    // At fixed bias, sigma_w2 = (q - sigma_b2) / m(q) covers every stable length q, and chi_1 = sigma_w2 g(q).
    let ln_chi_1 = |q: f64| ((q - sigma_b2) / line.square(q) * line.gradient_square(q)).ln();
    let point_at =
        |q: f64| CriticalPoint { sigma_w2: (q - sigma_b2) / line.square(q), sigma_b2, q_star: q };
    crossings(lengths(sigma_b2), ln_chi_1)
        .map(point_at)
        .find(|point| line.is_stable(*point))
        .map(|point| CriticalPoint {
            sigma_w2: line.gradient_square(point.q_star).recip(),
            ..point
        })
        .ok_or_else(|| {
            line.no_crossing_error("sigma_b2", sigma_b2, lengths(sigma_b2).map(point_at))
        })
}

/// Point where `chi_1 = 1` at a length that is a fixed point, stable or not.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct CriticalCrossing {
    /// The point, with the length.
    pub point: CriticalPoint,
    /// True if the length is the stable one. Lengths move away from an unstable one, so that the network does not stay
    /// there; publications about GELU and SiLU call these points edges of chaos, too.
    pub is_stable: bool,
}

/// All points with `chi_1 = 1` at bias variance `sigma_b2` in `[0, 1e10]`, by increasing length; empty where lengths are
/// zero.
///
/// # Errors
/// [`Error::OutOfRange`] if `sigma_b2` is outside its range.
pub fn critical_crossings(activation: Activation, sigma_b2: f64) -> Result<Vec<CriticalCrossing>> {
    check("sigma_b2", sigma_b2, 0.0, MAX_SEARCH_VARIANCE, "from 0 to 1e10")?;
    let line = CriticalLine::new(activation);
    if let Shape::Rectifier { .. } = line.phi.0 {
        return Ok(Vec::new());
    }
    let ln_chi_1 = |q: f64| ((q - sigma_b2) / line.square(q) * line.gradient_square(q)).ln();
    let crossing = |q: f64| {
        let point =
            CriticalPoint { sigma_w2: (q - sigma_b2) / line.square(q), sigma_b2, q_star: q };
        let is_stable = line.is_stable(point);
        let sigma_w2 = line.gradient_square(q).recip();
        CriticalCrossing { point: CriticalPoint { sigma_w2, ..point }, is_stable }
    };
    let mut found: Vec<CriticalCrossing> =
        crossings(lengths(sigma_b2), ln_chi_1).map(crossing).collect();
    // Where chi_1 differs from 1 by rounding alone, one root appears several times.
    found.dedup_by(|a, b| (a.point.sigma_w2 - b.point.sigma_w2).abs() < 1e-9);
    Ok(found)
}

/// Bias variance at which a network with weight variance `sigma_w2` in `[1e-10, 1e10]` is critical.
///
/// This is the first critical point with increasing length `q*`.
///
/// # Errors
/// [`Error::NoCriticalPoint`] or [`Error::CriticalJump`] if the line is not crossed where lengths are stable,
/// [`Error::OutOfRange`] if `sigma_w2` is outside its range.
pub fn critical_sigma_b2(activation: Activation, sigma_w2: f64) -> Result<f64> {
    check(
        "sigma_w2",
        sigma_w2,
        MAX_SEARCH_VARIANCE.recip(),
        MAX_SEARCH_VARIANCE,
        "from 1e-10 to 1e10",
    )?;
    let line = CriticalLine::new(activation);
    let at_zero = sigma_w2 * line.phi.slope_square_at_zero();
    if (at_zero - 1.0).abs() <= 4.0 * f64::EPSILON && line.phi.at_zero() <= 0.0 {
        return Ok(0.0);
    }
    if let Shape::Rectifier { .. } = line.phi.0 {
        return Err(line.never_critical("sigma_w2", sigma_w2));
    }
    let ln_chi_1 = |q: f64| (sigma_w2 * line.gradient_square(q)).ln();
    let point_at =
        |q: f64| CriticalPoint { sigma_w2, sigma_b2: q - sigma_w2 * line.square(q), q_star: q };
    crossings(lengths(0.0), ln_chi_1)
        .map(point_at)
        .find(|point| line.is_stable(*point))
        .map(|point| point.sigma_b2)
        .ok_or_else(|| line.no_crossing_error("sigma_w2", sigma_w2, lengths(0.0).map(point_at)))
}

/// Functions of the length that define the critical line.
struct CriticalLine {
    activation: Activation,
    phi: Phi,
    kernel: Kernel,
}

impl CriticalLine {
    fn new(activation: Activation) -> Self {
        let phi = Phi::new(activation);
        Self { activation, phi, kernel: Kernel::new(phi) }
    }

    fn square(&self, q: f64) -> f64 {
        self.kernel.moments(q).square
    }

    fn gradient_square(&self, q: f64) -> f64 {
        self.kernel.gradient_square(q)
    }

    /// True if `q_star` is the stable length at these variances and not another fixed point of the length map.
    fn is_stable(&self, point: CriticalPoint) -> bool {
        let slope = point.sigma_w2 * self.kernel.moments(point.q_star).slope;
        if point.sigma_b2 < 0.0 || slope > 1.0 + ROUNDING {
            return false;
        }
        // Activations that are not convex near zero have at most one fixed point.
        self.phi.steepest_length().is_none() || self.is_largest(point)
    }

    fn is_largest(&self, point: CriticalPoint) -> bool {
        let theory = Theory::new(self.activation, point.sigma_w2, point.sigma_b2);
        let length = theory.and_then(|theory| theory.stable_length());
        // Compare slopes instead of lengths: a length has few significant digits where V(q) is close to the diagonal.
        let ratio = |q: f64| self.gradient_square(q) / self.gradient_square(point.q_star);
        length.is_ok_and(|q| q.is_some_and(|q| (ratio(q) - 1.0).abs() < 1e-9))
    }

    /// Error of homogeneous activations: with `phi(a x) = a phi(x)`, `chi_1 = dV/dq`, so that every stable length is
    /// ordered.
    fn never_critical(&self, name: &'static str, value: f64) -> Error {
        Error::NoCriticalPoint { activation: self.activation, name, value, phase: Phase::Ordered }
    }

    /// Error for a search without a critical point, from the phases of those `points` that are stable.
    fn no_crossing_error(
        &self,
        name: &'static str,
        value: f64,
        points: impl Iterator<Item = CriticalPoint>,
    ) -> Error {
        let (mut ordered, mut chaotic) = (false, false);
        for point in points.filter(|point| self.is_stable(*point)) {
            let is_chaotic = point.sigma_w2 * self.gradient_square(point.q_star) > 1.0;
            chaotic |= is_chaotic;
            ordered |= !is_chaotic;
        }
        let activation = self.activation;
        if ordered && chaotic {
            return Error::CriticalJump { activation, name, value };
        }
        let phase = if chaotic { Phase::Chaotic } else { Phase::Ordered };
        Error::NoCriticalPoint { activation, name, value, phase }
    }
}

/// Largest rounding error of a slope of one.
const ROUNDING: f64 = 1e-12;
/// Largest variance for which a critical point is computed.
const MAX_SEARCH_VARIANCE: f64 = 1e10;

/// Lengths above `floor`, spaced closely enough that no activation crosses its critical line twice between two of them.
///
/// At large lengths `chi_1 - 1` decays like `1 / sqrt(q)` for weights and like `sigma_b2 / q` for biases. Critical
/// lengths are therefore at most of the order of the squared variance; beyond 1e28 rounding would hide the difference.
fn lengths(floor: f64) -> impl Iterator<Item = f64> {
    let first = if floor > 0.0 { 1e-6 * floor.min(1.0) } else { 1e-12 };
    let last = 1e3 * MAX_SEARCH_VARIANCE * MAX_SEARCH_VARIANCE;
    std::iter::successors(Some(first), move |&t| (t < last).then_some(2.0 * t))
        .map(move |t| floor + t)
}

/// Roots of `f` between neighbouring `points`, which increase.
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
