//! Names of the datasets.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::dataset::{Samples, Split};
use crate::{digits, error::Error, noise};

/// Origin of a dataset's samples.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Origin {
    /// Published files, described by the text of a manifest.
    Published(&'static str),
    /// A generator of this crate and the version of its output.
    Generated(u32, Generator),
}

/// Makes the given number of samples of a split from a seed.
pub(crate) type Generator = fn(seed: u64, split: Split, n_samples: usize) -> Samples;

/// Makes [`DatasetName`] out of the list of datasets.
macro_rules! datasets {
    ($($(#[$doc:meta])* $variant:ident = $name:literal, $origin:expr;)*) => {
        /// Dataset supported by this crate.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum DatasetName {
            $($(#[$doc])* #[serde(rename = $name)] $variant,)*
        }

        impl DatasetName {
            /// All datasets, the downloadable ones first.
            pub const ALL: [Self; [$($name),*].len()] = [$(Self::$variant),*];

            /// Names of all datasets, in the order of [`DatasetName::ALL`].
            pub const NAMES: [&'static str; [$($name),*].len()] = [$($name),*];

            /// Name in experiment files, on the command line and of the dataset's folder.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// Origin of the samples.
            pub(crate) fn origin(self) -> Origin {
                match self { $(Self::$variant => $origin,)* }
            }
        }
    };
}

datasets! {
    /// MNIST handwritten digits: 60,000 and 10,000 grey images of 28 x 28.
    Mnist = "mnist", Origin::Published(include_str!("../manifests/mnist.toml"));
    /// Fashion-MNIST articles of clothing, with the image size of MNIST.
    FashionMnist = "fashion-mnist", Origin::Published(include_str!("../manifests/fashion-mnist.toml"));
    /// CIFAR-10 photographs: 50,000 and 10,000 colour images of 32 x 32.
    Cifar10 = "cifar10", Origin::Published(include_str!("../manifests/cifar10.toml"));
    /// Generated handwriting: any number of grey images of 28 x 28.
    Digits = "digits", Origin::Generated(digits::VERSION, digits::generate);
    /// Uniform noise with random labels: any number of grey images of 28 x 28.
    WhiteNoise = "white-noise", Origin::Generated(noise::VERSION, noise::generate);
}

impl DatasetName {
    /// Returns true if this crate generates the data, so that no files are needed.
    pub fn is_built_in(self) -> bool {
        matches!(self.origin(), Origin::Generated(..))
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
