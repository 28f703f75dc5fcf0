use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// Theory curve of the chart, a multiple of the correlation depth scale `xi_c`: `"xi_c"`, `"6 xi_c"`, `"2.5 xi_c"`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Overlay {
    /// The multiple, positive.
    pub factor: f64,
}

impl fmt::Display for Overlay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.factor.to_bits() == 1.0_f64.to_bits() {
            f.write_str("xi_c")
        } else {
            write!(f, "{} xi_c", self.factor)
        }
    }
}

impl FromStr for Overlay {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let unknown =
            || format!("unknown overlay `{text}`; use \"xi_c\" or a multiple such as \"6 xi_c\"");
        let factor = text.trim().strip_suffix("xi_c").ok_or_else(unknown)?.trim();
        let factor = if factor.is_empty() { 1.0 } else { factor.parse().map_err(|_| unknown())? };
        if f64::is_finite(factor) && factor > 0.0 { Ok(Self { factor }) } else { Err(unknown()) }
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
        for text in ["xi_c", "6 xi_c", "2.5 xi_c"] {
            assert_eq!(text.parse::<Overlay>().unwrap().to_string(), text);
        }
        assert_eq!("6xi_c".parse::<Overlay>().unwrap().factor.to_bits(), 6.0_f64.to_bits());
    }

    #[test]
    fn invalid_text_is_rejected() {
        for text in ["", "xi_q", "six xi_c", "0 xi_c", "-1 xi_c", "inf xi_c", "nan xi_c"] {
            assert!(text.parse::<Overlay>().is_err(), "{text}");
        }
    }
}
