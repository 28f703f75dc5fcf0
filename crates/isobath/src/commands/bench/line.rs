use std::fmt;

use serde::Serialize;

/// Least-squares line through points.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(super) struct Line {
    pub(super) intercept: f64,
    pub(super) slope: f64,
    /// Standard error of the slope; 0 with too few points.
    pub(super) slope_error: f64,
    /// Largest relative distance of a point from the line.
    pub(super) furthest: f64,
}

impl Line {
    /// Fits with equal weights. A single point gives the line through it and the origin.
    ///
    /// # Panics
    /// If there is no point.
    pub(super) fn fit(points: impl IntoIterator<Item = (f64, f64)>) -> Self {
        let points: Vec<(f64, f64)> = points.into_iter().collect();
        if let [(x, y)] = points[..] {
            return Self { intercept: 0.0, slope: y / x, slope_error: 0.0, furthest: 0.0 };
        }
        let count = points.len() as f64;
        let mean = |of: fn(&(f64, f64)) -> f64| points.iter().map(of).sum::<f64>() / count;
        let (mean_x, mean_y) = (mean(|point| point.0), mean(|point| point.1));
        let spread: f64 = points.iter().map(|(x, _)| (x - mean_x).powi(2)).sum();
        let slope = points.iter().map(|(x, y)| (x - mean_x) * (y - mean_y)).sum::<f64>() / spread;
        let intercept = mean_y - slope * mean_x;
        let residual = |&(x, y): &(f64, f64)| y - intercept - slope * x;
        let squares: f64 = points.iter().map(|point| residual(point).powi(2)).sum();
        let freedom = (count - 2.0).max(1.0);
        let furthest = points.iter().map(|point| (residual(point) / point.1).abs());
        Self {
            intercept,
            slope,
            slope_error: (squares / freedom / spread).sqrt(),
            furthest: furthest.fold(0.0, f64::max),
        }
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { intercept, slope, slope_error, furthest } = self;
        write!(
            f,
            "{intercept:.3} + {slope:.4} depth (standard error of the slope {slope_error:.4}; no point further than \
             {:.1}% from the line)",
            100.0 * furthest
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exact_line_and_error_of_a_noisy_one() {
        let line = Line::fit([1.0, 2.0, 4.0].map(|x| (x, 3.0 + 0.5 * x)));
        assert!((line.intercept - 3.0).abs() < 1e-12 && (line.slope - 0.5).abs() < 1e-12);
        assert!(line.slope_error < 1e-12 && line.furthest < 1e-12);
        // Residuals 1/6, -1/3, 1/6 around 5/6 + x: squares 1/6, one degree of freedom, spread 2.
        let noisy = Line::fit([(1.0, 2.0), (2.0, 2.5), (3.0, 4.0)]);
        assert!((noisy.slope - 1.0).abs() < 1e-12);
        assert!((noisy.slope_error - (1.0_f64 / 12.0).sqrt()).abs() < 1e-12);
    }

    #[test]
    fn single_point_gives_a_line_through_the_origin() {
        assert!((Line::fit([(4.0, 8.0)]).slope - 2.0).abs() < 1e-15);
    }
}
