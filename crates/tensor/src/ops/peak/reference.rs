use crate::{PeakFlops, Reference};

/// The default, which is the readable implementation.
impl PeakFlops for Reference {}
