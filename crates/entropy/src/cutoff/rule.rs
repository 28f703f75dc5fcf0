//! Which rule an experiment file asks for.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{Error, EstimatorSpec, Result};

/// The relative difference from the last layer that `saturation` ignores unless told otherwise (arXiv:2406.12916).
pub const DEFAULT_RTOL: f64 = 0.005;
/// The layers that the published code leaves out: the 400-wide one and the readout.
pub const DEFAULT_SKIP_LAST: usize = 2;
/// The reconstruction error above which `threshold` calls the information lost unless told otherwise.
pub const DEFAULT_ERROR: f64 = 0.5;

/// How to read a depth off a profile. In TOML a table such as `{ rule = "saturation", rtol = 0.005 }`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Table", into = "Table")]
pub enum CutoffRule {
    /// The deepest layer whose value differs from the last layer's by more than `1e-8 + rtol |s_L|`, provided that the
    /// layers below it have come to rest.
    ///
    /// They have when there are at least two of them and at least one in twenty of all layers, and when a straight line
    /// through the deeper half of them, carried over all of them, changes by no more than half the tolerance. A profile
    /// that is still under way changes by the whole tolerance there, since that is where the scan ended; an exponential
    /// passes from 2.2 decay lengths below the cut-off on, when its last value is within a ninth of the tolerance of its
    /// limit. Otherwise the depth is beyond the last layer.
    ///
    /// What differs between layers by chance has to stay well below the tolerance. White noise of a tenth of it is
    /// harmless at 60 layers; with a third of it, 4 in 10 plateaus are not believed and 2 in 10 cut-offs are too deep.
    /// Where profiles are noisy, look at [`bootstrap`](crate::bootstrap), raise `rtol` or use `decay`.
    Saturation {
        /// The relative difference to ignore, above 0 and below 1.
        rtol: f64,
    },
    /// The same scan as published: the last `skip_last` layers left out, a flat profile giving its full length, and no
    /// question asked whether the last value is a plateau. The published index is 0-based; the depth here is 1-based.
    SaturationPublished {
        /// The relative difference to ignore, above 0 and below 1.
        rtol: f64,
        /// Layers to leave out.
        skip_last: usize,
    },
    /// The scale `lambda` of `S_l = S_inf - (S_inf - S_0) exp(-l / lambda)`, fitted by least squares.
    ///
    /// It is beyond the last layer when `lambda` exceeds the number of layers, 0 when it is too small for layers to
    /// resolve, and undetermined for fewer than four layers, for a profile in which no decay can be told from noise and
    /// where the standard error exceeds `lambda`.
    Decay,
    /// The first layer whose value exceeds `error`; for profiles that rise, `reconstruction-error` above all.
    Threshold {
        /// The value to exceed.
        error: f64,
        /// Whether to go back, in a straight line from the layer before, to where the value was reached.
        interpolate: bool,
    },
}

impl CutoffRule {
    /// Checks that the settings are in their ranges.
    ///
    /// # Errors
    /// [`Error::Setting`] with the setting that is not.
    pub fn check(&self) -> Result<()> {
        match *self {
            Self::Saturation { rtol } | Self::SaturationPublished { rtol, .. }
                if !(rtol > 0.0 && rtol < 1.0) =>
            {
                Err(Error::Setting { setting: "rtol", value: rtol, range: "above 0 and below 1" })
            }
            Self::Threshold { error, .. } if !error.is_finite() => {
                Err(Error::Setting { setting: "error", value: error, range: "a finite number" })
            }
            _ => Ok(()),
        }
    }
}

/// The name that results carry. Settings other than the defaults are part of it, so that no two rules share one.
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

    /// Reads an id as [`Display`](fmt::Display) writes it.
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

/// Identity of a rule for readers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RuleDescriptor {
    /// The depth that it reads off a profile, in a sentence: `cut-off`, `decay length λ`.
    pub label: &'static str,
    /// Multiple of the correlation depth scale `xi_c` that the depth is compared with: 1 for a decay length, which is of
    /// the same kind, and 6 for a depth at which information is lost, the rule of thumb of arXiv:1611.01232.
    pub theory_factor: f64,
    /// That multiple with its symbol.
    pub theory_symbol: &'static str,
    /// True if the rule waits until the profile no longer changes.
    pub needs_plateau: bool,
    /// True if the rule reads a depth scale of the profile instead of a depth where information is lost.
    pub is_scale: bool,
    /// Publication.
    pub source: &'static str,
}

impl CutoffRule {
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

    /// True if the rule can read a depth off a profile of `estimator`: a threshold needs the reconstruction error, the
    /// other rules take any profile.
    pub fn applies_to(&self, estimator: &EstimatorSpec) -> bool {
        !matches!(self, Self::Threshold { .. }) || *estimator == EstimatorSpec::RECONSTRUCTION_ERROR
    }
}

/// `saturation` with the published tolerance.
impl Default for CutoffRule {
    fn default() -> Self {
        Self::Saturation { rtol: DEFAULT_RTOL }
    }
}

/// A rule as an experiment file has it.
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
    /// A setting that the rule has not taken.
    fn leftover(&self) -> Option<&'static str> {
        let settings = [
            ("rtol", self.rtol.is_some()),
            ("skip_last", self.skip_last.is_some()),
            ("error", self.error.is_some()),
            ("interpolate", self.interpolate.is_some()),
        ];
        settings.into_iter().find(|&(_, there)| there).map(|(setting, _)| setting)
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
    fn refuses(rule: &str, part: &str) {
        let message = read(rule).expect_err(rule).to_string();
        assert!(message.contains(part), "{message}");
    }

    #[test]
    fn tables_read_and_write_back() {
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
    fn ids_parse_back() {
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
    fn thresholds_apply_to_reconstruction_errors_alone() {
        let threshold = CutoffRule::Threshold { error: 0.5, interpolate: false };
        assert!(threshold.applies_to(&EstimatorSpec::RECONSTRUCTION_ERROR));
        assert!(!threshold.applies_to(&EstimatorSpec::RELATIVE));
        assert!(CutoffRule::default().applies_to(&EstimatorSpec::RELATIVE));
    }

    #[test]
    fn mistakes_are_named() {
        refuses(r#"{ rule = "saturated" }"#, "unknown variant `saturated`");
        refuses(r#"{ rule = "saturation", tol = 0.1 }"#, "unknown field `tol`");
        refuses(r#"{ rule = "decay", rtol = 0.1 }"#, "cut-off rule `decay` does not take `rtol`");
        refuses(r#"{ rule = "saturation", skip_last = 2 }"#, "does not take `skip_last`");
        refuses(r#"{ rule = "saturation", rtol = 0.0 }"#, "`rtol` is 0;");
        refuses(r#"{ rule = "saturation", rtol = nan }"#, "`rtol` is NaN;");
        refuses(r#"{ rule = "threshold", error = inf }"#, "`error` is inf;");
        refuses(r#"{ rule = "saturation-published", skip_last = -1 }"#, "-1");
    }
}
