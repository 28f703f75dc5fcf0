//! Counter-based random numbers, a function of (seed, purpose, index) only.
//!
//! Philox4x32-10 (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3"): ten rounds of multiplication and
//! xor turn a counter into four words.
//! The stream of any sample starts without drawing the ones before it, so threads and subset sizes do not affect the
//! data.

use std::f32::consts::TAU;

/// Purpose of a stream; streams of different purposes never overlap.
#[derive(Clone, Copy, Debug)]
#[repr(u32)]
pub(crate) enum Purpose {
    TrainOrder,
    TestOrder,
    TrainSample,
    TestSample,
    HeldOut,
}

/// Endless stream of random words.
pub(crate) struct Stream {
    key: [u32; 2],
    /// Block number, purpose, low and high half of the index.
    counter: [u32; 4],
    block: [u32; 4],
    used: usize,
}

impl Stream {
    /// Creates the stream of item `index` for a purpose and a seed.
    pub(crate) fn new(seed: u64, purpose: Purpose, index: u64) -> Self {
        let counter = [0, purpose as u32, index as u32, (index >> 32) as u32];
        Self { key: [seed as u32, (seed >> 32) as u32], counter, block: [0; 4], used: 4 }
    }

    /// Draws a uniform word.
    pub(crate) fn word(&mut self) -> u32 {
        if self.used == 4 {
            self.block = philox(self.counter, self.key);
            self.counter[0] = self.counter[0].wrapping_add(1);
            self.used = 0;
        }
        self.used += 1;
        self.block[self.used - 1]
    }

    /// Draws a multiple of `2^-24`, uniform in `[0, 1)`.
    pub(crate) fn unit(&mut self) -> f32 {
        (self.word() >> 8) as f32 * (1.0 / 16_777_216.0)
    }

    /// Draws a number uniform in `[low, high)`.
    pub(crate) fn between(&mut self, low: f32, high: f32) -> f32 {
        low + (high - low) * self.unit()
    }

    /// Draws a normal number with mean 0 and standard deviation `sigma`.
    ///
    /// Uses the Box-Muller transform; `libm` gives the same logarithm and cosine on every platform.
    pub(crate) fn normal(&mut self, sigma: f32) -> f32 {
        let radius = (-2.0 * libm::logf(1.0 - self.unit())).sqrt();
        sigma * radius * libm::cosf(TAU * self.unit())
    }

    /// Draws a number uniform in `0..bound` without bias (Lemire 2019); `bound` must be positive.
    pub(crate) fn below(&mut self, bound: u32) -> u32 {
        let reject = bound.wrapping_neg() % bound;
        loop {
            let product = u64::from(self.word()) * u64::from(bound);
            if product as u32 >= reject {
                return (product >> 32) as u32;
            }
        }
    }
}

fn philox(mut counter: [u32; 4], mut key: [u32; 2]) -> [u32; 4] {
    for _ in 0..10 {
        let a = u64::from(counter[0]) * 0xD251_1F53;
        let b = u64::from(counter[2]) * 0xCD9E_8D57;
        counter = [
            (b >> 32) as u32 ^ counter[1] ^ key[0],
            b as u32,
            (a >> 32) as u32 ^ counter[3] ^ key[1],
            a as u32,
        ];
        key = [key[0].wrapping_add(0x9E37_79B9), key[1].wrapping_add(0xBB67_AE85)];
    }
    counter
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Known answers published with Random123.
    #[test]
    fn philox_matches_the_published_values() {
        assert_eq!(philox([0; 4], [0; 2]), [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]);
        assert_eq!(
            philox([u32::MAX; 4], [u32::MAX; 2]),
            [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd]
        );
    }

    #[test]
    fn streams_differ_by_seed_purpose_and_index() {
        let first = |seed, purpose, index| Stream::new(seed, purpose, index).word();
        let base = first(1, Purpose::TrainSample, 0);
        assert_eq!(base, first(1, Purpose::TrainSample, 0));
        assert_ne!(base, first(2, Purpose::TrainSample, 0));
        assert_ne!(base, first(1 << 32 | 1, Purpose::TrainSample, 0));
        assert_ne!(base, first(1, Purpose::TestSample, 0));
        assert_ne!(base, first(1, Purpose::TrainSample, 1 << 32));
    }

    #[test]
    fn normals_have_the_requested_moments() {
        let mut stream = Stream::new(7, Purpose::TrainSample, 0);
        let draws: Vec<f64> = (0..40_000).map(|_| f64::from(stream.normal(2.0))).collect();
        let mean = draws.iter().sum::<f64>() / 40_000.0;
        let variance = draws.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / 40_000.0;
        // Tolerance of four standard errors: 2 / sqrt(n) for the mean, 4 sqrt(2 / n) for the variance.
        assert!(mean.abs() < 0.04, "mean {mean}");
        assert!((variance - 4.0).abs() < 0.12, "variance {variance}");
    }

    #[test]
    fn below_is_uniform() {
        let mut stream = Stream::new(3, Purpose::TrainOrder, 0);
        let mut counts = [0_i32; 7];
        (0..7_000).for_each(|_| counts[stream.below(7) as usize] += 1);
        // Tolerance of four standard deviations of a binomial count of mean 1000.
        assert!(counts.iter().all(|count| (count - 1000).abs() < 118), "{counts:?}");
    }
}
