//! Which estimator an experiment file asks for.

use std::{fmt, str::FromStr};

use isobath_tensor::DivergenceKind;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::{
    EntropyBackend, EntropyEstimator, Error, Result,
    estimator::{BatchEntropy, Differential, Gram, ReconstructionError, SampleDivergence},
};

/// The share of the uniform distribution that `relative-floored` mixes in unless told otherwise.
pub const DEFAULT_EPS: f64 = 1e-3;

/// An estimator and its settings.
///
/// In TOML a name, `"relative-floored"`, or a table, `{ kind = "relative", rule = "floored", eps = 1e-3 }`.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum EstimatorSpec {
    /// Relative entropy of each reconstruction from its input, in nats.
    Relative(RelativeRule),
    /// Jensen-Shannon divergence between the same distributions, in `[0, ln 2]`.
    JensenShannon,
    /// Differential entropy of a layer's samples per unit, in nats.
    Differential(DifferentialRule),
    /// Von Neumann entropy of the samples' Gram matrix, in `[0, 1]`.
    Gram,
    /// `1 - R^2` of the reconstructions, 0 for perfect ones and 1 for the mean image.
    ReconstructionError,
    /// Batch entropy of Peer et al., arXiv:2208.01134, at least 0.
    BatchEntropy,
}

/// How `relative` turns a sample into a distribution.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[non_exhaustive]
pub enum RelativeRule {
    /// Shift by the minimum, add 1e-12, divide by the sum (arXiv:2406.12916). The unit at a reconstruction's minimum can
    /// then add tenths of a nat of noise.
    #[default]
    Published,
    /// The same, then mixed with `eps` of the uniform distribution, which removes that noise.
    Floored {
        /// The share of the uniform distribution, above 0 and below 1.
        eps: f64,
    },
}

/// Whether `differential` normalises samples.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum DifferentialRule {
    /// Each sample is first divided by the sum of its units (arXiv:2406.12916).
    #[default]
    Published,
    /// Samples are taken as they are.
    Plain,
}

impl EstimatorSpec {
    /// Checks that the settings are in their ranges.
    ///
    /// # Errors
    /// [`Error::Setting`] for an `eps` that is not above 0 and below 1.
    pub fn check(&self) -> Result<()> {
        match *self {
            Self::Relative(RelativeRule::Floored { eps }) if !(eps > 0.0 && eps < 1.0) => {
                Err(Error::Setting { setting: "eps", value: eps, range: "above 0 and below 1" })
            }
            _ => Ok(()),
        }
    }

    /// The estimator, to run on `backend`. Settings that [`check`](Self::check) refuses, it refuses when it is used.
    pub fn build<B: EntropyBackend>(&self, backend: B) -> Box<dyn EntropyEstimator> {
        let name = self.to_string();
        let divergence = |backend, name, kind| {
            Box::new(SampleDivergence { backend, spec: *self, name, kind }) as Box<_>
        };
        match *self {
            Self::Relative(RelativeRule::Published) => {
                divergence(backend, name, DivergenceKind::Relative { floor: 0.0 })
            }
            Self::Relative(RelativeRule::Floored { eps }) => {
                divergence(backend, name, DivergenceKind::Relative { floor: eps })
            }
            Self::JensenShannon => divergence(backend, name, DivergenceKind::JensenShannon),
            Self::Differential(rule) => Box::new(Differential { backend, name, rule }),
            Self::Gram => Box::new(Gram { backend, name }),
            Self::ReconstructionError => Box::new(ReconstructionError { backend, name }),
            Self::BatchEntropy => Box::new(BatchEntropy { backend, name }),
        }
    }
}

/// The name that results carry. Settings other than the defaults are part of it, so that no two estimators share one.
impl fmt::Display for EstimatorSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some((name, _)) = NAMES.iter().find(|(_, spec)| spec == self) {
            return f.write_str(name);
        }
        match self {
            Self::Relative(RelativeRule::Floored { eps }) => write!(f, "relative-floored-{eps}"),
            _ => write!(f, "{self:?}"),
        }
    }
}

/// Every estimator with default settings, the name of each that results carry coming first.
const NAMES: [(&str, EstimatorSpec); 10] = [
    ("relative", EstimatorSpec::Relative(RelativeRule::Published)),
    ("relative-published", EstimatorSpec::Relative(RelativeRule::Published)),
    ("relative-floored", EstimatorSpec::Relative(RelativeRule::Floored { eps: DEFAULT_EPS })),
    ("jensen-shannon", EstimatorSpec::JensenShannon),
    ("differential", EstimatorSpec::Differential(DifferentialRule::Published)),
    ("differential-published", EstimatorSpec::Differential(DifferentialRule::Published)),
    ("differential-plain", EstimatorSpec::Differential(DifferentialRule::Plain)),
    ("gram", EstimatorSpec::Gram),
    ("reconstruction-error", EstimatorSpec::ReconstructionError),
    ("batch-entropy", EstimatorSpec::BatchEntropy),
];

impl FromStr for EstimatorSpec {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        let known = || NAMES.map(|(name, _)| format!("`{name}`")).join(", ");
        let found = NAMES.iter().find(|(known, _)| *known == name).map(|&(_, spec)| spec);
        found.ok_or_else(|| Error::UnknownEstimator { name: name.to_owned(), known: known() })
    }
}

/// An estimator as a table of an experiment file.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    kind: Kind,
    #[serde(skip_serializing_if = "Option::is_none")]
    rule: Option<Rule>,
    #[serde(skip_serializing_if = "Option::is_none")]
    eps: Option<f64>,
}

#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Kind {
    Relative,
    JensenShannon,
    Differential,
    Gram,
    ReconstructionError,
    BatchEntropy,
}

#[derive(Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Rule {
    Published,
    Floored,
    Plain,
}

impl TryFrom<Table> for EstimatorSpec {
    type Error = Error;

    fn try_from(table: Table) -> Result<Self> {
        let Table { kind, rule, eps } = table;
        let spec = match (kind, rule) {
            (Kind::Relative, Some(Rule::Floored)) => {
                let eps = eps.unwrap_or(DEFAULT_EPS);
                let spec = Self::Relative(RelativeRule::Floored { eps });
                return spec.check().map(|()| spec);
            }
            (Kind::Relative, None | Some(Rule::Published)) => {
                Self::Relative(RelativeRule::Published)
            }
            (Kind::Differential, None | Some(Rule::Published)) => {
                Self::Differential(DifferentialRule::Published)
            }
            (Kind::Differential, Some(Rule::Plain)) => Self::Differential(DifferentialRule::Plain),
            (Kind::JensenShannon, None) => Self::JensenShannon,
            (Kind::Gram, None) => Self::Gram,
            (Kind::ReconstructionError, None) => Self::ReconstructionError,
            (Kind::BatchEntropy, None) => Self::BatchEntropy,
            (_, Some(rule)) => return Err(wrong_rule(kind, rule)),
        };
        if eps.is_some() {
            let advice = "only `kind = \"relative\"` with `rule = \"floored\"` has it";
            let subject = format!("estimator `{spec}`");
            return Err(Error::Inapplicable { subject, setting: "eps".to_owned(), advice });
        }
        Ok(spec)
    }
}

fn wrong_rule(kind: Kind, rule: Rule) -> Error {
    let (kind, advice) = match kind {
        Kind::Relative => ("relative", "use \"published\" or \"floored\""),
        Kind::Differential => ("differential", "use \"published\" or \"plain\""),
        Kind::JensenShannon => ("jensen-shannon", "leave it out"),
        Kind::Gram => ("gram", "leave it out"),
        Kind::ReconstructionError => ("reconstruction-error", "leave it out"),
        Kind::BatchEntropy => ("batch-entropy", "leave it out"),
    };
    let rule = match rule {
        Rule::Published => "published",
        Rule::Floored => "floored",
        Rule::Plain => "plain",
    };
    let subject = format!("estimator `{kind}`");
    Error::Inapplicable { subject, setting: format!("rule = \"{rule}\""), advice }
}

/// Writes the name where it says everything, a table otherwise.
impl Serialize for EstimatorSpec {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let name = self.to_string();
        match *self {
            Self::Relative(RelativeRule::Floored { eps }) if name.parse::<Self>().is_err() => {
                let (kind, rule) = (Kind::Relative, Some(Rule::Floored));
                Table { kind, rule, eps: Some(eps) }.serialize(serializer)
            }
            _ => serializer.serialize_str(&name),
        }
    }
}

impl<'de> Deserialize<'de> for EstimatorSpec {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(SpecVisitor)
    }
}

/// Reads a name or a table. An untagged enum would do the same but lose what is wrong and where.
struct SpecVisitor;

impl<'de> de::Visitor<'de> for SpecVisitor {
    type Value = EstimatorSpec;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an estimator's name or a table with its `kind`")
    }

    fn visit_str<E: de::Error>(self, name: &str) -> Result<EstimatorSpec, E> {
        name.parse().map_err(E::custom)
    }

    fn visit_map<A: de::MapAccess<'de>>(self, map: A) -> Result<EstimatorSpec, A::Error> {
        let table = Table::deserialize(de::value::MapAccessDeserializer::new(map))?;
        table.try_into().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct File {
        estimators: Vec<EstimatorSpec>,
    }

    fn read(estimator: &str) -> Result<EstimatorSpec, toml::de::Error> {
        toml::from_str::<File>(&format!("estimators = [{estimator}]")).map(|f| f.estimators[0])
    }

    #[track_caller]
    fn refuses(estimator: &str, part: &str) {
        let message = read(estimator).expect_err(estimator).to_string();
        assert!(message.contains(part), "{message}");
    }

    #[test]
    fn names_and_tables_mean_the_same() {
        for (text, name) in [
            (r#""relative""#, "relative"),
            (r#""relative-published""#, "relative"),
            (r#"{ kind = "relative" }"#, "relative"),
            (r#"{ kind = "relative", rule = "floored" }"#, "relative-floored"),
            (r#"{ kind = "relative", rule = "floored", eps = 1e-3 }"#, "relative-floored"),
            (r#"{ kind = "relative", rule = "floored", eps = 0.01 }"#, "relative-floored-0.01"),
            (r#"{ kind = "jensen-shannon" }"#, "jensen-shannon"),
            (r#"{ kind = "differential", rule = "published" }"#, "differential"),
            (r#"{ kind = "differential", rule = "plain" }"#, "differential-plain"),
            (r#"{ kind = "gram" }"#, "gram"),
            (r#""reconstruction-error""#, "reconstruction-error"),
            (r#"{ kind = "batch-entropy" }"#, "batch-entropy"),
        ] {
            assert_eq!(read(text).unwrap().to_string(), name, "{text}");
        }
    }

    #[test]
    fn what_is_written_reads_back() {
        let floored = EstimatorSpec::Relative(RelativeRule::Floored { eps: 0.02 });
        let estimators = NAMES.iter().map(|&(_, spec)| spec).chain([floored]).collect();
        let file = File { estimators };
        let text = toml::to_string(&file).unwrap();
        assert_eq!(toml::from_str::<File>(&text).unwrap(), file, "{text}");
    }

    #[test]
    fn mistakes_are_named() {
        refuses(r#""relativ""#, "unknown estimator `relativ`; use one of `relative`");
        refuses(r#"{ kind = "relative", epsilon = 1.0 }"#, "unknown field `epsilon`");
        refuses(r#"{ kind = "relative", eps = 0.1 }"#, "does not take `eps`");
        refuses(r#"{ kind = "relative", rule = "plain" }"#, "use \"published\" or \"floored\"");
        refuses(r#"{ kind = "gram", rule = "plain" }"#, "leave it out");
        refuses(r#"{ kind = "relative", rule = "floored", eps = 1.0 }"#, "`eps` is 1;");
        refuses(r#"{ kind = "relative", rule = "floored", eps = nan }"#, "`eps` is NaN;");
        refuses("3", "an estimator's name or a table");
    }
}
