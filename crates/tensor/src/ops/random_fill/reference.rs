use crate::{RandomFill, Reference};

/// The default, which is the readable implementation.
impl RandomFill for Reference {}
