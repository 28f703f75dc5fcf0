//! Normal random numbers for the theories that are solved by sampling.

/// Stream of independent standard normal numbers, determined by its seed.
pub(crate) struct NormalRng {
    state: u64,
    spare: Option<f64>,
}

impl NormalRng {
    pub(crate) const fn new(seed: u64) -> Self {
        Self { state: seed, spare: None }
    }

    /// Draws the next number by Marsaglia's polar method, which produces two at a time.
    pub(crate) fn draw(&mut self) -> f64 {
        if let Some(spare) = self.spare.take() {
            return spare;
        }
        loop {
            let (x, y) = (self.uniform(), self.uniform());
            let square = x * x + y * y;
            if square > 0.0 && square < 1.0 {
                let scale = (-2.0 * square.ln() / square).sqrt();
                self.spare = Some(scale * y);
                return scale * x;
            }
        }
    }

    /// Draws a uniform number in `[-1, 1)` (Steele, Lea and Flood's `SplitMix64`, 2014).
    fn uniform(&mut self) -> f64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^= z >> 31;
        (z >> 11) as f64 / (1_u64 << 52) as f64 - 1.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_those_of_a_normal_variable() {
        let mut normal = NormalRng::new(7);
        let n = 200_000;
        let mut sums = [0.0; 4];
        for _ in 0..n {
            let x = normal.draw();
            for (power, sum) in (1..).zip(&mut sums) {
                *sum += x.powi(power) / f64::from(n);
            }
        }
        // Tolerance of four standard errors: sqrt(E[x^2k] - E[x^k]^2) / sqrt(n).
        for (found, (expected, spread)) in
            sums.into_iter().zip([(0.0, 1.0), (1.0, 2.0), (0.0, 15.0), (3.0, 96.0)])
        {
            let error = f64::sqrt(spread / f64::from(n));
            assert!((found - expected).abs() < 4.0 * error, "{found} {expected}");
        }
    }
}
