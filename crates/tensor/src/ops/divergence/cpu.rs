#![expect(unsafe_code, reason = "a kernel, compiled for several instruction sets")]
#![expect(
    clippy::inline_always,
    reason = "a kernel is compiled for its instructions only where all of it is inlined"
)]

use rayon::prelude::*;

use super::SHIFT;
use crate::{
    Backend, Cpu, Divergence, DivergenceKind, HostBuffer, Result,
    backend::expect_len,
    cpu::{
        logarithm::ln,
        simd::{Kernel, Lanes},
    },
    row_minimum,
};

impl Divergence for Cpu {
    fn row_divergence(
        &self,
        kind: DivergenceKind,
        shape: [usize; 2],
        x: &HostBuffer<f32>,
        y: &HostBuffer<f32>,
        out: &mut HostBuffer<f64>,
    ) -> Result<()> {
        self.check_divergence(shape, x, y, out)?;
        let values = self.values(&[kind], shape, x, y);
        out.as_mut_slice()[..shape[0]].copy_from_slice(&values);
        Ok(())
    }

    fn row_divergences(
        &self,
        kinds: &[DivergenceKind],
        shape @ [rows, cols]: [usize; 2],
        x: &HostBuffer<f32>,
        y: &HostBuffer<f32>,
    ) -> Result<Vec<Vec<f64>>> {
        expect_len("row_divergence", "x", rows * cols, self.len(x))?;
        expect_len("row_divergence", "y", rows * cols, self.len(y))?;
        let values = self.values(kinds, shape, x, y);
        let of_kind = |kind| values.iter().skip(kind).step_by(kinds.len()).copied().collect();
        Ok((0..kinds.len()).map(of_kind).collect())
    }
}

impl Cpu {
    /// Divergences of each row by each of `kinds`, `[rows, kinds]`.
    fn values(
        &self,
        kinds: &[DivergenceKind],
        [rows, cols]: [usize; 2],
        x: &HostBuffer<f32>,
        y: &HostBuffer<f32>,
    ) -> Vec<f64> {
        let mut values = vec![0.0; rows * kinds.len()];
        let of_rows = values.par_chunks_mut(kinds.len().max(1)).enumerate();
        of_rows.for_each_init(RowScratch::default, |scratch, (i, out)| {
            let row = i * cols..(i + 1) * cols;
            let (x, y) = (&x.as_slice()[row.clone()], &y.as_slice()[row]);
            self.level().run(RowDivergences { kinds, x, y, scratch, out });
        });
        values
    }
}

/// Divergences of one row. Plain code, which the compiler vectorises for each instruction set; sums are taken in
/// [`LANES`] parts, so that all sets give the same bits.
struct RowDivergences<'a> {
    kinds: &'a [DivergenceKind],
    x: &'a [f32],
    y: &'a [f32],
    scratch: &'a mut RowScratch,
    out: &'a mut [f64],
}

/// The two rows as distributions.
#[derive(Default)]
struct RowScratch {
    p: Distribution,
    r: Distribution,
}

impl Kernel for RowDivergences<'_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<V: Lanes>(self) {
        let Self { kinds, x, y, scratch: RowScratch { p, r }, out } = self;
        if kinds.iter().any(|kind| !matches!(kind, DivergenceKind::SquaredError)) {
            p.normalise(x);
            r.normalise(y);
        }
        let logarithms = |kind: &DivergenceKind| match *kind {
            DivergenceKind::SquaredError => false,
            DivergenceKind::Relative { floor } => floor <= 0.0,
            DivergenceKind::JensenShannon => true,
        };
        if kinds.iter().any(logarithms) {
            p.take_logarithms();
            r.take_logarithms();
        }
        for (&kind, out) in kinds.iter().zip(out) {
            *out = match kind {
                DivergenceKind::SquaredError => squared_error(x, y),
                DivergenceKind::Relative { floor } if floor <= 0.0 => relative(p, r),
                DivergenceKind::Relative { floor } => relative_floored(p, r, floor),
                DivergenceKind::JensenShannon => jensen_shannon(p, r),
            };
        }
    }
}

#[inline(always)]
fn squared_error(x: &[f32], y: &[f32]) -> f64 {
    sum([x, y], |[x, y]| {
        let difference = f64::from(x) - f64::from(y);
        difference * difference
    })
}

#[inline(always)]
fn relative(p: &Distribution, r: &Distribution) -> f64 {
    sum([&p.values, &p.logarithms, &r.logarithms], |[p, ln_p, ln_r]| p * (ln_p - ln_r))
}

#[inline(always)]
fn relative_floored(p: &Distribution, r: &Distribution, floor: f64) -> f64 {
    let (keep, add) = (1.0 - floor, floor / p.values.len() as f64);
    sum([&p.values, &r.values], |[p, r]| {
        let (p, r) = (p * keep + add, r * keep + add);
        p * ln(p / r)
    })
}

#[inline(always)]
fn jensen_shannon(p: &Distribution, r: &Distribution) -> f64 {
    let rows = [&*p.values, &p.logarithms, &r.values, &r.logarithms];
    let terms = sum(rows, |[p, ln_p, r, ln_r]| {
        let ln_middle = ln(0.5 * (p + r));
        p * (ln_p - ln_middle) + r * (ln_r - ln_middle)
    });
    terms / 2.0
}

/// A distribution and the logarithms of its probabilities.
#[derive(Default)]
struct Distribution {
    values: Vec<f64>,
    logarithms: Vec<f64>,
}

impl Distribution {
    /// The entries of `x` minus their minimum, plus [`SHIFT`], over their sum.
    #[inline(always)]
    fn normalise(&mut self, x: &[f32]) {
        let minimum = f64::from(row_minimum(x));
        let scale = 1.0 / sum([x], |[x]| f64::from(x) - minimum + SHIFT);
        self.values.resize(x.len(), 0.0);
        for (p, &x) in self.values.iter_mut().zip(x) {
            *p = (f64::from(x) - minimum + SHIFT) * scale;
        }
    }

    #[inline(always)]
    fn take_logarithms(&mut self) {
        self.logarithms.resize(self.values.len(), 0.0);
        for (logarithm, &p) in self.logarithms.iter_mut().zip(&self.values) {
            *logarithm = ln(p);
        }
    }
}

/// Partial sums of a row.
const LANES: usize = 16;

/// Sum of `term` over the elements of rows of equal length.
#[inline(always)]
fn sum<T: Copy, const N: usize>(rows: [&[T]; N], term: impl Fn([T; N]) -> f64) -> f64 {
    let chunks = rows.map(|row| row.as_chunks::<LANES>());
    let mut parts = [0.0; LANES];
    let (whole, rest) = (chunks.map(|(whole, _)| whole), chunks.map(|(_, rest)| rest));
    for chunk in 0..whole.iter().map(|chunks| chunks.len()).min().unwrap_or(0) {
        let chunk = whole.map(|chunks| &chunks[chunk]);
        for lane in 0..LANES {
            parts[lane] += term(chunk.map(|row| row[lane]));
        }
    }
    let count = rest.iter().map(|rest| rest.len()).min().unwrap_or(0);
    let rest: f64 = (0..count).map(|index| term(rest.map(|rest| rest[index]))).sum();
    parts.iter().sum::<f64>() + rest
}
