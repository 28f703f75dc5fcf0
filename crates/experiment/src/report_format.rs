//! File formats of reports.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// File format of a report. In experiment files: `"html"`, `"png"`, `"svg"`, `"csv"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// One self-contained HTML page.
    Html,
    /// Every figure as a bitmap.
    Png,
    /// Every figure as a vector drawing.
    Svg,
    /// The numbers as tables.
    Csv,
}

impl Format {
    /// All formats.
    pub const ALL: [Self; 4] = [Self::Html, Self::Png, Self::Svg, Self::Csv];

    /// Name in experiment files and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Html => "html",
            Self::Png => "png",
            Self::Svg => "svg",
            Self::Csv => "csv",
        }
    }
}

/// Error for an unknown report format.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown report format `{name}`; use one of {}", Format::ALL.map(Format::name).join(", "))]
pub struct ParseFormatError {
    name: String,
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Format {
    type Err = ParseFormatError;

    fn from_str(name: &str) -> Result<Self, ParseFormatError> {
        let unknown = || ParseFormatError { name: name.to_owned() };
        Self::ALL.into_iter().find(|format| format.name() == name).ok_or_else(unknown)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_round_trip() {
        for format in Format::ALL {
            assert_eq!(format.to_string().parse::<Format>().unwrap(), format);
            assert_eq!(serde_json::to_string(&format).unwrap(), format!("\"{format}\""));
        }
    }

    #[test]
    fn error_lists_the_known_formats() {
        let error = "pdf".parse::<Format>().unwrap_err().to_string();
        assert_eq!(error, "unknown report format `pdf`; use one of html, png, svg, csv");
    }
}
