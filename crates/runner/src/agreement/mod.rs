//! Whether a backend gives what another one gives: cascades and trainings of the same networks from the same seeds, on both.
//!
//! The networks are few and fixed, narrow and wide, on both sides of the critical line and on it, their data generated;
//! so two certificates can be compared, and nothing beside the program is needed to make one.

mod cases;
mod difference;
mod outcome;
mod tolerance;
mod trainings;

use crate::error::{During, Result};
use isobath_tensor::BackendSpec;
use serde::Serialize;

pub use cases::{Case, DecoderMethod, Extent};
pub use difference::{Differences, LayerDifference};
pub use tolerance::Tolerance;
pub use trainings::{TrainingAgreement, compare_trainings};

use cases::Cases;

/// One case on both backends.
#[derive(Clone, Debug, Serialize)]
pub struct Agreement {
    /// What was computed.
    #[serde(flatten)]
    pub case: Case,
    /// How far the backends are apart.
    #[serde(flatten)]
    pub differences: Differences,
    /// How far they may be.
    pub tolerance: Tolerance,
    /// Whether they are no further.
    pub passed: bool,
}

/// Computes every case on `backend` and on `baseline`, and tells `heard` of each as soon as it is done.
///
/// Decoders are trained in every precision `backend` has, and in the same on the baseline, so that what is left between
/// them is the order of sums and what becomes of it.
///
/// # Errors
/// When a backend is missing or fails.
pub fn compare_backends(
    backend: BackendSpec,
    baseline: BackendSpec,
    extent: Extent,
    mut heard: impl FnMut(&Agreement),
) -> Result<Vec<Agreement>> {
    let (cases, methods) = (Cases::new(extent)?, DecoderMethod::on(backend)?);
    let mut agreements = Vec::new();
    for network in cases.networks() {
        for &method in &methods {
            let case = Case { network, method };
            let expected = cases.expect(network, method, baseline)?;
            let actual = cases
                .compute(network, method, backend)
                .during(|| format!("{case} on {backend}"))?;
            let differences = Differences::between(&actual, &expected);
            let tolerance = Tolerance::of(case, extent);
            let passed = tolerance.allows(&differences);
            let agreement = Agreement { case, differences, tolerance, passed };
            heard(&agreement);
            agreements.push(agreement);
        }
    }
    Ok(agreements)
}

#[cfg(test)]
mod tests {
    use isobath_tensor::{BackendTask, Cpu, Precision};

    use super::*;

    #[test]
    fn what_f32_may_differ_by_is_less_than_what_other_decoders_do() {
        let cases = Cases::new(Extent::Quick).unwrap();
        let network = cases.networks().next().unwrap();
        let f32 = DecoderMethod::Gradient(Precision::F32);
        let compute = |method, backend| cases.compute(network, method, backend).unwrap();
        let expected = compute(f32, BackendSpec::Cpu);
        let same = Differences::between(&compute(f32, BackendSpec::Reference), &expected);
        let tolerance = Tolerance::of(Case { network, method: f32 }, Extent::Quick);
        assert!(tolerance.allows(&same), "{same:?}");
        for method in [DecoderMethod::Gradient(Precision::Tf32), DecoderMethod::Ridge] {
            let other = Differences::between(&compute(method, BackendSpec::Reference), &expected);
            assert!(!tolerance.allows(&other), "{method}: {other:?}");
        }
    }

    /// Drops what is rounded.
    fn truncate(precision: Precision, x: f32) -> f32 {
        let kept = if precision == Precision::Tf32 { 0xffff_e000 } else { 0xffff_0000 };
        f32::from_bits(x.to_bits() & kept)
    }

    #[test]
    fn what_rounded_factors_may_differ_by_is_less_than_what_truncated_ones_do() {
        let cases = Cases::new(Extent::Quick).unwrap();
        for network in cases.networks() {
            for precision in [Precision::Tf32, Precision::Bf16] {
                let method = DecoderMethod::Gradient(precision);
                let tolerance = Tolerance::of(Case { network, method }, Extent::Quick);
                let expected = cases.expect(network, method, BackendSpec::Cpu).unwrap();
                let same = cases.compute(network, method, BackendSpec::Reference).unwrap();
                let same = Differences::between(&same, &expected);
                assert!(tolerance.allows(&same), "{precision}: {same:?}");
                let truncating = Cpu::new().rounding(truncate);
                let other = cases.with(network, method, |task| task.run(truncating)).unwrap();
                let other = Differences::between(&other, &expected);
                assert!(!tolerance.allows(&other), "{precision}: {other:?}");
            }
        }
    }
}
