//! Agreement of two backends: cascades and trainings of the same networks from the same seeds.
//!
//! The networks are fixed: narrow and wide, in both phases and at the critical point. Their data are generated. Reports from
//! different machines are therefore comparable and need no external files.

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

/// Comparison of one case on both backends.
#[derive(Clone, Debug, Serialize)]
pub struct Agreement {
    /// The case.
    #[serde(flatten)]
    pub case: Case,
    /// Differences of the backends.
    #[serde(flatten)]
    pub differences: Differences,
    /// Allowed differences.
    pub tolerance: Tolerance,
    /// True if all differences are within the tolerance.
    pub passed: bool,
}

/// Computes every case on `backend` and on `baseline`. Calls `on_result` after each case.
///
/// Decoders train in every precision of `backend`, and in the same precision on the baseline. The remaining differences come
/// from the order of summation.
///
/// # Errors
/// When a backend is not available or fails.
pub fn compare_backends(
    backend: BackendSpec,
    baseline: BackendSpec,
    extent: Extent,
    mut on_result: impl FnMut(&Agreement),
) -> Result<Vec<Agreement>> {
    let (cases, methods) = (Cases::new(extent)?, DecoderMethod::on(backend)?);
    let mut agreements = Vec::new();
    for network in cases.networks() {
        for &method in &methods {
            let case = Case { network, method };
            let expected = cases.compute_baseline(network, method, baseline)?;
            let actual = cases
                .compute(network, method, backend)
                .during(|| format!("{case} on {backend}"))?;
            let differences = Differences::between(&actual, &expected);
            let tolerance = Tolerance::of(case, extent);
            let passed = tolerance.allows(&differences);
            let agreement = Agreement { case, differences, tolerance, passed };
            on_result(&agreement);
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
    fn f32_tolerance_rejects_other_decoder_methods() {
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

    /// Truncates the mantissa instead of rounding it.
    fn truncate(precision: Precision, x: f32) -> f32 {
        let kept = if precision == Precision::Tf32 { 0xffff_e000 } else { 0xffff_0000 };
        f32::from_bits(x.to_bits() & kept)
    }

    #[test]
    fn tolerance_of_rounded_factors_rejects_truncated_ones() {
        let cases = Cases::new(Extent::Quick).unwrap();
        for network in cases.networks() {
            for precision in [Precision::Tf32, Precision::Bf16] {
                let method = DecoderMethod::Gradient(precision);
                let tolerance = Tolerance::of(Case { network, method }, Extent::Quick);
                let expected = cases.compute_baseline(network, method, BackendSpec::Cpu).unwrap();
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
