use crate::{BatchEntropy, Reference};

/// The default, which is the readable implementation.
impl BatchEntropy for Reference {}
