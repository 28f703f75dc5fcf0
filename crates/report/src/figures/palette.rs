//! Colours that remain distinct for colour-blind readers, in greyscale, and on light and dark pages.

use plotters::style::{Color, RGBAColor, RGBColor};

use isobath_analysis::points::Phase;

/// Axes and text. The page replaces it by its text colour.
pub(super) const INK: RGBColor = RGBColor(27, 31, 36);

/// Theory curves and marks over the colours of a phase diagram.
pub(super) const OVER: RGBColor = RGBColor(0, 0, 0);

/// Halo that keeps marks visible on dark colours.
pub(super) const HALO: RGBColor = RGBColor(255, 255, 255);

/// Cells without a result, and their hatching.
pub(super) const NO_RESULT: [RGBColor; 2] = [RGBColor(190, 190, 190), RGBColor(120, 120, 120)];

/// Colours of series (Okabe and Ito's, without those too pale for a white page).
const SERIES: [RGBColor; 6] = [
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(86, 180, 233),
    RGBColor(160, 120, 20),
];

/// Colour of the `index`-th series; repeats after six.
pub(super) fn series(index: usize) -> RGBAColor {
    SERIES[index % SERIES.len()].to_rgba()
}

/// Colour of the `index`-th of `total` lines on one side of the critical line: blue in the ordered phase, orange in
/// the chaotic one, stronger towards the critical line, which is grey.
pub(super) fn phase(phase: Phase, index: usize, total: usize) -> RGBAColor {
    let place = if total > 1 { index as f64 / (total - 1) as f64 } else { 0.5 };
    let (from, to) = match phase {
        Phase::Ordered => ([140.0, 195.0, 240.0], [35.0, 120.0, 220.0]),
        Phase::Critical => ([60.0, 60.0, 60.0], [130.0, 130.0, 130.0]),
        Phase::Chaotic => ([205.0, 80.0, 10.0], [240.0, 170.0, 80.0]),
        Phase::Unknown => ([90.0, 90.0, 140.0], [90.0, 170.0, 120.0]),
    };
    let mix = |channel: usize| (from[channel] + place * (to[channel] - from[channel])) as u8;
    RGBColor(mix(0), mix(1), mix(2)).to_rgba()
}

/// Colour of a share in 0..=1: viridis, whose lightness increases evenly.
pub(super) fn heat(share: f64) -> RGBColor {
    let (red, green, blue) = colorous::VIRIDIS.eval_continuous(share.clamp(0.0, 1.0)).as_tuple();
    RGBColor(red, green, blue)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colour_map_lightness_increases() {
        let lightness = |share| {
            let RGBColor(red, green, blue) = heat(share);
            0.299 * f64::from(red) + 0.587 * f64::from(green) + 0.114 * f64::from(blue)
        };
        let steps: Vec<_> = (0..=20).map(|step| lightness(f64::from(step) / 20.0)).collect();
        assert!(steps.windows(2).all(|pair| pair[0] < pair[1]), "{steps:?}");
        assert!(steps[20] - steps[0] > 150.0);
    }
}
