use super::check_patches;
use crate::{Boundary, HostBuffer, Patches, PatchesConfig, Reference, Result};

impl Patches for Reference {
    fn patches(
        &self,
        config: &PatchesConfig,
        images: &HostBuffer<f32>,
        patches: &mut HostBuffer<f32>,
    ) -> Result<()> {
        check_patches(self, "patches", config, images, patches)?;
        let (images, patches) = (images.as_slice(), patches.as_mut_slice());
        patches[..config.patches().len()].fill(0.0);
        each_copy(config, |from, to| patches[to] = images[from]);
        Ok(())
    }

    fn patches_adjoint(
        &self,
        config: &PatchesConfig,
        patches: &HostBuffer<f32>,
        images: &mut HostBuffer<f32>,
    ) -> Result<()> {
        check_patches(self, "patches_adjoint", config, images, patches)?;
        let mut sums = vec![0.0_f64; config.images().len()];
        each_copy(config, |to, from| sums[to] += f64::from(patches.as_slice()[from]));
        for (image, sum) in images.as_mut_slice().iter_mut().zip(sums) {
            *image = sum as f32;
        }
        Ok(())
    }
}

/// Calls `copy` with the place of a pixel and the place of each element that is a copy of it.
fn each_copy(config: &PatchesConfig, mut copy: impl FnMut(usize, usize)) {
    let place = |[unit, pixel, sample]: [usize; 3], strides: [usize; 3]| {
        unit * strides[0] + pixel * strides[1] + sample * strides[2]
    };
    let (of_images, of_patches) = (config.images().strides(), config.patches().strides());
    let [rows, columns] = [0, 1].map(|axis| matches(config, axis));
    for sample in 0..config.samples {
        for channel in 0..config.channels {
            for [y, i, u] in &rows {
                for [x, j, v] in &columns {
                    let element = (channel * config.kernel[0] + u) * config.kernel[1] + v;
                    let pixel = y * config.image[1] + x;
                    let patch = i * config.grid[1] + j;
                    copy(
                        place([channel, pixel, sample], of_images),
                        place([element, patch, sample], of_patches),
                    );
                }
            }
        }
    }
}

/// Pixels, patches and elements along one axis that belong to each other, by the definition of [`PatchesConfig`].
fn matches(config: &PatchesConfig, axis: usize) -> Vec<[usize; 3]> {
    let [size, grid, kernel] = [config.image[axis], config.grid[axis], config.kernel[axis]];
    let spread = config.spread[axis];
    let mut found = Vec::new();
    for i in 0..grid {
        for u in 0..kernel {
            for pixel in 0..size {
                let place = (i * config.stride[axis] + u) as isize - config.origin[axis];
                let distance = place - (pixel * spread) as isize;
                let is_match = match config.boundary {
                    Boundary::Zero => distance == 0,
                    Boundary::Circular => distance.rem_euclid((size * spread) as isize) == 0,
                };
                if is_match {
                    found.push([pixel, i, u]);
                }
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Axes, Backend};

    fn patches(config: &PatchesConfig, image: &[f32]) -> Vec<f32> {
        let images = Reference.upload(image).unwrap();
        let mut patches = Reference.zeros(config.patches().len()).unwrap();
        Reference.patches(config, &images, &mut patches).unwrap();
        patches.as_slice().to_vec()
    }

    /// Patches of a row of pixels, one row for each patch.
    fn row(size: usize, grid: usize, kernel: usize, origin: isize) -> PatchesConfig {
        PatchesConfig {
            channels: 1,
            image: [1, size],
            grid: [1, grid],
            kernel: [1, kernel],
            stride: [1, 1],
            spread: [1, 1],
            origin: [0, origin],
            boundary: Boundary::Zero,
            samples: 1,
            axes: [Axes::SampleUnitPixel, Axes::SamplePixelUnit],
        }
    }

    #[test]
    fn patches_of_a_row() {
        let image = [1.0, 2.0, 3.0];
        let zero = row(3, 3, 3, 1);
        assert_eq!(patches(&zero, &image), [0.0, 1.0, 2.0, 1.0, 2.0, 3.0, 2.0, 3.0, 0.0]);
        let circular = PatchesConfig { boundary: Boundary::Circular, ..zero };
        assert_eq!(patches(&circular, &image), [3.0, 1.0, 2.0, 1.0, 2.0, 3.0, 2.0, 3.0, 1.0]);
        let spread = PatchesConfig { spread: [1, 2], ..row(2, 3, 2, 0) };
        assert_eq!(patches(&spread, &image[..2]), [1.0, 0.0, 0.0, 2.0, 2.0, 0.0]);
        let stride = PatchesConfig { stride: [1, 2], ..row(3, 2, 1, 0) };
        assert_eq!(patches(&stride, &image), [1.0, 3.0]);
    }

    #[test]
    fn adjoint_of_a_row() {
        let patches = Reference.upload(&[1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0]);
        let mut image = Reference.zeros(3).unwrap();
        Reference.patches_adjoint(&row(3, 3, 3, 1), &patches.unwrap(), &mut image).unwrap();
        assert_eq!(image.as_slice(), [2.0 + 8.0, 4.0 + 16.0 + 64.0, 32.0 + 128.0]);
    }
}
