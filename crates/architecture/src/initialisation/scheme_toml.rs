//! Initialisation schemes in TOML: a name, or a table with settings.

use serde::{Deserialize, Deserializer, Serialize, de};

use super::{
    ArrayLaw, Bias, Fan, Law, NamedScheme, PlainScheme, Scheme, SchemeName, VariancesByLayer,
};

/// A name, or a table.
#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum SchemeToml {
    Name(String),
    Table(Box<Table>),
}

/// Settings of a scheme. Which of them apply depends on the scheme.
#[derive(Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Table {
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<SchemeName>,
    #[serde(skip_serializing_if = "Option::is_none")]
    gain: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    magnitude: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    omega: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fan: Option<Fan>,
    #[serde(skip_serializing_if = "Option::is_none")]
    law: Option<Law>,
    #[serde(skip_serializing_if = "Option::is_none")]
    std: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    range: Option<[f64; 2]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sigma_w2: Option<Numbers>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sigma_b2: Option<Numbers>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bias: Option<BiasToml>,
}

/// One number for all layers, or a list.
#[derive(Clone, Serialize, Deserialize)]
#[serde(untagged, expecting = "expected a number or a list of numbers, one for each layer")]
enum Numbers {
    One(f64),
    List(Vec<f64>),
}

impl Numbers {
    fn list(self) -> Vec<f64> {
        match self {
            Self::One(number) => vec![number],
            Self::List(list) => list,
        }
    }
}

#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(untagged, expecting = "expected \"zeros\", \"pytorch\" or a standard deviation")]
enum BiasToml {
    Word(BiasWord),
    Std(f64),
}

#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum BiasWord {
    Zeros,
    Pytorch,
}

impl From<BiasToml> for Bias {
    fn from(bias: BiasToml) -> Self {
        match bias {
            BiasToml::Word(BiasWord::Zeros) => Self::Zeros,
            BiasToml::Word(BiasWord::Pytorch) => Self::Pytorch,
            BiasToml::Std(std) => Self::Std(std),
        }
    }
}

impl From<Bias> for BiasToml {
    fn from(bias: Bias) -> Self {
        match bias {
            Bias::Zeros => Self::Word(BiasWord::Zeros),
            Bias::Pytorch => Self::Word(BiasWord::Pytorch),
            Bias::Std(std) => Self::Std(std),
        }
    }
}

/// Names of the laws, then of the schemes.
const NAMES: [&str; Law::ALL.len() + SchemeName::ALL.len()] = {
    let mut names = [""; Law::ALL.len() + SchemeName::ALL.len()];
    let mut index = 0;
    while index < names.len() {
        names[index] = if index < Law::ALL.len() {
            Law::ALL[index].name()
        } else {
            SchemeName::ALL[index - Law::ALL.len()].name()
        };
        index += 1;
    }
    names
};

impl<'de> Deserialize<'de> for SchemeToml {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Visitor)
    }
}

struct Visitor;

impl<'de> de::Visitor<'de> for Visitor {
    type Value = SchemeToml;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the name of an initialisation, or a table such as { name = \"kaiming-normal\", gain = 1.0 }")
    }

    fn visit_str<E: de::Error>(self, name: &str) -> Result<SchemeToml, E> {
        if NAMES.contains(&name) {
            Ok(SchemeToml::Name(name.to_owned()))
        } else {
            Err(E::unknown_variant(name, &NAMES))
        }
    }

    fn visit_map<A: de::MapAccess<'de>>(self, map: A) -> Result<SchemeToml, A::Error> {
        let table = Table::deserialize(de::value::MapAccessDeserializer::new(map))?;
        Ok(SchemeToml::Table(Box::new(table)))
    }
}

impl TryFrom<SchemeToml> for Scheme {
    type Error = String;

    fn try_from(toml: SchemeToml) -> Result<Self, String> {
        match toml {
            SchemeToml::Table(table) => table.scheme(),
            SchemeToml::Name(name) => {
                let law = Law::ALL.into_iter().find(|law| law.name() == name);
                let named = SchemeName::ALL.into_iter().find(|scheme| scheme.name() == name);
                match (law, named) {
                    // `orthogonal` is both: as a word, a law whose scale is the grid's.
                    (Some(law), _) => Ok(Self::Law(law)),
                    (None, Some(name)) => Ok(name.into()),
                    (None, None) => Err(format!("there is no initialisation `{name}`")),
                }
            }
        }
    }
}

/// An error if any of `settings` is given.
fn reject(settings: &[(&str, bool)], why: &str) -> Result<(), String> {
    match settings.iter().find(|(_, is_given)| *is_given) {
        Some((setting, _)) => Err(format!("{setting} does not apply here: {why}; remove it")),
        None => Ok(()),
    }
}

impl Table {
    fn scheme(self) -> Result<Scheme, String> {
        for (setting, value) in [
            ("gain", self.gain),
            ("magnitude", self.magnitude),
            ("omega", self.omega),
            ("std", self.std),
        ] {
            if let Some(value) = value.filter(|value| !(value.is_finite() && *value > 0.0)) {
                return Err(format!("{setting} = {value} must be positive and finite"));
            }
        }
        if let Some(BiasToml::Std(std)) = self
            .bias
            .filter(|bias| matches!(bias, BiasToml::Std(std) if !(std.is_finite() && *std >= 0.0)))
        {
            return Err(format!("bias = {std} must be a standard deviation of at least 0"));
        }
        match (self.name, self.std, self.range, &self.sigma_w2) {
            (Some(name), None, None, None) => self.named(name),
            (None, Some(std), None, None) => {
                let weights = ArrayLaw::new(self.law.unwrap_or_default(), std);
                self.plain(weights)
            }
            (None, None, Some([low, high]), None) => {
                if !(low < high && low.is_finite() && high.is_finite()) {
                    return Err(format!("range = [{low}, {high}] must rise"));
                }
                reject(&[("law", self.law.is_some())], "range is uniform")?;
                let (mean, std) = (f64::midpoint(low, high), (high - low) / 12.0_f64.sqrt());
                self.plain(ArrayLaw { law: Law::Uniform, mean, std })
            }
            (None, None, None, Some(_)) => self.by_layer(),
            _ => {
                Err("an initialisation has one of `name`, `std`, `range` and `sigma_w2`".to_owned())
            }
        }
    }

    fn named(self, name: SchemeName) -> Result<Scheme, String> {
        let default = NamedScheme::new(name);
        let scales = [("gain", self.gain), ("magnitude", self.magnitude), ("omega", self.omega)];
        let applies =
            |setting: &str| name.default_scale().is_some() && setting == name.scale_name();
        let wrong = scales.map(|(setting, scale)| (setting, scale.is_some() && !applies(setting)));
        reject(&wrong, &format!("`{}` has no such setting", name.name()))?;
        let is_kaiming = matches!(name, SchemeName::KaimingNormal | SchemeName::KaimingUniform);
        let has_biases =
            matches!(name, SchemeName::Pytorch | SchemeName::Siren | SchemeName::Randn);
        reject(
            &[
                ("fan", self.fan.is_some() && !is_kaiming),
                ("law", self.law.is_some() && name != SchemeName::MxnetXavier),
                ("bias", self.bias.is_some() && has_biases),
                ("sigma_b2", self.sigma_b2.is_some()),
            ],
            &format!("`{}` has no such setting", name.name()),
        )?;
        if self.law.is_some_and(|law| !matches!(law, Law::Normal | Law::Uniform)) {
            return Err("law of `mxnet-xavier` must be \"normal\" or \"uniform\"".to_owned());
        }
        Ok(Scheme::Named(NamedScheme {
            name,
            scale: scales.iter().find_map(|(_, scale)| *scale).unwrap_or(default.scale),
            fan: self.fan.unwrap_or(default.fan),
            law: self.law.unwrap_or(default.law),
            bias: self.bias.map_or(default.bias, Bias::from),
        }))
    }

    fn plain(self, weights: ArrayLaw) -> Result<Scheme, String> {
        reject(&self.other_settings(), "it belongs to a named initialisation")?;
        let bias = self.bias.map_or(Bias::Zeros, Bias::from);
        Ok(Scheme::Plain(PlainScheme { weights, bias }))
    }

    fn by_layer(self) -> Result<Scheme, String> {
        let others = [&self.other_settings()[..4], &[("bias", self.bias.is_some())]].concat();
        reject(&others, "variances by layer have sigma_w2, sigma_b2 and law")?;
        let list = |numbers: Option<Numbers>| numbers.map_or_else(|| vec![0.0], Numbers::list);
        let (sigma_w2, sigma_b2) = (list(self.sigma_w2), list(self.sigma_b2));
        let is_bad = |value: &f64, least: f64| !(value.is_finite() && *value >= least);
        if sigma_w2.is_empty() || sigma_w2.iter().any(|value| is_bad(value, f64::MIN_POSITIVE)) {
            return Err("sigma_w2 must list positive numbers, one for each layer".to_owned());
        }
        if sigma_b2.is_empty() || sigma_b2.iter().any(|value| is_bad(value, 0.0)) {
            return Err("sigma_b2 must list numbers of at least 0, one for each layer".to_owned());
        }
        Ok(Scheme::ByLayer(VariancesByLayer {
            law: self.law.unwrap_or_default(),
            sigma_w2,
            sigma_b2,
        }))
    }

    /// Settings of named schemes, by whether they are given.
    const fn other_settings(&self) -> [(&'static str, bool); 5] {
        [
            ("gain", self.gain.is_some()),
            ("magnitude", self.magnitude.is_some()),
            ("omega", self.omega.is_some()),
            ("fan", self.fan.is_some()),
            ("sigma_b2", self.sigma_b2.is_some()),
        ]
    }
}

impl From<Scheme> for SchemeToml {
    fn from(scheme: Scheme) -> Self {
        let table = match scheme {
            Scheme::Law(law) => return Self::Name(law.name().to_owned()),
            Scheme::Named(named) => {
                let default = NamedScheme::new(named.name);
                let is_word = named == default && named.name != SchemeName::Orthogonal;
                if is_word {
                    return Self::Name(named.name.name().to_owned());
                }
                let scale = |setting: &str| {
                    let is_set = named.name.default_scale().is_some();
                    (is_set && named.name.scale_name() == setting).then_some(named.scale)
                };
                Table {
                    name: Some(named.name),
                    gain: scale("gain"),
                    magnitude: scale("magnitude"),
                    omega: scale("omega"),
                    fan: (named.fan != default.fan).then_some(named.fan),
                    law: (named.law != default.law).then_some(named.law),
                    bias: (named.bias != default.bias).then(|| named.bias.into()),
                    ..Table::default()
                }
            }
            Scheme::Plain(PlainScheme { weights, bias }) => {
                let bias = (bias != Bias::Zeros).then(|| bias.into());
                if weights.law == Law::Uniform {
                    let half = weights.std * 3.0_f64.sqrt();
                    let range = Some([weights.mean - half, weights.mean + half]);
                    Table { range, bias, ..Table::default() }
                } else {
                    Table {
                        std: Some(weights.std),
                        law: Some(weights.law),
                        bias,
                        ..Table::default()
                    }
                }
            }
            Scheme::ByLayer(VariancesByLayer { law, sigma_w2, sigma_b2 }) => Table {
                law: Some(law),
                sigma_w2: Some(Numbers::List(sigma_w2)),
                sigma_b2: Some(Numbers::List(sigma_b2)),
                ..Table::default()
            },
        };
        Self::Table(Box::new(table))
    }
}
