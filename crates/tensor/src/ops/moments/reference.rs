use crate::{ColumnMoments, HostBuffer, Reference, Result};

impl ColumnMoments for Reference {
    fn column_moments(
        &self,
        shape @ [rows, cols]: [usize; 2],
        normalise_rows: bool,
        x: &HostBuffer<f32>,
        mean: &mut HostBuffer<f64>,
        variance: &mut HostBuffer<f64>,
    ) -> Result<()> {
        self.check_moments(shape, x, mean, variance)?;
        let scale: Vec<f64> = (0..rows)
            .map(|i| x.as_slice()[i * cols..(i + 1) * cols].iter().map(|&x| f64::from(x)).sum())
            .map(|sum: f64| if normalise_rows && sum != 0.0 { 1.0 / sum } else { 1.0 })
            .collect();
        for j in 0..cols {
            let column = || (0..rows).map(|i| f64::from(x.as_slice()[i * cols + j]) * scale[i]);
            let centre = column().sum::<f64>() / rows as f64;
            let squares: f64 = column().map(|x| (x - centre).powi(2)).sum();
            mean.as_mut_slice()[j] = centre;
            variance.as_mut_slice()[j] = squares / (rows as f64 - 1.0).max(1.0);
        }
        Ok(())
    }
}
