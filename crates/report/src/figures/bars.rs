//! Samples that are not images, as rows of bars.

use super::picture::encode;
use crate::Result;

/// Most numbers of a sample that are drawn as bars.
pub(crate) const MOST_BARS: usize = 256;

/// Rows of pixels of a bitmap of bars.
const HEIGHT: usize = 48;
/// Columns of pixels of a bitmap, at least.
const WIDTH: usize = 128;

const PAPER: u8 = 255;
const BAR: u8 = 60;
const ZERO_LINE: u8 = 170;

/// Encodes `values` as a PNG of one bar each, from zero up or down; `low..=high` is the height of the bitmap. Values outside
/// are cut off, and values that are not finite have no bar.
///
/// # Errors
/// If there is no value.
pub(crate) fn png(values: &[f32], [low, high]: [f32; 2]) -> Result<Vec<u8>> {
    let (low, high) = (low.min(0.0), high.max(0.0));
    let span = if high > low { high - low } else { 1.0 };
    let place = |value: f32| {
        (((high - value) / span).clamp(0.0, 1.0) * (HEIGHT - 1) as f32).round() as usize
    };
    let step = WIDTH.div_ceil(values.len().max(1));
    let width = step * values.len();
    let zero = place(0.0);
    let mut grey = vec![PAPER; width * HEIGHT];
    grey[zero * width..(zero + 1) * width].fill(ZERO_LINE);
    for (index, &value) in values.iter().enumerate().filter(|(_, value)| value.is_finite()) {
        let (top, bottom) = (zero.min(place(value)), zero.max(place(value)));
        // Neighbouring bars stay apart where there is room.
        let columns = index * step..(index + 1) * step - usize::from(step > 2);
        for row in top..=bottom {
            grey[row * width..][columns.clone()].fill(BAR);
        }
    }
    let rgb: Vec<u8> = grey.into_iter().flat_map(|level| [level; 3]).collect();
    encode(width, HEIGHT, &rgb)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rows of a column of the bitmap that are part of a bar.
    fn bar(values: &[f32], range: [f32; 2], column: usize) -> Vec<usize> {
        let file = png(values, range).unwrap();
        let mut reader = png::Decoder::new(std::io::Cursor::new(file)).read_info().unwrap();
        let mut rgb = vec![0; reader.output_buffer_size().unwrap()];
        reader.next_frame(&mut rgb).unwrap();
        let width = rgb.len() / HEIGHT / 3;
        (0..HEIGHT).filter(|row| rgb[3 * (row * width + column)] == BAR).collect()
    }

    #[test]
    fn bars_rise_and_fall_from_zero() {
        let values = [1.0, -1.0, 9.0, f32::NAN];
        assert_eq!(bar(&values, [-1.0, 1.0], 0), (0..=24).collect::<Vec<_>>());
        assert_eq!(bar(&values, [-1.0, 1.0], 32), (24..=47).collect::<Vec<_>>());
        assert_eq!(bar(&values, [-1.0, 1.0], 64), (0..=24).collect::<Vec<_>>());
        assert!(bar(&values, [-1.0, 1.0], 96).is_empty());
        assert!(png(&[], [0.0, 1.0]).is_err());
    }
}
