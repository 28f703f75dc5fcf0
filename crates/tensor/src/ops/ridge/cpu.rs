use crate::{Cpu, FitRidge};

/// The default.
impl FitRidge for Cpu {}
