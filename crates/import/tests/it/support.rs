use isobath_architecture::{
    Activation, Conv2dLayer, DenseLayer, Layer, NetworkSpec, Shape, Window,
};
use isobath_import::{StateDict, synthetic::Parameter};
use isobath_network::{LayerParameters, Network};
use isobath_tensor::{Backend, Cpu, Precision};

/// Output of a network, `[samples, outputs]`.
pub(crate) fn forward(network: &Network, x: &[f32], samples: usize) -> Vec<f32> {
    let backend = Cpu::new();
    let mut h = backend.upload(x).unwrap();
    for (index, layer) in network.spec().layers().iter().enumerate() {
        let layer_on_device = network.upload_layer(&backend, index).unwrap();
        let mut y = backend.zeros(samples * layer.outputs()).unwrap();
        layer_on_device.forward(&backend, Precision::F32, samples, &h, &mut y).unwrap();
        h = y;
    }
    backend.download(&h).unwrap()
}

pub(crate) fn dense(inputs: usize, outputs: usize) -> Layer {
    Layer::Dense(DenseLayer { inputs, outputs, activation: Activation::Tanh })
}

pub(crate) fn conv(input: Shape, out_channels: usize, bias: bool) -> Layer {
    let window = Window::square(3, 1, 1);
    Layer::Conv2d(Conv2dLayer {
        bias,
        ..Conv2dLayer::new(input, out_channels, window, Activation::Relu)
    })
}

pub(crate) fn spec(layers: Vec<Layer>) -> NetworkSpec {
    NetworkSpec::new(layers).unwrap()
}

/// Weights and biases of a dense layer.
pub(crate) fn dense_layer(names: [&str; 2], inputs: usize, outputs: usize) -> [Parameter; 2] {
    [Parameter::new(names[0], &[outputs, inputs]), Parameter::new(names[1], &[outputs])]
}

/// All numbers of a layer with weights.
pub(crate) fn numbers(network: &Network, layer: usize) -> Vec<f32> {
    let parameters = network.parameters(layer);
    assert!(!matches!(parameters, LayerParameters::Pool));
    parameters
        .arrays()
        .into_iter()
        .flat_map(|(_, array)| array.iter().copied().collect::<Vec<_>>())
        .collect()
}

#[track_caller]
pub(crate) fn refused(file: Vec<u8>, spec: &NetworkSpec, message: &str) {
    let result = StateDict::parse(file, "model").and_then(|mut dict| dict.fit(spec));
    let error = result.unwrap_err().to_string();
    assert!(error.contains(message), "{error}");
}
