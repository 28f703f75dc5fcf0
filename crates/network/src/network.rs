use isobath_tensor::{
    Backend, Dense, DenseConfig, Precision, RandomFill, RandomStream,
    random::{StandardNormal, StreamRng},
};
use ndarray::{Array1, Array2};
use rand::distr::Distribution;

use isobath_architecture::{Activation, DenseLayer, Layer, NetworkSpec, Variances};

use crate::{Error, Result};

/// Parameters of a dense layer in host memory.
#[derive(Clone, Debug, PartialEq)]
pub struct DenseParameters {
    /// `W_l`, `[outputs, inputs]`.
    pub weights: Array2<f32>,
    /// `b_l`, `[outputs]`.
    pub bias: Array1<f32>,
}

/// A network with parameters.
#[derive(Clone, Debug)]
pub struct Network {
    spec: NetworkSpec,
    source: Source,
}

#[derive(Clone, Debug)]
enum Source {
    Drawn { variances: Variances, seed: u64 },
    Given(Vec<DenseParameters>),
}

/// Streams of this crate: two for each layer, in a range no other crate uses.
const STREAMS: u64 = 1 << 32;

impl Network {
    /// A random network. Layer `l`'s parameters are a function of `(seed, l)` and its variances alone, so networks of
    /// different depth under one seed share their first layers.
    pub const fn random(spec: NetworkSpec, variances: Variances, seed: u64) -> Self {
        Self { spec, source: Source::Drawn { variances, seed } }
    }

    /// A network with the given parameters.
    ///
    /// # Errors
    /// When they do not fit the description.
    pub fn with_parameters(spec: NetworkSpec, parameters: Vec<DenseParameters>) -> Result<Self> {
        if parameters.len() != spec.depth() {
            return Err(Error::LayerCount { expected: spec.depth(), given: parameters.len() });
        }
        for (index, (layer, given)) in spec.layers().iter().zip(&parameters).enumerate() {
            let check = |what, actual: &[usize], expected: &[usize]| {
                if actual == expected {
                    return Ok(());
                }
                let (expected, actual) = (expected.to_vec(), actual.to_vec());
                Err(Error::ParameterShape { layer: index + 1, what, expected, actual })
            };
            check("weights", given.weights.shape(), &[layer.outputs(), layer.inputs()])?;
            check("bias", given.bias.shape(), &[layer.outputs()])?;
        }
        Ok(Self { spec, source: Source::Given(parameters) })
    }

    /// The description.
    pub const fn spec(&self) -> &NetworkSpec {
        &self.spec
    }

    /// Parameters of layer `index`, counted from 0, in host memory.
    ///
    /// # Panics
    /// When there is no such layer.
    pub fn parameters(&self, index: usize) -> DenseParameters {
        let Layer::Dense(layer) = self.spec.layers()[index];
        match &self.source {
            Source::Given(parameters) => parameters[index].clone(),
            Source::Drawn { variances, seed } => {
                let [weights, bias] = draws(variances, layer, *seed, index);
                DenseParameters {
                    weights: weights.array((layer.outputs, layer.inputs)),
                    bias: bias.array(layer.outputs),
                }
            }
        }
    }

    /// Layer `index`, counted from 0, ready to be applied on `backend`. Drawn parameters are drawn on the device.
    ///
    /// # Errors
    /// When the device cannot provide the memory.
    ///
    /// # Panics
    /// When there is no such layer.
    pub fn upload_layer<B: RandomFill>(&self, backend: &B, index: usize) -> Result<DeviceLayer<B>> {
        let Layer::Dense(layer) = self.spec.layers()[index];
        let (mut weights, mut bias) =
            (backend.zeros(layer.outputs * layer.inputs)?, backend.zeros(layer.outputs)?);
        match &self.source {
            Source::Given(parameters) => {
                let DenseParameters { weights: host_weights, bias: host_bias } = &parameters[index];
                backend.write(
                    &mut weights,
                    0,
                    &host_weights.iter().copied().collect::<Vec<f32>>(),
                )?;
                backend.write(&mut bias, 0, &host_bias.to_vec())?;
            }
            Source::Drawn { variances, seed } => {
                let [draw_weights, draw_bias] = draws(variances, layer, *seed, index);
                backend.random_fill(
                    draw_weights.stream(),
                    layer.outputs * layer.inputs,
                    &mut weights,
                )?;
                backend.random_fill(draw_bias.stream(), layer.outputs, &mut bias)?;
            }
        }
        Ok(DeviceLayer { layer, weights, bias })
    }
}

/// Normal draws of one array of parameters.
#[derive(Clone, Copy)]
struct Draw {
    seed: u64,
    stream: u64,
    std: f64,
}

/// Weights and biases of a layer.
fn draws(variances: &Variances, layer: DenseLayer, seed: u64, index: usize) -> [Draw; 2] {
    let stream = STREAMS + 2 * index as u64;
    [
        Draw { seed, stream, std: (variances.sigma_w2() / layer.inputs as f64).sqrt() },
        Draw { seed, stream: stream + 1, std: variances.sigma_b2().sqrt() },
    ]
}

impl Draw {
    const fn stream(self) -> RandomStream {
        RandomStream::Normal { seed: self.seed, stream: self.stream, std: self.std }
    }

    fn array<D: ndarray::Dimension, S: ndarray::ShapeBuilder<Dim = D>>(
        self,
        shape: S,
    ) -> ndarray::Array<f32, D> {
        let mut rng = StreamRng::new(self.seed, self.stream);
        ndarray::Array::from_shape_simple_fn(shape, || self.sample(&mut rng))
    }

    /// A normal number with mean 0 and the standard deviation, rounded to f32 once.
    fn sample(self, rng: &mut StreamRng) -> f32 {
        let standard: f64 = StandardNormal.sample(rng);
        (self.std * standard) as f32
    }
}

/// A layer's parameters on a device.
#[derive(Debug)]
pub struct DeviceLayer<B: Backend> {
    layer: DenseLayer,
    weights: B::Buffer<f32>,
    bias: B::Buffer<f32>,
}

impl<B: Dense> DeviceLayer<B> {
    /// `y = phi(x W^T + b)` for `rows` samples, with factors of `precision`: `x` `[rows, inputs]`, `y` `[rows, outputs]`.
    ///
    /// # Errors
    /// When a buffer is too short, or the device does not have the precision.
    pub fn forward(
        &self,
        backend: &B,
        precision: Precision,
        rows: usize,
        x: &B::Buffer<f32>,
        y: &mut B::Buffer<f32>,
    ) -> Result<()> {
        let DenseLayer { inputs, outputs, activation } = self.layer;
        let config = DenseConfig { rows, inputs, outputs, activation, precision };
        Ok(backend.dense(config, x, &self.weights, &self.bias, y)?)
    }

    /// The weights, `[outputs, inputs]`, and the bias, `[outputs]`.
    pub fn into_parameters(self) -> (B::Buffer<f32>, B::Buffer<f32>) {
        (self.weights, self.bias)
    }

    /// The activation of the layer.
    pub const fn activation(&self) -> Activation {
        self.layer.activation
    }
}

#[cfg(test)]
mod tests {
    use isobath_tensor::{Cpu, Reference};

    use super::*;
    use isobath_architecture::{MlpParams, WidthRule};

    fn network(depth: usize, sigma_b2: f64) -> Network {
        let spec = MlpParams::new(depth, WidthRule::Fixed(40), Activation::Tanh)
            .check(30, 10)
            .unwrap()
            .spec();
        Network::random(spec, Variances::new(1.5, sigma_b2).unwrap(), 9)
    }

    #[test]
    fn host_and_device_draw_the_same_parameters() {
        for index in 0..3 {
            let network = network(3, 0.05);
            let host = network.parameters(index);
            let device = network.upload_layer(&Cpu::new(), index).unwrap();
            assert_eq!(host.weights.as_slice().unwrap(), device.weights.as_slice());
            assert_eq!(host.bias.as_slice().unwrap(), device.bias.as_slice());
        }
    }

    #[test]
    fn deeper_networks_share_their_first_layers() {
        let (shallow, deep) = (network(3, 0.05), network(9, 0.05));
        assert_eq!(shallow.parameters(1), deep.parameters(1));
        assert_ne!(deep.parameters(1).weights, deep.parameters(2).weights);
    }

    #[test]
    fn variances_are_those_asked_for() {
        let spec = MlpParams::new(2, WidthRule::Fixed(300), Activation::Tanh)
            .check(200, 10)
            .unwrap()
            .spec();
        let network = Network::random(spec, Variances::new(1.7, 0.3).unwrap(), 1);
        let DenseParameters { weights, bias } = network.parameters(0);
        let variance = |x: &mut dyn Iterator<Item = f32>, n: usize| {
            x.map(|x| f64::from(x * x)).sum::<f64>() / n as f64
        };
        // Four standard errors of a variance are 4 sqrt(2/n).
        let w = variance(&mut weights.iter().copied(), weights.len()) * 200.0 / 1.7;
        assert!((w - 1.0).abs() < 4.0 * (2.0 / weights.len() as f64).sqrt(), "{w}");
        let b = variance(&mut bias.iter().copied(), bias.len()) / 0.3;
        assert!((b - 1.0).abs() < 4.0 * (2.0 / bias.len() as f64).sqrt(), "{b}");
    }

    #[test]
    fn no_bias_variance_means_no_bias() {
        assert!(network(2, 0.0).parameters(0).bias.iter().all(|&b| b == 0.0));
    }

    #[test]
    fn forward_matches_the_formula() {
        let network = network(2, 0.05);
        let x = Array2::from_shape_fn((5, 30), |(i, j)| ((i * 7 + j * 3) % 11) as f32 / 11.0);
        let DenseParameters { weights, bias } = network.parameters(0);
        let expected = (x.dot(&weights.t()) + &bias).mapv(f32::tanh);
        let mut y = Reference.zeros(5 * 40).unwrap();
        let input = Reference.upload(x.as_slice().unwrap()).unwrap();
        network
            .upload_layer(&Reference, 0)
            .unwrap()
            .forward(&Reference, Precision::F32, 5, &input, &mut y)
            .unwrap();
        let tolerance = isobath_testkit::Tolerance::absolute(2e-6);
        isobath_testkit::assert_close(y.as_slice(), expected.as_slice().unwrap(), tolerance);
    }

    #[test]
    fn parameters_must_fit() {
        let spec = network(2, 0.0).spec().clone();
        let good: Vec<_> = (0..2).map(|index| network(2, 0.0).parameters(index)).collect();
        assert!(Network::with_parameters(spec.clone(), good.clone()).is_ok());
        let error = Network::with_parameters(spec.clone(), good[..1].to_vec())
            .expect_err("one layer is missing");
        assert!(error.to_string().contains("1 layers"), "{error}");
        let swapped = vec![good[1].clone(), good[0].clone()];
        let error = Network::with_parameters(spec, swapped).expect_err("shapes do not fit");
        assert!(error.to_string().contains("layer 1: weights"), "{error}");
    }
}
