//! Images in the order `[units, pixels, samples]`.

use std::borrow::Cow;

use rayon::prelude::*;

use crate::{
    Axes,
    ops::{axes::Images, patches::cpu::transpose},
};

/// Pixels whose numbers are written in turn, so that they stay in the nearest cache.
const PIXELS: usize = 16;

/// `images` as `[units, pixels, samples]`, copied only if they are in another order.
pub(super) fn units_major(shape: Images, images: &[f32]) -> Cow<'_, [f32]> {
    let images = &images[..shape.len()];
    match shape.axes {
        Axes::UnitPixelSample => Cow::Borrowed(images),
        Axes::SampleUnitPixel => {
            let Images { units, pixels, samples, .. } = shape;
            let mut copy = vec![0.0; shape.len()];
            transpose([samples, units * pixels], images, &mut copy);
            Cow::Owned(copy)
        }
        Axes::SamplePixelUnit => {
            let Images { pixels, samples, .. } = shape;
            let [of_unit, of_pixel, of_sample] = shape.strides();
            let mut copy = vec![0.0; shape.len()];
            copy.par_chunks_mut(pixels * samples).enumerate().for_each(|(unit, copy)| {
                for (block, copy) in copy.chunks_mut(PIXELS * samples).enumerate() {
                    let first = unit * of_unit + block * PIXELS * of_pixel;
                    for sample in 0..samples {
                        let from = images[first + sample * of_sample..].iter().step_by(of_pixel);
                        let to = copy[sample..].iter_mut().step_by(samples);
                        to.zip(from).for_each(|(to, &from)| *to = from);
                    }
                }
            });
            Cow::Owned(copy)
        }
    }
}

/// Calls `fill` with memory for `[units, pixels, samples]`, and writes the numbers to `images`.
pub(super) fn write(shape: Images, images: &mut [f32], fill: impl FnOnce(&mut [f32])) {
    let images = &mut images[..shape.len()];
    if shape.axes == Axes::UnitPixelSample {
        return fill(images);
    }
    let mut numbers = vec![0.0; shape.len()];
    fill(&mut numbers);
    let from = Images { axes: Axes::UnitPixelSample, ..shape }.strides();
    images.par_chunks_mut(shape.inner()).enumerate().for_each(|(row, images)| {
        let first: usize = shape.row(row).iter().zip(from).map(|(place, of)| place * of).sum();
        let numbers = numbers[first..].iter().step_by(from[shape.inner_axis()]);
        images.iter_mut().zip(numbers).for_each(|(image, &number)| *image = number);
    });
}
