#![expect(unsafe_code, reason = "a kernel, compiled for several instruction sets")]
#![expect(
    clippy::inline_always,
    reason = "a kernel is compiled for its instructions only where all of it is inlined"
)]

use rayon::prelude::*;

use super::SHIFT;
use crate::{
    Cpu, Divergence, DivergenceKind, HostBuffer, Result,
    cpu::{
        logarithm::ln,
        simd::{Kernel, Lanes},
    },
};

impl Divergence for Cpu {
    fn row_divergence(
        &self,
        kind: DivergenceKind,
        shape @ [rows, cols]: [usize; 2],
        x: &HostBuffer<f32>,
        y: &HostBuffer<f32>,
        out: &mut HostBuffer<f64>,
    ) -> Result<()> {
        self.check_divergence(shape, x, y, out)?;
        let out = out.as_mut_slice()[..rows].par_iter_mut().enumerate();
        out.for_each(|(i, out)| {
            let row = i * cols..(i + 1) * cols;
            let (x, y) = (&x.as_slice()[row.clone()], &y.as_slice()[row]);
            *out = self.level().run(RowDivergence { kind, x, y });
        });
        Ok(())
    }
}

/// Divergence of one row. Plain code, which the compiler vectorises for each instruction set; sums are taken in
/// [`LANES`] parts and without fused products, so that all sets give the same bits.
struct RowDivergence<'a> {
    kind: DivergenceKind,
    x: &'a [f32],
    y: &'a [f32],
}

impl Kernel for RowDivergence<'_> {
    type Output = f64;

    #[inline(always)]
    unsafe fn run<V: Lanes>(self) -> f64 {
        let Self { kind, x, y } = self;
        match kind {
            DivergenceKind::SquaredError => sum(x, y, |x, y| {
                let difference = f64::from(x) - f64::from(y);
                difference * difference
            }),
            DivergenceKind::Relative { floor } => {
                let (p, r) = (Normaliser::new(x, floor), Normaliser::new(y, floor));
                sum(x, y, |x, y| gain(p.of(x), r.of(y)))
            }
            DivergenceKind::JensenShannon => {
                let (p, r) = (Normaliser::new(x, 0.0), Normaliser::new(y, 0.0));
                let terms = sum(x, y, |x, y| {
                    let (p, r) = (p.of(x), r.of(y));
                    let middle = 0.5 * (p + r);
                    gain(p, middle) + gain(r, middle)
                });
                terms / 2.0
            }
        }
    }
}

/// Partial sums of a row.
const LANES: usize = 16;

/// Sum of `term` over the pairs of two rows of equal length.
#[inline(always)]
fn sum(x: &[f32], y: &[f32], term: impl Fn(f32, f32) -> f64) -> f64 {
    let ((x, x_rest), (y, y_rest)) = (x.as_chunks::<LANES>(), y.as_chunks::<LANES>());
    let mut parts = [0.0; LANES];
    for (x, y) in x.iter().zip(y) {
        for lane in 0..LANES {
            parts[lane] += term(x[lane], y[lane]);
        }
    }
    let rest: f64 = x_rest.iter().zip(y_rest).map(|(&x, &y)| term(x, y)).sum();
    parts.iter().sum::<f64>() + rest
}

/// `p ln(p / r)`
#[inline(always)]
fn gain(p: f64, r: f64) -> f64 {
    p * ln(p / r)
}

/// Turns the entries of a vector into those of a distribution.
struct Normaliser {
    minimum: f64,
    scale: f64,
    floor: f64,
}

impl Normaliser {
    #[inline(always)]
    fn new(x: &[f32], floor: f64) -> Self {
        let minimum = f64::from(minimum(x));
        let sum = sum(x, x, |x, _| f64::from(x) - minimum + SHIFT);
        Self { minimum, scale: (1.0 - floor) / sum, floor: floor / x.len() as f64 }
    }

    #[inline(always)]
    fn of(&self, x: f32) -> f64 {
        (f64::from(x) - self.minimum + SHIFT) * self.scale + self.floor
    }
}

#[inline(always)]
fn minimum(x: &[f32]) -> f32 {
    let smaller = |a: f32, b: f32| if b < a { b } else { a };
    let (chunks, rest) = x.as_chunks::<LANES>();
    let mut lanes = [f32::INFINITY; LANES];
    for chunk in chunks {
        for (lane, &x) in lanes.iter_mut().zip(chunk) {
            *lane = smaller(*lane, x);
        }
    }
    lanes.iter().chain(rest).copied().fold(f32::INFINITY, smaller)
}
