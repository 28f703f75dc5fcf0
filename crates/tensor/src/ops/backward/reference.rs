use crate::{Backward, Reference};

/// The default, which is the readable implementation.
impl Backward for Reference {}
