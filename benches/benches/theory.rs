//! Mean-field curves and planes.
#![expect(clippy::unwrap_used, reason = "a bench")]

use criterion::{Criterion, criterion_group, criterion_main};
use meanfield::{Theory, critical_sigma_w2};
use tensor::Activation;

fn curve(criterion: &mut Criterion) {
    criterion.bench_function("xi_c of tanh at 600 variances", |bencher| {
        bencher.iter(|| {
            let xi_c = |i: u32| {
                Theory::new(Activation::Tanh, 0.01 * f64::from(i), 0.05)
                    .unwrap()
                    .fixed_point()
                    .unwrap()
                    .xi_c
            };
            (1..=600).map(xi_c).sum::<f64>()
        });
    });
}

fn critical(criterion: &mut Criterion) {
    criterion.bench_function("critical point of tanh", |bencher| {
        bencher.iter(|| critical_sigma_w2(Activation::Tanh, 0.05).unwrap());
    });
}

criterion_group!(benches, curve, critical);
criterion_main!(benches);
