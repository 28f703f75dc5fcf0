//! Benches of mean-field curves and phase diagrams.
#![expect(clippy::unwrap_used, reason = "a bench")]

use criterion::{Criterion, criterion_group, criterion_main};
use isobath_architecture::Activation;
use isobath_meanfield::{Theory, critical_sigma_w2};
use rayon::prelude::*;

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

/// Uses all threads, like `meanfield --plot`.
fn plane(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("plane");
    group.sample_size(10);
    group.bench_function("xi_c of tanh at 200 by 200 variances", |bencher| {
        let xi_c = |index: u32| {
            let (row, column) = (f64::from(index / 200), f64::from(index % 200));
            let theory = Theory::new(Activation::Tanh, 0.02 * (column + 1.0), 0.0015 * row);
            theory.unwrap().fixed_point().map_or(f64::INFINITY, |point| point.xi_c)
        };
        bencher.iter(|| (0..200 * 200).into_par_iter().map(xi_c).sum::<f64>());
    });
    group.finish();
}

fn critical(criterion: &mut Criterion) {
    criterion.bench_function("critical point of tanh", |bencher| {
        bencher.iter(|| critical_sigma_w2(Activation::Tanh, 0.05).unwrap());
    });
}

criterion_group!(benches, curve, plane, critical);
criterion_main!(benches);
