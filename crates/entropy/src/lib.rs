//! How much of its input a network still holds at each depth, estimated from samples, and the depth at which it is gone.
//!
//! Two steps, each usable without the other:
//!
//! 1. An [`EntropyEstimator`] turns probe samples and their reconstructions from every layer into a [`Profile`]: one
//!    number per layer and, where the estimator looks at samples one by one, one number per layer and sample.
//!    Experiment files name estimators by [`EstimatorSpec`].
//! 2. [`cutoff::verdict`] reads a depth off a profile by a [`cutoff::CutoffRule`].
//!    A profile that ends before the information does gives [`cutoff::Depth::Beyond`], never a number.
//!    Error bars come from the probe samples ([`bootstrap`]) and from independent networks ([`across_seeds`]).
//!
//! Layers are 1-based everywhere: layer `l` is the reconstruction from depth `l`, and depth 0 means that the information
//! is lost before the first layer. Entropies are in nats.
//!
//! ```
//! use isobath_entropy::{EstimatorSpec, cutoff};
//! use ndarray::{Array2, array};
//!
//! let inputs = array![[0.0, 0.5, 1.0], [1.0, 0.0, 0.25]];
//! // Nothing lost at depth 1, everything at depths 2 to 4.
//! let lost = Array2::from_elem((2, 3), 0.5);
//! let layers = [inputs.view(), lost.view(), lost.view(), lost.view()];
//!
//! let estimator = EstimatorSpec::RELATIVE.build(isobath_tensor::Cpu::new());
//! let profile = estimator.profile(inputs.view(), &layers)?;
//! let verdict = cutoff::verdict(&cutoff::CutoffRule::default(), &profile)?;
//! assert_eq!(verdict.depth, cutoff::Depth::Layer(1.0));
//! # Ok::<(), isobath_entropy::Error>(())
//! ```

mod backend;
mod bootstrap;
pub mod cutoff;
mod error;
mod estimator;
mod profile;
mod seeds;
mod staging;
mod statistics;

pub use backend::EntropyBackend;
pub use bootstrap::{Interval, LEVEL, bootstrap, bootstrap_means};
pub use error::{Error, Result, Source};
pub use estimator::{
    BatchEntropy, DEFAULT_EPS, Descriptor, Differential, Direction, EntropyEstimator,
    EstimatorSpec, Gram, JensenShannon, ReconstructionError, Relative,
};
pub use profile::Profile;
pub use seeds::{Summary, across_seeds};
