//! A whole cascade on the simulated device and through the mock driver.
#![expect(clippy::unwrap_used, reason = "a test")]

use isobath_architecture::{
    Activation, Boundary, Conv2dLayer, Layer, MlpParams, NetworkSpec, PoolKind, PoolLayer,
    ResidualLayer, Shape, Variances, WidthRule, Window,
};
use isobath_cascade::{
    Cascade, CascadeParams, DecoderForm, GradientCascade, InitialDecoders, Job, Method,
    Reconstructor, Silent,
};
use isobath_cuda_sim::{Settings, Simulated, mock_driver};
use isobath_network::Network;
use isobath_tensor::{Cpu, FullBackend, RandomStream, cuda::Cuda};
use isobath_testkit::{Tolerance, assert_close};
use ndarray::Array2;

const LAYERS: usize = 10;

fn cascade<B: FullBackend>(backend: B) -> Cascade {
    let widths = WidthRule::List((0..LAYERS).map(|layer| 9 + layer % 3).collect());
    let params = MlpParams::new(LAYERS + 1, widths, Activation::Tanh);
    let spec = params.check(12, 5).unwrap().spec();
    let network = Network::random(spec, Variances::new(1.5, 0.05).unwrap(), 3);
    let samples = |stream, n: usize| {
        let numbers = RandomStream::Normal { seed: 1, stream, std: 1.0 }.take(n * 12);
        Array2::from_shape_vec((n, 12), numbers).unwrap()
    };
    let (train, probe) = (samples(1, 40), samples(2, 5));
    let job = Job {
        network: &network,
        layers: LAYERS,
        train: train.view(),
        order: None,
        probe: probe.view(),
        initial: InitialDecoders::Drawn { seed: 4 },
    };
    let params = CascadeParams { batch: 16, ..CascadeParams::default() };
    GradientCascade::new(backend, params.check().unwrap()).reconstruct(&job, &Silent).unwrap()
}

/// A convolution, a pooling layer, and a residual block whose decoders fold around the image.
fn cascade_of_images<B: FullBackend>(backend: B, params: CascadeParams) -> Cascade {
    let window = Window { kernel: [3, 2], stride: [2, 1], padding: [1, 0] };
    let conv = Conv2dLayer::new(Shape::new(1, 9, 7), 3, window, Activation::Tanh);
    let pool = PoolLayer::new(conv.output(), PoolKind::Max, 2);
    let circular = Conv2dLayer {
        boundary: Boundary::Circular,
        ..Conv2dLayer::new(pool.output(), 3, Window::square(3, 1, 1), Activation::Tanh)
    };
    let branch = vec![Layer::Conv2d(circular); 2];
    let block = ResidualLayer { before: None, branch, after: Some(Activation::Tanh) };
    let layers = vec![Layer::Conv2d(conv), Layer::Pool(pool), Layer::Residual(block)];
    let network =
        Network::random(NetworkSpec::new(layers).unwrap(), Variances::new(1.5, 0.05).unwrap(), 3);
    let samples = |stream, n: usize| {
        let numbers = RandomStream::Normal { seed: 1, stream, std: 1.0 }.take(n * 63);
        Array2::from_shape_vec((n, 63), numbers).unwrap()
    };
    let (train, probe) = (samples(1, 20), samples(2, 3));
    let job = Job {
        network: &network,
        layers: 3,
        train: train.view(),
        order: None,
        probe: probe.view(),
        initial: InitialDecoders::Drawn { seed: 4 },
    };
    params.check().unwrap().build(backend).reconstruct(&job, &Silent).unwrap()
}

#[test]
fn cascades_of_images_agree_with_the_cpu() {
    let gradient = CascadeParams { epochs: 2, batch: 8, ..CascadeParams::default() };
    let published = CascadeParams { form: DecoderForm::Published, ..gradient.clone() };
    let ridge =
        CascadeParams { method: Method::Ridge, noise: Some(0.1), ..CascadeParams::default() };
    for params in [gradient, published, ridge] {
        let backend = Cuda::with_device(Simulated::new(Settings::default()).unwrap());
        let actual = numbers(&cascade_of_images(backend, params.clone()));
        let expected = numbers(&cascade_of_images(Cpu::new(), params));
        assert_close(&actual, &expected, Tolerance::absolute(1e-4));
    }
}

/// All numbers of a cascade: reconstructions, then decoders.
fn numbers(cascade: &Cascade) -> Vec<f32> {
    let decoders = (0..cascade.decoders.len()).map(|index| cascade.decoders.get(index).unwrap());
    let decoders = decoders.flat_map(|decoder| decoder.parameters().collect::<Vec<_>>());
    cascade.reconstructions.iter().flatten().copied().chain(decoders).collect()
}

#[test]
fn the_place_of_decoders_changes_no_bit() {
    let in_memory = match mock_driver::open() {
        Ok(backend) => numbers(&cascade(backend)),
        Err(error) => return eprintln!("skipped: {error}"),
    };
    assert_close(&in_memory, &numbers(&cascade(Cpu::new())), Tolerance::absolute(1e-4));
    // A sixteenth of a device's memory is for decoders, each of which takes some 400 bytes.
    for spare_bytes in [2000, 0] {
        let settings = Settings { memory_bytes: 16 * spare_bytes, ..Settings::default() };
        let backend = Cuda::with_device(Simulated::new(settings).unwrap());
        assert!(numbers(&cascade(backend)) == in_memory, "{spare_bytes}");
    }
}
