//! Layers of every kind: their forward passes agree, and their gradients are those of finite differences.
#![expect(clippy::unwrap_used, reason = "a test")]

use isobath_architecture::{
    Activation, Boundary, Conv2dLayer, DenseLayer, Initialisation, Law, Layer, NetworkSpec,
    PoolKind, PoolLayer, ResidualLayer, Shape, Variances, Window,
};
use isobath_network::{
    BackwardPass, Batch, Conv2dParameters, DeviceLayer, Gradient, GradientVisitor, LayerParameters,
    Layout, Network, ParameterGradient, Trace, Workspace,
};
use isobath_tensor::{Backend, BatchedGemm, Cpu, Precision, RandomStream, Reference};
use isobath_testkit::{Tolerance, assert_close};

const SAMPLES: usize = 3;
const IMAGE: Shape = Shape::new(2, 6, 4);

fn conv(window: Window, boundary: Boundary, wrap_after: usize) -> Conv2dLayer {
    let conv = Conv2dLayer::new(IMAGE, 2, window, Activation::Tanh);
    Conv2dLayer { boundary, wrap_after, ..conv }
}

fn layers() -> Vec<Layer> {
    let same = Window::square(3, 1, 1);
    let zero = conv(same, Boundary::Zero, 0);
    let torus = conv(Window::square(3, 1, 0), Boundary::Zero, 1);
    let circular = conv(same, Boundary::Circular, 0);
    let linear = Conv2dLayer { activation: Activation::Linear, ..circular };
    let wide = Conv2dLayer { out_channels: 2 * circular.out_channels, ..circular };
    let back = Conv2dLayer { input: wide.output(), ..circular };
    let block = |before, layers: Vec<Conv2dLayer>, after| {
        let branch = layers.into_iter().map(Layer::Conv2d).collect();
        Layer::Residual(ResidualLayer { before, branch, after })
    };
    let tanh = Some(Activation::Tanh);
    let padded = PoolLayer {
        window: Window::square(3, 2, 1),
        ceil: true,
        ..PoolLayer::new(IMAGE, PoolKind::Average, 3)
    };
    vec![
        Layer::Dense(DenseLayer { inputs: 48, outputs: 5, activation: Activation::Tanh }),
        Layer::Conv2d(zero),
        Layer::Conv2d(Conv2dLayer { bias: false, ..torus }),
        Layer::Conv2d(circular),
        Layer::Conv2d(conv(Window { stride: [2, 1], ..same }, Boundary::Circular, 0)),
        Layer::Conv2d(conv(Window::square(2, 2, 0), Boundary::Zero, 1)),
        Layer::Pool(PoolLayer::new(IMAGE, PoolKind::Max, 2)),
        Layer::Pool(padded),
        block(None, vec![zero, torus], tanh),
        block(None, vec![wide, back], tanh),
        block(tanh, vec![circular, linear], None),
    ]
}

fn network(layer: &Layer) -> Network {
    let spec = NetworkSpec::new(vec![layer.clone()]).unwrap();
    Network::random(spec, Variances::new(1.5, 0.1).unwrap(), 3)
}

fn numbers(stream: u64, n: usize) -> Vec<f32> {
    RandomStream::Normal { seed: 7, stream, std: 1.0 }.take(n)
}

/// `[rows, columns]` to `[columns, rows]`.
fn transposed(x: &[f32], columns: usize) -> Vec<f32> {
    (0..columns).flat_map(|j| x[j..].iter().step_by(columns).copied()).collect()
}

#[test]
fn forward_passes_agree() {
    let backend = Cpu::new();
    for layer in layers() {
        let x = numbers(1, SAMPLES * layer.inputs());
        let outputs = layer.outputs();
        let device = network(&layer).upload_layer(&backend, 0).unwrap();
        let input = backend.upload(&x).unwrap();
        let mut y = backend.zeros(SAMPLES * outputs).unwrap();
        device.forward(&backend, Precision::F32, SAMPLES, &input, &mut y).unwrap();
        let expected = transposed(&backend.download(&y).unwrap(), outputs);
        let mut workspace =
            Workspace::new(&backend, std::slice::from_ref(&layer), 1, SAMPLES).unwrap();
        for (layout, x) in [
            (Layout::SamplesMajor, x.clone()),
            (Layout::UnitsMajor, transposed(&x, layer.inputs())),
        ] {
            let batch = Batch::new(SAMPLES, layout);
            let input = backend.upload(&x).unwrap();
            let mut trace = Trace::of_layer(&backend, &layer, 1, SAMPLES).unwrap();
            device.forward_traced(&backend, batch, &input, &mut trace, &mut workspace).unwrap();
            let tolerance = Tolerance::absolute(2e-6);
            let traced = backend.download(&trace.output).unwrap();
            assert_close(&traced, &expected, tolerance);
            let mut in_place = Trace::new(&backend, SAMPLES * layer.widest()).unwrap();
            backend.write(&mut in_place.output, 0, &x).unwrap();
            device.forward_in_place(&backend, batch, &mut in_place, &mut workspace).unwrap();
            let replaced = backend.read(&in_place.output, 0..SAMPLES * outputs).unwrap();
            assert_eq!(replaced, traced, "{layer:?}");
        }
    }
}

#[test]
fn parameters_come_back_as_drawn() {
    for layer in layers() {
        let network = network(&layer);
        let device = network.upload_layer(&Cpu::new(), 0).unwrap();
        let drawn = network.parameters(0);
        assert_eq!(device.download(&Cpu::new(), 0).unwrap(), drawn);
        let on_device: Vec<String> = device.arrays().map(|(name, _)| name.to_string()).collect();
        let on_host: Vec<String> =
            drawn.arrays().into_iter().map(|(name, _)| name.to_string()).collect();
        assert_eq!(on_device, on_host);
        let sizes = drawn.arrays().iter().map(|(_, array)| array.len()).sum::<usize>();
        assert_eq!(sizes, layer.parameters());
        let given = Network::with_parameters(network.spec().clone(), vec![drawn.clone()]).unwrap();
        let device = given.upload_layer(&Cpu::new(), 0).unwrap();
        assert_eq!(device.download(&Cpu::new(), 0).unwrap(), drawn);
    }
}

#[test]
fn layers_of_a_branch_are_drawn_independently() {
    let block = layers().pop().unwrap();
    let parameters = network(&block).parameters(0);
    let [first, _, second, _] = &parameters.arrays()[..] else { panic!("two layers") };
    assert_eq!(first.1.shape(), second.1.shape());
    assert_ne!(first.1, second.1);
}

/// Gradients of all arrays, in their order.
#[derive(Default)]
struct Gradients(Vec<(usize, Vec<f32>)>);

impl GradientVisitor<Reference> for Gradients {
    type Error = isobath_tensor::Error;

    fn visit(&mut self, parameter: ParameterGradient<'_, Reference>) -> isobath_tensor::Result<()> {
        let gradient = match parameter.gradient {
            Gradient::Product { config, left, right } => {
                let mut gradient = Reference.zeros(config.product.m * config.product.n)?;
                Reference.batched_gemm(config, left, right, &mut gradient)?;
                gradient.as_slice().to_vec()
            }
            Gradient::Array(gradient) => {
                Reference.read(gradient, 0..Reference.len(parameter.values))?
            }
        };
        self.0.push((parameter.index, gradient));
        Ok(())
    }
}

/// A layer with an objective: the sum of its outputs times fixed numbers.
struct Case {
    layer: Layer,
    device: DeviceLayer<Reference>,
    input: Vec<f32>,
    workspace: Workspace<Reference>,
    trace: Trace<Reference>,
    layout: Layout,
}

impl Case {
    fn objective(&mut self) -> f64 {
        let input = Reference.upload(&self.input).unwrap();
        let batch = Batch::new(SAMPLES, self.layout);
        let Self { device, trace, workspace, .. } = self;
        device.forward_traced(&Reference, batch, &input, trace, workspace).unwrap();
        let factors = numbers(2, SAMPLES * self.layer.outputs());
        let terms = self.trace.output.as_slice().iter().zip(&factors);
        terms.map(|(&y, &factor)| f64::from(y) * f64::from(factor)).sum()
    }

    /// Gradients of all arrays, and of the input in units-major order.
    fn gradients(&mut self) -> (Vec<Vec<f32>>, Vec<f32>) {
        self.objective();
        let input = Reference.upload(&self.input).unwrap();
        let mut delta = Reference.upload(&numbers(2, SAMPLES * self.layer.outputs())).unwrap();
        let mut input_delta = Reference.zeros(SAMPLES * self.layer.inputs()).unwrap();
        let pass = BackwardPass {
            batch: Batch::new(SAMPLES, self.layout),
            input: &input,
            trace: &self.trace,
            delta: &mut delta,
            input_delta: Some(&mut input_delta),
            workspace: &mut self.workspace,
        };
        let mut gradients = Gradients::default();
        self.device.backward(&Reference, pass, &mut gradients).unwrap();
        gradients.0.sort_by_key(|(index, _)| *index);
        let arrays = gradients.0.into_iter().map(|(_, gradient)| gradient).collect();
        (arrays, input_delta.as_slice().to_vec())
    }

    /// Central difference of the objective for a change of what `place` returns.
    fn difference(&mut self, place: impl Fn(&mut Self) -> &mut f32) -> f64 {
        const STEP: f32 = 1e-2;
        let old = *place(self);
        *place(self) = old + STEP;
        let above = self.objective();
        *place(self) = old - STEP;
        let below = self.objective();
        *place(self) = old;
        (above - below) / (2.0 * f64::from(STEP))
    }
}

/// Numbers in no order that are further apart than the steps of differences, so that no maximum changes.
fn spaced(n: usize) -> Vec<f32> {
    (0..n).map(|i| (i * 59 % n) as f32 * 0.03 - 2.0).collect()
}

#[test]
fn gradients_match_central_differences() {
    for (layer, layout) in layers()
        .into_iter()
        .flat_map(|layer| [(layer.clone(), Layout::SamplesMajor), (layer, Layout::UnitsMajor)])
    {
        let mut case = Case {
            device: network(&layer).upload_layer(&Reference, 0).unwrap(),
            input: spaced(SAMPLES * layer.inputs()),
            workspace: Workspace::new(&Reference, std::slice::from_ref(&layer), 1, SAMPLES)
                .unwrap(),
            trace: Trace::of_layer(&Reference, &layer, 1, SAMPLES).unwrap(),
            layer,
            layout,
        };
        let (arrays, input) = case.gradients();
        let tolerance = Tolerance { absolute: 2e-3, relative: 2e-3 };
        for (index, gradient) in arrays.iter().enumerate() {
            let numeric = (0..gradient.len()).map(|place| {
                case.difference(|case| {
                    let (_, array) = case.device.arrays_mut().nth(index).unwrap();
                    &mut array.values.as_mut_slice()[place]
                }) as f32
            });
            assert_close(gradient, &numeric.collect::<Vec<_>>(), tolerance);
        }
        let numeric = (0..input.len())
            .map(|place| case.difference(|case| &mut case.input[place]) as f32)
            .collect::<Vec<_>>();
        let numeric = match layout {
            Layout::SamplesMajor => transposed(&numeric, case.layer.inputs()),
            Layout::UnitsMajor => numeric,
        };
        assert_close(&input, &numeric, tolerance);
    }
}

#[test]
fn delta_orthogonal_kernels_are_zero_but_for_an_orthogonal_centre() {
    let layer = conv(Window::square(3, 1, 1), Boundary::Circular, 0);
    let spec = NetworkSpec::new(vec![Layer::Conv2d(layer)]).unwrap();
    let variances = Variances::new(2.25, 0.0).unwrap();
    let law = Initialisation::Variances { law: Law::DeltaOrthogonal, variances };
    let network = Network::random(spec, law, 3);
    let LayerParameters::Conv2d(Conv2dParameters { weights, .. }) = network.parameters(0) else {
        panic!("a convolution")
    };
    let centre: ndarray::Array2<f32> = weights.slice(ndarray::s![.., .., 1, 1]).to_owned();
    let squares = |x: &mut dyn Iterator<Item = &f32>| x.map(|x| x * x).sum::<f32>();
    assert_close(&[squares(&mut weights.iter())], &[4.5], Tolerance::absolute(1e-5));
    let product = centre.dot(&centre.t());
    assert_close(
        &product.iter().copied().collect::<Vec<_>>(),
        &[2.25, 0.0, 0.0, 2.25],
        Tolerance::absolute(1e-5),
    );
    let device = network.upload_layer(&Reference, 0).unwrap();
    assert_eq!(device.download(&Reference, 0).unwrap(), network.parameters(0));
}
