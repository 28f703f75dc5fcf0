use isobath_tensor::BackendSpec;
use serde::Serialize;

/// Largest difference that passes.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Allowed {
    Absolute(f64),
    Relative(f64),
    Equal,
}

/// Tolerances of a backend in f32.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tolerances {
    /// Parameters, activations, reconstructions, gradients.
    pub(super) numbers: Allowed,
    /// Losses, and entropies and errors per sample.
    pub(super) relative: Allowed,
    /// Entropies of whole layers.
    pub(super) entropies: Allowed,
}

impl Tolerances {
    /// Tolerances of `backend`. A device adds in another order than the host.
    pub(super) const fn of(backend: BackendSpec) -> Self {
        let is_device = matches!(backend, BackendSpec::Cuda { .. });
        let [numbers, entropies] = if is_device { [1e-4, 5e-3] } else { [2e-5, 1e-3] };
        Self {
            numbers: Allowed::Absolute(numbers),
            relative: Allowed::Relative(entropies),
            entropies: Allowed::Absolute(entropies),
        }
    }
}

/// Comparison of one quantity.
#[derive(Clone, Debug, Serialize)]
pub(in crate::commands) struct Line {
    name: String,
    absolute: f64,
    relative: f64,
    allowed: Allowed,
}

impl Line {
    /// The largest differences between the first and the second of `pairs`, the expected one.
    pub(super) fn new(
        name: impl Into<String>,
        allowed: Allowed,
        pairs: impl IntoIterator<Item = (f64, f64)>,
    ) -> Self {
        let (mut absolute, mut relative) = (0.0_f64, 0.0_f64);
        for (actual, expected) in pairs {
            let difference = (actual - expected).abs();
            // A NaN has the largest possible difference.
            let difference = if difference.is_nan() { f64::INFINITY } else { difference };
            absolute = absolute.max(difference);
            if difference > 0.0 {
                relative = relative.max(difference / expected.abs());
            }
        }
        Self { name: name.into(), absolute, relative, allowed }
    }

    pub(in crate::commands) fn passed(&self) -> bool {
        match self.allowed {
            Allowed::Absolute(most) => self.absolute <= most,
            Allowed::Relative(most) => self.relative <= most,
            Allowed::Equal => self.absolute <= 1e-9,
        }
    }
}

impl std::fmt::Display for Line {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let allowed = match self.allowed {
            Allowed::Absolute(most) => format!("{most:.0e} abs"),
            Allowed::Relative(most) => format!("{most:.0e} rel"),
            Allowed::Equal => "equal".to_owned(),
        };
        let status = if self.passed() { "pass" } else { "FAIL" };
        write!(
            f,
            "{:<28} {:>12.3e} {:>12.3e} {allowed:>12} {status}",
            self.name, self.absolute, self.relative
        )
    }
}

/// Pairs of f32 numbers as f64.
pub(super) fn pairs<'a>(
    actual: impl IntoIterator<Item = f32> + 'a,
    expected: impl IntoIterator<Item = f32> + 'a,
) -> impl Iterator<Item = (f64, f64)> + 'a {
    let wide = |(actual, expected): (f32, f32)| (f64::from(actual), f64::from(expected));
    actual.into_iter().zip(expected).map(wide)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_pass_within_their_tolerance() {
        let line = |allowed, actual| Line::new("x", allowed, [(actual, 2.0)]);
        assert!(line(Allowed::Absolute(0.1), 2.05).passed());
        assert!(!line(Allowed::Absolute(0.1), 2.2).passed());
        assert!(line(Allowed::Relative(0.1), 2.15).passed());
        assert!(!line(Allowed::Equal, 3.0).passed());
        assert!(!line(Allowed::Relative(0.1), f64::NAN).passed());
    }
}
