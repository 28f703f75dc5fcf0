use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// Variances of the random initialisation: `W_l ~ N(0, sigma_w2 / w_{l-1})`, `b_l ~ N(0, sigma_b2)`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Variances {
    sigma_w2: f64,
    sigma_b2: f64,
}

impl Variances {
    /// Checked variances.
    ///
    /// # Errors
    /// [`Error::OutOfRange`] when one is negative, not finite or so large or small that f32 weights cannot have it.
    pub fn new(sigma_w2: f64, sigma_b2: f64) -> Result<Self> {
        for (name, value) in [("sigma_w2", sigma_w2), ("sigma_b2", sigma_b2)] {
            let is_usable = value.abs() <= 0.0 || (1e-60..=1e30).contains(&value);
            if !is_usable {
                let value = format!("{value:e}");
                return Err(Error::OutOfRange { name, value, range: "0, or 1e-60 to 1e30" });
            }
        }
        Ok(Self { sigma_w2, sigma_b2 })
    }

    /// Variance of the weights times the fan-in.
    pub const fn sigma_w2(&self) -> f64 {
        self.sigma_w2
    }

    /// Variance of the biases.
    pub const fn sigma_b2(&self) -> f64 {
        self.sigma_b2
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bad_variances_are_refused() {
        for (sigma_w2, sigma_b2) in
            [(-1.0, 0.0), (f64::NAN, 0.0), (1.0, f64::INFINITY), (1.0, -0.1)]
        {
            assert!(Variances::new(sigma_w2, sigma_b2).is_err());
        }
    }
}
