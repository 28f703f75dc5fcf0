use crate::{Convolution, Reference};

/// The default, which is the readable implementation.
impl Convolution for Reference {}
