//! Given mean and standard deviation of each channel.

use serde::{Deserialize, Deserializer, Serialize, de};

use super::PixelScale;
use crate::dataset::Shape;
use crate::error::{Error, Result};

/// `(x - mean) / std` of each channel, as `Normalize` of torchvision.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChannelScale {
    /// Mean of each channel, or one for all.
    #[serde(deserialize_with = "one_or_many")]
    pub mean: Vec<f32>,
    /// Standard deviation of each channel, or one for all; positive.
    #[serde(deserialize_with = "one_or_many")]
    pub std: Vec<f32>,
}

impl ChannelScale {
    pub(super) fn check(&self, channels: usize) -> Result<()> {
        let reject = |message: String| Err(Error::Scale { message });
        for (name, numbers) in [("mean", &self.mean), ("std", &self.std)] {
            if numbers.len() != 1 && numbers.len() != channels {
                return reject(format!(
                    "{name} has {} numbers; give one for all channels, or one for each of {channels}",
                    numbers.len()
                ));
            }
        }
        if let Some(mean) = self.mean.iter().find(|mean| !mean.is_finite()) {
            return reject(format!("mean = {mean} must be a finite number"));
        }
        match self.std.iter().find(|std| !(std.is_normal() && **std > 0.0)) {
            Some(std) => reject(format!("std = {std} must be a positive number")),
            None => Ok(()),
        }
    }

    /// The scale of each pixel of samples of `shape`.
    ///
    /// # Panics
    /// If the number of channels is another one.
    pub(super) fn of_pixels(&self, shape: Shape) -> PixelScale {
        let pixels = shape.height * shape.width;
        let spread = |numbers: &[f32], function: fn(f32) -> f32| {
            let of =
                |channel: usize| if numbers.len() == 1 { numbers[0] } else { numbers[channel] };
            let channels = 0..shape.channels;
            channels
                .flat_map(|channel| std::iter::repeat_n(function(of(channel)), pixels))
                .collect()
        };
        PixelScale {
            shift: spread(&self.mean, |mean| mean),
            factor: spread(&self.std, f32::recip),
            name: format!("mean {:?}, std {:?}", self.mean, self.std),
        }
    }
}

/// Reads a number or a list of numbers.
fn one_or_many<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<f32>, D::Error> {
    struct Visitor;
    impl<'de> de::Visitor<'de> for Visitor {
        type Value = Vec<f32>;

        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("a number, or a list with a number for each channel")
        }

        fn visit_f64<E: de::Error>(self, number: f64) -> Result<Vec<f32>, E> {
            Ok(vec![number as f32])
        }

        fn visit_i64<E: de::Error>(self, number: i64) -> Result<Vec<f32>, E> {
            Ok(vec![number as f32])
        }

        fn visit_u64<E: de::Error>(self, number: u64) -> Result<Vec<f32>, E> {
            Ok(vec![number as f32])
        }

        fn visit_seq<A: de::SeqAccess<'de>>(self, list: A) -> Result<Vec<f32>, A::Error> {
            Vec::deserialize(de::value::SeqAccessDeserializer::new(list))
        }
    }
    deserializer.deserialize_any(Visitor)
}
