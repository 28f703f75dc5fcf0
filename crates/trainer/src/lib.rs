//! Losses and optimisers of network training.
//!
//! The optimisers are [`tensor::Optimizer`]s, since decoders are trained by the same ones.

mod loss;

pub use loss::{Loss, LossAndGradient};
pub use tensor::Optimizer;
