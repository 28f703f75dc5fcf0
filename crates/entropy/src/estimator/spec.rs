//! The list of estimators, with their names and tables in experiment files.

use std::{fmt, str::FromStr};

use isobath_tensor::DivergenceKind;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::{
    BatchEntropy, Descriptor, Differential, EntropyEstimator, Estimate, EstimatorKind, Gram,
    JensenShannon, ReconstructionError, Relative, profiles::OnBackend,
};
use crate::{
    EntropyBackend, Error, Result,
    staging::{Scratch, Staged, Width},
};

/// Defines [`EstimatorSpec`] from the list of estimators.
macro_rules! estimators {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// An estimator and its settings.
        ///
        /// In TOML, a name such as `"relative-floored"` or a table such as
        /// `{ kind = "relative", rule = "floored", eps = 1e-3 }`.
        #[derive(Clone, Copy, Debug, PartialEq)]
        pub enum EstimatorSpec {
            $($(#[$doc])* $name($name),)*
        }

        impl EstimatorSpec {
            /// Id, label, unit, direction and source.
            pub fn descriptor(&self) -> Descriptor {
                match *self { $(Self::$name(kind) => kind.descriptor(),)* }
            }

            /// Checks that the settings are in range.
            ///
            /// # Errors
            /// [`Error::Setting`] for an `eps` that is not above 0 and below 1.
            pub fn check(&self) -> Result<()> {
                match *self { $(Self::$name(kind) => kind.check(),)* }
            }

            pub(super) const fn width(&self) -> Width {
                match self { $(Self::$name(_) => <$name as EstimatorKind>::WIDTH,)* }
            }

            pub(super) fn divergence(&self) -> Option<DivergenceKind> {
                match *self { $(Self::$name(kind) => kind.divergence(),)* }
            }

            pub(super) fn weights<B: EntropyBackend>(
                &self,
                inputs: &Staged<'_, B>,
            ) -> Result<Option<Vec<f64>>> {
                match *self { $(Self::$name(kind) => kind.weights(inputs),)* }
            }

            pub(super) fn estimate<B: EntropyBackend>(
                &self,
                inputs: &Staged<'_, B>,
                layer: &Staged<'_, B>,
                divergences: &[f64],
                scratch: &mut Scratch<B>,
            ) -> Result<Estimate> {
                match *self {
                    $(Self::$name(kind) => kind.estimate(inputs, layer, divergences, scratch),)*
                }
            }

            /// The setting `eps`, if the estimator has one.
            fn eps(&self) -> Option<f64> {
                match *self { $(Self::$name(kind) => kind.eps(),)* }
            }

            fn with_eps(self, eps: f64) -> Option<Self> {
                match self { $(Self::$name(kind) => kind.with_eps(eps).map(Self::$name),)* }
            }

            /// Returns the estimator of `kind` with `rule`; `None` for an unknown kind.
            fn of_kind(kind: &str, rule: Option<&str>) -> Option<Result<Self>> {
                match kind {
                    $(<$name as EstimatorKind>::KIND => Some(by_rule(rule).map(Self::$name)),)*
                    _ => None,
                }
            }

            /// All estimators with default settings.
            pub fn all() -> Vec<Self> {
                let mut all = Vec::new();
                $(
                    let rules = <$name as EstimatorKind>::RULES.iter().map(|(_, kind)| *kind);
                    let plain = <$name as EstimatorKind>::RULES.is_empty().then(<$name>::default);
                    all.extend(plain.into_iter().chain(rules).map(Self::$name));
                )*
                all
            }
        }

        const KINDS: &[&str] = &[$(<$name as EstimatorKind>::KIND,)*];
    };
}

estimators! {
    /// Relative entropy of each reconstruction from its input, in nats.
    Relative,
    /// Jensen-Shannon divergence between the distributions of `relative`, in `[0, ln 2]`.
    JensenShannon,
    /// Differential entropy of a layer's samples per unit, in nats.
    Differential,
    /// Von Neumann entropy of the samples' Gram matrix, in `[0, 1]`.
    Gram,
    /// `1 - R^2` of the reconstructions: 0 for perfect ones and 1 for the mean image.
    ReconstructionError,
    /// Batch entropy of Peer et al., arXiv:2208.01134, at least 0.
    BatchEntropy,
}

impl EstimatorSpec {
    /// Builds the estimator on `backend`. Invalid settings (see [`check`](Self::check)) fail in
    /// [`profile`](EntropyEstimator::profile).
    pub fn build<B: EntropyBackend>(&self, backend: B) -> Box<dyn EntropyEstimator> {
        Box::new(OnBackend { backend, estimator: *self })
    }

    /// True if the estimator has one value per layer for all samples together, instead of one per sample.
    pub const fn is_of_whole_batches(&self) -> bool {
        matches!(self, Self::Differential(_) | Self::Gram(_) | Self::BatchEntropy(_))
    }

    /// `1 - R^2` of the reconstructions.
    pub const RECONSTRUCTION_ERROR: Self = Self::ReconstructionError(ReconstructionError);
    /// Relative entropy as published (arXiv:2406.12916).
    pub const RELATIVE: Self = Self::Relative(Relative::Published);
}

fn by_rule<K: EstimatorKind>(rule: Option<&str>) -> Result<K> {
    let Some(rule) = rule else { return Ok(K::default()) };
    let known = K::RULES.iter().find(|(name, _)| *name == rule);
    known.map(|(_, kind)| *kind).ok_or_else(|| Error::Inapplicable {
        subject: format!("estimator `{}`", K::KIND),
        setting: format!("rule = \"{rule}\""),
        advice: match K::RULES {
            [] => "leave it out".to_owned(),
            rules => {
                let names: Vec<_> = rules.iter().map(|(name, _)| format!("\"{name}\"")).collect();
                format!("use {}", names.join(" or "))
            }
        },
    })
}

/// Writes the estimator's id in results.
impl fmt::Display for EstimatorSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.descriptor().id)
    }
}

impl FromStr for EstimatorSpec {
    type Err = Error;

    /// Parses an id, or a kind followed by its rule: `relative-published`.
    fn from_str(name: &str) -> Result<Self> {
        if let Some(spec) = Self::all().into_iter().find(|spec| spec.descriptor().id == name) {
            return Ok(spec);
        }
        for kind in KINDS {
            let Some(rule) = name.strip_prefix(kind).and_then(|rest| rest.strip_prefix('-')) else {
                continue;
            };
            if let Some(Ok(spec)) = Self::of_kind(kind, Some(rule)) {
                return Ok(spec);
            }
            // An id with a setting, such as `relative-floored-0.01`.
            let Some((rule, eps)) = rule.split_once('-') else { continue };
            if let (Some(Ok(spec)), Ok(eps)) = (Self::of_kind(kind, Some(rule)), eps.parse())
                && let Some(spec) = spec.with_eps(eps)
                && spec.descriptor().id == name
            {
                return Ok(spec);
            }
        }
        let known: Vec<_> = Self::all().iter().map(|spec| format!("`{spec}`")).collect();
        Err(Error::UnknownEstimator { name: name.to_owned(), known: known.join(", ") })
    }
}

/// TOML table of an estimator.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    kind: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    rule: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    eps: Option<f64>,
}

impl TryFrom<Table> for EstimatorSpec {
    type Error = Error;

    fn try_from(table: Table) -> Result<Self> {
        let Table { kind, rule, eps } = table;
        let unknown = || Error::UnknownEstimator { name: kind.clone(), known: KINDS.join(", ") };
        let spec = Self::of_kind(&kind, rule.as_deref()).ok_or_else(unknown)??;
        let Some(eps) = eps else { return Ok(spec) };
        let spec = spec.with_eps(eps).ok_or_else(|| Error::Inapplicable {
            subject: format!("estimator `{spec}`"),
            setting: "eps".to_owned(),
            advice: "only `kind = \"relative\"` with `rule = \"floored\"` has it".to_owned(),
        })?;
        spec.check().map(|()| spec)
    }
}

/// Serialises the id if it defines all settings, otherwise a table.
impl Serialize for EstimatorSpec {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.eps() {
            Some(_) if !Self::all().contains(self) => {
                let table = Table {
                    kind: Relative::KIND.to_owned(),
                    rule: Some("floored".to_owned()),
                    eps: self.eps(),
                };
                table.serialize(serializer)
            }
            _ => serializer.serialize_str(&self.descriptor().id),
        }
    }
}

impl<'de> Deserialize<'de> for EstimatorSpec {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(SpecVisitor)
    }
}

/// Deserialises a name or a table. An untagged enum would lose the reason and the position of an error.
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
    fn assert_rejected(estimator: &str, part: &str) {
        let message = read(estimator).expect_err(estimator).to_string();
        assert!(message.contains(part), "{message}");
    }

    #[test]
    fn names_and_tables_are_equivalent() {
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
    fn serialised_estimators_round_trip() {
        let floored = EstimatorSpec::Relative(Relative::Floored { eps: 0.02 });
        let estimators = EstimatorSpec::all().into_iter().chain([floored]).collect();
        let file = File { estimators };
        let text = toml::to_string(&file).unwrap();
        assert_eq!(toml::from_str::<File>(&text).unwrap(), file, "{text}");
    }

    #[test]
    fn ids_round_trip() {
        let floored = EstimatorSpec::Relative(Relative::Floored { eps: 0.02 });
        for spec in EstimatorSpec::all().into_iter().chain([floored]) {
            assert_eq!(spec.to_string().parse::<EstimatorSpec>().unwrap(), spec);
        }
        for text in ["relative-floored-", "relative-floored-x", "gram-published", ""] {
            assert!(text.parse::<EstimatorSpec>().is_err(), "{text}");
        }
    }

    #[test]
    fn errors_name_the_mistake() {
        assert_rejected(r#""relativ""#, "unknown estimator `relativ`; use one of `relative`");
        assert_rejected(r#"{ kind = "relative", epsilon = 1.0 }"#, "unknown field `epsilon`");
        assert_rejected(r#"{ kind = "relative", eps = 0.1 }"#, "does not take `eps`");
        assert_rejected(
            r#"{ kind = "relative", rule = "plain" }"#,
            "use \"published\" or \"floored\"",
        );
        assert_rejected(r#"{ kind = "gram", rule = "plain" }"#, "leave it out");
        assert_rejected(r#"{ kind = "relative", rule = "floored", eps = 1.0 }"#, "`eps` is 1;");
        assert_rejected(r#"{ kind = "relative", rule = "floored", eps = nan }"#, "`eps` is NaN;");
        assert_rejected("3", "an estimator's name or a table");
    }
}
