//! Channel images: what single channels of a layer contribute to the decoded input.

use isobath_architecture::Shape;
use isobath_network::ForwardBackend;
use ndarray::{Array2, ArrayView1};

use crate::{Decoders, Error, Result};

/// Parts of a decoded input by the channels of a layer.
///
/// With linear decoders, the images of all channels and `none` sum up to `whole`.
#[derive(Clone, Debug, PartialEq)]
pub struct ChannelImages {
    /// The input decoded from all channels, `[w_0]`.
    pub whole: Vec<f32>,
    /// The input decoded from zeros: what the biases of the decoders give without any activation, `[w_0]`.
    pub none: Vec<f32>,
    /// Single channels, those with the largest activations first.
    pub channels: Vec<ChannelImage>,
}

/// Part of a decoded input by one channel.
#[derive(Clone, Debug, PartialEq)]
pub struct ChannelImage {
    /// The channel, counted from 1.
    pub channel: usize,
    /// Mean square of its activations over the pixels.
    pub mean_square: f64,
    /// The input decoded from this channel alone minus [`none`](ChannelImages::none), `[w_0]`.
    pub image: Vec<f32>,
}

impl Decoders {
    /// Decodes `activations` `[w_depth]` of layer `depth`, counted from 1, of shape `shape`, once whole, once with all
    /// channels set to zero, and with all but one set to zero for each of the `most` channels with the largest mean square.
    /// Channels of equal size are in order.
    ///
    /// Thurn, Jefferson and Erdmenger, arXiv:2406.12916, show such images of VGG16, without subtracting the image of no
    /// channel.
    ///
    /// # Errors
    /// [`Error::DecoderInput`] if `shape` has another number of activations, and those of [`decode`](Self::decode).
    pub fn channel_images<B: ForwardBackend>(
        &self,
        backend: &B,
        depth: usize,
        shape: Shape,
        activations: ArrayView1<'_, f32>,
        most: usize,
    ) -> Result<ChannelImages> {
        let (expected, actual) = (shape.numbers(), activations.len());
        if actual != expected {
            return Err(Error::DecoderInput { expected, actual });
        }
        let pixels = shape.pixels();
        let largest = largest(shape, activations, most);
        let value = |(row, index): (usize, usize)| {
            let is_kept = match row {
                0 => true,
                1 => false,
                row => index / pixels == largest[row - 2].0,
            };
            if is_kept { activations[index] } else { 0.0 }
        };
        let masked = Array2::from_shape_fn((2 + largest.len(), expected), value);
        let decoded = self.decode(backend, depth, masked.view())?;
        let none = decoded.row(1);
        let channels = largest.iter().zip(decoded.rows().into_iter().skip(2));
        let image = |(&(channel, mean_square), row): (&(usize, f64), ArrayView1<'_, f32>)| {
            ChannelImage { channel: channel + 1, mean_square, image: (&row - &none).to_vec() }
        };
        Ok(ChannelImages {
            whole: decoded.row(0).to_vec(),
            none: none.to_vec(),
            channels: channels.map(image).collect(),
        })
    }
}

/// The `most` channels with the largest mean square, counted from 0, and that mean square.
fn largest(shape: Shape, activations: ArrayView1<'_, f32>, most: usize) -> Vec<(usize, f64)> {
    let pixels = shape.pixels();
    let mean_square = |channel: usize| {
        let of_channel = activations.iter().skip(channel * pixels).take(pixels);
        of_channel.map(|&h| f64::from(h).powi(2)).sum::<f64>() / pixels as f64
    };
    let mut channels: Vec<_> =
        (0..shape.channels).map(|channel| (channel, mean_square(channel))).collect();
    channels.sort_by(|one, other| other.1.total_cmp(&one.1));
    channels.truncate(most);
    channels
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn channels_are_sorted_by_the_size_of_their_activations() {
        let activations = ndarray::array![1.0, 1.0, -3.0, 0.0, 1.0, -1.0];
        let found = largest(Shape::new(3, 1, 2), activations.view(), 2);
        assert_eq!(found, [(1, 4.5), (0, 1.0)]);
    }
}
