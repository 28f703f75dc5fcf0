//! Mean-field theory of signal propagation in infinitely wide networks.
//!
//! A random layer maps two quantities to those of the next layer: the variance per unit `q` of its pre-activations, and
//! the correlation `c` between the pre-activations of two inputs (Poole et al. arXiv:1606.05340). The fixed points of
//! these maps, and the rate of convergence to them, determine how deep information about the input travels (Schoenholz
//! et al. arXiv:1611.01232).
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
//! * Correlations near one are stored as the *deficiency* `d = 1 - c`, so that a `c*` just below one keeps all its
//!   digits.
//!
//! # Accuracy
//! Fixed points, critical lines and depth scales keep eight digits down to a relative distance of 1e-6 from the
//! critical line, kinks included. Closer to the line, the absolute error of `chi_1 - 1`, about 1e-15, limits the
//! accuracy of depth scales. Only [`LayerKernels`], and [`RidgeTheory`] on top of it, are less accurate for ELU, SELU
//! and hard tanh: the error is 2e-5 of `E[phi^2]` for pairs of inputs with a correlation above 0.998.
//!
//! # Initial conditions
//! The length of every input converges to the same `q*`, except with GELU and SiLU. Above `sigma_w2 = 2` these have a
//! second, unstable fixed point, and inputs beyond it grow without bound. Just below 2 there may be two stable lengths;
//! see [`FixedPoint::q_star`].
//!
//! # Method
//! Every Gaussian expectation is a closed form or a short sum of closed forms, valid at any `q`; see [`kernel`] for the
//! formulas. Therefore nothing here overflows or loses digits in the ordered phase or at large variances, and a whole
//! phase diagram takes a second. [`quadrature`] integrates arbitrary functions; tests compare the closed forms with it.

mod cholesky;
mod convolution;
mod critical;
mod data_profile;
mod dropout;
mod error;
mod fixed_point;
mod gradient_norm;
mod growth;
mod hermite;
mod jacobian;
pub mod kernel;
mod layer_kernels;
mod network_profile;
mod normal_rng;
mod phase_diagram;
pub mod phi;
mod profile;
pub mod quadrature;
mod residual;
mod ridge;
mod roots;
mod special;
mod stable_length;
mod theory;
mod usable;

pub use convolution::{ModeScale, SpatialVariance};
pub use critical::{
    CriticalCrossing, CriticalPoint, critical_crossings, critical_point, critical_sigma_b2,
    critical_sigma_w2,
};
pub use data_profile::{LayerStatistics, Spread};
pub use dropout::Dropout;
pub use error::{Error, Result};
pub use fixed_point::{FixedPoint, Phase};
pub use gradient_norm::GradientNorm;
pub use growth::{Growth, growth_sentence};
pub use jacobian::{JacobianSpectrum, Weights};
pub use layer_kernels::LayerKernels;
pub use network_profile::{
    AlikeLayers, CircularModes, NetworkInputs, NetworkProfile, StageProfile, UnknownReason,
    UnknownStage, alike_layers, circular_modes, network_profile,
};
pub use phase_diagram::fixed_points;
pub use phi::Phi;
pub use profile::PairStart;
pub use residual::{
    AsymptoticLaw, Branch, PostActivation, PostActivationPoint, Residual, ResidualAsymptotics,
    ResidualLayer, StreamMoments,
};
pub use ridge::{Ridge, RidgeReconstruction, RidgeTheory};
pub use theory::{MAX_LENGTH, MAX_VARIANCE, Theory};
pub use usable::{MOST as MOST_USABLE, UsableRange, usable_sigma_w2};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
