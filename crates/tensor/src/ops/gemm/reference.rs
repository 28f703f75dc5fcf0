use crate::{Gemm, GemmConfig, HostBuffer, Reference, Result};

impl Gemm for Reference {
    fn gemm(
        &self,
        config: GemmConfig,
        a: &HostBuffer<f32>,
        b: &HostBuffer<f32>,
        c: &mut HostBuffer<f32>,
    ) -> Result<()> {
        self.check_gemm(&config, a, b, c)?;
        product(config, [a.as_slice(), b.as_slice()], c.as_mut_slice());
        Ok(())
    }
}

/// Computes a product, each sum in f64.
pub(crate) fn product(config: GemmConfig, [a, b]: [&[f32]; 2], c: &mut [f32]) {
    let GemmConfig { m, n, k, transpose_a, transpose_b, alpha, beta, precision } = config;
    let a = |i: usize, l: usize| {
        let index = if transpose_a { l * m + i } else { i * k + l };
        f64::from(precision.round(a[index]))
    };
    let b = |l: usize, j: usize| {
        let index = if transpose_b { j * k + l } else { l * n + j };
        f64::from(precision.round(b[index]))
    };
    for (index, c) in c[..m * n].iter_mut().enumerate() {
        let (i, j) = (index / n, index % n);
        let product: f64 = (0..k).map(|l| a(i, l) * b(l, j)).sum();
        let old = if beta == 0.0 { 0.0 } else { f64::from(beta) * f64::from(*c) };
        *c = (f64::from(alpha) * product + old) as f32;
    }
}
