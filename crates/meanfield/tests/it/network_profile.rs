//! Profiles of whole networks of every layer kind, compared with networks of crate `network`.
//!
//! Tolerances are four standard errors, plus the standard error of a theory that is sampled itself, plus a bias of order
//! `stage / width` for lengths that fluctuate, as in `finite_width.rs`.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use isobath_architecture::{
    Activation, Boundary, Conv2dLayer, DenseLayer, Initialisation, Law, Layer, NetworkSpec,
    PoolKind, PoolLayer, ResidualLayer, Scheme, SchemeName, Shape, Variances, Window,
};
use isobath_meanfield::{NetworkInputs, NetworkProfile, network_profile};
use isobath_network::{
    BackwardPass, Batch, DeviceLayer, GradientVisitor, Layout, Network, ParameterGradient, Trace,
    Workspace,
};
use isobath_tensor::{Backend, Cpu};
use ndarray::Array2;

use crate::common::{Estimate, Sampler, normal};

const CHANNELS: usize = 96;
const CLASSES: usize = 96;
const N_NETWORKS: u64 = 48;
/// The independence of forward and backward pass is an assumption about layers with many inputs, so the first one has, too.
const IMAGE: Shape = Shape::new(48, 6, 6);
/// Bias of a stage's moments, in units of its number.
const BIAS: f64 = 1.0 / CHANNELS as f64;

/// Two inputs, as rows: smooth images of different brightness, so that pixels differ and are correlated.
fn inputs(shape: Shape) -> Array2<f32> {
    let mut sampler = Sampler::new(7);
    let noise = normal(&mut sampler, [2, shape.numbers()]);
    Array2::from_shape_fn((2, shape.numbers()), |(i, j)| {
        let pixel = j % shape.pixels();
        let (row, column) = ((pixel / shape.width) as f64, (pixel % shape.width) as f64);
        let shared = (0.7 * row + 0.4 * j as f64 / shape.pixels() as f64).sin() + 0.3 * column;
        (shared * if i == 0 { 1.0 } else { 0.6 } + 0.4 * noise[[i, j]]) as f32
    })
}

/// Sampled counterparts of one stage's theory.
#[derive(Clone, Default)]
struct Sampled {
    q: Estimate,
    c: Estimate,
}

/// Compares moments of all stages and the gradient of the input.
fn check(label: &str, layers: Vec<Layer>, initialisation: impl Into<Initialisation>) {
    let (spec, initialisation) = (NetworkSpec::new(layers).unwrap(), initialisation.into());
    let shape = spec.shapes()[0];
    let inputs = inputs(shape);
    let given = NetworkInputs::samples(shape, inputs.view()).unwrap();
    let theory = network_profile(&spec, &initialisation, &given).unwrap();
    assert_eq!(theory.unknown, None, "{label}");
    let mut stages = vec![Sampled::default(); spec.depth()];
    let mut gradient = Estimate::default();
    for seed in 0..N_NETWORKS {
        let network = Network::random(spec.clone(), initialisation.clone(), seed);
        gradient.add(pass(&network, &inputs, &mut stages));
    }
    compare(label, &theory, &stages, &gradient);
}

fn compare(label: &str, theory: &NetworkProfile, stages: &[Sampled], gradient: &Estimate) {
    for (stage, sampled) in theory.stages.iter().zip(stages) {
        let sampling = 4.0 * stage.sampling_error.unwrap_or(0.0);
        let bias = BIAS * stage.stage as f64 + sampling;
        let label = |name: &str| format!("{name} of stage {}, {label}", stage.stage);
        sampled.q.check(&label("mean square"), stage.q, bias);
        // Most of a network's fluctuations cancel in the correlation.
        sampled.c.check(&label("correlation"), stage.c.unwrap(), 0.2 * bias);
    }
    let first = theory.stages[0];
    let sampling = theory.stages.last().unwrap().sampling_error.unwrap_or(0.0);
    let bias = BIAS * theory.stages.len() as f64 + 4.0 * sampling;
    gradient.check(&format!("gradient, {label}"), first.chi * first.ln_gradient.exp(), bias);
}

/// Adds one network's moments to `stages`; returns `|dE/dx|^2 / |dE/dz_L|^2` of the first input.
fn pass(network: &Network, inputs: &Array2<f32>, stages: &mut [Sampled]) -> f64 {
    let backend = Cpu::new();
    let batch = Batch::new(2, Layout::UnitsMajor);
    let transposed: Vec<f32> = inputs.t().iter().copied().collect();
    let input = backend.upload(&transposed).unwrap();
    let layers = network.spec().layers();
    let mut workspace = Workspace::new(&backend, layers, 1, 2).unwrap();
    let mut tape: Vec<(DeviceLayer<Cpu>, Trace<Cpu>)> = Vec::new();
    for (index, shape) in layers.iter().enumerate() {
        let layer = network.upload_layer(&backend, index).unwrap();
        let mut trace = Trace::of_layer(&backend, shape, 1, 2).unwrap();
        let x = tape.last().map_or(&input, |(_, trace)| &trace.output);
        layer.forward_traced(&backend, batch, x, &mut trace, &mut workspace).unwrap();
        // A wrap repeats pixels of the product.
        let is_wrapped = matches!(shape, Layer::Conv2d(conv) if conv.wrap_after > 0);
        let z = if is_wrapped { &trace.output } else { &trace.pre_activation };
        let z = backend.download(z).unwrap();
        let mean = |a: usize, b: usize| {
            let samples = z.chunks_exact(2).take(shape.outputs());
            samples.map(|x| f64::from(x[a]) * f64::from(x[b])).sum::<f64>() / shape.outputs() as f64
        };
        stages[index].q.add(f64::midpoint(mean(0, 0), mean(1, 1)));
        stages[index].c.add(mean(0, 1) / (mean(0, 0) * mean(1, 1)).sqrt());
        tape.push((layer, trace));
    }
    input_gradient(&backend, tape, &input, &mut workspace)
}

fn input_gradient(
    backend: &Cpu,
    mut tape: Vec<(DeviceLayer<Cpu>, Trace<Cpu>)>,
    input: &<Cpu as Backend>::Buffer<f32>,
    workspace: &mut Workspace<Cpu>,
) -> f64 {
    let outputs = tape.last().unwrap().0.outputs();
    let signs: Vec<f32> =
        (0..2 * outputs).map(|i| if (i / 2 * 7 + i / 14) % 2 == 0 { 1.0 } else { -1.0 }).collect();
    let mut delta = backend.upload(&signs).unwrap();
    while let Some((mut layer, trace)) = tape.pop() {
        let below = tape.last().map_or(input, |(_, trace)| &trace.output);
        let mut next = backend.zeros(2 * layer.inputs()).unwrap();
        let pass = BackwardPass {
            batch: Batch::new(2, Layout::UnitsMajor),
            input: below,
            trace: &trace,
            delta: &mut delta,
            input_delta: Some(&mut next),
            workspace,
        };
        layer.backward(backend, pass, &mut Ignore).unwrap();
        delta = next;
    }
    let found = backend.download(&delta).unwrap();
    let first = found.chunks_exact(2).map(|pair| f64::from(pair[0]).powi(2));
    first.sum::<f64>() / outputs as f64
}

/// Visitor that leaves the parameters alone.
struct Ignore;

impl GradientVisitor<Cpu> for Ignore {
    type Error = isobath_tensor::Error;

    fn visit(&mut self, _: ParameterGradient<'_, Cpu>) -> isobath_tensor::Result<()> {
        Ok(())
    }
}

fn conv(input: Shape, window: Window, activation: Activation) -> Conv2dLayer {
    Conv2dLayer::new(input, CHANNELS, window, activation)
}

const SAME: Window = Window::square(3, 1, 1);
const INNER: Shape = Shape::new(CHANNELS, 6, 6);

fn readout(inputs: usize) -> Layer {
    Layer::Dense(DenseLayer { inputs, outputs: CLASSES, activation: Activation::Linear })
}

fn variances(sigma_w2: f64, sigma_b2: f64) -> Variances {
    Variances::new(sigma_w2, sigma_b2).unwrap()
}

#[test]
fn zero_padding_and_strides() {
    let layers = vec![
        Layer::Conv2d(conv(IMAGE, SAME, Activation::Tanh)),
        Layer::Conv2d(conv(INNER, Window::square(3, 2, 1), Activation::Relu)),
        Layer::Conv2d(conv(Shape::new(CHANNELS, 3, 3), Window::square(2, 1, 0), Activation::Tanh)),
        readout(4 * CHANNELS),
    ];
    check("zero padding", layers, variances(1.6, 0.1));
}

#[test]
fn circular_padding_and_wraps() {
    let circular =
        |input| Conv2dLayer { boundary: Boundary::Circular, ..conv(input, SAME, Activation::Tanh) };
    let wrapped =
        Conv2dLayer { wrap_after: 1, ..conv(INNER, Window::square(3, 1, 0), Activation::Linear) };
    let layers = vec![
        Layer::Conv2d(circular(IMAGE)),
        Layer::Conv2d(circular(INNER)),
        Layer::Conv2d(wrapped),
        Layer::Conv2d(circular(INNER)),
        readout(36 * CHANNELS),
    ];
    check("circular", layers, variances(1.8, 0.05));
}

#[test]
fn delta_orthogonal_kernels() {
    // With one place, the fan-in of the first layer is its number of channels.
    let layers = vec![
        Layer::Conv2d(conv(INNER, SAME, Activation::Tanh)),
        Layer::Conv2d(conv(INNER, SAME, Activation::Tanh)),
        Layer::Conv2d(conv(INNER, SAME, Activation::Linear)),
    ];
    let law = Law::DeltaOrthogonal;
    check(
        "delta-orthogonal",
        layers,
        Initialisation::Variances { law, variances: variances(1.5, 0.1) },
    );
}

#[test]
fn unequal_variances_of_a_framework() {
    let layers = vec![
        Layer::Conv2d(conv(IMAGE, SAME, Activation::Relu)),
        Layer::Conv2d(conv(INNER, Window::square(3, 3, 0), Activation::Relu)),
        readout(4 * CHANNELS),
    ];
    check("pytorch", layers, Initialisation::Scheme(Scheme::from(SchemeName::Pytorch)));
}

#[test]
fn average_pooling() {
    let pool = |input, kernel| Layer::Pool(PoolLayer::new(input, PoolKind::Average, kernel));
    let layers = vec![
        Layer::Conv2d(conv(IMAGE, SAME, Activation::Relu)),
        pool(INNER, 2),
        Layer::Conv2d(conv(Shape::new(CHANNELS, 3, 3), SAME, Activation::Tanh)),
        pool(Shape::new(CHANNELS, 3, 3), 3),
        readout(CHANNELS),
    ];
    check("average pooling", layers, variances(2.0, 0.05));
}

#[test]
fn max_pooling() {
    let layers = vec![
        Layer::Conv2d(conv(IMAGE, SAME, Activation::Relu)),
        Layer::Pool(PoolLayer::new(INNER, PoolKind::Max, 2)),
        Layer::Conv2d(conv(Shape::new(CHANNELS, 3, 3), SAME, Activation::Tanh)),
        readout(9 * CHANNELS),
    ];
    check("max pooling", layers, variances(1.5, 0.05));
}

fn block(
    shape: Shape,
    before: Option<Activation>,
    inner: Activation,
    after: Option<Activation>,
) -> Layer {
    let branch = vec![
        Layer::Conv2d(conv(shape, SAME, inner)),
        Layer::Conv2d(conv(shape, SAME, Activation::Linear)),
    ];
    Layer::Residual(ResidualLayer { before, branch, after })
}

#[test]
fn residual_blocks_with_the_function_before() {
    for stem in [Activation::Linear, Activation::Tanh] {
        let layers = vec![
            Layer::Conv2d(conv(IMAGE, SAME, stem)),
            block(INNER, Some(Activation::Relu), Activation::Relu, None),
            block(INNER, Some(Activation::Tanh), Activation::Tanh, None),
            readout(36 * CHANNELS),
        ];
        check(&format!("blocks after {stem}"), layers, variances(1.2, 0.1));
    }
}

#[test]
fn residual_blocks_with_the_function_after() {
    for phi in [Activation::Tanh, Activation::Relu] {
        let layers = vec![
            Layer::Conv2d(conv(IMAGE, SAME, phi)),
            block(INNER, None, phi, Some(phi)),
            block(INNER, None, phi, Some(phi)),
            readout(36 * CHANNELS),
        ];
        check(&format!("{phi} after the sum"), layers, variances(1.2, 0.1));
    }
}

/// First layer, pooling, block, mean over the image, readout: the sampled law passes from the pooling layer to the block.
#[test]
fn a_small_residual_network() {
    let (relu, half) = (Activation::Relu, Shape::new(CHANNELS, 3, 3));
    let layers = vec![
        Layer::Conv2d(conv(IMAGE, SAME, relu)),
        Layer::Pool(PoolLayer::new(INNER, PoolKind::Max, 2)),
        block(half, None, relu, Some(relu)),
        Layer::Pool(PoolLayer::new(half, PoolKind::Average, 3)),
        readout(CHANNELS),
    ];
    check("small ResNet", layers, variances(1.5, 0.02));
}

#[test]
fn dense_residual_blocks() {
    let dense =
        |activation| Layer::Dense(DenseLayer { inputs: CHANNELS, outputs: CHANNELS, activation });
    let reduced = Layer::Residual(ResidualLayer {
        before: None,
        branch: vec![dense(Activation::Relu)],
        after: None,
    });
    let published = Layer::Residual(ResidualLayer {
        before: None,
        branch: vec![dense(Activation::Tanh), dense(Activation::Linear)],
        after: Some(Activation::Tanh),
    });
    let layers = vec![reduced.clone(), reduced, published.clone(), published, readout(CHANNELS)];
    check("dense blocks", layers, variances(0.9, 0.1));
}
