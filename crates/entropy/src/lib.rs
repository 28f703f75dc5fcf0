//! Estimates the input information in a network at each depth from samples, and the depth at which it is lost.
//!
//! The two steps are independent:
//!
//! 1. An [`EntropyEstimator`] converts probe samples and their reconstructions from every layer to a [`Profile`]: one number
//!    per layer and, for some estimators, one number per layer and sample.
//!    Experiment files name estimators by [`EstimatorSpec`].
//! 2. [`cutoff::find`] reads a depth, the cut-off, from a profile by a [`cutoff::CutoffRule`].
//!    A profile that is too short gives [`cutoff::Depth::Beyond`], never a number.
//!    Error bars come from the probe samples ([`bootstrap`]) and from independent networks ([`across_seeds`]).
//!
//! Layers are 1-based: layer `l` is the reconstruction from depth `l`. Depth 0 means that information is lost before the first
//! layer. Entropies are in nats.
//!
//! ```
//! use isobath_entropy::{EstimatorSpec, cutoff};
//! use ndarray::{Array2, array};
//!
//! let inputs = array![[0.0, 0.5, 1.0], [1.0, 0.0, 0.25]];
//! // Nothing is lost at depth 1, everything at depths 2 to 4.
//! let lost = Array2::from_elem((2, 3), 0.5);
//! let layers = [inputs.view(), lost.view(), lost.view(), lost.view()];
//!
//! let estimator = EstimatorSpec::RELATIVE.build(isobath_tensor::Cpu::new());
//! let profile = estimator.profile(inputs.view(), &layers)?;
//! let cutoff = cutoff::find(&cutoff::CutoffRule::default(), &profile)?;
//! assert_eq!(cutoff.depth, cutoff::Depth::Layer(1.0));
//! # Ok::<(), isobath_entropy::Error>(())
//! ```

mod backend;
mod bootstrap;
pub mod conclusion;
pub mod cutoff;
mod error;
mod estimator;
mod profile;
mod seeds;
mod staging;
mod statistics;

pub use backend::EntropyBackend;
pub use bootstrap::{Interval, LEVEL, bootstrap, bootstrap_means};
pub use conclusion::{Conclusion, Evidence, conclude};
pub use error::{Error, Result, Source};
pub use estimator::{
    BatchEntropy, DEFAULT_EPS, Descriptor, Differential, Direction, EntropyEstimator,
    EstimatorSpec, Gram, JensenShannon, ReconstructionError, Relative, profiles,
};
pub use profile::Profile;
pub use seeds::{Summary, across_seeds};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
