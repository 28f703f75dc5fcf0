//! Gradient cascades through the public interface.
#![expect(clippy::unwrap_used, reason = "a test")]

use std::sync::Mutex;

use isobath_architecture::Activation;
use isobath_architecture::{MlpParams, NetworkSpec, Variances, WidthRule};
use isobath_cascade::{
    Cascade, CascadeParams, Decoder, DecoderLayer, Error, GradientCascade, InitialDecoders, Job,
    Observer, Reconstructor, Silent,
};
use isobath_network::{LayerParameters, Network};
use isobath_tensor::{Cpu, FullBackend, Precision, RandomStream, Reference};
use isobath_testkit::{Tolerance, assert_close};
use ndarray::{Array2, ArrayView2};

fn spec() -> NetworkSpec {
    let widths = WidthRule::List(vec![20, 17, 20]);
    MlpParams::new(4, widths, Activation::Tanh).check(24, 5).unwrap().spec()
}

fn network() -> Network {
    Network::random(spec(), Variances::new(1.5, 0.05).unwrap(), 3)
}

/// Samples on a six-dimensional surface, so that there is something to learn.
fn samples(n: usize, seed: u64) -> Array2<f32> {
    let latent = Array2::from_shape_vec(
        (n, 6),
        RandomStream::Normal { seed, stream: 0, std: 1.0 }.take(n * 6),
    )
    .unwrap();
    let mix = Array2::from_shape_vec(
        (6, 24),
        RandomStream::Normal { seed: 0, stream: 1, std: 0.5 }.take(144),
    )
    .unwrap();
    latent.dot(&mix).mapv(|x| 1.0 / (1.0 + (-x).exp()))
}

fn job<'a>(network: &'a Network, train: &'a Array2<f32>, probe: &'a Array2<f32>) -> Job<'a> {
    Job {
        network,
        layers: 3,
        train: train.view(),
        order: None,
        probe: probe.view(),
        initial: InitialDecoders::Drawn { seed: 4 },
    }
}

fn run<B: FullBackend>(backend: B, params: CascadeParams) -> Cascade {
    let (network, train, probe) = (network(), samples(300, 1), samples(10, 2));
    let cascade = GradientCascade::new(backend, params.check().unwrap());
    cascade.reconstruct(&job(&network, &train, &probe), &Silent).unwrap()
}

fn flat(array: &Array2<f32>) -> &[f32] {
    array.as_slice().unwrap()
}

#[test]
fn backends_agree() {
    let params = CascadeParams { epochs: 3, batch: 32, ..CascadeParams::default() };
    let (cpu, reference) = (run(Cpu::new(), params.clone()), run(Reference, params));
    assert_eq!(cpu.reconstructions.len(), 3);
    for (cpu, reference) in cpu.reconstructions.iter().zip(&reference.reconstructions) {
        assert_close(flat(cpu), flat(reference), Tolerance::absolute(2e-5));
    }
    for (cpu, reference) in cpu.fits.iter().zip(&reference.fits) {
        assert_eq!(cpu.steps, 30);
        assert_close(
            &[cpu.first_loss, cpu.last_loss],
            &[reference.first_loss, reference.last_loss],
            Tolerance::relative(1e-5),
        );
    }
}

#[test]
fn the_network_can_have_a_precision_of_its_own() {
    let params =
        |forward_precision| CascadeParams { forward_precision, ..CascadeParams::default() };
    let exact = run(Cpu::new(), CascadeParams::default());
    // Roundings of 2^-11 and 2^-8 of the factors, and what a few steps of Adam make of them.
    for (precision, size) in [(Precision::Tf32, 3e-3), (Precision::Bf16, 3e-2)] {
        let cpu = run(Cpu::new(), params(precision));
        let reference = run(Reference, params(precision));
        for (depth, exact) in exact.reconstructions.iter().enumerate() {
            let [cpu, reference] = [&cpu, &reference].map(|run| flat(&run.reconstructions[depth]));
            assert_close(cpu, reference, Tolerance::absolute(2e-5));
            assert_close(cpu, flat(exact), Tolerance::absolute(size));
            assert_ne!(cpu, flat(exact));
        }
    }
}

/// `g_1(g_2(... g_l(h_l)))`, one depth at a time.
fn chained(cascade: &Cascade, depth: usize, activations: &Array2<f32>) -> Array2<f32> {
    let apply = |x: &Array2<f32>, decoder: &Decoder| {
        let shape = (decoder.outputs(), decoder.inputs());
        let [DecoderLayer { weights, bias, .. }] = &decoder.layers[..] else { panic!("one layer") };
        let weights = ArrayView2::from_shape(shape, weights).unwrap();
        let bias = ArrayView2::from_shape((1, shape.0), bias).unwrap();
        (x.dot(&weights.t()) + bias).mapv(f32::tanh)
    };
    let decoders = (0..depth).rev().map(|index| cascade.decoders.get(index).unwrap());
    decoders.fold(activations.clone(), |x, decoder| apply(&x, &decoder))
}

#[test]
fn the_sweep_equals_chaining_each_depth_alone() {
    let cascade = run(Cpu::new(), CascadeParams::default());
    let network = network();
    let mut h = samples(10, 2);
    for depth in 1..=3 {
        let LayerParameters::Dense(parameters) = network.parameters(depth - 1) else {
            panic!("a dense layer")
        };
        h = (h.dot(&parameters.weights.t()) + &parameters.bias).mapv(f32::tanh);
        let expected = chained(&cascade, depth, &h);
        assert_close(
            flat(&cascade.reconstructions[depth - 1]),
            flat(&expected),
            Tolerance::absolute(1e-5),
        );
    }
}

#[test]
fn training_reduces_the_loss_and_depth_loses_information() {
    let cascade = run(Cpu::new(), CascadeParams { epochs: 60, ..CascadeParams::default() });
    for fit in &cascade.fits {
        assert!(fit.last_loss < 0.5 * fit.first_loss, "{fit:?}");
    }
    let probe = samples(10, 2);
    let error = |r: &Array2<f32>| (r - &probe).mapv(|x| x * x).sum();
    let errors: Vec<f32> = cascade.reconstructions.iter().map(error).collect();
    assert!(errors[0] < errors[1] && errors[1] < errors[2], "{errors:?}");
}

#[test]
fn steps_stop_at_max_steps() {
    let cascade = run(Cpu::new(), CascadeParams { max_steps: Some(2), ..CascadeParams::default() });
    assert!(cascade.fits.iter().all(|fit| fit.steps == 2));
}

#[test]
fn training_starts_from_given_decoders() {
    let (network, train, probe) = (network(), samples(64, 1), samples(10, 2));
    let decoders: Vec<Decoder> = [(20, 24), (17, 20), (20, 17)]
        .map(|(inputs, outputs)| {
            let weights = vec![0.01; inputs * outputs];
            Decoder::dense(weights, vec![0.0; outputs], Activation::Tanh)
        })
        .to_vec();
    let one_step = CascadeParams {
        optimizer: isobath_tensor::Optimizer::adam(1e-3),
        ..CascadeParams::default()
    };
    let cascade = GradientCascade::new(Reference, one_step.check().unwrap());
    let mut job = job(&network, &train, &probe);
    job.initial = InitialDecoders::Given(&decoders);
    let result = cascade.reconstruct(&job, &Silent).unwrap();
    // Adam's first step moves every parameter by the learning rate, whatever the gradient.
    let trained = result.decoders.get(2).unwrap();
    for weight in &trained.layers[0].weights {
        assert!(((weight - 0.01).abs() - 1e-3).abs() < 1e-5, "{weight}");
    }
    let short = InitialDecoders::Given(&decoders[..1]);
    assert!(cascade.reconstruct(&Job { initial: short, ..job }, &Silent).is_err());
    let swapped = [decoders[1].clone(), decoders[0].clone(), decoders[2].clone()];
    let error =
        cascade.reconstruct(&Job { initial: InitialDecoders::Given(&swapped), ..job }, &Silent);
    assert!(matches!(error, Err(Error::InitialDecoder { layer: 1, .. })), "{error:?}");
}

#[test]
fn observers_see_the_work_done_and_can_cancel() {
    struct StopAfter(f64, Mutex<Vec<f64>>);
    impl Observer for StopAfter {
        fn progress(&self, share: f64) {
            self.1.lock().unwrap().push(share);
        }
        fn cancelled(&self) -> bool {
            self.1.lock().unwrap().last().is_some_and(|&share| share >= self.0)
        }
    }
    let (network, train, probe) = (network(), samples(64, 1), samples(10, 2));
    let cascade = GradientCascade::new(Cpu::new(), CascadeParams::default().check().unwrap());
    let run = |observer: &StopAfter| cascade.reconstruct(&job(&network, &train, &probe), observer);
    let all = StopAfter(2.0, Mutex::default());
    run(&all).unwrap();
    let shares = all.1.into_inner().unwrap();
    // Three decoders, and three steps of the chains of whole and half decoders each.
    assert_eq!(shares.len(), 3 + 2 * 3);
    assert!(shares.is_sorted() && shares[0] > 0.0, "{shares:?}");
    assert!((shares[8] - 1.0).abs() < 1e-12, "{shares:?}");
    let some = StopAfter(shares[1], Mutex::default());
    assert!(matches!(run(&some), Err(Error::Cancelled)));
    assert_eq!(some.1.into_inner().unwrap(), shares[..2]);
}

#[test]
fn a_learning_rate_too_large_is_reported() {
    let optimizer = isobath_tensor::Optimizer::sgd(1e30);
    let params = CascadeParams {
        optimizer,
        activation: Some(Activation::Linear),
        epochs: 20,
        ..CascadeParams::default()
    };
    let (network, train, probe) = (network(), samples(64, 1), samples(10, 2));
    let cascade = GradientCascade::new(Cpu::new(), params.check().unwrap());
    let error = cascade
        .reconstruct(&job(&network, &train, &probe), &Silent)
        .expect_err("diverges")
        .to_string();
    assert!(error.contains("decoder 1 diverged"), "{error}");
}

#[test]
fn impossible_jobs_are_refused() {
    let (network, train, probe) = (network(), samples(64, 1), samples(10, 2));
    let cascade = GradientCascade::new(Cpu::new(), CascadeParams::default().check().unwrap());
    let good = job(&network, &train, &probe);
    let narrow = Array2::zeros((3, 23));
    let none = Array2::zeros((0, 24));
    for (job, message) in [
        (Job { layers: 0, ..good }, "0 layers"),
        (Job { layers: 5, ..good }, "5 layers"),
        (Job { train: narrow.view(), ..good }, "training samples have 23"),
        (Job { probe: none.view(), ..good }, "no probe samples"),
    ] {
        let error = cascade.reconstruct(&job, &Silent).expect_err(message).to_string();
        assert!(error.contains(message), "{error}");
    }
}

#[test]
fn results_can_be_saved() {
    let cascade = run(Cpu::new(), CascadeParams::default());
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("decoders.safetensors");
    isobath_cascade::save_decoders(&path, &cascade.decoders).unwrap();
    let bytes = std::fs::read(&path).unwrap();
    let file = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    assert_eq!(file.tensor("decoder.1.weight").unwrap().shape(), [24, 20]);
    let path = folder.path().join("reconstructions.safetensors");
    isobath_cascade::save_reconstructions(&path, &cascade).unwrap();
    let bytes = std::fs::read(&path).unwrap();
    let file = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    assert_eq!(file.tensor("reconstruction.3").unwrap().shape(), [10, 24]);
    assert!(
        isobath_cascade::save_decoders(&folder.path().join("missing/x"), &cascade.decoders)
            .is_err()
    );
}
