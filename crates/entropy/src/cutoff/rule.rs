//! Cut-off rules and their form in experiment files.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{Error, EstimatorSpec, Result};

/// Default relative tolerance of `saturation` (arXiv:2406.12916).
pub const DEFAULT_RTOL: f64 = 0.005;
/// Default number of skipped layers. The published code skips the 400-wide layer and the readout.
pub const DEFAULT_SKIP_LAST: usize = 2;
/// Default threshold of the reconstruction error.
pub const DEFAULT_ERROR: f64 = 0.5;

/// Rule that reads a depth from a profile. In TOML a table such as `{ rule = "saturation", rtol = 0.005 }`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Table", into = "Table")]
pub enum CutoffRule {
    /// The deepest layer whose value differs from the last layer's by more than `1e-8 + rtol |s_L|`, if the deeper layers
    /// form a plateau. Otherwise the depth is beyond the last layer.
    ///
    /// A plateau has at least two layers and at least one twentieth of all layers. A least-squares line through its deeper
    /// half, extended over the plateau, changes by at most half the tolerance, where two standard errors of that change may
    /// be noise. An unsaturated profile changes by the whole
    /// tolerance there, because the scan ended there. An exponential passes from 2.2 decay lengths below the cut-off on, when
    /// its last value is within a ninth of the tolerance of its limit.
    ///
    /// Noise between layers must be well below the tolerance. White noise of a fifth of it is harmless at 60 layers. With a
    /// third of it, 1 in 7 plateaus is rejected and 3 in 10 cut-offs are too deep. For noisy profiles, check
    /// [`bootstrap`](crate::bootstrap), raise `rtol` or use `decay`.
    Saturation {
        /// The relative difference to ignore, above 0 and below 1.
        rtol: f64,
    },
    /// The scan of the published code. It skips the last `skip_last` layers, gives a flat profile its full length and does not
    /// check for a plateau. The published index is 0-based; the depth here is 1-based.
    SaturationPublished {
        /// The relative difference to ignore, above 0 and below 1.
        rtol: f64,
        /// Number of last layers to skip.
        skip_last: usize,
    },
    /// The scale `lambda` of `S_l = S_inf - (S_inf - S_0) exp(-l / lambda)`, fitted by least squares.
    ///
    /// The depth is beyond the last layer if `lambda` exceeds the number of layers, and 0 if `lambda` is too small to be
    /// resolved. It is undetermined for fewer than four layers, if the decay is not distinguishable from noise, and if the
    /// standard error exceeds `lambda`.
    Decay,
    /// The first layer whose value exceeds `error`. For rising profiles, above all `reconstruction-error`.
    Threshold {
        /// The threshold.
        error: f64,
        /// True to interpolate linearly between the previous layer and this one.
        interpolate: bool,
    },
}

impl CutoffRule {
    /// Checks that the settings are in range.
    ///
    /// # Errors
    /// [`Error::Setting`] with the setting that is out of range.
    pub fn check(&self) -> Result<()> {
        match *self {
            Self::Saturation { rtol } | Self::SaturationPublished { rtol, .. }
                if !(rtol > 0.0 && rtol < 1.0) =>
            {
                Err(Error::Setting { setting: "rtol", value: rtol, range: "above 0 and below 1" })
            }
            Self::Threshold { error, .. } if !(error > 0.0 && error < 1.0) => {
                Err(Error::Setting { setting: "error", value: error, range: "above 0 and below 1" })
            }
            _ => Ok(()),
        }
    }
}

/// Writes the rule's id in results. It includes settings other than the defaults, so that ids are unique.
impl fmt::Display for CutoffRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, default) = match *self {
            Self::Saturation { .. } => ("saturation", Self::Saturation { rtol: DEFAULT_RTOL }),
            Self::SaturationPublished { .. } => (
                "saturation-published",
                Self::SaturationPublished { rtol: DEFAULT_RTOL, skip_last: DEFAULT_SKIP_LAST },
            ),
            Self::Decay => ("decay", Self::Decay),
            Self::Threshold { .. } => {
                ("threshold", Self::Threshold { error: DEFAULT_ERROR, interpolate: false })
            }
        };
        f.write_str(name)?;
        match *self {
            _ if *self == default => Ok(()),
            Self::Saturation { rtol } => write!(f, "-{rtol}"),
            Self::SaturationPublished { rtol, skip_last } => write!(f, "-{rtol}-{skip_last}"),
            Self::Decay => Ok(()),
            Self::Threshold { error, interpolate } => {
                write!(f, "-{error}{}", if interpolate { "-interpolated" } else { "" })
            }
        }
    }
}

impl std::str::FromStr for CutoffRule {
    type Err = Error;

    /// Parses an id in the format of [`Display`](fmt::Display).
    fn from_str(id: &str) -> Result<Self> {
        let number = |text: &str| text.parse::<f64>().ok();
        let with_settings = || {
            if let Some(rest) = id.strip_prefix("saturation-published-") {
                let (rtol, skip_last) = rest.rsplit_once('-')?;
                let skip_last = skip_last.parse().ok()?;
                return Some(Self::SaturationPublished { rtol: number(rtol)?, skip_last });
            }
            if let Some(rtol) = id.strip_prefix("saturation-") {
                return Some(Self::Saturation { rtol: number(rtol)? });
            }
            let rest = id.strip_prefix("threshold-")?;
            let (error, interpolate) = match rest.strip_suffix("-interpolated") {
                Some(error) => (error, true),
                None => (rest, false),
            };
            Some(Self::Threshold { error: number(error)?, interpolate })
        };
        let plain = Self::DEFAULTS.into_iter().find(|rule| rule.to_string() == id);
        let found = plain.or_else(with_settings).filter(|rule| rule.to_string() == id);
        found.ok_or_else(|| Error::UnknownRule {
            name: id.to_owned(),
            known: Self::DEFAULTS.map(|rule| format!("`{rule}`")).join(", "),
        })
    }
}

/// Description of a rule for reports.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RuleDescriptor {
    /// Name of its depth: `cut-off`, `decay length λ`.
    pub label: &'static str,
    /// Multiple of the correlation depth scale `xi_c` to compare the depth with: 1 for a decay length, and 6 for a depth where
    /// information is lost, the rule of thumb of arXiv:1611.01232.
    pub theory_factor: f64,
    /// The multiple as text with its symbol.
    pub theory_symbol: &'static str,
    /// True if the rule needs a plateau of the profile.
    pub needs_plateau: bool,
    /// True if the depth is a decay length instead of a depth where information is lost.
    pub is_scale: bool,
    /// Publication.
    pub source: &'static str,
}

impl CutoffRule {
    /// Depth at which 95% of the variance is lost, for `reconstruction-error`: the default of experiment files.
    pub const LOSS_95: Self = Self::Threshold { error: 0.95, interpolate: true };

    /// Each rule with its default settings.
    pub const DEFAULTS: [Self; 4] = [
        Self::Saturation { rtol: DEFAULT_RTOL },
        Self::SaturationPublished { rtol: DEFAULT_RTOL, skip_last: DEFAULT_SKIP_LAST },
        Self::Decay,
        Self::Threshold { error: DEFAULT_ERROR, interpolate: false },
    ];

    /// Label, comparison with theory and source.
    pub const fn descriptor(&self) -> RuleDescriptor {
        let cutoff = RuleDescriptor {
            label: "cut-off",
            theory_factor: 6.0,
            theory_symbol: "6 \u{3be}_c",
            needs_plateau: false,
            is_scale: false,
            source: "arXiv:2406.12916",
        };
        match self {
            Self::Saturation { .. } | Self::SaturationPublished { .. } => {
                RuleDescriptor { needs_plateau: true, ..cutoff }
            }
            Self::Threshold { .. } => cutoff,
            Self::Decay => RuleDescriptor {
                label: "decay length \u{3bb}",
                theory_factor: 1.0,
                theory_symbol: "\u{3be}_c",
                is_scale: true,
                source: "least-squares fit of an exponential",
                ..cutoff
            },
        }
    }

    /// The rule in words: `95% of the variance lost`, `saturation within 0.5%`, `exponential fit`.
    pub fn words(&self) -> String {
        match *self {
            Self::Threshold { error, .. } => {
                format!("{}% of the variance lost", short_percent(error))
            }
            Self::Saturation { rtol } => format!("saturation within {}%", short_percent(rtol)),
            Self::SaturationPublished { rtol, .. } => {
                format!("published saturation within {}%", short_percent(rtol))
            }
            Self::Decay => "exponential fit".to_owned(),
        }
    }

    /// True if the rule applies to profiles of `estimator`. A threshold needs the reconstruction error; the other rules accept
    /// any profile.
    pub fn applies_to(&self, estimator: &EstimatorSpec) -> bool {
        !matches!(self, Self::Threshold { .. }) || *estimator == EstimatorSpec::RECONSTRUCTION_ERROR
    }
}

/// Percentage of a share, without rounding errors: 0.5 for 0.005.
fn short_percent(share: f64) -> f64 {
    (share * 1e8).round() / 1e6
}

/// `saturation` with the published tolerance.
impl Default for CutoffRule {
    fn default() -> Self {
        Self::Saturation { rtol: DEFAULT_RTOL }
    }
}

/// TOML table of a rule.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    rule: Name,
    #[serde(skip_serializing_if = "Option::is_none")]
    rtol: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    skip_last: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    interpolate: Option<bool>,
}

#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Name {
    Saturation,
    SaturationPublished,
    Decay,
    Threshold,
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Saturation => "saturation",
            Self::SaturationPublished => "saturation-published",
            Self::Decay => "decay",
            Self::Threshold => "threshold",
        })
    }
}

impl Table {
    /// Returns a setting that the rule does not use, if any.
    fn leftover(&self) -> Option<&'static str> {
        let settings = [
            ("rtol", self.rtol.is_some()),
            ("skip_last", self.skip_last.is_some()),
            ("error", self.error.is_some()),
            ("interpolate", self.interpolate.is_some()),
        ];
        settings.into_iter().find(|&(_, is_set)| is_set).map(|(setting, _)| setting)
    }
}

impl TryFrom<Table> for CutoffRule {
    type Error = Error;

    fn try_from(mut table: Table) -> Result<Self> {
        let mut rtol = || table.rtol.take().unwrap_or(DEFAULT_RTOL);
        let rule = match table.rule {
            Name::Saturation => Self::Saturation { rtol: rtol() },
            Name::SaturationPublished => Self::SaturationPublished {
                rtol: rtol(),
                skip_last: table.skip_last.take().unwrap_or(DEFAULT_SKIP_LAST),
            },
            Name::Decay => Self::Decay,
            Name::Threshold => Self::Threshold {
                error: table.error.take().unwrap_or(DEFAULT_ERROR),
                interpolate: table.interpolate.take().unwrap_or(false),
            },
        };
        if let Some(setting) = table.leftover() {
            let subject = format!("cut-off rule `{}`", table.rule);
            let advice = "leave it out or choose the rule that has it".to_owned();
            return Err(Error::Inapplicable { subject, setting: setting.to_owned(), advice });
        }
        rule.check().map(|()| rule)
    }
}

impl From<CutoffRule> for Table {
    fn from(rule: CutoffRule) -> Self {
        let (rtol, skip_last, error, interpolate) = (None, None, None, None);
        let empty = |rule| Self { rule, rtol, skip_last, error, interpolate };
        match rule {
            CutoffRule::Saturation { rtol } => Self { rtol: Some(rtol), ..empty(Name::Saturation) },
            CutoffRule::SaturationPublished { rtol, skip_last } => Self {
                rtol: Some(rtol),
                skip_last: Some(skip_last),
                ..empty(Name::SaturationPublished)
            },
            CutoffRule::Decay => empty(Name::Decay),
            CutoffRule::Threshold { error, interpolate } => Self {
                error: Some(error),
                interpolate: Some(interpolate),
                ..empty(Name::Threshold)
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct File {
        cutoff: CutoffRule,
    }

    fn read(rule: &str) -> Result<CutoffRule, toml::de::Error> {
        toml::from_str::<File>(&format!("cutoff = {rule}")).map(|file| file.cutoff)
    }

    #[track_caller]
    fn assert_rejected(rule: &str, part: &str) {
        let message = read(rule).expect_err(rule).to_string();
        assert!(message.contains(part), "{message}");
    }

    #[test]
    fn tables_round_trip() {
        for (text, rule) in [
            (r#"{ rule = "saturation" }"#, CutoffRule::default()),
            (r#"{ rule = "saturation", rtol = 0.01 }"#, CutoffRule::Saturation { rtol: 0.01 }),
            (
                r#"{ rule = "saturation-published" }"#,
                CutoffRule::SaturationPublished { rtol: 0.005, skip_last: 2 },
            ),
            (r#"{ rule = "decay" }"#, CutoffRule::Decay),
            (
                r#"{ rule = "threshold", error = 0.25, interpolate = true }"#,
                CutoffRule::Threshold { error: 0.25, interpolate: true },
            ),
        ] {
            assert_eq!(read(text).unwrap(), rule, "{text}");
            let written = toml::to_string(&File { cutoff: rule }).unwrap();
            assert_eq!(toml::from_str::<File>(&written).unwrap().cutoff, rule, "{written}");
        }
    }

    #[test]
    fn ids_round_trip() {
        let custom = [
            CutoffRule::Saturation { rtol: 0.01 },
            CutoffRule::SaturationPublished { rtol: 1e-3, skip_last: 0 },
            CutoffRule::Threshold { error: 0.95, interpolate: true },
            CutoffRule::Threshold { error: -0.5, interpolate: false },
        ];
        for rule in CutoffRule::DEFAULTS.into_iter().chain(custom) {
            assert_eq!(rule.to_string().parse::<CutoffRule>().unwrap(), rule);
        }
        for id in ["", "saturated", "saturation-", "threshold-x", "decay-1"] {
            assert!(id.parse::<CutoffRule>().is_err(), "{id}");
        }
    }

    #[test]
    fn threshold_applies_only_to_reconstruction_error() {
        let threshold = CutoffRule::Threshold { error: 0.5, interpolate: false };
        assert!(threshold.applies_to(&EstimatorSpec::RECONSTRUCTION_ERROR));
        assert!(!threshold.applies_to(&EstimatorSpec::RELATIVE));
        assert!(CutoffRule::default().applies_to(&EstimatorSpec::RELATIVE));
    }

    #[test]
    fn errors_name_the_mistake() {
        assert_rejected(r#"{ rule = "saturated" }"#, "unknown variant `saturated`");
        assert_rejected(r#"{ rule = "saturation", tol = 0.1 }"#, "unknown field `tol`");
        assert_rejected(
            r#"{ rule = "decay", rtol = 0.1 }"#,
            "cut-off rule `decay` does not take `rtol`",
        );
        assert_rejected(r#"{ rule = "saturation", skip_last = 2 }"#, "does not take `skip_last`");
        assert_rejected(r#"{ rule = "saturation", rtol = 0.0 }"#, "`rtol` is 0;");
        assert_rejected(r#"{ rule = "saturation", rtol = nan }"#, "`rtol` is NaN;");
        assert_rejected(r#"{ rule = "threshold", error = inf }"#, "`error` is inf;");
        assert_rejected(r#"{ rule = "saturation-published", skip_last = -1 }"#, "-1");
    }
}
