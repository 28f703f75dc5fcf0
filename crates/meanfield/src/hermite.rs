//! Covariances of activations for many pairs, by Hermite series.
//!
//! With `phi(sqrt(q) z) = sum_k a_k(q) He_k(z) / sqrt(k!)`, Mehler's formula gives
//! `E[phi(u_1) phi(u_2)] = sum_k a_k(q_1) a_k(q_2) c^k`. The coefficients cost one quadrature per input, and each pair
//! then costs a short polynomial. A truncated series is still a covariance matrix, because every term is one (Schur's
//! product theorem).

use ndarray::{Array2, s};

use crate::{Phi, quadrature::gaussian_nodes, special::normal_pdf};

/// Hermite coefficients of a set of lengths, term by term.
pub(crate) struct HermiteSeries {
    n_inputs: usize,
    /// Powers of the terms: all, or the odd ones for an odd activation.
    first: usize,
    step: usize,
    /// `[term][input]`
    coefficients: Vec<f64>,
}

/// Maximum number of terms.
const MAX_TERMS: usize = 512;
/// Relative truncation error of `E[phi^2]` that counts as exact.
const EXACT_TRUNCATION: f64 = 1e-10;
/// Largest accepted relative truncation error. Only kinks reach it, and only for correlations above
/// `1 - 1 / MAX_TERMS`.
const MAX_TRUNCATION: f64 = 2e-5;

impl HermiteSeries {
    /// Computes a series of sufficient length for the given lengths; `None` if it converges too slowly.
    ///
    /// `squares` are the exact `E[phi^2]`.
    pub(crate) fn new(phi: Phi, lengths: &[f64], squares: &[f64]) -> Option<Self> {
        let mut terms = 32;
        loop {
            let series = Self::with_terms(phi, lengths, terms);
            let truncation_error = series.truncation_error(squares);
            if truncation_error <= EXACT_TRUNCATION {
                return Some(series);
            }
            // The terms decay at least geometrically if the series converges in time, so slow cases stop early.
            if terms >= MAX_TERMS {
                return (truncation_error <= MAX_TRUNCATION).then_some(series);
            }
            terms *= 2;
        }
    }

    fn with_terms(phi: Phi, lengths: &[f64], terms: usize) -> Self {
        let (first, step) = if phi.is_odd() { (1, 2) } else { (0, 1) };
        let all = if phi.kinks().is_empty() {
            expand_smooth(phi, lengths, terms)
        } else {
            expand_kinked(phi, lengths, terms)
        };
        let kept = all.slice(s![first..; step, ..]);
        Self { n_inputs: lengths.len(), first, step, coefficients: kept.iter().copied().collect() }
    }

    fn terms(&self) -> impl Iterator<Item = &[f64]> {
        self.coefficients.chunks_exact(self.n_inputs)
    }

    /// Largest relative truncation error over the inputs.
    fn truncation_error(&self, squares: &[f64]) -> f64 {
        let mut rest = squares.to_vec();
        for term in self.terms() {
            rest.iter_mut().zip(term).for_each(|(rest, a)| *rest -= a * a);
        }
        let share = |(rest, square): (&f64, &f64)| rest.abs() / square.max(f64::MIN_POSITIVE);
        rest.iter().zip(squares).map(share).fold(0.0, f64::max)
    }

    /// Computes the covariances of input `row` with inputs `0..out.len()`; `out` holds their correlations on entry.
    pub(crate) fn covariances(&self, row: usize, out: &mut [f64]) {
        const BLOCK: usize = 256;
        let mut powers = [0.0; BLOCK];
        let mut factors = [0.0; BLOCK];
        for (start, block) in (0..).step_by(BLOCK).zip(out.chunks_mut(BLOCK)) {
            let n = block.len();
            for ((power, factor), c) in powers.iter_mut().zip(&mut factors).zip(block.iter()) {
                *power = c.powi(self.first as i32);
                *factor = c.powi(self.step as i32);
            }
            block.fill(0.0);
            for term in self.terms() {
                let (a, others) = (term[row], &term[start..start + n]);
                let pairs = block.iter_mut().zip(others).zip(powers.iter_mut().zip(&factors));
                for ((sum, other), (power, factor)) in pairs {
                    *sum += a * other * *power;
                    *power *= factor;
                }
            }
        }
    }
}

/// Coefficients `[terms, n]` of a smooth activation, by the trapezoidal rule with nodes shared by all lengths.
///
/// The error of the rule decays like `exp(-2 pi y / STEP)` with the distance `y` of the nearest singularity from the
/// real line. Where the series converges, `exp(-y sqrt(2 MAX_TERMS))` is already small, and this error is smaller.
fn expand_smooth(phi: Phi, lengths: &[f64], terms: usize) -> Array2<f64> {
    const STEP: f64 = 0.1;
    const N_SIDE: usize = 130;
    let node = |j: usize| STEP * (j as f64 - N_SIDE as f64);
    let n_nodes = 2 * N_SIDE + 1;
    let mut polynomials = Array2::zeros((terms, n_nodes));
    for (j, mut column) in polynomials.columns_mut().into_iter().enumerate() {
        let weight = STEP * normal_pdf(node(j));
        column.iter_mut().zip(Hermite::new(node(j))).for_each(|(entry, h)| *entry = weight * h);
    }
    let values = Array2::from_shape_fn((n_nodes, lengths.len()), |(j, i)| {
        phi.value(lengths[i].sqrt() * node(j))
    });
    polynomials.dot(&values)
}

/// Coefficients `[terms, n]` of an activation with kinks, by a rule that splits at the kinks.
fn expand_kinked(phi: Phi, lengths: &[f64], terms: usize) -> Array2<f64> {
    let mut coefficients = Array2::zeros((terms, lengths.len()));
    for (&q, mut column) in lengths.iter().zip(coefficients.columns_mut()) {
        gaussian_nodes(q, phi.kinks(), |z, weight| {
            let value = weight * phi.value(q.sqrt() * z);
            column.iter_mut().zip(Hermite::new(z)).for_each(|(sum, h)| *sum += value * h);
        });
    }
    coefficients
}

/// Iterator over the normalised polynomials `h_k = He_k / sqrt(k!)` at `z`, by the recurrence
/// `h_(k+1) = (z h_k - sqrt(k) h_(k-1)) / sqrt(k + 1)`.
struct Hermite {
    z: f64,
    k: f64,
    before: f64,
    current: f64,
}

impl Hermite {
    const fn new(z: f64) -> Self {
        Self { z, k: 0.0, before: 0.0, current: 1.0 }
    }
}

impl Iterator for Hermite {
    type Item = f64;

    fn next(&mut self) -> Option<f64> {
        let current = self.current;
        let next = (self.z * current - self.k.sqrt() * self.before) / (self.k + 1.0).sqrt();
        (self.before, self.current) = (current, next);
        self.k += 1.0;
        Some(current)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::Kernel;
    use isobath_architecture::Activation;

    fn series(activation: Activation, lengths: &[f64]) -> Option<HermiteSeries> {
        let phi = Phi::new(activation);
        let squares: Vec<f64> =
            lengths.iter().map(|&q| Kernel::new(phi).moments(q).square).collect();
        HermiteSeries::new(phi, lengths, &squares)
    }

    #[test]
    fn series_match_the_covariances() {
        let lengths = [0.02, 0.4, 1.0, 3.0];
        for activation in Activation::ALL {
            let Some(series) = series(activation, &lengths) else { continue };
            let kernel = Kernel::new(Phi::new(activation));
            let kinked = !Phi::new(activation).kinks().is_empty();
            for c in [-0.9, 0.0, 0.5, 0.97] {
                let mut found = [c; 4];
                series.covariances(2, &mut found);
                for (&q, found) in lengths.iter().zip(found) {
                    let expected = kernel.covariance(1.0, q, c);
                    let scale = (kernel.moments(1.0).square * kernel.moments(q).square).sqrt();
                    let tolerance = if kinked { MAX_TRUNCATION } else { 1e-9 };
                    assert!(
                        (found - expected).abs() < tolerance * scale,
                        "{activation} {q} {c}: {found} {expected}"
                    );
                }
            }
        }
    }

    #[test]
    fn smooth_activations_converge_at_ordinary_lengths() {
        for activation in [Activation::Tanh, Activation::Softplus, Activation::Silu] {
            assert!(series(activation, &[0.01, 1.0, 6.0]).is_some(), "{activation}");
        }
        for activation in [Activation::Elu, Activation::Selu, Activation::HardTanh] {
            assert!(series(activation, &[0.5, 1.0, 2.0]).is_some(), "{activation}");
        }
    }

    /// Products of the first polynomials are orthonormal under the normal weight.
    #[test]
    fn polynomials_are_orthonormal() {
        let mut products = [[0.0; 8]; 8];
        gaussian_nodes(1.0, &[], |z, weight| {
            let h: Vec<f64> = Hermite::new(z).take(8).collect();
            for (row, a) in products.iter_mut().zip(&h) {
                row.iter_mut().zip(&h).for_each(|(sum, b)| *sum += weight * a * b);
            }
        });
        for (i, row) in products.iter().enumerate() {
            for (j, product) in row.iter().enumerate() {
                assert!((product - f64::from(u8::from(i == j))).abs() < 1e-12, "{i} {j}");
            }
        }
    }

    #[test]
    fn step_functions_do_not_converge() {
        assert!(series(Activation::Tanh, &[1e6]).is_none());
    }
}
