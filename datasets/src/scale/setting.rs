//! The scale as experiment files have it: a name, or a table of means and standard deviations.

use std::fmt;

use serde::{Deserialize, Deserializer, de};

use super::{ChannelScale, Scale};

/// Names of the scales that have one.
const NAMES: [&str; 3] = ["unit", "symmetric", "standardize"];

/// Derived code for the variant without a name would lose the reason of an error.
impl<'de> Deserialize<'de> for Scale {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> de::Visitor<'de> for Visitor {
            type Value = Scale;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the name of a scale, or { mean = ..., std = ... }")
            }

            fn visit_str<E: de::Error>(self, name: &str) -> Result<Scale, E> {
                match name {
                    "unit" => Ok(Scale::Unit),
                    "symmetric" => Ok(Scale::Symmetric),
                    "standardize" => Ok(Scale::Standardize),
                    _ => Err(E::unknown_variant(name, &NAMES)),
                }
            }

            fn visit_map<A: de::MapAccess<'de>>(self, map: A) -> Result<Scale, A::Error> {
                let table = de::value::MapAccessDeserializer::new(map);
                ChannelScale::deserialize(table).map(Scale::Channels)
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

#[cfg(test)]
mod tests {
    use serde::Serialize;

    use super::*;
    use crate::Shape;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct File {
        scale: Scale,
    }

    fn read(toml: &str) -> Result<Scale, String> {
        let file = toml::from_str::<File>(&format!("scale = {toml}"));
        file.map(|file| file.scale).map_err(|error| error.to_string())
    }

    #[test]
    fn names_and_tables_round_trip() {
        for text in ["\"unit\"", "\"symmetric\"", "{ mean = 0.5, std = [0.25, 0.5] }"] {
            let file = File { scale: read(text).unwrap() };
            assert_eq!(toml::from_str::<File>(&toml::to_string(&file).unwrap()).unwrap(), file);
        }
        assert!(read("\"symetric\"").unwrap_err().contains("unknown variant `symetric`"));
        assert!(read("{ mean = 0 }").unwrap_err().contains("missing field `std`"));
    }

    #[test]
    fn means_and_deviations_must_be_those_of_the_channels() {
        let colour = Shape { channels: 3, height: 2, width: 2 };
        let check = |text: &str| read(text).unwrap().check(colour).map_err(|e| e.to_string());
        assert_eq!(check("{ mean = 0, std = [1, 2, 3] }"), Ok(()));
        assert!(check("{ mean = [0, 1], std = 1 }").unwrap_err().contains("one for each of 3"));
        assert!(check("{ mean = 0, std = 0 }").unwrap_err().contains("positive"));
    }
}
