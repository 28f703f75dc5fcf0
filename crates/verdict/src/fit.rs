//! Logistic regression with a penalty on the coefficients.

use nalgebra::{DMatrix, DVector};
use ndarray::{Array1, Array2, Axis};

/// Penalty of one half of the squared coefficients, the constant excepted.
pub(crate) const PENALTY: f64 = 3.0;
/// Most Newton steps.
const STEPS: usize = 40;

/// Coefficients with the smallest penalised cross-entropy of `terms` `[rows, p]`, by Newton's method from `start`. Rows
/// count `weights` times.
pub(crate) fn fit(
    terms: &Array2<f64>,
    outcomes: &[bool],
    weights: &[f64],
    start: Option<&[f64]>,
) -> Vec<f64> {
    let p = terms.ncols();
    let targets: Array1<f64> =
        outcomes.iter().map(|&success| f64::from(u8::from(success))).collect();
    let weights = Array1::from(weights.to_vec());
    let mut at = start.map_or_else(|| Array1::zeros(p), |start| Array1::from(start.to_vec()));
    let mut value = loss(terms, &targets, &weights, &at);
    for _ in 0..STEPS {
        let odds = terms.dot(&at);
        let probabilities = odds.mapv(logistic);
        let residual = (&targets - &probabilities) * &weights;
        let curvature = &probabilities * &(1.0 - &probabilities) * &weights;
        let mut gradient = terms.t().dot(&residual);
        let mut hessian = terms.t().dot(&(terms * &curvature.insert_axis(Axis(1))));
        for i in 0..p {
            let penalty = if i == 0 { 1e-6 } else { PENALTY };
            gradient[i] -= penalty * at[i];
            hessian[[i, i]] += penalty;
        }
        let matrix = DMatrix::from_fn(p, p, |i, j| hessian[[i, j]]);
        let Some(cholesky) = matrix.cholesky() else { break };
        let step = cholesky.solve(&DVector::from_iterator(p, gradient.iter().copied()));
        let step = Array1::from_iter(step.iter().copied());
        let mut share = 1.0;
        let better = loop {
            let next = &at + &(&step * share);
            let reached = loss(terms, &targets, &weights, &next);
            if reached < value {
                break Some((next, reached));
            }
            share *= 0.5;
            if share < 1e-4 {
                break None;
            }
        };
        let Some((next, reached)) = better else { break };
        let gained = value - reached;
        (at, value) = (next, reached);
        if gained < 1e-7 * value.max(1.0) {
            break;
        }
    }
    at.to_vec()
}

fn loss(
    terms: &Array2<f64>,
    targets: &Array1<f64>,
    weights: &Array1<f64>,
    at: &Array1<f64>,
) -> f64 {
    let odds = terms.dot(at);
    let rows = odds.iter().zip(targets).zip(weights).map(|((&odds, target), weight)| {
        // ln(1 + e^z) - t z without overflow.
        weight * (odds.max(0.0) + (-odds.abs()).exp().ln_1p() - target * odds)
    });
    rows.sum::<f64>() + 0.5 * PENALTY * at.iter().skip(1).map(|c| c * c).sum::<f64>()
}

/// `1 / (1 + e^-z)`
pub(crate) fn logistic(z: f64) -> f64 {
    1.0 / (1.0 + (-z).exp())
}

#[cfg(test)]
mod tests {
    use isobath_testkit::{Tolerance, assert_close};
    use ndarray::array;

    use super::*;

    /// With a constant alone, the probability is the frequency.
    #[test]
    fn a_constant_is_the_frequency_in_log_odds() {
        let terms = Array2::ones((4, 1));
        let fitted = fit(&terms, &[true, true, true, false], &[1.0; 4], None);
        assert_close(&[logistic(fitted[0])], &[0.75], Tolerance::absolute(1e-5));
        let weighted = fit(&terms, &[true, true, true, false], &[1.0, 0.0, 0.0, 3.0], None);
        assert_close(&[logistic(weighted[0])], &[0.25], Tolerance::absolute(1e-5));
    }

    /// At the minimum the gradient of the penalised loss vanishes.
    #[test]
    fn the_gradient_vanishes_at_the_minimum() {
        let terms = array![[1.0, -2.0], [1.0, -0.5], [1.0, 0.3], [1.0, 1.0], [1.0, 2.5]];
        let outcomes = [false, true, false, true, true];
        let at = Array1::from(fit(&terms, &outcomes, &[1.0; 5], None));
        let targets = array![0.0, 1.0, 0.0, 1.0, 1.0];
        let residual: Array1<f64> = targets - terms.dot(&at).mapv(logistic);
        let mut gradient = terms.t().dot(&residual);
        gradient[1] -= PENALTY * at[1];
        assert_close(&gradient.to_vec(), &[0.0, 0.0], Tolerance::absolute(1e-4));
        assert!(at[1] > 0.0, "{at}");
    }
}
