//! Benches of the hot operations at the shapes of real experiments.
//!
//! The environment variable `ISOBATH_BACKEND` selects the backend (default `cpu`); devices need the feature `cuda`.
//! Throughput counts floating-point operations as elements.
#![expect(clippy::unwrap_used, clippy::print_stderr, reason = "a bench")]

use std::{
    env,
    process::exit,
    time::{Duration, Instant},
};

use criterion::{Bencher, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use isobath_architecture::Activation;
use isobath_tensor::{
    Backend, BackendSpec, BackendTask, DecoderConfig, DecoderState, DenseConfig, DivergenceKind,
    FullBackend, GemmConfig, Optimizer, Precision, RandomFill, RandomStream, RidgeConfig,
};

fn draw<B: RandomFill>(backend: &B, stream: u64, n: usize, std: f64) -> B::Buffer<f32> {
    let mut out = backend.zeros(n).unwrap();
    backend.random_fill(RandomStream::Normal { seed: 1, stream, std }, n, &mut out).unwrap();
    out
}

/// Measures `work` and waits for the device after the last iteration.
fn time<B: Backend>(bencher: &mut Bencher<'_>, backend: &B, mut work: impl FnMut()) {
    bencher.iter_custom(|times| {
        let start = Instant::now();
        (0..times).for_each(|_| work());
        backend.synchronize().unwrap();
        start.elapsed()
    });
}

/// Name, number of samples, input width and output width.
const SHAPES: [(&str, usize, usize, usize); 5] = [
    ("narrow 64x64", 12_800, 64, 64),
    ("mnist 784x784", 3200, 784, 784),
    ("cifar10 grey 1024x1024", 3200, 1024, 1024),
    ("quickstart 256x256", 6400, 256, 256),
    ("published last 784x400", 3200, 784, 400),
];

fn dense<B: FullBackend>(criterion: &mut Criterion, backend: &B) {
    let mut group = criterion.benchmark_group(format!("dense tanh, {}", backend.label()));
    for (name, rows, inputs, outputs) in SHAPES {
        let (x, w, b) = (
            draw(backend, 1, rows * inputs, 0.5),
            draw(backend, 2, inputs * outputs, 0.05),
            draw(backend, 3, outputs, 0.2),
        );
        let mut y = backend.zeros(rows * outputs).unwrap();
        group.throughput(Throughput::Elements(2 * (rows * inputs * outputs) as u64));
        group.bench_function(BenchmarkId::from_parameter(name), |bencher| {
            let (activation, precision) = (Activation::Tanh, Precision::F32);
            let config = DenseConfig { rows, inputs, outputs, activation, precision };
            time(bencher, backend, || backend.dense(config, &x, &w, &b, &mut y).unwrap());
        });
    }
}

/// Matrix-product precisions that the backend supports.
fn precisions<B: FullBackend>(backend: &B) -> impl Iterator<Item = Precision> {
    let (one, mut c) = (draw(backend, 1, 1, 1.0), backend.zeros(1).unwrap());
    let precisions = [Precision::F32, Precision::Tf32, Precision::Bf16];
    precisions.into_iter().filter(move |&precision| {
        backend.gemm(GemmConfig::new(1, 1, 1).precision(precision), &one, &one, &mut c).is_ok()
    })
}

fn decoder<B: FullBackend>(criterion: &mut Criterion, backend: &B) {
    for precision in precisions(backend) {
        for (optimizer, title) in [(Optimizer::adam(1e-3), "Adam"), (Optimizer::sgd(1e-3), "SGD")] {
            let title = format!("train_decoder {title} in {precision}, batch 64");
            let mut group = criterion.benchmark_group(format!("{title}, {}", backend.label()));
            group.sample_size(10);
            for (name, samples, inputs, outputs) in SHAPES {
                let h = draw(backend, 1, samples * inputs, 0.5);
                let target = draw(backend, 2, samples * outputs, 0.5);
                let (batch, activation) = (64, Activation::Tanh);
                let config = DecoderConfig {
                    samples,
                    inputs,
                    outputs,
                    batch,
                    activation,
                    optimizer,
                    precision,
                };
                let mut state = DecoderState::init(backend, inputs, outputs, 1, 9).unwrap();
                group.throughput(Throughput::Elements(4 * (samples * inputs * outputs) as u64));
                group.bench_function(BenchmarkId::from_parameter(name), |bencher| {
                    let batches = 0..config.batches_per_epoch();
                    time(bencher, backend, || {
                        backend
                            .train_decoder(&config, batches.clone(), &h, &target, &mut state)
                            .unwrap();
                    });
                });
            }
        }
    }
}

/// Name and configuration of products other than dense layers.
fn products() -> [(&'static str, GemmConfig); 7] {
    [
        ("gram of 100 samples x 784", GemmConfig::new(100, 100, 784).transpose_b()),
        ("gram of 1000 samples x 784", GemmConfig::new(1000, 1000, 784).transpose_b()),
        ("gradient 784x784 of 64 samples", GemmConfig::new(784, 784, 64).transpose_a()),
        ("backward 1024x1024 of 64 samples", GemmConfig::new(1024, 64, 1024).transpose_a()),
        ("A^T B of 1000 samples x 1024", GemmConfig::new(1024, 1024, 1000).transpose_a()),
        ("A^T B of 1000 samples x 2048", GemmConfig::new(2048, 2048, 1000).transpose_a()),
        ("A^T B of 1000 samples x 3072", GemmConfig::new(3072, 3072, 1000).transpose_a()),
    ]
}

fn gemm<B: FullBackend>(criterion: &mut Criterion, backend: &B) {
    let mut group = criterion.benchmark_group(format!("gemm, {}", backend.label()));
    for (name, config) in products() {
        let GemmConfig { m, n, k, .. } = config;
        let (a, b) = (draw(backend, 1, m * k, 0.5), draw(backend, 2, k * n, 0.5));
        let mut c = backend.zeros(m * n).unwrap();
        group.throughput(Throughput::Elements(2 * (m * n * k) as u64));
        group.bench_function(BenchmarkId::from_parameter(name), |bencher| {
            time(bencher, backend, || backend.gemm(config, &a, &b, &mut c).unwrap());
        });
    }
}

/// Name, rows and columns of the operands of pointwise operations: a minibatch, and a layer of a whole data set.
const PLANES: [(&str, [usize; 2]); 2] =
    [("minibatch 64 x 784", [64, 784]), ("mnist layer 60000 x 784", [60_000, 784])];

fn bias_activation<B: FullBackend>(criterion: &mut Criterion, backend: &B) {
    let bias = draw(backend, 1, 784, 0.2);
    for activation in [Activation::Tanh, Activation::Gelu, Activation::Relu] {
        let mut group =
            criterion.benchmark_group(format!("bias_activation {activation}, {}", backend.label()));
        for (name, shape @ [rows, cols]) in PLANES {
            let mut y = draw(backend, 2, rows * cols, 1.0);
            group.throughput(Throughput::Elements((rows * cols) as u64));
            group.bench_function(BenchmarkId::from_parameter(name), |bencher| {
                time(bencher, backend, || {
                    backend.bias_activation(shape, activation, &bias, &mut y).unwrap()
                });
            });
        }
    }
}

fn pointwise<B: FullBackend>(criterion: &mut Criterion, backend: &B) {
    let shape @ [rows, cols] = [64, 784];
    let mut group = criterion.benchmark_group(format!("pointwise, {}", backend.label()));
    group.throughput(Throughput::Elements((rows * cols) as u64));
    let (bias, target) = (draw(backend, 1, cols, 0.2), draw(backend, 2, rows * cols, 0.5));
    let start = draw(backend, 3, rows * cols, 1.0);
    group.bench_function("squared_error_gradient of a minibatch 64 x 784", |bencher| {
        let mut z = backend.zeros(rows * cols).unwrap();
        let mut once = || {
            // The gradient overwrites its argument, which is restored outside the measured time.
            backend.copy(&start, 0..rows * cols, &mut z, 0).unwrap();
            backend.synchronize().unwrap();
            let start = Instant::now();
            backend
                .squared_error_gradient(shape, Activation::Tanh, &bias, &target, &mut z)
                .unwrap();
            start.elapsed()
        };
        bencher.iter_custom(|times| (0..times).map(|_| once()).sum::<Duration>());
    });
    let mut sums = backend.zeros(cols).unwrap();
    group.bench_function("column_sums of a minibatch 64 x 784", |bencher| {
        time(bencher, backend, || backend.column_sums(shape, &start, &mut sums).unwrap());
    });
}

fn optimizer_step<B: FullBackend>(criterion: &mut Criterion, backend: &B) {
    let n = 784 * 784;
    let gradient = draw(backend, 1, n, 1e-3);
    let mut group = criterion
        .benchmark_group(format!("optimizer_step of 784 x 784 weights, {}", backend.label()));
    group.throughput(Throughput::Elements(n as u64));
    for (optimizer, title) in [
        (Optimizer::adam(1e-3), "Adam"),
        (Optimizer::sgd(1e-3), "SGD"),
        (Optimizer::momentum(1e-3, 0.9), "SGD with momentum"),
    ] {
        let mut parameters = draw(backend, 2, n, 0.05);
        let (mut first, mut second) = (backend.zeros(n).unwrap(), backend.zeros(n).unwrap());
        let (mut number, mut step) = (1, backend.new_step(&optimizer, 1).unwrap());
        group.bench_function(title, |bencher| {
            time(bencher, backend, || {
                number += 1;
                backend.set_step(&mut step, &optimizer, number).unwrap();
                let moments = (&mut first, &mut second);
                backend
                    .optimizer_step(&step, &mut parameters, &gradient, moments.0, moments.1)
                    .unwrap();
            });
        });
    }
}

fn random_fill<B: FullBackend>(criterion: &mut Criterion, backend: &B) {
    let n = 784 * 784;
    let mut out = backend.zeros(n).unwrap();
    let mut group =
        criterion.benchmark_group(format!("random_fill of 784 x 784 weights, {}", backend.label()));
    group.throughput(Throughput::Elements(n as u64));
    for (stream, title) in [
        (RandomStream::Normal { seed: 1, stream: 1, std: 0.05 }, "normal"),
        (RandomStream::Uniform { seed: 1, stream: 1, bound: 0.05 }, "uniform"),
    ] {
        group.bench_function(title, |bencher| {
            time(bencher, backend, || backend.random_fill(stream, n, &mut out).unwrap());
        });
    }
}

/// Probe samples of one layer, in the sizes of experiments: 100 by default, 1000 for narrow error bars.
const PROBES: [(&str, [usize; 2]); 2] =
    [("100 samples x 784", [100, 784]), ("1000 samples x 784", [1000, 784])];

fn divergence<B: FullBackend>(criterion: &mut Criterion, backend: &B) {
    for (kind, title) in [
        (DivergenceKind::Relative { floor: 1e-3 }, "relative entropy"),
        (DivergenceKind::JensenShannon, "Jensen-Shannon"),
        (DivergenceKind::SquaredError, "squared error"),
    ] {
        let mut group =
            criterion.benchmark_group(format!("row_divergence {title}, {}", backend.label()));
        for (name, shape @ [rows, cols]) in PROBES {
            let (x, y) = (draw(backend, 1, rows * cols, 1.0), draw(backend, 2, rows * cols, 1.0));
            let mut out = backend.zeros(rows).unwrap();
            group.throughput(Throughput::Elements((rows * cols) as u64));
            group.bench_function(BenchmarkId::from_parameter(name), |bencher| {
                time(bencher, backend, || {
                    backend.row_divergence(kind, shape, &x, &y, &mut out).unwrap()
                });
            });
        }
    }
}

fn moments<B: FullBackend>(criterion: &mut Criterion, backend: &B) {
    for (normalise_rows, title) in [(false, "plain"), (true, "rows divided by their sums")] {
        let mut group =
            criterion.benchmark_group(format!("column_moments {title}, {}", backend.label()));
        for (name, shape @ [rows, cols]) in PROBES {
            let x = draw(backend, 1, rows * cols, 1.0);
            let (mut mean, mut variance) =
                (backend.zeros(cols).unwrap(), backend.zeros(cols).unwrap());
            group.throughput(Throughput::Elements((rows * cols) as u64));
            group.bench_function(BenchmarkId::from_parameter(name), |bencher| {
                time(bencher, backend, || {
                    backend
                        .column_moments(shape, normalise_rows, &x, &mut mean, &mut variance)
                        .unwrap();
                });
            });
        }
    }
}

fn ridge<B: FullBackend>(criterion: &mut Criterion, backend: &B) {
    const SAMPLES: usize = 2000;
    let mut group = criterion.benchmark_group(format!("fit_ridge, {}", backend.label()));
    group.sample_size(10);
    for width in [784, 1024, 3072] {
        let config = RidgeConfig { samples: SAMPLES, inputs: width, outputs: width, noise: 0.03 };
        let [h, y] = [1, 2].map(|stream| draw(backend, stream, SAMPLES * width, 0.5));
        let (mut v, mut c) = (backend.zeros(width * width).unwrap(), backend.zeros(width).unwrap());
        group.bench_function(BenchmarkId::from_parameter(width), |bencher| {
            time(bencher, backend, || {
                backend.fit_ridge(&config, &h, &y, &mut v, &mut c).unwrap();
            });
        });
    }
}

/// All benches on one backend.
struct Benches<'a>(&'a mut Criterion);

impl BackendTask for Benches<'_> {
    type Output = ();

    fn run<B: FullBackend>(self, backend: B) {
        let Self(criterion) = self;
        let products_and_decoders = [dense, decoder, gemm, ridge];
        let elementwise = [bias_activation, pointwise, optimizer_step, random_fill];
        let estimators = [divergence, moments];
        for bench in products_and_decoders.iter().chain(&elementwise).chain(&estimators) {
            bench(criterion, &backend);
        }
    }
}

fn kernels(criterion: &mut Criterion) {
    const VARIABLE: &str = "ISOBATH_BACKEND";
    let name = env::var(VARIABLE).unwrap_or_else(|_| BackendSpec::default().to_string());
    let outcome =
        name.parse().and_then(|backend: BackendSpec| backend.dispatch(Benches(criterion)));
    if let Err(error) = outcome {
        eprintln!("error: {VARIABLE}: {error}");
        exit(1);
    }
}

criterion_group!(benches, kernels);
criterion_main!(benches);
