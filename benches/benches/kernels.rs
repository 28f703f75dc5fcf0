//! The hot operations at the shapes of real experiments. Throughput counts floating-point operations as elements.
#![expect(clippy::unwrap_used, reason = "a bench")]

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use tensor::{
    Activation, Backend, Cpu, DecoderConfig, DecoderState, Dense, DenseConfig, Divergence,
    DivergenceKind, HostBuffer, Optimizer, Precision, RandomFill, RandomStream, TrainDecoder,
};

fn draw(cpu: Cpu, stream: u64, n: usize, std: f64) -> HostBuffer<f32> {
    let mut out = cpu.zeros(n).unwrap();
    cpu.random_fill(RandomStream::Normal { seed: 1, stream, std }, n, &mut out).unwrap();
    out
}

/// Name, samples, width in, width out.
const SHAPES: [(&str, usize, usize, usize); 4] = [
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
            let config = DenseConfig { rows, inputs, outputs, activation: Activation::Tanh };
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

fn divergence(criterion: &mut Criterion) {
    let cpu = Cpu::new();
    let shape @ [rows, cols] = [1000, 784];
    let (x, y) = (draw(cpu, 1, rows * cols, 1.0), draw(cpu, 2, rows * cols, 1.0));
    let mut out = cpu.zeros(rows).unwrap();
    criterion.bench_function("relative entropy of 1000 x 784, cpu", |bencher| {
        bencher.iter(|| {
            cpu.row_divergence(DivergenceKind::Relative { floor: 1e-3 }, shape, &x, &y, &mut out)
                .unwrap()
        });
    });
}

criterion_group!(benches, dense, decoder, divergence);
criterion_main!(benches);
