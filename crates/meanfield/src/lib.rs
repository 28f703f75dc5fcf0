//! Mean-field theory of signal propagation in infinitely wide networks.
//!
//! A random layer maps the variance per unit `q` of its pre-activations, and the correlation `c` of two inputs', to
//! those of the next layer (Poole et al. arXiv:1606.05340). The fixed points of these maps, and how fast they are
//! reached, say how deep information about the input travels (Schoenholz et al. arXiv:1611.01232).
//!
//! ```
//! use isobath_meanfield::{Theory, critical_sigma_w2};
//! use isobath_architecture::Activation;
//!
//! let point = Theory::new(Activation::Tanh, 1.3, 0.05)?.fixed_point()?;
//! assert!((point.xi_c - 7.834).abs() < 1e-3);
//! assert!((critical_sigma_w2(Activation::Tanh, 0.05)? - 1.76095).abs() < 1e-5);
//! # Ok::<(), isobath_meanfield::Error>(())
//! ```
//!
//! # Conventions
//! * `sigma_w2` and `sigma_b2` are variances: `W_ij ~ N(0, sigma_w2 / fan_in)`, `b_i ~ N(0, sigma_b2)`.
//! * `q` is a variance per unit, not divided by the width: the first layer has `q_1 = sigma_w2 |x|^2 / D + sigma_b2`.
//! * Correlations near one are carried as the *deficiency* `d = 1 - c`, so that a `c*` just below one keeps all its
//!   digits.
//!
//! # Accuracy
//! Fixed points, critical lines and depth scales keep eight digits down to a relative distance of 1e-6 from the critical
//! line, kinks included; `chi_1 - 1` has an absolute error of about 1e-15, which is what limits scales still closer in.
//! Only [`LayerKernels`], and [`RidgeTheory`] on top of it, are coarser for ELU, SELU and hard tanh: 2e-5 of `E[phi^2]`
//! for pairs of inputs correlated by more than 0.998.
//!
//! # Where the start matters
//! Every input's length ends at the same `q*`, except with GELU and SiLU: above `sigma_w2 = 2` inputs beyond a second,
//! unstable fixed point grow without bound, and just below 2 there may be two stable lengths; see
//! [`FixedPoint::q_star`].
//!
//! # How the numbers are made
//! Every Gaussian expectation is a closed form or a short sum of closed forms, valid at any `q`; see [`kernel`] for the
//! formulas. That is why nothing here overflows or loses its digits in the ordered phase or at large variances, and why
//! a whole phase diagram takes a second. [`quadrature`] integrates arbitrary functions and is what the closed forms are
//! tested against.

mod cholesky;
mod convolution;
mod critical;
mod data_profile;
mod dropout;
mod error;
mod fixed_point;
mod hermite;
mod jacobian;
pub mod kernel;
mod layer_kernels;
mod normal;
pub mod phi;
mod plane;
mod profile;
pub mod quadrature;
mod residual;
mod ridge;
mod roots;
mod special;
mod stable_length;
mod theory;

pub use convolution::{ModeScale, SpatialVariance};
pub use critical::{CriticalPoint, critical_point, critical_sigma_b2, critical_sigma_w2};
pub use data_profile::{LayerStatistics, Spread};
pub use dropout::Dropout;
pub use error::{Error, Result};
pub use fixed_point::{FixedPoint, Phase};
pub use jacobian::{JacobianSpectrum, Weights};
pub use layer_kernels::LayerKernels;
pub use phi::Phi;
pub use plane::fixed_points;
pub use profile::PairStart;
pub use residual::{
    Branch, Law, PostActivation, PostActivationPoint, Residual, ResidualLaws, ResidualLayer,
    StreamPair,
};
pub use ridge::{Ridge, RidgeReconstruction, RidgeTheory};
pub use theory::{MAX_LENGTH, MAX_VARIANCE, Theory};
