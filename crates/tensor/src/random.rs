//! Random numbers indexed by (seed, stream, element).
//!
//! Element `e` of stream `s` under a seed is a pure function of the three, so neither the order of drawing nor the
//! number of threads nor the backend changes it. The generator is Philox4x32-10 (Salmon et al. 2011, "Parallel random
//! numbers: as easy as 1, 2, 3"): the seed is its key, the stream and the element's block its counter. Every element
//! takes exactly one 32-bit word, normal ones included, which are drawn by inverting the distribution function
//! (Wichura 1988, algorithm AS 241, PPND16) instead of by rejection.

use ndarray_rand::{rand::RngCore, rand_distr::Distribution};

/// The four words of block `block` of stream `stream` under `seed`.
pub const fn philox(seed: u64, stream: u64, block: u64) -> [u32; 4] {
    const MULTIPLIERS: [u64; 2] = [0xD251_1F53, 0xCD9E_8D57];
    const WEYL: [u32; 2] = [0x9E37_79B9, 0xBB67_AE85];
    let mut key = [seed as u32, (seed >> 32) as u32];
    let mut x = [block as u32, (block >> 32) as u32, stream as u32, (stream >> 32) as u32];
    let mut round = 0;
    while round < 10 {
        let product = [MULTIPLIERS[0] * x[0] as u64, MULTIPLIERS[1] * x[2] as u64];
        x = [
            (product[1] >> 32) as u32 ^ x[1] ^ key[0],
            product[1] as u32,
            (product[0] >> 32) as u32 ^ x[3] ^ key[1],
            product[0] as u32,
        ];
        key = [key[0].wrapping_add(WEYL[0]), key[1].wrapping_add(WEYL[1])];
        round += 1;
    }
    x
}

/// A stream as a sequential generator, for the distributions of `rand` and `ndarray-rand`.
///
/// Drawing `n` numbers of [`StandardNormal`] or [`StandardUniform`] from a fresh one gives elements `0..n`.
#[derive(Clone, Debug)]
pub struct StreamRng {
    seed: u64,
    stream: u64,
    element: u64,
    block: [u32; 4],
}

impl StreamRng {
    /// The stream from its element 0 on.
    pub const fn new(seed: u64, stream: u64) -> Self {
        Self::at(seed, stream, 0)
    }

    /// The stream from `element` on.
    pub const fn at(seed: u64, stream: u64, element: u64) -> Self {
        Self { seed, stream, element, block: philox(seed, stream, element / 4) }
    }

    /// An unbiased draw from `0..bound` for `bound` at least 1 and well below 2^32 (the bias is at most
    /// `bound / 2^64`). Takes two words.
    pub fn below(&mut self, bound: u64) -> u64 {
        ((u128::from(self.next_u64()) * u128::from(bound)) >> 64) as u64
    }

    /// A permutation of `0..n`, uniform among all of them (Fisher and Yates).
    ///
    /// # Panics
    /// For more than 4294967295 numbers.
    pub fn permutation(&mut self, n: usize) -> Vec<u32> {
        assert!(u32::try_from(n).is_ok(), "{n} samples are too many to number");
        let mut order: Vec<u32> = (0..n as u32).collect();
        for last in (1..n).rev() {
            order.swap(last, self.below(last as u64 + 1) as usize);
        }
        order
    }
}

impl RngCore for StreamRng {
    fn next_u32(&mut self) -> u32 {
        let lane = (self.element % 4) as usize;
        if lane == 0 {
            self.block = philox(self.seed, self.stream, self.element / 4);
        }
        self.element += 1;
        self.block[lane]
    }

    fn next_u64(&mut self) -> u64 {
        u64::from(self.next_u32()) | u64::from(self.next_u32()) << 32
    }

    fn fill_bytes(&mut self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(4) {
            chunk.copy_from_slice(&self.next_u32().to_le_bytes()[..chunk.len()]);
        }
    }
}

/// The normal distribution with mean 0 and variance 1, one word per draw; `|z|` never exceeds 6.4.
#[derive(Clone, Copy, Debug)]
pub struct StandardNormal;

/// The uniform distribution on `(0, 1)`, one word per draw.
#[derive(Clone, Copy, Debug)]
pub struct StandardUniform;

impl Distribution<f64> for StandardUniform {
    fn sample<R: ndarray_rand::rand::Rng + ?Sized>(&self, rng: &mut R) -> f64 {
        uniform(rng.next_u32())
    }
}

impl Distribution<f64> for StandardNormal {
    fn sample<R: ndarray_rand::rand::Rng + ?Sized>(&self, rng: &mut R) -> f64 {
        normal(rng.next_u32())
    }
}

/// The word as a number in the open interval (0, 1).
pub fn uniform(word: u32) -> f64 {
    (f64::from(word) + 0.5) * (1.0 / 4_294_967_296.0)
}

/// The word as a standard normal number: the inverse distribution function at [`uniform`].
pub fn normal(word: u32) -> f64 {
    let centred = uniform(word) - 0.5;
    if centred.abs() <= 0.425 {
        let r = 0.180_625 - centred * centred;
        return centred * ratio(&CENTRE, r);
    }
    let tail = 0.5 - centred.abs();
    let r = libm::sqrt(-libm::log(tail));
    let z = if r <= 5.0 { ratio(&MIDDLE, r - 1.6) } else { ratio(&FAR, r - 5.0) };
    z.copysign(centred)
}

/// Coefficients of a numerator and of a denominator, rising powers.
type Rational = [[f64; 8]; 2];

fn ratio([numerator, denominator]: &Rational, x: f64) -> f64 {
    let polynomial = |c: &[f64; 8]| c.iter().rev().fold(0.0, |sum, &c| sum * x + c);
    polynomial(numerator) / polynomial(denominator)
}

const CENTRE: Rational = [
    [
        3.387_132_872_796_366_5,
        133.141_667_891_784_38,
        1_971.590_950_306_551_3,
        13_731.693_765_509_46,
        45_921.953_931_549_87,
        67_265.770_927_008_7,
        33_430.575_583_588_13,
        2_509.080_928_730_122_7,
    ],
    [
        1.0,
        42.313_330_701_600_91,
        687.187_007_492_057_9,
        5_394.196_021_424_751,
        21_213.794_301_586_597,
        39_307.895_800_092_71,
        28_729.085_735_721_943,
        5_226.495_278_852_855,
    ],
];

const MIDDLE: Rational = [
    [
        1.423_437_110_749_683_5,
        4.630_337_846_156_546,
        5.769_497_221_460_691,
        3.647_848_324_763_204_5,
        1.270_458_252_452_368_4,
        0.241_780_725_177_450_6,
        0.022_723_844_989_269_184,
        7.745_450_142_783_414e-4,
    ],
    [
        1.0,
        2.053_191_626_637_759,
        1.676_384_830_183_803_8,
        0.689_767_334_985_1,
        0.148_103_976_427_480_08,
        0.015_198_666_563_616_457,
        5.475_938_084_995_345e-4,
        1.050_750_071_644_416_9e-9,
    ],
];

const FAR: Rational = [
    [
        6.657_904_643_501_103,
        5.463_784_911_164_114,
        1.784_826_539_917_291_3,
        0.296_560_571_828_504_87,
        0.026_532_189_526_576_124,
        1.242_660_947_388_078_4e-3,
        2.711_555_568_743_487_6e-5,
        2.010_334_399_292_288_1e-7,
    ],
    [
        1.0,
        0.599_832_206_555_888,
        0.136_929_880_922_735_8,
        0.014_875_361_290_850_615,
        7.868_691_311_456_133e-4,
        1.846_318_317_510_054_8e-5,
        1.421_511_758_316_446e-7,
        2.044_263_103_389_939_8e-15,
    ],
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn philox_matches_the_published_vectors() {
        // Known answers of the Random123 distribution for counter and key all zeros, all ones.
        assert_eq!(philox(0, 0, 0), [0x6627_E8D5, 0xE169_C58D, 0xBC57_AC4C, 0x9B00_DBD8]);
        assert_eq!(philox(!0, !0, !0), [0x408F_276D, 0x41C8_3B0E, 0xA20B_C7C6, 0x6D54_51FD]);
    }

    #[test]
    fn streams_start_at_any_element() {
        let mut whole = StreamRng::new(7, 3);
        let words: Vec<u32> = (0..23).map(|_| whole.next_u32()).collect();
        for (start, &word) in (0..).zip(&words) {
            assert_eq!(StreamRng::at(7, 3, start).next_u32(), word);
        }
    }

    #[test]
    fn normal_inverts_the_distribution_function() {
        let mut worst = 0.0_f64;
        for k in 0..=4096_u32 {
            let word = k.saturating_mul(1 << 20);
            for word in [word, word.wrapping_add(1), word.wrapping_sub(1)] {
                let z = normal(word);
                // erfc keeps its relative accuracy in the tail, so compare there.
                let tail = 0.5 * libm::erfc(z.abs() / std::f64::consts::SQRT_2);
                let u = uniform(word);
                worst = worst.max((tail / u.min(1.0 - u) - 1.0).abs());
            }
        }
        assert!(worst < 1e-13, "relative error of the tail probability {worst:e}");
    }

    #[test]
    fn moments_are_those_of_the_distributions() {
        let n = 200_000_u32;
        let mut rng = StreamRng::new(1, 1);
        let draws: Vec<f64> = (0..n).map(|_| StandardNormal.sample(&mut rng)).collect();
        let mean = draws.iter().sum::<f64>() / f64::from(n);
        let variance = draws.iter().map(|z| z * z).sum::<f64>() / f64::from(n);
        // Four standard errors: 1/sqrt(n) for the mean, sqrt(2/n) for the variance.
        assert!(mean.abs() < 4.0 / (f64::from(n)).sqrt(), "{mean}");
        assert!((variance - 1.0).abs() < 4.0 * (2.0 / f64::from(n)).sqrt(), "{variance}");
    }

    #[test]
    fn draws_below_a_bound_are_uniform() {
        let mut rng = StreamRng::new(2, 0);
        let mut counts = [0; 7];
        for _ in 0..7000 {
            counts[rng.below(7) as usize] += 1;
        }
        assert!(counts.iter().all(|&count| (850..1150).contains(&count)), "{counts:?}");
    }
}
