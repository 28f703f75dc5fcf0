use std::{fmt, marker::PhantomData};

use isobath_architecture::{Activation, Scheme, WidthRule};
use isobath_tensor::Optimizer;
use serde::{
    Deserialize, Deserializer, Serialize,
    de::{self, IntoDeserializer},
};

use super::FileError;

/// The `[grid]` table. Every combination of activation, size, initialisation and variances is one grid point; every seed
/// of a point is one cell.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GridSection {
    /// Variance of the weights times the fan-in; only for initialisations without a scale of their own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sigma_w2: Option<Values>,
    /// Variance of the biases; default 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sigma_b2: Option<Values>,
    /// Activations to compare; default: the one of `[network]`.
    #[serde(default, deserialize_with = "one_or_more", skip_serializing_if = "Option::is_none")]
    pub activation: Option<Vec<Activation>>,
    /// Widths to compare; default: the one of `[network]`.
    #[serde(default, deserialize_with = "one_or_more", skip_serializing_if = "Option::is_none")]
    pub width: Option<Vec<WidthRule>>,
    /// Numbers of channels of convolutions to compare; default: the one of `[network]`.
    #[serde(default, deserialize_with = "one_or_more", skip_serializing_if = "Option::is_none")]
    pub channels: Option<Vec<usize>>,
    /// Initialisations to compare; default: the one of `[network]`.
    #[serde(default, deserialize_with = "one_or_more", skip_serializing_if = "Option::is_none")]
    pub init: Option<Vec<Scheme>>,
    /// Optimisers of the trainings to compare: another place for the list in `[train]`.
    #[serde(default, deserialize_with = "one_or_more", skip_serializing_if = "Option::is_none")]
    pub optimizer: Option<Vec<Optimizer>>,
    /// Independent initialisations of each point.
    #[serde(default = "one")]
    pub seeds: usize,
    /// True if all seeds use the same training samples in the same order and the same probe samples, for comparisons of
    /// networks on equal samples. By default each seed draws its own, so that the spread over seeds includes them.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub shared_samples: bool,
}

fn one() -> usize {
    1
}

/// Reads a list of values, or one value as a list of one.
fn one_or_more<'de, D, T>(deserializer: D) -> Result<Option<Vec<T>>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    deserializer.deserialize_any(ListVisitor(PhantomData)).map(Some)
}

struct ListVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> de::Visitor<'de> for ListVisitor<T> {
    type Value = Vec<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value or a list of values")
    }

    fn visit_str<E: de::Error>(self, value: &str) -> Result<Vec<T>, E> {
        T::deserialize(value.into_deserializer()).map(|value| vec![value])
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<Vec<T>, E> {
        T::deserialize(value.into_deserializer()).map(|value| vec![value])
    }

    fn visit_map<A: de::MapAccess<'de>>(self, map: A) -> Result<Vec<T>, A::Error> {
        T::deserialize(de::value::MapAccessDeserializer::new(map)).map(|value| vec![value])
    }

    fn visit_seq<A: de::SeqAccess<'de>>(self, list: A) -> Result<Vec<T>, A::Error> {
        Vec::deserialize(de::value::SeqAccessDeserializer::new(list))
    }
}

/// One number, a list, or an inclusive range.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(
    untagged,
    expecting = "expected a number, a list of numbers, or { from = .., to = .., step = .. }"
)]
pub enum Values {
    /// One number.
    One(f64),
    /// A list of numbers.
    List(Vec<f64>),
    /// A range of numbers.
    Range(Range),
}

/// The numbers `from`, `from + step`, ... up to `to`, which is included if a step reaches it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Range {
    /// The first number.
    pub from: f64,
    /// The last number.
    pub to: f64,
    /// Difference between neighbours.
    pub step: f64,
}

impl Default for Values {
    fn default() -> Self {
        Self::One(0.0)
    }
}

/// Maximum number of values in a range. A larger number is a typing error; the limit avoids a hang.
const MOST: usize = 100_000;

impl Values {
    /// Returns the numbers: a range in increasing order, a list as given.
    ///
    /// # Errors
    /// When there is none, one is negative, not finite or repeated, or a range is invalid.
    pub fn expand(&self, name: &str) -> Result<Vec<f64>, FileError> {
        let reject = |message: String| Err(FileError::invalid("grid", message));
        let values = match self {
            Self::One(value) => vec![*value],
            Self::List(values) => values.clone(),
            Self::Range(range) => match range.expand() {
                Ok(values) => values,
                Err(reason) => return reject(format!("{name}: {reason}")),
            },
        };
        if values.is_empty() {
            return reject(format!("{name} lists no value; give at least one"));
        }
        if let Some(value) = values.iter().find(|value| !(value.is_finite() && **value >= 0.0)) {
            return reject(format!("{name} = {value} must be finite and not negative"));
        }
        let mut sorted = values.clone();
        sorted.sort_by(f64::total_cmp);
        let duplicate = sorted.iter().zip(&sorted[1..]).find(|(a, b)| a.to_bits() == b.to_bits());
        if let Some((value, _)) = duplicate {
            return reject(format!(
                "{name} lists {value} twice; use `seeds` for repeated initialisations"
            ));
        }
        Ok(values)
    }
}

impl Range {
    fn expand(self) -> Result<Vec<f64>, String> {
        let Self { from, to, step } = self;
        if !(step > 0.0 && step.is_finite() && from.is_finite() && to.is_finite()) {
            return Err(format!("step = {step} must be positive, from and to finite"));
        }
        if to < from {
            return Err(format!("to = {to} is below from = {from}"));
        }
        // Include the end although rounding may leave the quotient just below a whole number.
        let count = ((to - from) / step + 1e-9).floor() + 1.0;
        if count > MOST as f64 {
            return Err(format!("the range has {count:.0} values; use at most {MOST}"));
        }
        Ok((0..count as usize).map(|i| rounded(from + i as f64 * step)).collect())
    }
}

/// Rounds to ten decimals, because `0.1 + 2 * 0.1` is 0.30000000000000004 and the file means 0.3.
fn rounded(value: f64) -> f64 {
    (value * 1e10).round() / 1e10
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Deserialize)]
    struct File {
        v: Values,
    }

    fn expand(toml: &str) -> Result<Vec<f64>, FileError> {
        toml::from_str::<File>(&format!("v = {toml}")).expect(toml).v.expand("sigma_w2")
    }

    #[track_caller]
    fn check(toml: &str, expected: &[f64]) {
        assert_eq!(expand(toml).unwrap(), expected);
    }

    #[test]
    fn numbers_lists_and_ranges_expand() {
        check("1.5", &[1.5]);
        check("2", &[2.0]);
        check("[0.5, 3, 1.5]", &[0.5, 3.0, 1.5]);
        check("{ from = 0.1, to = 0.5, step = 0.1 }", &[0.1, 0.2, 0.3, 0.4, 0.5]);
        check("{ from = 1.0, to = 1.0, step = 0.1 }", &[1.0]);
        check("{ from = 1, to = 2, step = 0.4 }", &[1.0, 1.4, 1.8]);
        assert_eq!(expand("{ from = 0.1, to = 6.0, step = 0.01 }").unwrap().len(), 591);
    }

    #[track_caller]
    fn check_rejected(toml: &str, message: &str) {
        let error = expand(toml).expect_err(toml).to_string();
        assert!(error.contains(message), "{error}");
    }

    #[test]
    fn invalid_grids_are_rejected() {
        check_rejected("[]", "no value");
        check_rejected("-1.0", "-1");
        check_rejected("nan", "NaN");
        check_rejected("[1.0, 2.0, 1.0]", "lists 1 twice");
        check_rejected("{ from = 2.0, to = 1.0, step = 0.1 }", "below");
        check_rejected("{ from = 0.0, to = 1.0, step = 0.0 }", "step = 0");
        check_rejected("{ from = 0.0, to = 1e9, step = 1e-9 }", "at most");
    }
}
