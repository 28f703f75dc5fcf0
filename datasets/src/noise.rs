//! White-noise images without any structure.

use ndarray::Array2;
use rayon::prelude::*;

use crate::dataset::{Samples, Split};
use crate::rng::Stream;

/// Version of the generator; changes whenever a seed gives other pixels.
pub(crate) const VERSION: u32 = 1;
/// Number of pixels of a 28 x 28 image.
const PIXELS: usize = 28 * 28;

/// Generates the first `n_samples` of a split: pixels uniform in `[0, 1)`, `[n_samples, 784]`, and labels uniform in
/// `0..10`.
///
/// Sample `i` depends only on (seed, split, `i`).
pub(crate) fn generate(seed: u64, split: Split, n_samples: usize) -> Samples {
    let mut images = Array2::zeros((n_samples, PIXELS));
    let mut labels = vec![0; n_samples];
    let rows =
        images.as_slice_mut().expect("a fresh array is contiguous").par_chunks_exact_mut(PIXELS);
    rows.zip(&mut labels).enumerate().for_each(|(index, (image, label))| {
        let mut random = Stream::new(seed, split.samples(), index as u64);
        *label = random.below(10) as u8;
        image.fill_with(|| random.unit());
    });
    Samples { images, labels }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn noise_is_uniform_and_reproducible() {
        let noise = generate(1, Split::Train, 400);
        let n = noise.images.len() as f32;
        let mean = noise.images.mean().unwrap();
        let variance = noise.images.iter().map(|value| (value - mean).powi(2)).sum::<f32>() / n;
        // Tolerance of four standard errors for 313,600 draws.
        assert!((mean - 0.5).abs() < 0.002, "mean {mean}");
        assert!((variance - 1.0 / 12.0).abs() < 0.0006, "variance {variance}");
        assert_eq!(noise.images.row(7), generate(1, Split::Train, 8).images.row(7));
        assert_ne!(noise.images.row(7), generate(1, Split::Test, 8).images.row(7));
    }
}
