//! Peak speed of the cores.
#![expect(unsafe_code, reason = "a SIMD kernel; each block says why it is sound")]
#![expect(
    clippy::inline_always,
    reason = "a kernel is compiled for its instructions only where all of it is inlined"
)]

use std::{hint::black_box, time::Instant};

use rayon::prelude::*;

use crate::{
    Cpu, PeakFlops, Precision, Result,
    cpu::simd::{Kernel, Lanes},
};

/// Sums kept at once: enough to hide the latency of a product, few enough for the registers of every instruction set.
const SUMS: usize = 12;

/// Products and sums in registers alone.
struct Multiply {
    turns: usize,
}

impl Kernel for Multiply {
    type Output = f64;

    #[inline(always)]
    unsafe fn run<V: Lanes>(self) -> f64 {
        // SAFETY: inside a kernel of V.
        unsafe {
            let (factor, summand) = (V::splat(black_box(0.999)), V::splat(black_box(0.001)));
            let mut sums = [V::splat(black_box(0.5)); SUMS];
            for _ in 0..self.turns {
                for sum in &mut sums {
                    *sum = sum.mul_add(factor, summand);
                }
            }
            sums.iter().map(|sum| sum.sum()).sum()
        }
    }
}

/// Fused multiply-adds in registers, on all threads of the current pool together, each working for about `seconds`;
/// whatever the precision: kernels of lower precision are compared with the f32 peak, too.
impl PeakFlops for Cpu {
    fn peak_flops(&self, _: Precision, seconds: f64) -> Result<f64> {
        let threads = rayon::current_num_threads();
        let flops = |turns: usize| (2 * SUMS * self.level().lanes() * turns) as f64;
        let rate = |turns: usize, threads: usize| {
            let start = Instant::now();
            (0..threads).into_par_iter().with_max_len(1).for_each(|_| {
                black_box(self.level().run(Multiply { turns }));
            });
            flops(turns) * threads as f64 / start.elapsed().as_secs_f64()
        };
        let short = 1_000_000;
        let turns = (rate(short, threads) / threads as f64 * seconds / flops(1)) as usize;
        Ok(rate(turns.max(short), threads))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_peak_is_positive_and_finite() {
        let peak = Cpu::new().peak_flops(Precision::F32, 0.01).unwrap();
        assert!(peak.is_finite() && peak > 1e7, "{peak:e}");
    }
}
