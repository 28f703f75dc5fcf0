//! One suite of checks for every backend, against [`Reference`](crate::Reference).
//!
//! Shapes are drawn at random around the sizes kernels treat specially: 1, primes, and the edges of blocks and vectors.
//! `tests/` runs the suite on each backend; `isobath doctor --verify` runs it on the user's machine. Each operation's
//! checks are the file `conformance.rs` in the operation's folder.

mod report;
mod suite;

pub use report::Finding;
pub(crate) use report::{Report, Tally};
pub(crate) use suite::{Suite, has_kink};

use crate::{FullBackend, Result, ops};

/// Runs all checks on `backend`; `cases` random shapes each. Precisions the backend refuses are not among the findings.
///
/// # Errors
/// When an operation fails.
pub fn run<B: FullBackend>(backend: &B, cases: usize, seed: u64) -> Result<Vec<Finding>> {
    let suite = Suite { backend, cases, seed };
    let mut report = Report::new();
    suite.memory(&mut report)?;
    ops::run_conformance(&suite, &mut report)?;
    Ok(report.into_findings())
}
