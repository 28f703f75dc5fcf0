//! Closed forms and special cases; `tests/it/network_profile.rs` compares with sampled networks.

use isobath_architecture::{
    Activation, Block, Boundary, CnnParams, Conv2dLayer, ConvParams, DenseLayer, Initialisation,
    Law, Layer, NetworkParams, NetworkSpec, PoolKind, PoolLayer, Preset, Readout, ResidualLayer,
    ResnetParams, Scheme, SchemeName, Shape, Stream, Variances, Window,
};
use ndarray::array;

use super::*;
use crate::{Branch, PairStart, PostActivation, Residual, StreamMoments, Theory};

fn dense(inputs: usize, outputs: usize, activation: Activation) -> Layer {
    Layer::Dense(DenseLayer { inputs, outputs, activation })
}

fn conv(image: Shape, channels: usize, window: Window, boundary: Boundary) -> Layer {
    let layer = Conv2dLayer::new(image, channels, window, Activation::Tanh);
    Layer::Conv2d(Conv2dLayer { boundary, ..layer })
}

fn variances(sigma_w2: f64, sigma_b2: f64) -> Initialisation {
    Variances::new(sigma_w2, sigma_b2).unwrap().into()
}

fn profile(layers: Vec<Layer>, init: &Initialisation, cosine: f64) -> NetworkProfile {
    let spec = NetworkSpec::new(layers).unwrap();
    let inputs = NetworkInputs::noise(spec.shapes()[0], 1.0, cosine).unwrap();
    let found = network_profile(&spec, init, &inputs).unwrap();
    assert_eq!(found.unknown, None);
    found
}

#[track_caller]
fn check_close(found: f64, expected: f64, tolerance: f64) {
    assert!((found / expected - 1.0).abs() < tolerance, "{found}, not {expected}");
}

#[test]
fn dense_networks_follow_their_maps() {
    for activation in Activation::ALL {
        let layers = (0..6).map(|_| dense(10, 10, activation)).collect();
        let found = profile(layers, &variances(1.4, 0.1), 0.4);
        let theory = Theory::new(activation, 1.4, 0.1).unwrap();
        let q_1 = 1.5;
        let lengths = theory.length_profile(q_1, 6).unwrap();
        let start = PairStart { q_a: q_1, q_b: q_1, c: (1.4 * 0.4 + 0.1) / q_1 };
        let correlations = theory.correlation_profile(start, 6).unwrap();
        let gradients = theory.gradient_profile(q_1, 6).unwrap();
        for (l, stage) in found.stages.iter().enumerate() {
            check_close(stage.q, lengths[l], 1e-12);
            check_close(stage.c.unwrap(), correlations[l], 1e-9);
            assert!((stage.ln_gradient - gradients[l]).abs() < 1e-12, "{activation}: {stage:?}");
        }
        assert_eq!(found.fixed_point, theory.fixed_point().ok(), "{activation}");
    }
}

#[test]
fn each_layer_has_its_own_variances() {
    // PyTorch's default: sigma_w2 = 1/3, sigma_b2 = 1 / (3 fan_in), so that the widths matter.
    let scheme = Scheme::from(SchemeName::Pytorch);
    let layers = vec![
        dense(10, 20, Activation::Linear),
        dense(20, 40, Activation::Linear),
        dense(40, 80, Activation::Linear),
        dense(80, 5, Activation::Linear),
    ];
    let found = profile(layers, &Initialisation::Scheme(scheme), 0.0);
    let mut q = 1.0;
    for (stage, fan_in) in found.stages.iter().zip([10.0, 20.0, 40.0, 80.0]) {
        q = q / 3.0 + 1.0 / (3.0 * fan_in);
        check_close(stage.q, q, 1e-12);
    }
    check_close(found.stages[0].ln_gradient, 3.0 * 3_f64.recip().ln(), 1e-12);
    assert_eq!(found.fixed_point, None);
}

#[test]
fn growing_lengths_are_no_error_and_name_the_overflow() {
    let network = |activation, depth| {
        let layers = (0..depth).map(|_| dense(8, 8, activation)).collect();
        profile(layers, &variances(4.0, 0.0), 0.5)
    };
    // q_l = 2^(l + 1); f32 holds up to 2^128, so that sqrt(q) exceeds it from q = 2^256.
    let relu = network(Activation::Relu, 5000);
    assert_eq!(relu.overflow_stage, Some(255));
    assert!((relu.stages[4999].ln_q - 5001.0 * 2_f64.ln()).abs() < 1e-9);
    assert!(relu.stages[4999].q.is_infinite());
    check_close(relu.stages[4999].growth, 2.0, 1e-12);
    check_close(relu.stages[0].ln_gradient, 4999.0 * 2_f64.ln(), 1e-12);
    assert!((relu.stages[4999].c.unwrap() - 1.0).abs() < 1e-5);
    // Far from zero SiLU equals ReLU, although its kernel is evaluated at another level.
    let silu = network(Activation::Silu, 3000);
    for stage in &silu.stages[200..] {
        check_close(stage.growth, 2.0, 1e-9);
        check_close(stage.chi, 2.0, 1e-9);
    }
}

#[test]
fn vanishing_lengths_keep_their_logarithm() {
    let layers = |activation| (0..3000).map(|_| dense(8, 8, activation)).collect::<Vec<_>>();
    let found = profile(layers(Activation::Tanh), &variances(0.5, 0.0), 0.5);
    for stage in &found.stages[100..] {
        check_close(stage.growth, 0.5, 1e-9);
    }
    assert!(
        found.underflow_stage.is_some_and(|stage| (240..260).contains(&stage)),
        "{:?}",
        found.underflow_stage
    );
    assert!(found.stages[2999].q <= 0.0 && found.stages[2999].ln_q.is_finite());
    // A bias ends the decay.
    let last = profile(layers(Activation::Tanh), &variances(0.5, 1e-9), 0.5).stages[2999];
    check_close(last.q, 2e-9, 1e-6);
}

/// With circular padding and inputs alike at all pixels, every pixel follows the maps of dense layers.
#[test]
fn circular_convolutions_of_noise_equal_dense_layers() {
    let image = Shape::new(4, 5, 5);
    let window = Window::square(3, 1, 1);
    let convolutional: Vec<_> =
        (0..4).map(|_| conv(image, 4, window, Boundary::Circular)).collect();
    let mut flat: Vec<_> = (0..4).map(|_| dense(100, 100, Activation::Tanh)).collect();
    let readout = dense(100, 10, Activation::Linear);
    let convolutional =
        profile([convolutional, vec![readout.clone()]].concat(), &variances(1.5, 0.05), 0.3);
    flat.push(readout);
    let flat = profile(flat, &variances(1.5, 0.05), 0.3);
    for (a, b) in convolutional.stages.iter().zip(&flat.stages) {
        check_close(a.q, b.q, 1e-12);
        check_close(a.c.unwrap(), b.c.unwrap(), 1e-12);
        check_close(a.chi, b.chi, 1e-12);
    }
    assert_eq!(convolutional.fixed_point, flat.fixed_point);
}

/// A row of three pixels, zero padding, linear: the middle pixel sees three pixels, the others two.
#[test]
fn zero_padding_loses_what_lies_beyond_the_border() {
    let image = Shape::new(1, 1, 3);
    let window = Window { kernel: [1, 3], stride: [1, 1], padding: [0, 1] };
    let layer = Conv2dLayer::new(image, 1, window, Activation::Linear);
    let found = profile(vec![Layer::Conv2d(layer); 2], &variances(1.0, 0.0), 0.0);
    // First layer: 2/3, 1, 2/3; second: (2/3 + 1) / 3 at the ends, (4/3 + 1) / 3 in the middle.
    check_close(found.stages[0].q, (2.0 / 3.0 + 1.0 + 2.0 / 3.0) / 3.0, 1e-14);
    check_close(found.stages[1].q, (5.0 / 9.0 + 7.0 / 9.0 + 5.0 / 9.0) / 3.0, 1e-14);
    // Backwards the same windows, so that two of three pixels pass on only two thirds.
    check_close(found.stages[1].chi, 7.0 / 9.0, 1e-14);
    assert_eq!(found.fixed_point, None);
}

#[test]
fn delta_orthogonal_kernels_do_not_mix_pixels() {
    // Zero padding then loses nothing, and pixels keep their own lengths.
    let image = Shape::new(2, 3, 3);
    let spec =
        NetworkSpec::new(vec![conv(image, 2, Window::square(3, 1, 1), Boundary::Zero); 3]).unwrap();
    let init = Initialisation::Variances {
        law: Law::DeltaOrthogonal,
        variances: Variances::new(1.5, 0.05).unwrap(),
    };
    let mut samples = ndarray::Array2::<f32>::ones((1, 18));
    samples[[0, 4]] = 3.0;
    let inputs = NetworkInputs::samples(image, samples.view()).unwrap();
    let found = network_profile(&spec, &init, &inputs).unwrap();
    let theory = Theory::new(Activation::Tanh, 1.5, 0.05).unwrap();
    let [ordinary, bright] =
        [1.0, 5.0].map(|square| theory.length_profile(1.5 * square + 0.05, 3).unwrap());
    for (stage, (ordinary, bright)) in found.stages.iter().zip(ordinary.iter().zip(bright)) {
        check_close(stage.q, (8.0 * ordinary + bright) / 9.0, 1e-12);
    }
}

/// The average of four independent pixels has a quarter of their variance, and the gradient of each a sixteenth.
#[test]
fn average_pooling_is_linear() {
    let image = Shape::new(3, 4, 4);
    let found = profile(
        vec![Layer::Pool(PoolLayer::new(image, PoolKind::Average, 2))],
        &variances(1.0, 0.0),
        0.5,
    );
    check_close(found.stages[0].q, 0.25, 1e-14);
    check_close(found.stages[0].c.unwrap(), 0.5, 1e-14);
    check_close(found.stages[0].chi, 0.25, 1e-14);
    // A constant image keeps its value.
    let spec =
        NetworkSpec::new(vec![Layer::Pool(PoolLayer::new(image, PoolKind::Average, 2))]).unwrap();
    let ones = ndarray::Array2::<f32>::ones((1, 48));
    let inputs = NetworkInputs::samples(image, ones.view()).unwrap();
    let found = network_profile(&spec, &variances(1.0, 0.0), &inputs).unwrap();
    check_close(found.stages[0].q, 1.0, 1e-14);
}

/// The largest of two independent standard normal numbers has mean `1 / sqrt(pi)` and mean square one. The gradient reaches
/// one pixel of each window.
#[test]
fn max_pooling_matches_closed_forms_within_its_error() {
    let image = Shape::new(3, 1, 8);
    let window = Window { kernel: [1, 2], stride: [1, 2], padding: [0, 0] };
    let pool = PoolLayer { window, ..PoolLayer::new(image, PoolKind::Max, 2) };
    let found = profile(vec![Layer::Pool(pool)], &variances(1.0, 0.0), 1.0);
    let stage = found.stages[0];
    let error = stage.sampling_error.unwrap();
    assert!(error < 0.01 && (stage.q - 1.0).abs() < 4.0 * error, "{stage:?}");
    check_close(stage.chi, 1.0, 1e-12);
    // Independent inputs have independent maxima, so that their covariance is the squared mean.
    let stage = profile(vec![Layer::Pool(pool)], &variances(1.0, 0.0), 0.0).stages[0];
    let expected = std::f64::consts::FRAC_1_PI;
    assert!((stage.c.unwrap() - expected).abs() < 4.0 * stage.sampling_error.unwrap(), "{stage:?}");
}

fn block(before: Option<Activation>, branch: Vec<Layer>, after: Option<Activation>) -> Layer {
    Layer::Residual(ResidualLayer { before, branch, after })
}

/// `x + W phi(x) + b`: lengths grow by what the branch adds, from a normal stream.
#[test]
fn pre_activation_blocks_add_lengths() {
    let (sigma_w2, sigma_b2) = (0.8, 0.1);
    let phi = Activation::Tanh;
    let blocks = (0..5).map(|_| block(Some(phi), vec![dense(9, 9, Activation::Linear)], None));
    let stem = dense(9, 9, Activation::Linear);
    let layers = std::iter::once(stem).chain(blocks).collect();
    let found = profile(layers, &variances(sigma_w2, sigma_b2), 0.5);
    let theory = Theory::new(phi, sigma_w2, sigma_b2).unwrap();
    let mut q = sigma_w2 + sigma_b2;
    for stage in &found.stages[1..] {
        check_close(stage.chi, 1.0 + theory.chi(q, 1.0).unwrap(), 1e-12);
        q += theory.length_map(q).unwrap();
        check_close(stage.q, q, 1e-12);
        assert_eq!(stage.sampling_error, None);
    }
}

/// `x + V phi(W x + b) + a` and `x + phi(W x + b)` of Yang and Schoenholz, the second with the drift of the mean.
#[test]
fn residual_streams_match_their_theory() {
    for (phi, is_full) in
        [(Activation::Tanh, true), (Activation::Relu, true), (Activation::Relu, false)]
    {
        let branch = if is_full {
            vec![dense(9, 9, phi), dense(9, 9, Activation::Linear)]
        } else {
            vec![dense(9, 9, phi)]
        };
        let layers = (0..4).map(|_| block(None, branch.clone(), None)).collect();
        let found = profile(layers, &variances(1.2, 0.1), 0.5);
        let kind =
            if is_full { Branch::Full { sigma_v2: 1.2, sigma_a2: 0.1 } } else { Branch::Reduced };
        let theory = Residual::new(phi, 1.2, 0.1, kind).unwrap();
        let blocks = theory.profile(StreamMoments::centred(1.0, 0.5), 4).unwrap();
        for (stage, expected) in found.stages.iter().zip(blocks) {
            check_close(stage.q, expected.p[0], 1e-12);
            check_close(stage.c.unwrap(), expected.e, 1e-9);
            check_close(stage.chi, expected.chi, 1e-12);
        }
    }
}

/// `tanh(x + W_2 tanh(W_1 x))` against `PostActivation`, which has another population.
#[test]
fn published_blocks_match_the_process_of_one_unit() {
    let phi = Activation::Tanh;
    let branch = vec![dense(9, 9, phi), dense(9, 9, Activation::Linear)];
    let layers: Vec<_> = (0..20).map(|_| block(None, branch.clone(), Some(phi))).collect();
    let found = profile(layers, &variances(0.8, 0.3), 0.5);
    let theory = PostActivation::new(phi, 0.8, 0.3).unwrap();
    let point = theory.fixed_point();
    let mean_chi = found.stages[6..16].iter().map(|stage| stage.chi.ln()).sum::<f64>() / 10.0;
    assert!((mean_chi - point.chi.ln()).abs() < 0.03, "{mean_chi} {point:?}");
    assert!(
        found.stages[0].sampling_error.is_none() && found.stages[1].sampling_error.unwrap() < 0.02
    );
}

#[test]
fn what_is_not_known_is_named() {
    let image = Shape::new(1, 64, 64);
    let pool = Layer::Pool(PoolLayer::new(image, PoolKind::Average, 2));
    let spec = NetworkSpec::new(vec![pool]).unwrap();
    let inputs = NetworkInputs::noise(image, 1.0, 0.0).unwrap();
    let found = network_profile(&spec, &variances(1.0, 0.0), &inputs).unwrap();
    assert!(found.stages.is_empty());
    let unknown = found.unknown.unwrap();
    assert_eq!(
        (unknown.stage, unknown.reason),
        (1, UnknownReason::Size { inputs: 2, pixels: 4096 })
    );
    let error = network_profile(
        &spec,
        &variances(1.0, 0.0),
        &NetworkInputs::noise(Shape::flat(3), 1.0, 0.0).unwrap(),
    );
    assert!(error.unwrap_err().to_string().contains("1x64x64"));
    let wrong = NetworkInputs::samples(Shape::flat(2), array![[1.0_f32, 0.0]].view()).unwrap();
    assert!(network_profile(&spec, &variances(1.0, 0.0), &wrong).is_err());
}

#[test]
fn circular_networks_have_modes() {
    let image = Shape::new(4, 7, 7);
    let stem = [
        conv(Shape::new(1, 14, 14), 4, Window::square(3, 1, 1), Boundary::Circular),
        conv(Shape::new(4, 14, 14), 4, Window::square(3, 2, 1), Boundary::Circular),
    ];
    let deep = vec![conv(image, 4, Window::square(3, 1, 1), Boundary::Circular); 3];
    let layers = [&stem[..], &deep, &[dense(196, 10, Activation::Linear)]].concat();
    let spec = NetworkSpec::new(layers).unwrap();
    let modes = circular_modes(&spec, &variances(1.04991, 2e-5)).unwrap().unwrap();
    // The stem has another image.
    assert_eq!((modes.first, modes.count), (3, 3));
    let slowest = modes.scales[1..].iter().map(|mode| mode.lambda).fold(0.0, f64::max);
    assert!((slowest - 0.749).abs() < 5e-4, "{slowest}");
    // chi(c*) is 1 at the critical point, so that the scale is that of lambda alone.
    let depth = modes.slowest().unwrap();
    assert!((depth + slowest.ln().recip()).abs() < 0.01, "{depth}");
    let zero =
        NetworkSpec::new(vec![conv(image, 4, Window::square(3, 1, 1), Boundary::Zero); 3]).unwrap();
    assert_eq!(circular_modes(&zero, &variances(1.0, 0.0)).unwrap(), None);
}

fn published(preset: Preset, activation: Activation) -> NetworkSpec {
    let (depth, conv, readout) = (10, ConvParams::new(8), Readout::Linear);
    let preset = Some(preset);
    let params = match preset {
        Some(Preset::PublishedResnet) => NetworkParams::Resnet(ResnetParams {
            depth,
            stream: Stream::Conv(conv),
            block: Block::PostActivation,
            activation,
            readout,
            preset,
        }),
        _ => NetworkParams::Cnn(CnnParams { depth, conv, activation, readout, preset }),
    };
    params.spec(Shape::new(1, 28, 28), 10).unwrap()
}

#[test]
fn published_networks_are_covered_to_the_end() {
    let inputs = NetworkInputs::noise(Shape::new(1, 28, 28), 1.0, 0.5).unwrap();
    let init = variances(1.04, 2e-5);
    let spec = published(Preset::PublishedCnn, Activation::Tanh);
    let cnn = network_profile(&spec, &init, &inputs).unwrap();
    assert_eq!((cnn.unknown, cnn.stages.len()), (None, spec.depth()));
    // The stem pads with zeros. The deep part is a torus of 5x5 pixels, four of 7x7 in memory.
    let alike = alike_layers(&spec, &init).unwrap();
    assert_eq!((alike.first, alike.count), (4, 5));
    assert!((cnn.fixed_point.unwrap().xi_c - 2245.0).abs() < 0.5);
    let modes = circular_modes(&spec, &init).unwrap().unwrap();
    assert!((modes.scales[1].lambda - 0.539).abs() < 5e-4);
    let resnet = published(Preset::PublishedResnet, Activation::Tanh);
    let found = network_profile(&resnet, &init, &inputs).unwrap();
    assert_eq!((found.unknown, found.stages.len()), (None, resnet.depth()));
    assert!(found.stages.iter().all(|stage| stage.sampling_error.is_none_or(|error| error < 0.03)));
}
