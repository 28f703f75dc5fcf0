use super::SHIFT;
use crate::{Divergence, DivergenceKind, HostBuffer, Reference, Result};

impl Divergence for Reference {
    fn row_divergence(
        &self,
        kind: DivergenceKind,
        shape @ [rows, cols]: [usize; 2],
        x: &HostBuffer<f32>,
        y: &HostBuffer<f32>,
        out: &mut HostBuffer<f64>,
    ) -> Result<()> {
        self.check_divergence(shape, x, y, out)?;
        for i in 0..rows {
            let [x, y] = [x, y].map(|m| &m.as_slice()[i * cols..(i + 1) * cols]);
            out.as_mut_slice()[i] = divergence(kind, x, y);
        }
        Ok(())
    }
}

fn divergence(kind: DivergenceKind, x: &[f32], y: &[f32]) -> f64 {
    let relative =
        |p: &[f64], r: &[f64]| p.iter().zip(r).map(|(p, r)| p * (p / r).ln()).sum::<f64>();
    match kind {
        DivergenceKind::SquaredError => {
            x.iter().zip(y).map(|(&x, &y)| (f64::from(x) - f64::from(y)).powi(2)).sum()
        }
        DivergenceKind::Relative { floor } => {
            relative(&distribution(x, floor), &distribution(y, floor))
        }
        DivergenceKind::JensenShannon => {
            let (p, r) = (distribution(x, 0.0), distribution(y, 0.0));
            let middle: Vec<f64> = p.iter().zip(&r).map(|(p, r)| (p + r) / 2.0).collect();
            f64::midpoint(relative(&p, &middle), relative(&r, &middle))
        }
    }
}

fn distribution(x: &[f32], floor: f64) -> Vec<f64> {
    let minimum = x.iter().copied().fold(f32::INFINITY, f32::min);
    let shifted: Vec<f64> = x.iter().map(|&x| f64::from(x) - f64::from(minimum) + SHIFT).collect();
    let sum: f64 = shifted.iter().sum();
    shifted.iter().map(|s| (1.0 - floor) * s / sum + floor / x.len() as f64).collect()
}
