//! Cascades of convolutions, pooling layers and residual blocks.
#![expect(clippy::unwrap_used, reason = "a test")]

use isobath_architecture::{
    Activation, Boundary, Conv2dLayer, DenseLayer, Initialisation, Law, Layer, NetworkSpec,
    PoolKind, PoolLayer, ResidualLayer, Shape, Variances, Window,
};
use isobath_cascade::{
    Cascade, CascadeParams, ConvTranspose2d, Decoder, DecoderForm, DecoderKind, InitialDecoders,
    Job, Method, Silent,
};
use isobath_network::Network;
use isobath_tensor::{Cpu, FullBackend, Optimizer, RandomStream, Reference};
use isobath_testkit::{Tolerance, assert_close};
use ndarray::Array2;

use crate::naive::{self, Adam, NaiveDecoder};

const TANH: Activation = Activation::Tanh;

fn conv(input: Shape, channels: usize, window: Window) -> Conv2dLayer {
    Conv2dLayer::new(input, channels, window, TANH)
}

fn window(kernel: [usize; 2], stride: [usize; 2], padding: [usize; 2]) -> Window {
    Window { kernel, stride, padding }
}

/// `x + F(x)` of convolutions of 3x3 that keep the shape.
fn block(shape: Shape, boundary: Boundary, after: Option<Activation>, convs: usize) -> Layer {
    let one = Conv2dLayer { boundary, ..conv(shape, shape.channels, Window::square(3, 1, 1)) };
    let branch = vec![Layer::Conv2d(one); convs];
    Layer::Residual(ResidualLayer { before: None, branch, after })
}

const IMAGE: Shape = Shape::new(2, 7, 6);

/// Every kind of layer, with sizes, kernels and strides that differ in both directions.
fn odd_network() -> Vec<Layer> {
    let first = conv(IMAGE, 3, window([3, 2], [1, 1], [1, 1]));
    let strided = conv(first.output(), 2, window([3, 3], [2, 1], [1, 0]));
    let circular = Conv2dLayer {
        boundary: Boundary::Circular,
        ..conv(strided.output(), 3, window([3, 4], [2, 1], [1, 2]))
    };
    let shape = circular.output();
    let torus = Conv2dLayer { wrap_after: 1, ..conv(shape, 3, window([1, 3], [1, 1], [0, 1])) };
    let padded = PoolLayer {
        window: window([3, 2], [2, 1], [1, 0]),
        ceil: true,
        ..PoolLayer::new(torus.output(), PoolKind::Average, 2)
    };
    let shape = padded.output();
    let dense = DenseLayer { inputs: shape.numbers(), outputs: 9, activation: TANH };
    let flat = Layer::Dense(DenseLayer { inputs: 9, outputs: 9, activation: TANH });
    let branch = vec![flat.clone(), flat];
    vec![
        Layer::Conv2d(first),
        Layer::Conv2d(strided),
        Layer::Conv2d(circular),
        Layer::Conv2d(torus),
        Layer::Pool(padded),
        block(shape, Boundary::Circular, Some(TANH), 2),
        block(shape, Boundary::Zero, None, 1),
        Layer::Dense(dense),
        Layer::Residual(ResidualLayer { before: Some(TANH), branch, after: None }),
    ]
}

/// Layers whose published decoders differ from the aligned ones.
fn published_network() -> Vec<Layer> {
    let first = conv(Shape::new(1, 8, 9), 2, window([3, 3], [2, 1], [1, 1]));
    let torus = Conv2dLayer { wrap_after: 1, ..conv(first.output(), 3, Window::square(3, 1, 0)) };
    let pool = PoolLayer::new(torus.output(), PoolKind::Max, 2);
    let shape = pool.output();
    let narrow = conv(shape, 2, window([3, 1], [1, 1], [1, 0]));
    let widened = Conv2dLayer {
        boundary: Boundary::Circular,
        ..conv(narrow.output(), 3, Window::square(3, 1, 1))
    };
    let branch = [narrow, widened].map(Layer::Conv2d).to_vec();
    vec![
        Layer::Conv2d(first),
        Layer::Conv2d(torus),
        Layer::Pool(pool),
        block(shape, Boundary::Zero, Some(TANH), 2),
        Layer::Residual(ResidualLayer { before: Some(TANH), branch, after: None }),
        block(shape, Boundary::Zero, Some(TANH), 3),
    ]
}

fn network(layers: Vec<Layer>) -> Network {
    Network::random(NetworkSpec::new(layers).unwrap(), Variances::new(1.5, 0.05).unwrap(), 3)
}

/// Numbers between 0 and 1.
fn samples(network: &Network, n: usize, stream: u64) -> Array2<f32> {
    let width = network.spec().widths()[0];
    let numbers = RandomStream::Uniform { seed: 1, stream, bound: 0.5 }.take(n * width);
    Array2::from_shape_vec((n, width), numbers).unwrap() + 0.5
}

fn run_on<B: FullBackend>(
    backend: B,
    network: &Network,
    [train, probe]: [&Array2<f32>; 2],
    initial: InitialDecoders<'_>,
    params: CascadeParams,
) -> Cascade {
    let job = Job {
        network,
        layers: network.spec().depth(),
        train: train.view(),
        order: None,
        probe: probe.view(),
        initial,
    };
    params.check().unwrap().build(backend).reconstruct(&job, &Silent).unwrap()
}

fn decoders(cascade: &Cascade) -> Vec<Decoder> {
    (0..cascade.decoders.len()).map(|index| cascade.decoders.get(index).unwrap()).collect()
}

/// Drawn decoders, which a step of this size leaves as they are.
fn initial(network: &Network, form: DecoderForm, activation: Activation) -> Vec<Decoder> {
    let optimizer = Optimizer::sgd(1e-30);
    let activation = Some(activation);
    let params = CascadeParams { optimizer, form, activation, ..CascadeParams::default() };
    let one = samples(network, 1, 5);
    let drawn = InitialDecoders::Drawn { seed: 4 };
    decoders(&run_on(Cpu::new(), network, [&one, &one], drawn, params))
}

fn wide(row: ndarray::ArrayView1<'_, f32>) -> Vec<f64> {
    row.iter().map(|&x| f64::from(x)).collect()
}

/// Activations of all samples before each layer, and behind the last.
fn activations(network: &Network, samples: &Array2<f32>) -> Vec<Vec<Vec<f64>>> {
    let mut all = vec![samples.rows().into_iter().map(wide).collect::<Vec<_>>()];
    for (index, layer) in network.spec().layers().iter().enumerate() {
        let parameters = network.parameters(index);
        let next = all[index].iter().map(|x| naive::forward(layer, &parameters, x)).collect();
        all.push(next);
    }
    all
}

const EPOCHS: usize = 2;
const BATCH: usize = 4;

/// Compares a cascade from given decoders with the naive one.
fn check_against_naive<B: FullBackend>(backend: B, layers: Vec<Layer>, form: DecoderForm) {
    let network = network(layers);
    // The last minibatch is short.
    let (train, probe) = (samples(&network, 11, 1), samples(&network, 3, 2));
    let given = initial(&network, form, TANH);
    let params = CascadeParams { epochs: EPOCHS, batch: BATCH, form, ..CascadeParams::default() };
    let initial = InitialDecoders::Given(&given);
    let cascade = run_on(backend, &network, [&train, &probe], initial, params);
    let (of_train, of_probe) = (activations(&network, &train), activations(&network, &probe));
    let adam = Adam { lr: f64::from(1e-3_f32), beta: [0.9_f32, 0.999].map(f64::from), eps: 1e-8 };
    let mut naive: Vec<NaiveDecoder> = Vec::new();
    for (index, decoder) in given.iter().enumerate() {
        let mut trained = NaiveDecoder::new(decoder);
        let pairs: Vec<_> =
            of_train[index + 1].iter().cloned().zip(of_train[index].iter().cloned()).collect();
        let minibatches = (0..EPOCHS).flat_map(|_| pairs.chunks(BATCH));
        let losses: Vec<f64> = minibatches.map(|pairs| trained.train(pairs, adam)).collect();
        let fit = cascade.fits[index];
        let ends = [losses[0], losses[losses.len() - 1]];
        assert_eq!(fit.steps, losses.len());
        assert_close(&[fit.first_loss, fit.last_loss], &ends, Tolerance::relative(1e-5));
        assert_close(&cascade.losses[index], &losses, Tolerance::relative(1e-5));
        let actual: Vec<f32> = cascade.decoders.get(index).unwrap().parameters().collect();
        assert_close(&actual, &trained.parameters(), Tolerance::absolute(5e-6));
        naive.push(trained);
        for (sample, h) in of_probe[index + 1].iter().enumerate() {
            let expected = naive.iter().rev().fold(h.clone(), |h, decoder| decoder.apply(&h));
            let actual = cascade.reconstructions[index].row(sample).to_vec();
            assert_close(&actual, &expected, Tolerance::absolute(5e-6));
        }
    }
}

#[test]
fn aligned_decoders_of_odd_shapes() {
    check_against_naive(Cpu::new(), odd_network(), DecoderForm::Aligned);
    check_against_naive(Reference, odd_network(), DecoderForm::Aligned);
}

#[test]
fn published_decoders() {
    for layers in [published_network(), odd_network()] {
        check_against_naive(Cpu::new(), layers.clone(), DecoderForm::Published);
        check_against_naive(Reference, layers, DecoderForm::Published);
    }
}

/// A decoder with the weights of its own convolution and no bias is the convolution's adjoint: `<x, V W x'>` is
/// `<W x, W x'>`, for all pairs of samples.
#[track_caller]
fn check_adjoint(layer: Conv2dLayer) {
    let layer = Conv2dLayer { bias: false, activation: Activation::Linear, ..layer };
    let network = network(vec![Layer::Conv2d(layer)]);
    let mut given = initial(&network, DecoderForm::Aligned, Activation::Linear);
    let weights = network.parameters(0).arrays()[0].1.iter().copied().collect::<Vec<f32>>();
    given[0].layers[0].weights = weights;
    given[0].layers[0].bias.fill(0.0);
    let probe = samples(&network, 4, 2);
    let optimizer = Optimizer::sgd(1e-30);
    let activation = Some(Activation::Linear);
    let params = CascadeParams { optimizer, activation, ..CascadeParams::default() };
    let initial = InitialDecoders::Given(&given);
    let cascade = run_on(Cpu::new(), &network, [&probe, &probe], initial, params);
    let h = &activations(&network, &probe)[1];
    for (x, h_of_x) in probe.rows().into_iter().zip(h) {
        let dot = |(a, b): (&f32, &f32)| f64::from(*a) * f64::from(*b);
        let reconstructions = cascade.reconstructions[0].rows().into_iter();
        let actual: Vec<f64> = reconstructions.map(|r| r.iter().zip(x).map(dot).sum()).collect();
        let expected = h.iter().map(|h| h.iter().zip(h_of_x).map(|(a, b)| a * b).sum());
        let tolerance = Tolerance { absolute: 1e-5, relative: 1e-5 };
        assert_close(&actual, &expected.collect::<Vec<f64>>(), tolerance);
    }
}

#[test]
fn aligned_decoders_lie_where_the_adjoint_does() {
    let image = Shape::new(2, 6, 8);
    for (kernel, stride, padding) in [
        ([3, 3], [1, 1], [1, 1]),
        ([3, 3], [2, 2], [1, 1]),
        ([2, 5], [2, 1], [0, 2]),
        ([3, 4], [3, 2], [0, 1]),
        ([1, 3], [1, 4], [2, 0]),
    ] {
        let zero = conv(image, 3, window(kernel, stride, padding));
        check_adjoint(zero);
        let circular = Conv2dLayer { boundary: Boundary::Circular, ..zero };
        check_adjoint(circular);
    }
}

/// Geometry of the only layer of a layer's decoder.
fn geometry(layer: Layer, form: DecoderForm) -> ConvTranspose2d {
    let decoders = initial(&network(vec![layer]), form, TANH);
    let [layer] = &decoders[0].layers[..] else { panic!("one layer") };
    let DecoderKind::ConvTranspose2d(conv) = layer.kind else { panic!("a transposed convolution") };
    conv
}

#[test]
fn published_decoders_are_shifted_by_strides() {
    let strided = Layer::Conv2d(conv(Shape::new(1, 8, 8), 2, Window::square(3, 2, 1)));
    assert_eq!(geometry(strided.clone(), DecoderForm::Aligned).start, [1, 1]);
    assert_eq!(geometry(strided, DecoderForm::Published).start, [0, 0]);
    let same = conv(Shape::new(1, 8, 8), 2, Window::square(3, 1, 1));
    let torus = Conv2dLayer { wrap_after: 1, window: Window::square(3, 1, 0), ..same };
    for form in [DecoderForm::Aligned, DecoderForm::Published] {
        assert_eq!(geometry(Layer::Conv2d(same), form).start, [1, 1]);
        // The border that the torus keeps stands where padding would.
        assert_eq!(geometry(Layer::Conv2d(torus), form).start, [1, 1]);
    }
    let circular = Layer::Conv2d(Conv2dLayer { boundary: Boundary::Circular, ..same });
    assert_eq!(geometry(circular, DecoderForm::Published).boundary, Boundary::Circular);
}

#[test]
fn residual_blocks_have_one_decoder_or_one_for_each_convolution() {
    let shape = Shape::new(3, 6, 6);
    let two = block(shape, Boundary::Circular, Some(TANH), 2);
    let aligned = geometry(two.clone(), DecoderForm::Aligned);
    assert_eq!((aligned.kernel, aligned.start, aligned.stride), ([5, 5], [2, 2], [1, 1]));
    assert_eq!(aligned.boundary, Boundary::Circular);
    let published = initial(&network(vec![two]), DecoderForm::Published, TANH);
    assert_eq!(published[0].layers.len(), 2);
    let one = block(shape, Boundary::Zero, None, 1);
    assert_eq!(geometry(one, DecoderForm::Aligned).kernel, [3, 3]);
}

/// Widths of the uniform draws: the fan-in by default, `PyTorch`'s count for a transposed convolution as published.
#[test]
fn decoders_start_as_wide_as_their_fan_in() {
    let layer = Layer::Conv2d(conv(Shape::new(2, 8, 8), 18, Window::square(3, 2, 1)));
    let network = network(vec![layer]);
    let largest = |form| {
        let decoders = initial(&network, form, TANH);
        decoders[0].parameters().map(f32::abs).fold(0.0, f32::max)
    };
    let close = |actual: f32, fan_in: f32| {
        let bound = 1.0 / fan_in.sqrt();
        assert!((0.97 * bound..=bound).contains(&actual), "{actual} {bound}");
    };
    // Of nine elements of the kernel and 18 channels, a pixel reads a quarter on average.
    close(largest(DecoderForm::Aligned), 18.0 * 9.0 / 4.0);
    close(largest(DecoderForm::Published), 2.0 * 9.0);
}

/// Images so large that a minibatch goes through in several blocks, the last of which is short.
#[test]
fn decoders_of_large_images() {
    let image = Shape::new(1, 44, 40);
    let wide = conv(image, 6, Window::square(3, 1, 1));
    let narrow = conv(wide.output(), 1, Window::square(3, 1, 1));
    let branch = [wide, narrow].map(Layer::Conv2d).to_vec();
    let block = Layer::Residual(ResidualLayer { before: None, branch, after: Some(TANH) });
    check_against_naive(Cpu::new(), vec![block, Layer::Conv2d(wide)], DecoderForm::Published);
}

fn bits(cascade: &Cascade) -> Vec<u32> {
    let reconstructions = cascade.reconstructions.iter().chain(&cascade.half).flatten().copied();
    let decoders = decoders(cascade);
    let parameters = decoders.iter().flat_map(Decoder::parameters);
    reconstructions.chain(parameters).map(f32::to_bits).collect()
}

#[test]
fn bits_do_not_depend_on_threads() {
    for (method, form) in [
        (Method::Gradient, DecoderForm::Aligned),
        (Method::Gradient, DecoderForm::Published),
        (Method::Ridge, DecoderForm::Aligned),
    ] {
        let network = network(odd_network());
        let (train, probe) = (samples(&network, 40, 1), samples(&network, 5, 2));
        let on = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let params = CascadeParams { method, form, ..CascadeParams::default() };
            let initial = InitialDecoders::Drawn { seed: 4 };
            let task = || run_on(Cpu::new(), &network, [&train, &probe], initial, params);
            bits(&pool.install(task))
        };
        assert!(on(1) == on(3), "{method:?} {form:?}");
    }
}

fn ridge(noise: f64) -> CascadeParams {
    CascadeParams { method: Method::Ridge, noise: Some(noise), ..CascadeParams::default() }
}

#[test]
fn ridge_decoders_invert_an_invertible_circular_convolution() {
    check_inverse(Shape::new(3, 5, 6), 40);
    // More pixels than a decoder is fitted to.
    check_inverse(Shape::new(2, 36, 40), 50);
}

/// A kernel that is zero but for an orthogonal matrix in its centre has an inverse of the same size.
#[track_caller]
fn check_inverse(shape: Shape, n: usize) {
    let layer = Conv2dLayer {
        boundary: Boundary::Circular,
        bias: false,
        activation: Activation::Linear,
        ..conv(shape, shape.channels, Window::square(3, 1, 1))
    };
    let spec = NetworkSpec::new(vec![Layer::Conv2d(layer); 2]).unwrap();
    let variances = Variances::new(2.25, 0.0).unwrap();
    let law = Initialisation::Variances { law: Law::DeltaOrthogonal, variances };
    let network = Network::random(spec, law, 3);
    let (train, probe) = (samples(&network, n, 1), samples(&network, 3, 2));
    let initial = InitialDecoders::Drawn { seed: 0 };
    let cascade = run_on(Cpu::new(), &network, [&train, &probe], initial, ridge(1e-4));
    for (index, reconstruction) in cascade.reconstructions.iter().enumerate() {
        let actual: Vec<f32> = reconstruction.iter().copied().collect();
        let expected: Vec<f32> = probe.iter().copied().collect();
        assert_close(&actual, &expected, Tolerance::absolute(1e-4));
        // The inverse of `sigma Q` is `Q^T / sigma`.
        let weights: Vec<f32> = network.parameters(index).arrays()[0].1.iter().copied().collect();
        let inverse: Vec<f32> = weights.iter().map(|w| w / 2.25).collect();
        let decoder = cascade.decoders.get(index).unwrap();
        assert_close(&decoder.layers[0].weights, &inverse, Tolerance::absolute(1e-4));
    }
}

/// Orthogonal layers of gain 1.5 keep pixels of variance 1/12 independent. The best decoder under noise `s` shrinks them by
/// the share `s^2 / (s^2 + 1.5^(2 l) / 12)`, the square of which is its error on samples without noise.
#[test]
fn linear_decoders_of_deeper_convolutions_assume_the_noise_of_ridge_decoders() {
    let shape = Shape::new(2, 3, 4);
    let layer = Conv2dLayer {
        boundary: Boundary::Circular,
        bias: false,
        activation: Activation::Linear,
        ..conv(shape, shape.channels, Window::square(3, 1, 1))
    };
    let spec = NetworkSpec::new(vec![Layer::Conv2d(layer); 5]).unwrap();
    let variances = Variances::new(2.25, 0.0).unwrap();
    let law = Initialisation::Variances { law: Law::DeltaOrthogonal, variances };
    let network = Network::random(spec, law, 3);
    let (train, probe) = (samples(&network, 1000, 1), samples(&network, 300, 2));
    let initial = InitialDecoders::Drawn { seed: 0 };
    let cascade = run_on(Cpu::new(), &network, [&train, &probe], initial, ridge(0.5));
    let (depths, errors): (Vec<_>, Vec<_>) = cascade.linear_profile.iter().copied().unzip();
    assert_eq!(depths, [2, 4, 5]);
    let share = |depth| 0.25 / (0.25 + 2.25_f64.powi(depth) / 12.0);
    let expected = [2, 4, 5].map(|depth| share(depth).powi(2));
    assert_close(&errors, &expected, Tolerance::absolute(0.01));
}

/// The gradient of the regularised squared error vanishes. A weight reads noise where it reads an activation, which is in
/// every row without a stride, and in one of two for a stride of 2.
#[test]
fn no_linear_decoder_of_a_layer_is_better() {
    let noise = 0.2;
    let network = network(odd_network());
    let train = samples(&network, 30, 1);
    let initial = InitialDecoders::Drawn { seed: 0 };
    let cascade = run_on(Cpu::new(), &network, [&train, &train], initial, ridge(noise));
    let h = activations(&network, &train);
    for (index, fit) in cascade.fits.iter().enumerate() {
        let decoder = cascade.decoders.get(index).unwrap();
        let [layer] = &decoder.layers[..] else { panic!("one layer") };
        assert_eq!(layer.activation, Activation::Linear);
        let (share, units) = match layer.kind {
            DecoderKind::Dense { outputs, .. } => (1.0, outputs),
            DecoderKind::ConvTranspose2d(conv) => {
                (1.0 / (conv.stride[0] * conv.stride[1]) as f64, conv.output.channels)
            }
        };
        let pairs: Vec<_> = h[index + 1].iter().cloned().zip(h[index].iter().cloned()).collect();
        let gradient = NaiveDecoder::new(&decoder).gradient(&pairs);
        let penalty = 2.0 * noise * noise * share / units as f64;
        let penalties = layer.weights.iter().map(|&w| -penalty * f64::from(w));
        let expected: Vec<f64> = penalties.chain(layer.bias.iter().map(|_| 0.0)).collect();
        assert_close(&gradient, &expected, Tolerance::absolute(2e-6));
        assert!(fit.last_loss < fit.first_loss, "{fit:?}");
    }
}

/// Linear decoders are multiplied into one; it reconstructs what their chain does.
#[test]
fn composed_decoders_equal_chained_ones() {
    let linear = CascadeParams { activation: Some(Activation::Linear), ..CascadeParams::default() };
    let published = CascadeParams { form: DecoderForm::Published, ..linear.clone() };
    for (layers, params) in
        [(odd_network(), ridge(0.1)), (odd_network(), linear), (published_network(), published)]
    {
        let network = network(layers);
        let (train, probe) = (samples(&network, 70, 1), samples(&network, 3, 2));
        let initial = InitialDecoders::Drawn { seed: 4 };
        let cascade = run_on(Cpu::new(), &network, [&train, &probe], initial, params);
        let naive: Vec<_> = decoders(&cascade).iter().map(NaiveDecoder::new).collect();
        for (index, h) in activations(&network, &probe)[1..].iter().enumerate() {
            for (sample, h) in h.iter().enumerate() {
                let chain = naive[..=index].iter().rev();
                let expected = chain.fold(h.clone(), |h, decoder| decoder.apply(&h));
                let actual = cascade.reconstructions[index].row(sample).to_vec();
                assert_close(&actual, &expected, Tolerance::absolute(1e-5));
            }
        }
    }
}

#[test]
fn decoders_are_saved_in_their_shapes() {
    let network = network(published_network());
    let train = samples(&network, 4, 1);
    let params = CascadeParams { form: DecoderForm::Published, ..CascadeParams::default() };
    let initial = InitialDecoders::Drawn { seed: 4 };
    let cascade = run_on(Cpu::new(), &network, [&train, &train], initial, params);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("decoders.safetensors");
    isobath_cascade::save_decoders(&path, &cascade.decoders).unwrap();
    let bytes = std::fs::read(&path).unwrap();
    let file = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    let shape = |name| file.tensor(name).unwrap().shape().to_vec();
    assert_eq!(shape("decoder.1.weight"), [2, 1, 3, 3]);
    assert_eq!(shape("decoder.1.bias"), [1]);
    assert_eq!(shape("decoder.3.weight"), [3, 3, 2, 2]);
    // Of the block from three channels to two and back, applied last layer first.
    assert_eq!(shape("decoder.5.1.weight"), [3, 2, 3, 3]);
    assert_eq!(shape("decoder.5.2.weight"), [2, 3, 3, 1]);
    let expected: Vec<f32> = cascade.decoders.get(4).unwrap().parameters().collect();
    let stored = file.tensor("decoder.5.1.weight").unwrap().data().to_vec();
    let stored: Vec<f32> =
        stored.as_chunks().0.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect();
    assert_eq!(stored, expected[..54]);
}

#[test]
fn given_decoders_must_fit() {
    let network = network(odd_network());
    let train = samples(&network, 4, 1);
    let good = initial(&network, DecoderForm::Aligned, TANH);
    let run = |decoders: &[Decoder]| {
        let job = Job {
            network: &network,
            layers: good.len(),
            train: train.view(),
            order: None,
            probe: train.view(),
            initial: InitialDecoders::Given(decoders),
        };
        job.check().map_err(|error| error.to_string())
    };
    assert!(run(&good).is_ok());
    let refused = |change: &dyn Fn(&mut Vec<Decoder>), message: &str| {
        let mut decoders = good.clone();
        change(&mut decoders);
        let error = run(&decoders).unwrap_err();
        assert!(error.contains(message), "{error}");
    };
    let conv = |decoder: &mut Decoder, change: &dyn Fn(&mut ConvTranspose2d)| {
        let DecoderKind::ConvTranspose2d(conv) = &mut decoder.layers[0].kind else {
            panic!("a transposed convolution")
        };
        change(conv);
    };
    refused(&|decoders| decoders.swap(0, 1), "initial decoder 1");
    refused(&|decoders| decoders[2].layers.clear(), "initial decoder 3: the list of layers");
    refused(&|decoders| decoders[1].layers[0].bias.push(0.0), "initial decoder 2: bias");
    refused(&|decoders| conv(&mut decoders[1], &|conv| conv.stride[0] = 0), "stride");
    refused(&|decoders| conv(&mut decoders[2], &|conv| conv.stride = [5, 5]), "must divide");
}
