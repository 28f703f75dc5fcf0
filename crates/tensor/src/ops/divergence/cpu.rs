use rayon::prelude::*;

use super::SHIFT;
use crate::{Cpu, Divergence, DivergenceKind, HostBuffer, Result};

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
            *out = divergence(kind, &x.as_slice()[row.clone()], &y.as_slice()[row]);
        });
        Ok(())
    }
}

fn divergence(kind: DivergenceKind, x: &[f32], y: &[f32]) -> f64 {
    let pairs = x.iter().zip(y);
    match kind {
        DivergenceKind::SquaredError => pairs
            .map(|(&x, &y)| {
                let difference = f64::from(x) - f64::from(y);
                difference * difference
            })
            .sum(),
        DivergenceKind::Relative { floor } => {
            let (p, r) = (Normaliser::new(x, floor), Normaliser::new(y, floor));
            pairs.map(|(&x, &y)| gain(p.of(x), r.of(y))).sum()
        }
        DivergenceKind::JensenShannon => {
            let (p, r) = (Normaliser::new(x, 0.0), Normaliser::new(y, 0.0));
            let terms = pairs.map(|(&x, &y)| {
                let (p, r) = (p.of(x), r.of(y));
                let middle = f64::midpoint(p, r);
                gain(p, middle) + gain(r, middle)
            });
            terms.sum::<f64>() / 2.0
        }
    }
}

/// `p ln(p / r)`
fn gain(p: f64, r: f64) -> f64 {
    p * (p / r).ln()
}

/// Turns the entries of a vector into those of a distribution.
struct Normaliser {
    minimum: f64,
    scale: f64,
    floor: f64,
}

impl Normaliser {
    fn new(x: &[f32], floor: f64) -> Self {
        let minimum = f64::from(x.iter().copied().fold(f32::INFINITY, f32::min));
        let sum: f64 = x.iter().map(|&x| f64::from(x) - minimum + SHIFT).sum();
        Self { minimum, scale: (1.0 - floor) / sum, floor: floor / x.len() as f64 }
    }

    fn of(&self, x: f32) -> f64 {
        (f64::from(x) - self.minimum + SHIFT) * self.scale + self.floor
    }
}
