//! Losses and optimisers of network training.
//!
//! They are [`tensor::Loss`]es and [`tensor::Optimizer`]s, since backends compute with them.

pub use tensor::{Loss, LossAndGradient, Optimizer};
