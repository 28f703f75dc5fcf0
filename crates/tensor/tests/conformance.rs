//! The conformance suite on every backend of this machine, and what the suite cannot see: threads.
#![expect(clippy::unwrap_used, clippy::print_stdout, clippy::print_stderr, reason = "a test")]

use isobath_tensor::{
    Activation, Backend, Cpu, DecoderConfig, DecoderState, Dense, DenseConfig, Error, FitRidge,
    FullBackend, Gemm, GemmConfig, Optimizer, Precision, RandomStream, Reference, RidgeConfig,
    SimdLevel, TrainDecoder, conformance,
};

#[track_caller]
fn check<B: FullBackend>(backend: &B, cases: usize) {
    for finding in conformance::run(backend, cases, 42).unwrap() {
        println!("{finding:?}");
        assert!(finding.passed(), "{finding:#?}");
        assert!(finding.cases > 0);
    }
}

#[track_caller]
fn check_level(level: SimdLevel) {
    match Cpu::with_level(level) {
        Some(backend) => check(&backend, 120),
        None => eprintln!("skipped: this processor has no {level}"),
    }
}

#[test]
fn reference() {
    check(&Reference, 20);
}

#[test]
fn cpu_amx() {
    check_level(SimdLevel::Amx);
}

#[test]
fn cpu_avx512() {
    check_level(SimdLevel::Avx512);
}

#[test]
fn cpu_avx2() {
    check_level(SimdLevel::Avx2);
}

#[test]
fn cpu_neon() {
    check_level(SimdLevel::Neon);
}

#[test]
fn cpu_scalar() {
    check_level(SimdLevel::Scalar);
}

/// `C` after a product of matrices that have no numbers.
#[track_caller]
fn check_empty_product(cpu: Cpu, precision: Precision) {
    let config = GemmConfig { beta: 0.5, ..GemmConfig::new(40, 40, 0).precision(precision) };
    let (nothing, mut c) = (cpu.upload(&[]).unwrap(), cpu.upload(&[3.0; 1600]).unwrap());
    cpu.gemm(config, &nothing, &nothing, &mut c).unwrap();
    let halved = c.as_slice().iter().all(|c| (c - 1.5).abs() < 1e-6);
    assert!(halved, "{cpu:?} in {precision}: {:?}", &c.as_slice()[..3]);
}

#[test]
fn products_without_terms_are_zero() {
    for cpu in SimdLevel::ALL.into_iter().filter_map(Cpu::with_level) {
        check_empty_product(cpu, Precision::F32);
        if cpu.level() == SimdLevel::Amx {
            check_empty_product(cpu, Precision::Bf16);
        }
    }
}

/// All numbers of a forward pass and a decoder's training with `threads` threads.
fn with_threads(threads: usize) -> Vec<u32> {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
    pool.install(|| {
        let cpu = Cpu::new();
        let (samples, inputs, outputs) = (300, 130, 157);
        let draw = |stream, n, std| {
            cpu.upload(&RandomStream::Normal { seed: 5, stream, std }.take(n)).unwrap()
        };
        let (h, w, b) =
            (draw(1, samples * inputs, 1.0), draw(2, inputs * outputs, 0.1), draw(3, outputs, 0.2));
        let mut y = cpu.zeros(samples * outputs).unwrap();
        let (activation, precision) = (Activation::Tanh, Precision::Tf32);
        let dense = DenseConfig { rows: samples, inputs, outputs, activation, precision };
        cpu.dense(dense, &h, &w, &b, &mut y).unwrap();
        let config = DecoderConfig {
            samples,
            inputs,
            outputs,
            batch: 64,
            activation: Activation::Tanh,
            optimizer: Optimizer::adam(1e-3),
            precision: Precision::F32,
        };
        let mut state = DecoderState::init(&cpu, inputs, outputs, 1, 1).unwrap();
        let ridge = RidgeConfig { samples, inputs, outputs, noise: 0.1 };
        let (mut v, mut c) = (cpu.zeros(outputs * inputs).unwrap(), cpu.zeros(outputs).unwrap());
        cpu.fit_ridge(&ridge, &h, &y, &mut v, &mut c).unwrap();
        let losses = cpu.train_decoder(&config, 0..9, &h, &y, &mut state).unwrap();
        let losses = losses
            .into_iter()
            .flat_map(|loss| [(loss.to_bits() >> 32) as u32, loss.to_bits() as u32]);
        let numbers = [&v, &c, &y, &state.weights, &state.bias, &state.weight_moments[1]];
        numbers.iter().flat_map(|m| m.as_slice()).map(|x| x.to_bits()).chain(losses).collect()
    })
}

#[test]
fn threads_change_no_bit() {
    let one = with_threads(1);
    for threads in [2, 3, 8] {
        assert!(one == with_threads(threads), "{threads} threads");
    }
}

#[track_caller]
fn check_noise_is_needed<B: FullBackend>(backend: &B) {
    // The second input is three times the first.
    let h = backend.upload(&[1.0, 3.0, 2.0, 6.0, -1.0, -3.0_f32]).unwrap();
    let y = backend.upload(&[1.0, 2.0, 3.0_f32]).unwrap();
    let (mut v, mut c) = (backend.zeros(2).unwrap(), backend.zeros(1).unwrap());
    let config = RidgeConfig { samples: 3, inputs: 2, outputs: 1, noise: 0.0 };
    let error = backend.fit_ridge(&config, &h, &y, &mut v, &mut c).expect_err("collinear");
    assert!(matches!(error, Error::Indeterminate { unit: 2, .. }), "{error}");
    assert!(error.to_string().contains("raise `noise`"), "{error}");
    let config = RidgeConfig { noise: 0.1, ..config };
    backend.fit_ridge(&config, &h, &y, &mut v, &mut c).unwrap();
    // Noise of equal size in both inputs: the weights follow the signal, one to three.
    let v = backend.download(&v).unwrap();
    assert!((v[1] / v[0] - 3.0).abs() < 1e-4, "{v:?}");
    let infinite = backend.upload(&[1.0, f32::INFINITY, 3.0]).unwrap();
    let error = backend
        .fit_ridge(&config, &h, &infinite, &mut backend.zeros(2).unwrap(), &mut c)
        .expect_err("infinite");
    assert!(matches!(error, Error::NotFinite { .. }), "{error}");
}

#[test]
fn collinear_inputs_need_noise() {
    check_noise_is_needed(&Cpu::new());
    check_noise_is_needed(&Reference);
}
