use crate::{GatherRows, Reference};

/// The default, which is the readable implementation.
impl GatherRows for Reference {}
