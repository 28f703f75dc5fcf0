//! Ridge cascades, and stopping a cascade early, through the public interface.
#![expect(clippy::unwrap_used, reason = "a test")]

use isobath_architecture::Activation;
use isobath_architecture::{MlpParams, Variances, WidthRule};
use isobath_cascade::{
    Cascade, CascadeParams, Error, InitialDecoders, Job, Method, Reconstructor, RidgeCascade,
    RidgeLadder, Silent,
};
use isobath_network::{LayerParameters, Network};
use isobath_tensor::{Cpu, RandomStream, Reference};
use isobath_testkit::{Tolerance, assert_close};
use ndarray::{Array2, ArrayView2, Axis};

fn network(depth: usize, sigma_w2: f64) -> Network {
    let spec = MlpParams::new(depth, WidthRule::Fixed(30), Activation::Tanh).check(24, 5).unwrap();
    Network::random(spec.spec(), Variances::new(sigma_w2, 0.05).unwrap(), 3)
}

/// Uniform samples: as many directions as there are pixels.
fn samples(n: usize, stream: u64) -> Array2<f32> {
    let numbers = RandomStream::Uniform { seed: 1, stream, bound: 0.5 }.take(n * 24);
    Array2::from_shape_vec((n, 24), numbers).unwrap() + 0.5
}

fn ridge(noise: f64) -> CascadeParams {
    CascadeParams { method: Method::Ridge, noise: Some(noise), ..CascadeParams::default() }
}

fn job<'a>(network: &'a Network, train: &'a Array2<f32>, probe: &'a Array2<f32>) -> Job<'a> {
    Job {
        network,
        layers: network.spec().depth() - 1,
        train: train.view(),
        order: None,
        probe: probe.view(),
        initial: InitialDecoders::Drawn { seed: 4 },
    }
}

fn run(params: CascadeParams, depth: usize, sigma_w2: f64) -> Cascade {
    let (network, train, probe) = (network(depth, sigma_w2), samples(500, 1), samples(20, 2));
    let cascade = params.check().unwrap().build(Cpu::new());
    cascade.reconstruct(&job(&network, &train, &probe), &Silent).unwrap()
}

/// Squared errors of the probe samples from each depth, as a share of their variance.
fn errors(cascade: &Cascade) -> Vec<f64> {
    let probe = samples(20, 2);
    let mean = probe.mean_axis(Axis(0)).unwrap();
    let squares = |x: Array2<f32>| x.iter().map(|&x| f64::from(x * x)).sum::<f64>();
    let variance = squares(&probe - &mean);
    cascade.reconstructions.iter().map(|r| squares(r - &probe) / variance).collect()
}

#[test]
fn the_yardstick_is_optional_and_changes_nothing_else() {
    let (network, train, probe) = (network(3, 1.5), samples(200, 1), samples(10, 2));
    let job = job(&network, &train, &probe);
    let cascade = RidgeCascade::new(Cpu::new(), ridge(0.1).check().unwrap());
    let with = cascade.reconstruct(&job, &Silent).unwrap();
    let without = cascade.clone().without_yardstick();
    assert!(without.flops(&job.extent()) < cascade.flops(&job.extent()));
    let without = without.reconstruct(&job, &Silent).unwrap();
    assert!(with.linear_error.is_some() && without.linear_error.is_none());
    assert_eq!(with.reconstructions, without.reconstructions);
}

/// For each noise, a ladder gives the reconstructions of a ridge cascade with that noise, up to the layer at which it is
/// stopped.
#[test]
fn a_ladder_is_a_cascade_for_each_noise() {
    let (network, train, probe) = (network(5, 1.5), samples(200, 1), samples(10, 2));
    let job = job(&network, &train, &probe);
    let noises = [0.03, 0.3];
    let ladder = RidgeLadder::new(Cpu::new(), noises.to_vec(), 150).unwrap();
    let all = ladder.run(&job, &|_| false).unwrap();
    for (rung, noise) in all.rungs.iter().zip(noises) {
        let params = CascadeParams { max_samples: Some(150), ..ridge(noise) }.check().unwrap();
        let cascade = RidgeCascade::new(Cpu::new(), params).reconstruct(&job, &Silent).unwrap();
        assert_eq!(rung.reconstructions.as_ref().unwrap(), &cascade.reconstructions);
    }
    let short = ladder.run(&job, &|_| true).unwrap();
    let lengths = short.rungs.iter().map(|rung| rung.reconstructions.as_ref().unwrap().len());
    assert_eq!(lengths.collect::<Vec<_>>(), [1, 1]);
    assert!(short.flops < all.flops);
    assert!(RidgeLadder::new(Cpu::new(), vec![0.1, -1.0], 150).is_err());
}

#[test]
fn backends_agree() {
    let (network, train, probe) = (network(4, 1.5), samples(200, 1), samples(10, 2));
    let job = job(&network, &train, &probe);
    let params = ridge(0.1).check().unwrap();
    let cpu = RidgeCascade::new(Cpu::new(), params.clone()).reconstruct(&job, &Silent).unwrap();
    let reference = RidgeCascade::new(Reference, params).reconstruct(&job, &Silent).unwrap();
    for (cpu, reference) in cpu.reconstructions.iter().zip(&reference.reconstructions) {
        let [cpu, reference] = [cpu, reference].map(|r| r.as_slice().unwrap());
        assert_close(cpu, reference, Tolerance::absolute(2e-5));
    }
    for (cpu, reference) in cpu.fits.iter().zip(&reference.fits) {
        let [cpu, reference] = [cpu, reference].map(|fit| [fit.first_loss, fit.last_loss]);
        assert_close(&cpu, &reference, Tolerance::relative(1e-4));
    }
}

/// `g_1(g_2(... g_l(h_l)))`, one decoder after the other.
#[test]
fn composed_decoders_equal_chained_ones() {
    let cascade = run(ridge(0.1), 6, 1.5);
    let (network, mut h) = (network(6, 1.5), samples(20, 2));
    for (index, reconstruction) in cascade.reconstructions.iter().enumerate() {
        let LayerParameters::Dense(parameters) = network.parameters(index) else {
            panic!("a dense layer")
        };
        h = (h.dot(&parameters.weights.t()) + &parameters.bias).mapv(f32::tanh);
        let chained = (0..=index).rev().fold(h.clone(), |x, index| {
            let decoder = cascade.decoders.get(index).unwrap();
            let shape = (decoder.outputs(), decoder.inputs());
            let layer = &decoder.layers[0];
            let weights = ArrayView2::from_shape(shape, &layer.weights).unwrap();
            x.dot(&weights.t()) + ArrayView2::from_shape((1, shape.0), &layer.bias).unwrap()
        });
        let [actual, expected] = [reconstruction, &chained].map(|r| r.as_slice().unwrap());
        assert_close(actual, expected, Tolerance::absolute(1e-5));
    }
}

/// The gradient of the regularised squared error vanishes at the solution, weights and bias.
#[test]
fn no_linear_decoder_is_better() {
    let cascade = run(ridge(0.2), 2, 1.0);
    let (network, train) = (network(2, 1.0), samples(500, 1));
    let LayerParameters::Dense(parameters) = network.parameters(0) else { panic!("a dense layer") };
    let h = (train.dot(&parameters.weights.t()) + &parameters.bias).mapv(f32::tanh);
    let decoder = cascade.decoders.get(0).unwrap();
    let layer = &decoder.layers[0];
    let weights = ArrayView2::from_shape((24, 30), &layer.weights).unwrap();
    let bias = ArrayView2::from_shape((1, 24), &layer.bias).unwrap();
    let residual = h.dot(&weights.t()) + bias - &train;
    let gradient = residual.t().dot(&h) / 500.0 + &weights * 0.04;
    assert!(gradient.iter().all(|g| g.abs() < 1e-5), "{gradient:?}");
    assert!(residual.mean_axis(Axis(0)).unwrap().iter().all(|r| r.abs() < 1e-5));
    let fit = cascade.fits[0];
    let error = residual.iter().map(|r| f64::from(r * r)).sum::<f64>() / residual.len() as f64;
    assert!((fit.last_loss / error - 1.0).abs() < 1e-3, "{fit:?} {error}");
    // Uniform pixels have variance 1/12.
    assert!((fit.first_loss * 12.0 - 1.0).abs() < 0.1, "{fit:?}");
}

#[test]
fn depth_and_noise_lose_information() {
    let quiet = errors(&run(ridge(0.01), 9, 1.0));
    let loud = errors(&run(ridge(0.2), 9, 1.0));
    assert!(quiet.windows(2).all(|pair| pair[0] < pair[1]), "{quiet:?}");
    assert!(quiet.iter().zip(&loud).all(|(quiet, loud)| quiet < loud), "{quiet:?} {loud:?}");
    assert!(quiet[0] < 0.1 && loud[7] > 0.9, "{quiet:?} {loud:?}");
}

#[test]
fn only_max_samples_are_used() {
    let (network, train, probe) = (network(3, 1.5), samples(500, 1), samples(10, 2));
    let few = train.slice(ndarray::s![..100, ..]).to_owned();
    let limited = CascadeParams { max_samples: Some(100), ..ridge(0.1) };
    let run = |params: CascadeParams, train| {
        let cascade = params.check().unwrap().build(Cpu::new());
        let result = cascade.reconstruct(&job(&network, train, &probe), &Silent).unwrap();
        (result.reconstructions, result.flops)
    };
    assert_eq!(run(limited, &train), run(ridge(0.1), &few));
}

#[test]
fn dependent_inputs_without_noise_are_an_error() {
    // More units than samples.
    let (network, train, probe) = (network(3, 1.5), samples(20, 1), samples(10, 2));
    let cascade = ridge(0.0).check().unwrap().build(Cpu::new());
    let error = cascade.reconstruct(&job(&network, &train, &probe), &Silent).expect_err("singular");
    assert!(matches!(error, Error::Ridge { layer: 1, .. }), "{error}");
    assert!(error.to_string().contains("raise `noise`"), "{error}");
}

#[track_caller]
fn check_stops(params: CascadeParams) {
    let (network, train, probe) = (network(31, 1.5), samples(100, 1), samples(10, 2));
    let job = job(&network, &train, &probe);
    let cascade = params.check().unwrap().build(Cpu::new());
    let whole = cascade.reconstruct(&job, &Silent).unwrap();
    assert_eq!((whole.reconstructions.len(), whole.fits.len()), (30, 30));
    let mut asked = Vec::new();
    let mut stop = |reconstructions: &[Array2<f32>]| {
        asked.push(reconstructions.len());
        reconstructions.len() >= 12
    };
    let part = cascade.cascade(&job, &Silent, Some(&mut stop)).unwrap();
    assert_eq!(asked, [8, 12]);
    assert_eq!((part.fits.len(), part.decoders.len()), (12, 12));
    assert_eq!(part.reconstructions, whole.reconstructions[..12]);
    let first = Job { layers: 12, ..job };
    assert_eq!(part.flops, cascade.flops(&first.extent()));
    let mut never = |_: &[Array2<f32>]| false;
    let all = cascade.cascade(&job, &Silent, Some(&mut never)).unwrap();
    assert_eq!(all.reconstructions, whole.reconstructions);
}

#[test]
fn stopping_early_changes_no_number() {
    check_stops(ridge(0.1));
    check_stops(CascadeParams { max_steps: Some(1), ..CascadeParams::default() });
}
