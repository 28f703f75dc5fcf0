use crate::{Cpu, LossGradient};

/// The default.
impl LossGradient for Cpu {}
