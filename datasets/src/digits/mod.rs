//! Generated handwritten digits, the built-in substitute for MNIST.
//!
//! Each class has a few stroke templates ([`glyphs`]). A random distortion ([`distortion`]) bends a template, and a
//! random pen ([`pen`]) rasterises it on 28 x 28 pixels.
//! Sample `i` of a split depends only on (seed, split, `i`).
//! The arithmetic uses only IEEE basic operations, square roots and `libm`, so the pixels are identical on every
//! platform.

mod distortion;
mod glyphs;
mod pen;

use ndarray::Array2;
use rayon::prelude::*;

use crate::dataset::{Samples, Split};
use crate::rng::Stream;
use pen::Pen;

/// Version of the generator; changes whenever a seed gives other pixels.
pub(crate) const VERSION: u32 = 1;
/// Number of rows and columns of an image.
pub(crate) const SIDE: usize = 28;

/// Generates the first `n_samples` digits of a split, `[n_samples, 784]` in `[0, 1]`, on the current rayon thread pool.
pub(crate) fn generate(seed: u64, split: Split, n_samples: usize) -> Samples {
    let mut images = Array2::zeros((n_samples, SIDE * SIDE));
    let mut labels = vec![0; n_samples];
    let rows = images
        .as_slice_mut()
        .expect("a fresh array is contiguous")
        .par_chunks_exact_mut(SIDE * SIDE);
    rows.zip(&mut labels).enumerate().for_each(|(index, (image, label))| {
        *label = draw(&mut Stream::new(seed, split.samples(), index as u64), image);
    });
    Samples { images, labels }
}

/// Draws one digit and returns its class.
fn draw(random: &mut Stream, image: &mut [f32]) -> u8 {
    let class = random.below(10) as u8;
    let variants = glyphs::variants(class);
    let lines = distortion::distort(variants[random.below(variants.len() as u32) as usize], random);
    let middle = SIDE as f32 / 2.0;
    let pen = Pen {
        origin: (middle + random.normal(0.7), middle + random.normal(0.7)),
        softness: random.between(1.0, 1.6),
        ink: random.between(0.88, 1.0),
    };
    pen.draw(&lines, image, SIDE);
    class
}

#[cfg(test)]
mod tests {
    use ndarray::ArrayView1;
    use sha2::{Digest, Sha256};

    use super::*;

    /// Must hold on every platform. After an intended change of the shapes, update `VERSION` along with this digest.
    #[test]
    fn pixels_are_the_same_everywhere() {
        let digits = generate(1, Split::Train, 200);
        let bytes: Vec<u8> =
            digits.images.iter().map(|value| (value * 255.0).round() as u8).collect();
        let digest = crate::digest::hex(&Sha256::digest(bytes));
        assert_eq!(
            (VERSION, digest.as_str()),
            (1, "2160a8aa4353189f225925bd34bfee26cdb489ad64066a743b52bfd952ed54a3")
        );
    }

    #[test]
    fn samples_depend_only_on_seed_split_and_index() {
        let few = generate(3, Split::Train, 5);
        let many = generate(3, Split::Train, 64);
        assert_eq!(few.labels, many.labels[..5]);
        assert_eq!(few.images, many.images.slice(ndarray::s![..5, ..]));
        assert_ne!(few.images, generate(4, Split::Train, 5).images);
        assert_ne!(few.images, generate(3, Split::Test, 5).images);
    }

    #[test]
    fn samples_do_not_depend_on_the_thread_count() {
        let pool =
            |n_threads| rayon::ThreadPoolBuilder::new().num_threads(n_threads).build().unwrap();
        let [one, three] =
            [1, 3].map(|n_threads| pool(n_threads).install(|| generate(9, Split::Test, 300)));
        assert_eq!(one.images, three.images);
        assert_eq!(one.labels, three.labels);
    }

    #[test]
    fn digits_match_the_ink_and_margins_of_mnist() {
        let digits = generate(1, Split::Train, 2_000);
        let ink = digits.images.mean().unwrap();
        // MNIST's mean is 0.1307.
        assert!((0.10..0.16).contains(&ink), "mean grey value {ink}");
        // In MNIST one digit in 150 touches the border.
        let touches_rim = |image: &ArrayView1<f32>| {
            (0..SIDE).any(|i| {
                [i, SIDE * (SIDE - 1) + i, SIDE * i, SIDE * i + SIDE - 1]
                    .iter()
                    .any(|at| image[*at] > 0.5)
            })
        };
        assert!(digits.images.rows().into_iter().filter(touches_rim).count() < 40);
        assert!(digits.images.iter().all(|value| (0.0..=1.0).contains(value)));
    }

    #[test]
    fn classes_are_uniform() {
        let mut counts = [0_i32; 10];
        generate(1, Split::Train, 5_000)
            .labels
            .iter()
            .for_each(|label| counts[usize::from(*label)] += 1);
        // Tolerance of four standard deviations of a binomial count of mean 500.
        assert!(counts.iter().all(|count| (count - 500).abs() < 85), "{counts:?}");
    }
}
