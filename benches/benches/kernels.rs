//! The hot operations at the shapes of real experiments. Throughput counts floating-point operations as elements.
#![expect(clippy::unwrap_used, reason = "a bench")]

use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use tensor::{
    Activation, Backend, ColumnMoments, Cpu, DecoderConfig, DecoderState, Dense, DenseConfig,
    Divergence, DivergenceKind, Gemm, GemmConfig, HostBuffer, Optimizer, Pointwise, Precision,
    RandomFill, RandomStream, TrainDecoder,
};

fn draw(cpu: Cpu, stream: u64, n: usize, std: f64) -> HostBuffer<f32> {
    let mut out = cpu.zeros(n).unwrap();
    cpu.random_fill(RandomStream::Normal { seed: 1, stream, std }, n, &mut out).unwrap();
    out
}

/// Name, samples, width in, width out.
const SHAPES: [(&str, usize, usize, usize); 5] = [
    ("narrow 64x64", 12_800, 64, 64),
    ("mnist 784x784", 3200, 784, 784),
    ("cifar10 grey 1024x1024", 3200, 1024, 1024),
    ("quickstart 256x256", 6400, 256, 256),
    ("published last 784x400", 3200, 784, 400),
];

fn dense(criterion: &mut Criterion) {
    let cpu = Cpu::new();
    let mut group = criterion.benchmark_group("dense tanh, cpu");
    for (name, rows, inputs, outputs) in SHAPES {
        let (x, w, b) = (
            draw(cpu, 1, rows * inputs, 0.5),
            draw(cpu, 2, inputs * outputs, 0.05),
            draw(cpu, 3, outputs, 0.2),
        );
        let mut y = cpu.zeros(rows * outputs).unwrap();
        group.throughput(Throughput::Elements(2 * (rows * inputs * outputs) as u64));
        group.bench_function(BenchmarkId::from_parameter(name), |bencher| {
            let (activation, precision) = (Activation::Tanh, Precision::F32);
            let config = DenseConfig { rows, inputs, outputs, activation, precision };
            bencher.iter(|| cpu.dense(config, &x, &w, &b, &mut y).unwrap());
        });
    }
}

fn decoder(criterion: &mut Criterion) {
    let cpu = Cpu::new();
    for (optimizer, title) in [(Optimizer::adam(1e-3), "Adam"), (Optimizer::sgd(1e-3), "SGD")] {
        let mut group = criterion.benchmark_group(format!("train_decoder {title}, batch 64, cpu"));
        group.sample_size(10);
        for (name, samples, inputs, outputs) in SHAPES {
            let (h, target) =
                (draw(cpu, 1, samples * inputs, 0.5), draw(cpu, 2, samples * outputs, 0.5));
            let activation = Activation::Tanh;
            let precision = Precision::F32;
            let config = DecoderConfig {
                samples,
                inputs,
                outputs,
                batch: 64,
                activation,
                optimizer,
                precision,
            };
            let mut state = DecoderState::init(&cpu, inputs, outputs, 1, 9).unwrap();
            group.throughput(Throughput::Elements(4 * (samples * inputs * outputs) as u64));
            group.bench_function(BenchmarkId::from_parameter(name), |bencher| {
                let batches = 0..config.batches_per_epoch();
                bencher.iter(|| {
                    cpu.train_decoder(&config, batches.clone(), &h, &target, &mut state).unwrap()
                });
            });
        }
    }
}

/// Name and configuration of products that are not dense layers.
fn products() -> [(&'static str, GemmConfig); 3] {
    [
        ("gram of 100 samples x 784", GemmConfig::new(100, 100, 784).transpose_b()),
        ("gram of 1000 samples x 784", GemmConfig::new(1000, 1000, 784).transpose_b()),
        ("gradient 784x784 of 64 samples", GemmConfig::new(784, 784, 64).transpose_a()),
    ]
}

fn gemm(criterion: &mut Criterion) {
    let cpu = Cpu::new();
    let mut group = criterion.benchmark_group("gemm, cpu");
    for (name, config) in products() {
        let GemmConfig { m, n, k, .. } = config;
        let (a, b) = (draw(cpu, 1, m * k, 0.5), draw(cpu, 2, k * n, 0.5));
        let mut c = cpu.zeros(m * n).unwrap();
        group.throughput(Throughput::Elements(2 * (m * n * k) as u64));
        group.bench_function(BenchmarkId::from_parameter(name), |bencher| {
            bencher.iter(|| cpu.gemm(config, &a, &b, &mut c).unwrap());
        });
    }
}

/// Name, rows and columns of what is worked on element by element: a minibatch, a layer of a whole data set.
const PLANES: [(&str, [usize; 2]); 2] =
    [("minibatch 64 x 784", [64, 784]), ("mnist layer 60000 x 784", [60_000, 784])];

fn bias_activation(criterion: &mut Criterion) {
    let cpu = Cpu::new();
    let bias = draw(cpu, 1, 784, 0.2);
    for activation in [Activation::Tanh, Activation::Gelu, Activation::Relu] {
        let mut group = criterion.benchmark_group(format!("bias_activation {activation}, cpu"));
        for (name, shape @ [rows, cols]) in PLANES {
            let mut y = draw(cpu, 2, rows * cols, 1.0);
            group.throughput(Throughput::Elements((rows * cols) as u64));
            group.bench_function(BenchmarkId::from_parameter(name), |bencher| {
                bencher.iter(|| cpu.bias_activation(shape, activation, &bias, &mut y).unwrap());
            });
        }
    }
}

fn pointwise(criterion: &mut Criterion) {
    let cpu = Cpu::new();
    let shape @ [rows, cols] = [64, 784];
    let mut group = criterion.benchmark_group("pointwise, cpu");
    group.throughput(Throughput::Elements((rows * cols) as u64));
    let (bias, target) = (draw(cpu, 1, cols, 0.2), draw(cpu, 2, rows * cols, 0.5));
    let start = draw(cpu, 3, rows * cols, 1.0);
    group.bench_function("squared_error_gradient of a minibatch 64 x 784", |bencher| {
        // The gradient overwrites its argument, which is put back outside the time measured.
        bencher.iter_batched_ref(
            || start.clone(),
            |z| cpu.squared_error_gradient(shape, Activation::Tanh, &bias, &target, z).unwrap(),
            BatchSize::LargeInput,
        );
    });
    let mut sums = cpu.zeros(cols).unwrap();
    group.bench_function("column_sums of a minibatch 64 x 784", |bencher| {
        bencher.iter(|| cpu.column_sums(shape, &start, &mut sums).unwrap());
    });
}

fn optimizer_step(criterion: &mut Criterion) {
    let cpu = Cpu::new();
    let n = 784 * 784;
    let gradient = draw(cpu, 1, n, 1e-3);
    let mut group = criterion.benchmark_group("optimizer_step of 784 x 784 weights, cpu");
    group.throughput(Throughput::Elements(n as u64));
    for (optimizer, title) in [
        (Optimizer::adam(1e-3), "Adam"),
        (Optimizer::sgd(1e-3), "SGD"),
        (Optimizer::Sgd { lr: 1e-3, momentum: 0.9 }, "SGD with momentum"),
    ] {
        let mut parameters = draw(cpu, 2, n, 0.05);
        let (mut first, mut second) = (cpu.zeros(n).unwrap(), cpu.zeros(n).unwrap());
        let mut step = 0;
        group.bench_function(title, |bencher| {
            bencher.iter(|| {
                step += 1;
                cpu.optimizer_step(
                    &optimizer,
                    step,
                    &mut parameters,
                    &gradient,
                    &mut first,
                    &mut second,
                )
                .unwrap();
            });
        });
    }
}

fn random_fill(criterion: &mut Criterion) {
    let cpu = Cpu::new();
    let n = 784 * 784;
    let mut out = cpu.zeros(n).unwrap();
    let mut group = criterion.benchmark_group("random_fill of 784 x 784 weights, cpu");
    group.throughput(Throughput::Elements(n as u64));
    for (stream, title) in [
        (RandomStream::Normal { seed: 1, stream: 1, std: 0.05 }, "normal"),
        (RandomStream::Uniform { seed: 1, stream: 1, bound: 0.05 }, "uniform"),
    ] {
        group.bench_function(title, |bencher| {
            bencher.iter(|| cpu.random_fill(stream, n, &mut out).unwrap());
        });
    }
}

/// Probe samples of one layer, as many as experiments have: 100 by default, 1000 for narrow bars.
const PROBES: [(&str, [usize; 2]); 2] =
    [("100 samples x 784", [100, 784]), ("1000 samples x 784", [1000, 784])];

fn divergence(criterion: &mut Criterion) {
    let cpu = Cpu::new();
    for (kind, title) in [
        (DivergenceKind::Relative { floor: 1e-3 }, "relative entropy"),
        (DivergenceKind::JensenShannon, "Jensen-Shannon"),
        (DivergenceKind::SquaredError, "squared error"),
    ] {
        let mut group = criterion.benchmark_group(format!("row_divergence {title}, cpu"));
        for (name, shape @ [rows, cols]) in PROBES {
            let (x, y) = (draw(cpu, 1, rows * cols, 1.0), draw(cpu, 2, rows * cols, 1.0));
            let mut out = cpu.zeros(rows).unwrap();
            group.throughput(Throughput::Elements((rows * cols) as u64));
            group.bench_function(BenchmarkId::from_parameter(name), |bencher| {
                bencher.iter(|| cpu.row_divergence(kind, shape, &x, &y, &mut out).unwrap());
            });
        }
    }
}

fn moments(criterion: &mut Criterion) {
    let cpu = Cpu::new();
    for (normalise_rows, title) in [(false, "plain"), (true, "rows divided by their sums")] {
        let mut group = criterion.benchmark_group(format!("column_moments {title}, cpu"));
        for (name, shape @ [rows, cols]) in PROBES {
            let x = draw(cpu, 1, rows * cols, 1.0);
            let (mut mean, mut variance) = (cpu.zeros(cols).unwrap(), cpu.zeros(cols).unwrap());
            group.throughput(Throughput::Elements((rows * cols) as u64));
            group.bench_function(BenchmarkId::from_parameter(name), |bencher| {
                bencher.iter(|| {
                    cpu.column_moments(shape, normalise_rows, &x, &mut mean, &mut variance).unwrap()
                });
            });
        }
    }
}

criterion_group!(products_and_decoders, dense, decoder, gemm);
criterion_group!(elementwise, bias_activation, pointwise, optimizer_step, random_fill);
criterion_group!(estimators, divergence, moments);
criterion_main!(products_and_decoders, elementwise, estimators);
