//! Fixed points on a grid of the phase diagram.

use isobath_architecture::Activation;
use rayon::prelude::*;

use crate::{FixedPoint, Result, Theory};

/// Computes the fixed points on the grid `sigma_w2 x sigma_b2`, row-major with one row per `sigma_b2`.
///
/// Points are computed in parallel and independently, so the result does not depend on the number of threads. Each
/// point has its own result, because part of the grid may have no stable length.
pub fn fixed_points(
    activation: Activation,
    sigma_w2: &[f64],
    sigma_b2: &[f64],
) -> Vec<Result<FixedPoint>> {
    let n_columns = sigma_w2.len();
    (0..n_columns * sigma_b2.len())
        .into_par_iter()
        .map(|i| {
            Theory::new(activation, sigma_w2[i % n_columns], sigma_b2[i / n_columns])?.fixed_point()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_is_row_major_and_points_are_independent() {
        let (sigma_w2, sigma_b2) = ([0.5, 1.0, 3.0], [0.0, 0.1]);
        let plane = fixed_points(Activation::Relu, &sigma_w2, &sigma_b2);
        assert_eq!(plane.len(), 6);
        for (i, found) in plane.into_iter().enumerate() {
            let single = Theory::new(Activation::Relu, sigma_w2[i % 3], sigma_b2[i / 3])
                .unwrap()
                .fixed_point();
            assert_eq!(found, single);
        }
        assert!(fixed_points(Activation::Relu, &[], &sigma_b2).is_empty());
    }
}
