//! A point of the phase diagram and the maps from layer to layer at this point.

use isobath_architecture::Activation;

use crate::{
    Error, Result,
    kernel::{Kernel, PairMoments},
    phi::Phi,
};

/// Largest length `q` that the maps accept; beyond it the closed forms would overflow.
pub const MAX_LENGTH: f64 = 1e60;
/// Largest `sigma_w2` and `sigma_b2`, and the inverse of the smallest `sigma_w2`.
pub const MAX_VARIANCE: f64 = 1e30;

/// Mean-field theory of fully connected layers with one activation and given variances.
///
/// Each map takes the pre-activations of a layer to those of the next layer. `q` is their variance per unit, `c` the
/// correlation between the pre-activations of two inputs, and `d = 1 - c` the deficiency of this correlation.
#[derive(Clone, Copy, Debug)]
pub struct Theory {
    pub(crate) activation: Activation,
    pub(crate) phi: Phi,
    pub(crate) kernel: Kernel,
    pub(crate) sigma_w2: f64,
    pub(crate) sigma_b2: f64,
}

impl Theory {
    /// Creates the theory at `sigma_w2` in `[1e-30, 1e30]` and `sigma_b2` in `[0, 1e30]`.
    ///
    /// # Errors
    /// [`Error::OutOfRange`] if a variance is outside its range.
    pub fn new(activation: Activation, sigma_w2: f64, sigma_b2: f64) -> Result<Self> {
        check("sigma_w2", sigma_w2, MAX_VARIANCE.recip(), MAX_VARIANCE, "from 1e-30 to 1e30")?;
        check("sigma_b2", sigma_b2, 0.0, MAX_VARIANCE, "from 0 to 1e30")?;
        let phi = Phi::new(activation);
        Ok(Self { activation, phi, kernel: Kernel::new(phi), sigma_w2, sigma_b2 })
    }

    /// The activation.
    pub const fn activation(&self) -> Activation {
        self.activation
    }

    /// The weight variance times the fan-in.
    pub const fn sigma_w2(&self) -> f64 {
        self.sigma_w2
    }

    /// The bias variance.
    pub const fn sigma_b2(&self) -> f64 {
        self.sigma_b2
    }

    /// Length `q_1` of the first layer for an input with the given mean square `|x|^2 / D`.
    ///
    /// # Errors
    /// [`Error::OutOfRange`] unless `mean_square` is in `[0, 1e30]`.
    pub fn first_length(&self, mean_square: f64) -> Result<f64> {
        check("mean_square", mean_square, 0.0, MAX_VARIANCE, "from 0 to 1e30")?;
        Ok(self.sigma_w2 * mean_square + self.sigma_b2)
    }

    /// Length map `V(q) = sigma_w2 E[phi(sqrt(q) z)^2] + sigma_b2` (Poole et al. arXiv:1606.05340).
    ///
    /// # Errors
    /// [`Error::OutOfRange`] unless `q` is in `[0, 1e60]`.
    pub fn length_map(&self, q: f64) -> Result<f64> {
        check_length("q", q)?;
        Ok(self.length(q))
    }

    /// Slope `dV/dq` of the length map: the factor by which a small deviation of the length shrinks per layer.
    ///
    /// It equals `sigma_w2 E[phi phi'' + phi'^2]` (Schoenholz et al. arXiv:1611.01232, at `xi_q`), kinks included.
    ///
    /// # Errors
    /// [`Error::OutOfRange`] unless `q` is in `[0, 1e60]`.
    pub fn length_slope(&self, q: f64) -> Result<f64> {
        check_length("q", q)?;
        Ok(self.sigma_w2 * self.kernel.moments(q).slope)
    }

    /// Slope `sigma_w2 E[phi'(u_1) phi'(u_2)]` of the correlation map, at length `q` and correlation `c`.
    ///
    /// At `q*` this is the slope of the map whose fixed point is `c*`. At `c = 1` it is `chi_1` (Poole et al.
    /// arXiv:1606.05340), the factor by which squared gradients grow per layer.
    ///
    /// # Errors
    /// [`Error::OutOfRange`] unless `q` is in `[0, 1e60]` and `c` in `[-1, 1]`.
    pub fn chi(&self, q: f64, c: f64) -> Result<f64> {
        check_length("q", q)?;
        check_correlation("c", c)?;
        Ok(self.pair(q, 1.0 - c).gradient)
    }

    /// Correlation map at equal lengths `q` (Poole et al. arXiv:1606.05340, with both lengths `q`).
    ///
    /// At `q*` the fixed point of this map is `c*`.
    ///
    /// # Errors
    /// As for [`deficiency_map`](Self::deficiency_map), with `c` in `[-1, 1]`.
    pub fn correlation_map(&self, q: f64, c: f64) -> Result<f64> {
        check_correlation("c", c)?;
        Ok(1.0 - self.deficiency_map(q, 1.0 - c)?)
    }

    /// Correlation map in terms of the deficiency `d = 1 - c`, which is exact to rounding for arbitrarily small `d`.
    ///
    /// # Errors
    /// [`Error::OutOfRange`] unless `q` is in `[0, 1e60]` and `d` in `[0, 2]`.
    pub fn deficiency_map(&self, q: f64, d: f64) -> Result<f64> {
        check_length("q", q)?;
        check("d", d, 0.0, 2.0, "from 0 to 2")?;
        Ok(self.next_deficiency(q, d))
    }

    pub(crate) fn length(&self, q: f64) -> f64 {
        self.sigma_w2 * self.kernel.moments(q).square + self.sigma_b2
    }

    /// Pair moments of the kernel times `sigma_w2`.
    pub(crate) fn pair(&self, q: f64, d: f64) -> PairMoments {
        let pair = self.kernel.pair(q, d);
        PairMoments {
            contraction: self.sigma_w2 * pair.contraction,
            gradient: self.sigma_w2 * pair.gradient,
        }
    }

    pub(crate) fn next_deficiency(&self, q: f64, d: f64) -> f64 {
        (self.pair(q, d).contraction * self.length_ratio(q) * d).clamp(0.0, 2.0)
    }

    /// Ratio `q / V(q)`, which turns pair moments of covariances into those of correlations; its limit at `q = 0`.
    pub(crate) fn length_ratio(&self, q: f64) -> f64 {
        if q > 0.0 {
            q / self.length(q)
        } else if self.vanishes_at_zero() {
            (self.sigma_w2 * self.phi.slope_square_at_zero()).recip()
        } else {
            0.0
        }
    }

    /// True if a layer of zeros is followed by a layer of zeros.
    pub(crate) fn vanishes_at_zero(&self) -> bool {
        self.sigma_b2 <= 0.0 && self.phi.at_zero() <= 0.0
    }
}

pub(crate) fn check(
    name: &'static str,
    value: f64,
    min: f64,
    max: f64,
    range: &'static str,
) -> Result<()> {
    if (min..=max).contains(&value) {
        Ok(())
    } else {
        Err(Error::OutOfRange { name, value, range })
    }
}

pub(crate) fn check_length(name: &'static str, q: f64) -> Result<()> {
    check(name, q, 0.0, MAX_LENGTH, "from 0 to 1e60")
}

pub(crate) fn check_correlation(name: &'static str, c: f64) -> Result<()> {
    check(name, c, -1.0, 1.0, "from -1 to 1")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bad_arguments_are_errors() {
        for (sigma_w2, sigma_b2) in
            [(0.0, 0.0), (-1.0, 0.0), (f64::NAN, 0.0), (1.0, -1e-9), (1.0, f64::INFINITY)]
        {
            assert!(matches!(
                Theory::new(Activation::Tanh, sigma_w2, sigma_b2),
                Err(Error::OutOfRange { .. })
            ));
        }
        let theory = Theory::new(Activation::Relu, 1.0, 0.1).unwrap();
        assert!(theory.length_map(-1e-9).is_err());
        assert!(theory.length_map(f64::NAN).is_err());
        assert!(theory.correlation_map(1.0, 1.1).is_err());
        assert!(theory.deficiency_map(1.0, 2.1).is_err());
    }

    #[test]
    fn correlation_one_is_a_fixed_point() {
        for activation in Activation::ALL {
            let theory = Theory::new(activation, 1.3, 0.2).unwrap();
            assert!((theory.correlation_map(0.7, 1.0).unwrap() - 1.0).abs() < 1e-15);
        }
    }

    #[test]
    fn zero_length_without_bias_gives_the_limit() {
        let theory = Theory::new(Activation::Tanh, 0.5, 0.0).unwrap();
        assert!(
            (theory.deficiency_map(0.0, 0.3).unwrap() - theory.deficiency_map(1e-14, 0.3).unwrap())
                .abs()
                < 1e-12
        );
    }
}
