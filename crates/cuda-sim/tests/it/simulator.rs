//! The conformance suite on a simulated CUDA device: the kernels' own sources, run on the processor.
#![expect(clippy::print_stderr, clippy::unwrap_used, reason = "a test")]

use isobath_cuda_sim::{Settings, Simulated, simulated_with_seed};
use isobath_tensor::{
    Activation, Backend, BatchedGemm, BatchedGemmConfig, DecoderConfig, DecoderState, Error,
    FullBackend, GatherConfig, GatherRows, GemmConfig, Optimizer, Precision, RandomStream,
    Reference,
    conformance::{self, Finding},
    cuda::Cuda,
};

/// A device whose threads run in an order drawn from `seed`, where there is a C++ compiler.
fn device(seed: u64) -> Option<Cuda<Simulated>> {
    simulated_with_seed(seed).inspect_err(|error| eprintln!("skipped: {error}")).ok()
}

#[test]
fn simulated() {
    let Some(backend) = device(0) else { return };
    for finding in conformance::run(&backend, 12, 42).unwrap() {
        println!("{finding:?}");
        assert!(finding.passed(), "{finding:#?}");
        assert!(finding.cases > 0);
    }
}

/// Launches have so few blocks that kernels loop over their work.
#[test]
fn kernels_loop() {
    let device = match Simulated::new(Settings { most_blocks: 3, ..Settings::default() }) {
        Ok(device) => device,
        Err(error) => return eprintln!("skipped: {error}"),
    };
    for finding in conformance::run(&Cuda::with_device(device), 2, 7).unwrap() {
        assert!(finding.passed(), "{finding:#?}");
    }
}

#[test]
fn the_order_of_threads_changes_no_bit() {
    let (Some(one), Some(other)) = (device(1), device(2)) else { return };
    let [one, other] = [one, other].map(|backend| conformance::run(&backend, 2, 8).unwrap());
    assert!(one.iter().all(Finding::passed), "{one:#?}");
    assert_eq!(one, other);
}

#[test]
fn gathered_rows_follow_changes_of_the_list() {
    let Some(backend) = device(0) else { return };
    let source = backend.upload(&[1.0, 2.0, 3.0, 4.0_f32]).unwrap();
    let mut rows = backend.upload(&[7, 1_u32]).unwrap();
    let mut out = backend.zeros(2).unwrap();
    let mut gather = |rows: &_, first| {
        let config = GatherConfig { cols: 2, first, count: 1 };
        backend.gather_rows(config, &source, rows, &mut out)?;
        backend.download(&out)
    };
    assert_eq!(gather(&rows, 1).unwrap(), [3.0, 4.0]);
    assert!(matches!(gather(&rows, 0), Err(Error::Shape { expected: 16, actual: 4, .. })));
    backend.write(&mut rows, 0, &[0]).unwrap();
    assert_eq!(gather(&rows, 0).unwrap(), [1.0, 2.0]);
    let mut copied = backend.zeros(1).unwrap();
    backend.copy(&rows, 0..1, &mut copied, 0).unwrap();
    assert_eq!(gather(&copied, 0).unwrap(), [1.0, 2.0]);
    backend.write(&mut copied, 0, &[2]).unwrap();
    assert!(matches!(gather(&copied, 0), Err(Error::Shape { expected: 6, .. })));
}

/// Loss of a decoder's first minibatch, with weights `v` and without biases, for targets of zero.
fn loss<B: FullBackend>(backend: &B, config: &DecoderConfig, h: &[f32], v: &[f32]) -> f64 {
    let DecoderConfig { samples, inputs, outputs, .. } = *config;
    let mut state = DecoderState::init(backend, inputs, outputs, 1, 1).unwrap();
    backend.write(&mut state.weights, 0, v).unwrap();
    let (h, target) = (backend.upload(h).unwrap(), backend.zeros(samples * outputs).unwrap());
    backend.train_decoder(config, 0..1, &h, &target, &mut state).unwrap()[0]
}

/// The tensor cores cut sums off, always towards zero. In long sums of numbers of one sign that would add up.
#[test]
fn long_sums_are_not_cut_off() {
    let Some(backend) = device(0) else { return };
    let (samples, inputs, outputs) = (16, 832, 16);
    let positive = |stream, n| -> Vec<f32> {
        let uniform = RandomStream::Uniform { seed: 3, stream, bound: 0.25 };
        uniform.take(n).into_iter().map(|x| x + 0.75).collect()
    };
    let config = DecoderConfig {
        samples,
        inputs,
        outputs,
        batch: samples,
        activation: Activation::Linear,
        optimizer: Optimizer::sgd(1e-3),
        precision: Precision::F32,
    };
    let (h, weights) = (positive(1, samples * inputs), positive(2, outputs * inputs));
    let [found, expected] =
        [loss(&backend, &config, &h, &weights), loss(&Reference, &config, &h, &weights)];
    assert!((found / expected - 1.0).abs() < 4e-7, "{found} instead of {expected}");

    let product =
        BatchedGemmConfig::new(GemmConfig::new(outputs, samples, inputs).transpose_b(), 1);
    let (a, b) = (backend.upload(&weights).unwrap(), backend.upload(&h).unwrap());
    let mut c = backend.zeros(outputs * samples).unwrap();
    backend.batched_gemm(product, &a, &b, &mut c).unwrap();
    let excess = |(index, found): (usize, f32)| {
        let (w, h) = (&weights[index / samples * inputs..], &h[index % samples * inputs..]);
        let terms = w.iter().zip(h).take(inputs).map(|(&w, &h)| f64::from(w) * f64::from(h));
        f64::from(found) / terms.sum::<f64>() - 1.0
    };
    let products = backend.download(&c).unwrap();
    let mean =
        products.iter().copied().enumerate().map(excess).sum::<f64>() / products.len() as f64;
    assert!(mean.abs() < 1e-7, "{mean}");
}
