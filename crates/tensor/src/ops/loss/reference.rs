use crate::{LossGradient, Reference};

/// The default, which is the readable implementation.
impl LossGradient for Reference {}
