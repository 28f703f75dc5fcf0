//! A dataset as experiment files name it: by name, by path, or by path with settings.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, de};

use super::OwnData;
use crate::name::DatasetName;

/// A dataset of this crate, or the user's own data.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum DatasetSource {
    /// A dataset of this crate.
    Named(DatasetName),
    /// The user's own data.
    Own(Box<OwnData>),
}

impl DatasetSource {
    /// The dataset of this crate; `None` for the user's own data.
    pub const fn named(&self) -> Option<DatasetName> {
        match self {
            Self::Named(name) => Some(*name),
            Self::Own(_) => None,
        }
    }
}

impl From<DatasetName> for DatasetSource {
    fn from(name: DatasetName) -> Self {
        Self::Named(name)
    }
}

impl From<OwnData> for DatasetSource {
    fn from(own: OwnData) -> Self {
        Self::Own(Box::new(own))
    }
}

impl fmt::Display for DatasetSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Named(name) => name.fmt(f),
            Self::Own(own) => f.pad(&own.name()),
        }
    }
}

impl<'de> Deserialize<'de> for DatasetSource {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> de::Visitor<'de> for Visitor {
            type Value = DatasetSource;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the name of a dataset, a path, or { path = \"...\" }")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<DatasetSource, E> {
                if let Ok(name) = text.parse() {
                    return Ok(DatasetSource::Named(name));
                }
                // Paths have a folder or an ending; anything else is a typing error in a name.
                if text.contains(['/', '\\', '.']) {
                    return Ok(OwnData::new(text).into());
                }
                Err(E::unknown_variant(text, &DatasetName::NAMES))
            }

            fn visit_map<A: de::MapAccess<'de>>(self, map: A) -> Result<DatasetSource, A::Error> {
                let own = OwnData::deserialize(de::value::MapAccessDeserializer::new(map))?;
                Ok(own.into())
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::own::LabelColumn;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct File {
        dataset: DatasetSource,
    }

    fn read(toml: &str) -> Result<DatasetSource, toml::de::Error> {
        toml::from_str::<File>(&format!("dataset = {toml}")).map(|file| file.dataset)
    }

    #[test]
    fn names_paths_and_tables_are_told_apart() {
        assert_eq!(read("\"mnist\"").unwrap(), DatasetName::Mnist.into());
        assert_eq!(read("\"a/b.npz\"").unwrap(), OwnData::new("a/b.npz").into());
        let table = "{ path = \"a.csv\", labels = -1, shape = [1, 2, 2] }";
        let labels = Some(LabelColumn::Index(-1));
        let own = OwnData { labels, shape: Some([1, 2, 2]), ..OwnData::new("a.csv") };
        let dataset = DatasetSource::from(own);
        assert_eq!(read(table).unwrap(), dataset);
        let file = File { dataset };
        assert_eq!(toml::from_str::<File>(&toml::to_string(&file).unwrap()).unwrap(), file);
    }

    #[test]
    fn typing_errors_are_found() {
        let message = read("\"minst\"").unwrap_err().to_string();
        assert!(
            message.contains("unknown variant `minst`") && message.contains("`mnist`"),
            "{message}"
        );
        let message = read("{ path = \"a\", label = 1 }").unwrap_err().to_string();
        assert!(
            message.contains("unknown field `label`") && message.contains("`labels`"),
            "{message}"
        );
        assert!(read("7").unwrap_err().to_string().contains("a path"));
    }
}
