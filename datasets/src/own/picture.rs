//! Images in the formats PNG and JPEG.

use std::io::Cursor;

use png::{ColorType, Decoder, Limits, Transformations};
use zune_jpeg::{
    JpegDecoder,
    zune_core::{bytestream::ZCursor, colorspace::ColorSpace, options::DecoderOptions},
};

use crate::dataset::Shape;
use crate::error::{Error, Result};

/// Most numbers of an image; larger ones are no input of a network here.
pub(crate) const MOST_NUMBERS: usize = 1 << 24;
/// Longest side of an image.
const LONGEST_SIDE: usize = 1 << 14;
/// First bytes of the formats.
const PNG: [u8; 4] = *b"\x89PNG";
const JPEG: [u8; 3] = [0xff, 0xd8, 0xff];

/// A decoded image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    /// Extent; 1 channel for grey images, 3 for colour.
    pub shape: Shape,
    /// Values from 0 to 255, `[height, width, channels]`.
    pub pixels: Vec<u8>,
}

/// Decodes an image; error messages use `name` as the name of the file.
///
/// Palettes become colours, 16 bits become 8, and an alpha channel is dropped if the image is opaque.
///
/// # Errors
/// [`Error::Unusable`] if the image is in neither format, damaged, transparent, or has more than 2^24 numbers.
pub fn decode(bytes: &[u8], name: &str) -> Result<Picture> {
    let unusable = |found: String, advice: &str| Error::Unusable {
        file: name.to_owned(),
        found,
        advice: advice.to_owned(),
    };
    let picture = if bytes.starts_with(&PNG) {
        decode_png(bytes)
    } else if bytes.starts_with(&JPEG) {
        decode_jpeg(bytes)
    } else {
        return Err(unusable(
            "neither a PNG nor a JPEG image".to_owned(),
            "convert it, or move it out of the folder",
        ));
    };
    picture.map_err(|problem| {
        unusable(format!("an image that cannot be used: {problem}"), "replace or remove it")
    })
}

/// Checks the size of an image before memory is taken for it.
fn checked(channels: usize, height: usize, width: usize) -> Result<Shape, String> {
    let shape = Shape { channels, height, width };
    let is_empty = height == 0 || width == 0;
    if is_empty || height.max(width) > LONGEST_SIDE || shape.len() > MOST_NUMBERS {
        return Err(format!(
            "{height} x {width} pixels, which must be 1 to {LONGEST_SIDE} a side and {MOST_NUMBERS} numbers in all"
        ));
    }
    Ok(shape)
}

fn decode_png(bytes: &[u8]) -> Result<Picture, String> {
    // Text and colour profiles of that many bytes, beside the pixels.
    let limits = Limits { bytes: 1 << 26 };
    let mut decoder = Decoder::new_with_limits(Cursor::new(bytes), limits);
    decoder.set_transformations(Transformations::normalize_to_color8());
    let header = decoder.read_header_info().map_err(|error| error.to_string())?;
    let (height, width) = (header.height as usize, header.width as usize);
    checked(4, height, width)?;
    let mut reader = decoder.read_info().map_err(|error| error.to_string())?;
    let (color, _) = reader.output_color_type();
    let size = reader.output_buffer_size().ok_or("too many pixels")?;
    let mut pixels = vec![0; size];
    reader.next_frame(&mut pixels).map_err(|error| error.to_string())?;
    let (channels, has_alpha) = match color {
        ColorType::Grayscale => (1, false),
        ColorType::GrayscaleAlpha => (1, true),
        ColorType::Rgb | ColorType::Indexed => (3, false),
        ColorType::Rgba => (3, true),
    };
    if has_alpha {
        if pixels.chunks_exact(channels + 1).any(|pixel| pixel[channels] != u8::MAX) {
            return Err("it is transparent; put it on a background first".to_owned());
        }
        let opaque = pixels.chunks_exact(channels + 1).flat_map(|pixel| &pixel[..channels]);
        pixels = opaque.copied().collect();
    }
    Ok(Picture { shape: checked(channels, height, width)?, pixels })
}

fn decode_jpeg(bytes: &[u8]) -> Result<Picture, String> {
    let open = |space| {
        let options = DecoderOptions::default()
            .set_max_width(LONGEST_SIDE)
            .set_max_height(LONGEST_SIDE)
            .set_strict_mode(true)
            .jpeg_set_out_colorspace(space);
        JpegDecoder::new_with_options(ZCursor::new(bytes), options)
    };
    let mut header = open(ColorSpace::RGB);
    header.decode_headers().map_err(|error| error.to_string())?;
    let (width, height) = header.dimensions().ok_or("it has no size")?;
    let (space, channels) = match header.input_colorspace() {
        Some(ColorSpace::Luma) => (ColorSpace::Luma, 1),
        _ => (ColorSpace::RGB, 3),
    };
    let shape = checked(channels, height, width)?;
    let pixels = open(space).decode().map_err(|error| error.to_string())?;
    if pixels.len() != shape.len() {
        return Err(format!("{} numbers for {height} x {width} pixels", pixels.len()));
    }
    Ok(Picture { shape, pixels })
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A PNG image of 8 bits.
    pub(crate) fn png_file(color: ColorType, [width, height]: [u32; 2], pixels: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut encoder = png::Encoder::new(&mut bytes, width, height);
        encoder.set_color(color);
        encoder.set_depth(png::BitDepth::Eight);
        encoder.write_header().unwrap().write_image_data(pixels).unwrap();
        bytes
    }

    /// A grey JPEG of 8 x 8 equal pixels, of half the brightness, written by hand from the standard (ITU-T T.81):
    /// one block whose only coefficient is a zero DC difference.
    pub(crate) fn jpeg_file() -> Vec<u8> {
        let mut bytes = vec![0xff, 0xd8];
        bytes.extend([0xff, 0xdb, 0, 67, 0]);
        bytes.extend([1; 64]);
        bytes.extend([0xff, 0xc0, 0, 11, 8, 0, 8, 0, 8, 1, 1, 0x11, 0]);
        for class in [0x00, 0x10] {
            // A Huffman table with one code, `0`, for the symbol 0.
            bytes.extend([0xff, 0xc4, 0, 20, class, 1]);
            bytes.extend([0; 15]);
            bytes.push(0);
        }
        bytes.extend([0xff, 0xda, 0, 8, 1, 1, 0, 0, 63, 0]);
        // The two codes, filled up with ones.
        bytes.extend([0b0011_1111, 0xff, 0xd9]);
        bytes
    }

    #[test]
    fn png_images_are_grey_or_colour() {
        let grey =
            decode(&png_file(ColorType::Grayscale, [3, 2], &[0, 1, 2, 3, 4, 255]), "x").unwrap();
        assert_eq!(grey.shape, Shape { channels: 1, height: 2, width: 3 });
        assert_eq!(grey.pixels, [0, 1, 2, 3, 4, 255]);
        let colour = decode(&png_file(ColorType::Rgb, [1, 2], &[1, 2, 3, 4, 5, 6]), "x").unwrap();
        assert_eq!(colour.shape, Shape { channels: 3, height: 2, width: 1 });
        assert_eq!(colour.pixels, [1, 2, 3, 4, 5, 6]);
        let opaque = png_file(ColorType::Rgba, [1, 2], &[1, 2, 3, 255, 4, 5, 6, 255]);
        assert_eq!(decode(&opaque, "x").unwrap(), colour);
        let transparent = png_file(ColorType::GrayscaleAlpha, [1, 1], &[7, 254]);
        let message = decode(&transparent, "a.png").unwrap_err().to_string();
        assert!(message.starts_with("a.png") && message.contains("transparent"), "{message}");
    }

    #[test]
    fn jpeg_images_are_decoded() {
        let found = decode(&jpeg_file(), "x").unwrap();
        assert_eq!(found.shape, Shape { channels: 1, height: 8, width: 8 });
        assert_eq!(found.pixels, [128; 64]);
    }

    #[test]
    fn other_and_damaged_files_are_refused() {
        let message = decode(b"GIF89a...", "a.gif").unwrap_err().to_string();
        assert!(message.contains("neither a PNG nor a JPEG"), "{message}");
        let whole = png_file(ColorType::Grayscale, [3, 2], &[0, 1, 2, 3, 4, 255]);
        assert!(decode(&whole[..whole.len() / 2], "x").is_err());
        assert!(decode(&jpeg_file()[..40], "x").is_err());
        // A header that claims 4 billion pixels a side.
        let mut huge = whole.clone();
        huge[16..24].fill(0xff);
        assert!(decode(&huge, "x").is_err());
    }
}
