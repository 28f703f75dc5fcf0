use crate::{Error, Result};

/// Result of one check.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// Name of the check.
    pub check: &'static str,
    /// Number of cases.
    pub cases: usize,
    /// The largest difference from the reference.
    pub worst: f64,
    /// Largest difference allowed.
    pub tolerance: f64,
    /// The case with the largest difference.
    pub worst_case: String,
}

impl Finding {
    /// True if the backend passed.
    pub fn passed(&self) -> bool {
        self.worst <= self.tolerance
    }
}

/// Findings of all checks.
pub(crate) struct Report {
    findings: Vec<Finding>,
    refusals: Tally,
}

impl Report {
    pub(crate) fn new() -> Self {
        Self { findings: Vec::new(), refusals: Tally::new("short buffers are refused", 0.0) }
    }

    pub(crate) fn add(&mut self, finding: Finding) {
        self.findings.push(finding);
    }

    /// Adds the finding, unless the backend refuses its precision.
    pub(crate) fn add_unless_refused(&mut self, finding: Result<Finding>) -> Result<()> {
        match finding {
            Err(Error::Precision { .. }) => {}
            other => self.findings.push(other?),
        }
        Ok(())
    }

    /// Checks that `operation` refused a buffer that is too short.
    pub(crate) fn refused(&mut self, operation: &'static str, outcome: Result<()>) {
        let refused = matches!(outcome, Err(Error::Shape { .. }));
        self.refusals.add(&[f64::from(u8::from(refused))], &[1.0], 1.0, || {
            format!("{operation} accepted a short buffer")
        });
    }

    pub(crate) fn into_findings(mut self) -> Vec<Finding> {
        self.findings.push(self.refusals.finding);
        self.findings
    }
}

/// Collects the largest difference.
pub(crate) struct Tally {
    pub(crate) finding: Finding,
}

impl Tally {
    pub(crate) fn new(check: &'static str, tolerance: f64) -> Self {
        Self {
            finding: Finding { check, cases: 0, worst: 0.0, tolerance, worst_case: String::new() },
        }
    }

    /// Adds the differences of a case, relative to `scale`.
    pub(crate) fn add<A, E>(
        &mut self,
        actual: &[A],
        expected: &[E],
        scale: f64,
        case: impl Fn() -> String,
    ) where
        A: Copy + Into<f64>,
        E: Copy + Into<f64>,
    {
        self.finding.cases += 1;
        for (&actual, &expected) in actual.iter().zip(expected) {
            let difference = (actual.into() - expected.into()).abs() / scale;
            let difference = if difference.is_nan() { f64::INFINITY } else { difference };
            if difference > self.finding.worst {
                self.finding.worst = difference;
                self.finding.worst_case = case();
            }
        }
    }
}
