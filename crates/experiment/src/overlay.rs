use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// Theory curve of the chart, a multiple of a depth scale of correlations: `"xi_c"`, `"6 xi_c"`, `"xi_c(k)"`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Overlay {
    /// The multiple, positive.
    pub factor: f64,
    /// The depth scale.
    pub scale: DepthScale,
}

/// Depth scale of correlations between two inputs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DepthScale {
    /// `xi_c`: of units, or of the mean over an image.
    Uniform,
    /// `xi_c(k)`: of the slowest of the spatial frequencies that vary over an image, in circular convolutions.
    SlowestMode,
}

impl DepthScale {
    const ALL: [Self; 2] = [Self::Uniform, Self::SlowestMode];

    const fn name(self) -> &'static str {
        match self {
            Self::Uniform => "xi_c",
            Self::SlowestMode => "xi_c(k)",
        }
    }
}

impl Overlay {
    /// `factor` times `xi_c`.
    pub const fn uniform(factor: f64) -> Self {
        Self { factor, scale: DepthScale::Uniform }
    }
}

impl fmt::Display for Overlay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.factor.to_bits() == 1.0_f64.to_bits() {
            f.write_str(self.scale.name())
        } else {
            write!(f, "{} {}", self.factor, self.scale.name())
        }
    }
}

impl FromStr for Overlay {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let unknown = || {
            format!(
                "unknown overlay `{text}`; use \"xi_c\", a multiple such as \"6 xi_c\", or \"xi_c(k)\" for circular \
                 convolutions"
            )
        };
        let split = |scale: DepthScale| Some((scale, text.trim().strip_suffix(scale.name())?));
        let (scale, factor) = DepthScale::ALL.into_iter().find_map(split).ok_or_else(unknown)?;
        let factor = factor.trim();
        let factor = if factor.is_empty() { 1.0 } else { factor.parse().map_err(|_| unknown())? };
        let is_positive = f64::is_finite(factor) && factor > 0.0;
        if is_positive { Ok(Self { factor, scale }) } else { Err(unknown()) }
    }
}

impl TryFrom<String> for Overlay {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Overlay> for String {
    fn from(overlay: Overlay) -> Self {
        overlay.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_round_trips() {
        for text in ["xi_c", "6 xi_c", "2.5 xi_c", "xi_c(k)", "6 xi_c(k)"] {
            assert_eq!(text.parse::<Overlay>().unwrap().to_string(), text);
        }
        assert_eq!("6xi_c".parse::<Overlay>().unwrap(), Overlay::uniform(6.0));
        assert_eq!("xi_c(k)".parse::<Overlay>().unwrap().scale, DepthScale::SlowestMode);
    }

    #[test]
    fn invalid_text_is_rejected() {
        for text in ["", "xi_q", "six xi_c", "0 xi_c", "-1 xi_c", "inf xi_c", "nan xi_c", "xi_c(2)"]
        {
            assert!(text.parse::<Overlay>().is_err(), "{text}");
        }
    }
}
