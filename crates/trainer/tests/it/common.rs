//! A small classification problem, a small network, and a plain f64 implementation of networks to compare with.
#![expect(clippy::unwrap_used, reason = "a helper that fails fails its test")]

use isobath_architecture::Activation;
use isobath_architecture::{DenseLayer, Layer, MlpParams, Readout, Variances, WidthRule};
use isobath_network::{DenseParameters, LayerParameters, Network};
use isobath_tensor::RandomStream;
use isobath_trainer::{
    Job, Labelled, Loss, Silent, TrainParams, Trainer, TrainerBackend, Training,
};
use ndarray::{Array1, Array2, Axis};

pub(crate) const INPUTS: usize = 12;
pub(crate) const CLASSES: usize = 4;

/// Samples around four centres, and their classes.
pub(crate) struct Problem {
    pub(crate) samples: Array2<f32>,
    pub(crate) labels: Vec<u8>,
}

pub(crate) fn problem(n: usize, seed: u64) -> Problem {
    let draw = |stream, n| RandomStream::Normal { seed, stream, std: 0.4 }.take(n);
    let centres = RandomStream::Normal { seed: 0, stream: 1, std: 1.0 }.take(CLASSES * INPUTS);
    let labels: Vec<u8> = (0..n).map(|i| (i * 7 % CLASSES) as u8).collect();
    let noise = draw(2, n * INPUTS);
    let samples = Array2::from_shape_fn((n, INPUTS), |(i, j)| {
        noise[i * INPUTS + j] + centres[usize::from(labels[i]) * INPUTS + j]
    });
    Problem { samples, labels }
}

impl Problem {
    pub(crate) fn labelled(&self) -> Labelled<'_> {
        Labelled { samples: self.samples.view(), labels: &self.labels }
    }
}

pub(crate) fn network(activation: Activation, readout: Readout) -> Network {
    let widths = WidthRule::List(vec![9, 11]);
    let params = MlpParams { readout, ..MlpParams::new(3, widths, activation) };
    let spec = params.check(INPUTS, CLASSES).unwrap().spec();
    Network::random(spec, Variances::new(1.5, 0.05).unwrap(), 3)
}

pub(crate) fn train<B: TrainerBackend>(
    backend: B,
    params: TrainParams,
    network: &Network,
    train: &Problem,
) -> Training {
    let test = problem(50, 9);
    let job = Job { network, train: train.labelled(), test: test.labelled(), seed: 5 };
    Trainer::new(backend, params.check().unwrap()).train(&job, &Silent).unwrap()
}

#[track_caller]
pub(crate) fn assert_same(one: &Training, other: &Training) {
    assert_eq!(one.outcome, other.outcome);
    assert_eq!(one.losses, other.losses);
    assert_eq!(one.evaluations, other.evaluations);
    assert_eq!(one.flops, other.flops);
    for layer in 0..one.network.spec().layers().len() {
        assert_eq!(one.network.parameters(layer), other.network.parameters(layer));
    }
}

/// A layer in f64.
#[derive(Clone)]
pub(crate) struct Layer64 {
    pub(crate) weights: Array2<f64>,
    pub(crate) bias: Array1<f64>,
    pub(crate) activation: Activation,
}

pub(crate) fn layers64(network: &Network) -> Vec<Layer64> {
    let layer = |(index, layer): (usize, &Layer)| {
        let (
            LayerParameters::Dense(DenseParameters { weights, bias }),
            &Layer::Dense(DenseLayer { activation, .. }),
        ) = (network.parameters(index), layer)
        else {
            panic!("a dense layer")
        };
        Layer64 { weights: weights.mapv(f64::from), bias: bias.mapv(f64::from), activation }
    };
    network.spec().layers().iter().enumerate().map(layer).collect()
}

pub(crate) fn phi(activation: Activation, x: f64) -> f64 {
    let logistic = 1.0 / (1.0 + (-x).exp());
    match activation {
        Activation::Tanh => x.tanh(),
        Activation::Erf => libm::erf(x),
        Activation::Relu => x.max(0.0),
        Activation::LeakyRelu { slope } => {
            if x > 0.0 {
                x
            } else {
                slope * x
            }
        }
        Activation::Elu => {
            if x > 0.0 {
                x
            } else {
                x.exp() - 1.0
            }
        }
        Activation::Selu => {
            let below = 1.673_263_242_354_377_2 * (x.exp() - 1.0);
            1.050_700_987_355_480_5 * if x > 0.0 { x } else { below }
        }
        Activation::Softplus => (1.0 + x.exp()).ln(),
        Activation::Sigmoid => logistic,
        Activation::HardTanh => x.clamp(-1.0, 1.0),
        Activation::Gelu => 0.5 * x * (1.0 + libm::erf(x / 2.0_f64.sqrt())),
        Activation::Silu => x * logistic,
        Activation::Sine => x.sin(),
        Activation::Linear => x,
    }
}

/// The output of every layer, the input first.
pub(crate) fn forward64(layers: &[Layer64], x: &Array2<f64>) -> Vec<Array2<f64>> {
    let mut outputs = vec![x.clone()];
    for layer in layers {
        let z = outputs[outputs.len() - 1].dot(&layer.weights.t()) + &layer.bias;
        outputs.push(z.mapv(|z| phi(layer.activation, z)));
    }
    outputs
}

pub(crate) fn loss64(layers: &[Layer64], loss: Loss, x: &Array2<f64>, labels: &[u8]) -> f64 {
    let outputs = forward64(layers, x);
    loss.evaluate(outputs[layers.len()].view(), labels).loss
}

/// The samples at `rows`.
pub(crate) fn select(problem: &Problem, rows: &[u32]) -> (Array2<f64>, Vec<u8>) {
    let rows: Vec<usize> = rows.iter().map(|&row| row as usize).collect();
    let labels = rows.iter().map(|&row| problem.labels[row]).collect();
    (problem.samples.select(Axis(0), &rows).mapv(f64::from), labels)
}

/// Weights and biases of all layers in one list.
pub(crate) fn flat(layers: &[Layer64]) -> Vec<f64> {
    layers.iter().flat_map(|l| l.weights.iter().chain(&l.bias)).copied().collect()
}
