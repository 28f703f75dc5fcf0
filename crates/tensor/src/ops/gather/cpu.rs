use crate::{Cpu, GatherRows};

/// The default.
impl GatherRows for Cpu {}
