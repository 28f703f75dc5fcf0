use crate::{Dense, Reference};

/// The default, which is the readable implementation.
impl Dense for Reference {}
