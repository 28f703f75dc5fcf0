//! Bitmaps: samples and their reconstructions, and large phase diagrams.

use crate::{Error, Result};

/// Value range that maps to black and white.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Scaling {
    low: f32,
    high: f32,
}

impl Scaling {
    /// Range of an input's pixels; its reconstructions use the same range.
    pub(crate) fn of(pixels: &[f32]) -> Self {
        let finite = || pixels.iter().copied().filter(|pixel| pixel.is_finite());
        let (low, high) =
            (finite().fold(f32::INFINITY, f32::min), finite().fold(f32::NEG_INFINITY, f32::max));
        if low < high { Self { low, high } } else { Self { low: 0.0, high: 1.0 } }
    }

    fn byte(self, pixel: f32) -> u8 {
        // NaN becomes black: the cast maps NaN to 0.
        ((pixel - self.low) / (self.high - self.low) * 255.0).round().clamp(0.0, 255.0) as u8
    }

    /// Encodes a `[channels, height, width]` sample as PNG, in colour with three channels, else in grey.
    ///
    /// Further channels are ignored; missing pixels are black.
    ///
    /// # Errors
    /// If the sample has no pixels.
    pub(crate) fn png(
        self,
        [channels, height, width]: [usize; 3],
        pixels: &[f32],
    ) -> Result<Vec<u8>> {
        let plane = height * width;
        let shown = if channels == 3 { [0, 1, 2] } else { [0, 0, 0] };
        let at = |channel: usize, index: usize| {
            pixels.get(channel * plane + index).map_or(0, |pixel| self.byte(*pixel))
        };
        let rgb: Vec<u8> =
            (0..plane).flat_map(|index| shown.map(|channel| at(channel, index))).collect();
        encode(width, height, &rgb)
    }
}

/// Encodes rows of red, green and blue bytes as a PNG file.
///
/// # Errors
/// If the picture is empty or too large.
pub(super) fn encode(width: usize, height: usize, rgb: &[u8]) -> Result<Vec<u8>> {
    let mut file = Vec::new();
    let size = |length: usize| u32::try_from(length).map_err(|_| Error::PictureSize);
    let mut encoder = png::Encoder::new(&mut file, size(width)?, size(height)?);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    let mut writer = encoder.write_header()?;
    writer.write_image_data(rgb)?;
    writer.finish()?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pixels_are_scaled_to_the_inputs_range_and_clamped() {
        let scaling = Scaling::of(&[0.2, 0.7, f32::NAN]);
        assert_eq!(
            [0.2, 0.7, -1.0, 3.0, f32::NAN].map(|pixel| scaling.byte(pixel)),
            [0, 255, 0, 255, 0]
        );
    }

    #[test]
    fn a_flat_input_is_shown_from_0_to_1() {
        assert_eq!(Scaling::of(&[0.5; 4]).byte(0.5), 128);
        assert_eq!(Scaling::of(&[]).byte(1.0), 255);
    }

    #[test]
    fn three_channels_give_a_colour_picture() {
        let pixels = [1.0, 0.0, 0.0, 0.0, 0.5, 0.0];
        let file = Scaling { low: 0.0, high: 1.0 }.png([3, 1, 2], &pixels).unwrap();
        let mut reader = png::Decoder::new(std::io::Cursor::new(file)).read_info().unwrap();
        let mut rgb = vec![0; reader.output_buffer_size().unwrap()];
        reader.next_frame(&mut rgb).unwrap();
        assert_eq!(rgb, [255, 0, 128, 0, 0, 0]);
    }
}
