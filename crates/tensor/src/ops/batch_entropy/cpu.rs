use crate::{BatchEntropy, Cpu};

/// The default.
impl BatchEntropy for Cpu {}
