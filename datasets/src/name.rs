//! Names of the datasets.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::error::Error;

/// Dataset supported by this crate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DatasetName {
    /// MNIST handwritten digits: 60,000 and 10,000 grey images of 28 x 28.
    Mnist,
    /// Fashion-MNIST articles of clothing, with the image size of MNIST.
    FashionMnist,
    /// CIFAR-10 photographs: 50,000 and 10,000 colour images of 32 x 32.
    Cifar10,
    /// Generated handwriting: any number of grey images of 28 x 28.
    Digits,
    /// Uniform noise with random labels: any number of grey images of 28 x 28.
    WhiteNoise,
}

impl DatasetName {
    /// All datasets, the downloadable ones first.
    pub const ALL: [Self; 5] =
        [Self::Mnist, Self::FashionMnist, Self::Cifar10, Self::Digits, Self::WhiteNoise];

    /// Name in experiment files, on the command line and of the dataset's folder.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Mnist => "mnist",
            Self::FashionMnist => "fashion-mnist",
            Self::Cifar10 => "cifar10",
            Self::Digits => "digits",
            Self::WhiteNoise => "white-noise",
        }
    }

    /// Returns true if this crate generates the data, so that no files are needed.
    pub fn is_built_in(self) -> bool {
        matches!(self, Self::Digits | Self::WhiteNoise)
    }
}

impl fmt::Display for DatasetName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for DatasetName {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let named = Self::ALL.into_iter().find(|name| name.as_str() == text);
        named.ok_or_else(|| Error::UnknownName { given: text.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_survive_a_round_trip() {
        for name in DatasetName::ALL {
            assert_eq!(name.to_string().parse::<DatasetName>().unwrap(), name);
            let toml = toml::Value::String(name.to_string());
            assert_eq!(toml.try_into::<DatasetName>().unwrap(), name);
        }
    }

    #[test]
    fn unknown_names_list_the_known_ones() {
        let message = "minst".parse::<DatasetName>().unwrap_err().to_string();
        assert!(
            message.contains("`minst`") && message.contains("mnist, fashion-mnist, cifar10"),
            "{message}"
        );
    }
}
