//! Weight variances that a given depth allows.

use isobath_architecture::Activation;
use serde::Serialize;

use crate::{Result, Theory, critical_sigma_w2, roots::brent, theory::check};

/// Range of weight variances.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct UsableRange {
    /// Smallest usable weight variance.
    pub low: f64,
    /// Largest usable weight variance; `None` if all up to [`MOST`] are usable.
    pub high: Option<f64>,
    /// The critical weight variance, which lies between the two.
    pub critical: f64,
}

/// Largest weight variance that is searched.
pub const MOST: f64 = 100.0;

/// Weight variances at bias variance `sigma_b2` for which `factor xi_c` is at least `depth` layers; with the factor 6,
/// the rule of thumb for trainable networks (Schoenholz et al., arXiv:1611.01232).
///
/// On either side of the critical variance, the nearest variance at which `factor xi_c` falls to `depth`.
///
/// # Errors
/// Those of [`critical_sigma_w2`], and [`Error::OutOfRange`](crate::Error::OutOfRange) unless `factor` and `depth` are in
/// `[1e-3, 1e6]`.
pub fn usable_sigma_w2(
    activation: Activation,
    sigma_b2: f64,
    depth: f64,
    factor: f64,
) -> Result<UsableRange> {
    check("depth", depth, 1e-3, 1e6, "from 0.001 to 1,000,000")?;
    check("factor", factor, 1e-3, 1e6, "from 0.001 to 1,000,000")?;
    let critical = critical_sigma_w2(activation, sigma_b2)?;
    // 1 / xi_c is zero at the critical point and grows away from it.
    let excess = |sigma_w2: f64| {
        let point =
            Theory::new(activation, sigma_w2, sigma_b2).and_then(|theory| theory.fixed_point());
        point.map_or(1.0, |point| point.xi_c.recip() - factor / depth)
    };
    // Steps away from the critical point that double.
    let step = |index: i32| 1e-9 * 2.0_f64.powi(index);
    let below = (0..64).map(|index| critical * (1.0 - step(index).min(1.0 - 1e-9)));
    let above = (0..64).map(|index| critical * (1.0 + step(index))).take_while(|&w| w <= MOST);
    let bracket = |steps: &mut dyn Iterator<Item = f64>| {
        let mut inside = critical;
        for outside in steps {
            if excess(outside) > 0.0 {
                return Some((inside, outside));
            }
            inside = outside;
        }
        None
    };
    let root = |(inside, outside): (f64, f64)| {
        // At the critical point itself the depth scale is infinite.
        if inside.total_cmp(&critical).is_eq() { outside } else { brent(inside, outside, excess) }
    };
    let low = bracket(&mut below.into_iter()).map_or(0.0, root);
    let high = bracket(&mut above.into_iter()).map(root);
    Ok(UsableRange { low, high, critical })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_of_the_range_have_the_depth_scale() {
        let range = usable_sigma_w2(Activation::Tanh, 0.05, 50.0, 6.0).unwrap();
        let xi_c = |sigma_w2| {
            let theory = Theory::new(Activation::Tanh, sigma_w2, 0.05).unwrap();
            theory.fixed_point().unwrap().xi_c
        };
        assert!((6.0 * xi_c(range.low) - 50.0).abs() < 1e-6);
        assert!((6.0 * xi_c(range.high.unwrap()) - 50.0).abs() < 1e-6);
        assert!(range.low < range.critical && range.critical < range.high.unwrap());
    }

    #[test]
    fn deeper_networks_have_narrower_ranges() {
        let range = |depth| usable_sigma_w2(Activation::Erf, 0.01, depth, 6.0).unwrap();
        let (shallow, deep) = (range(20.0), range(200.0));
        assert!(shallow.low < deep.low && deep.high < shallow.high);
    }

    #[test]
    fn relu_with_biases_has_no_critical_point() {
        assert!(usable_sigma_w2(Activation::Relu, 0.05, 50.0, 6.0).is_err());
    }
}
