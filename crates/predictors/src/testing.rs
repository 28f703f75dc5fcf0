//! A small problem, small networks, and a plain f64 implementation of them to compare with.

use isobath_architecture::Activation;
use isobath_architecture::{Layer, MlpParams, Variances, WidthRule};
use isobath_meanfield::Phi;
use isobath_network::{DenseParameters, LayerParameters, Network};
use isobath_tensor::RandomStream;
use isobath_trainer::Labelled;
use ndarray::{Array1, Array2, Axis};

use crate::{Predictor, Subject, batch::Batch};

const INPUTS: usize = 12;
const WIDTH: usize = 9;
/// Samples in a batch of all.
pub(crate) const SAMPLES: usize = 40;

/// A family of networks on samples around as many centres as there are classes.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    pub(crate) activation: Activation,
    pub(crate) depth: usize,
    pub(crate) sigma_w2: f64,
    pub(crate) sigma_b2: f64,
    pub(crate) classes: usize,
}

/// A layer in f64.
#[derive(Clone, Debug)]
pub(crate) struct Layer64 {
    pub(crate) weights: Array2<f64>,
    bias: Array1<f64>,
    activation: Activation,
}

impl Case {
    pub(crate) fn tanh(depth: usize, sigma_w2: f64) -> Self {
        Self { activation: Activation::Tanh, depth, sigma_w2, sigma_b2: 0.05, classes: 4 }
    }

    fn network(&self, depth: usize) -> Network {
        let params = MlpParams::new(depth, WidthRule::Fixed(WIDTH), self.activation);
        let spec = params.check(INPUTS, self.classes).unwrap().spec();
        Network::random(spec, Variances::new(self.sigma_w2, self.sigma_b2).unwrap(), 3)
    }

    /// Calls `task` with the network of `depth` layers.
    pub(crate) fn with_subject<T>(&self, depth: usize, task: impl FnOnce(&Subject<'_>) -> T) -> T {
        let normal = |stream, n, std| RandomStream::Normal { seed: 4, stream, std }.take(n);
        let centres = normal(1, self.classes * INPUTS, 1.0);
        let noise = normal(2, SAMPLES * INPUTS, 0.4);
        let labels: Vec<u8> = (0..SAMPLES).map(|i| (i * 7 % self.classes) as u8).collect();
        let samples = Array2::from_shape_fn((SAMPLES, INPUTS), |(i, j)| {
            noise[i * INPUTS + j] + centres[usize::from(labels[i]) * INPUTS + j]
        });
        let labelled = Labelled { samples: samples.view(), labels: &labels };
        task(&Subject {
            network: &self.network(depth),
            variances: Variances::new(self.sigma_w2, self.sigma_b2).unwrap(),
            train: labelled,
            held_out: labelled,
            seed: 5,
        })
    }

    /// Scores of the network of `depth` layers.
    pub(crate) fn scores_at(&self, predictor: &dyn Predictor, depth: usize) -> Vec<f64> {
        let output = self.with_subject(depth, |subject| predictor.predict(subject).unwrap());
        assert_eq!(output.predictions.len(), predictor.scores().len());
        output.predictions.iter().map(|prediction| prediction.score(depth)).collect()
    }

    /// Scores of the case's own network.
    pub(crate) fn scores(&self, predictor: &dyn Predictor) -> Vec<f64> {
        self.scores_at(predictor, self.depth)
    }

    pub(crate) fn layers64(&self) -> Vec<Layer64> {
        let network = self.network(self.depth);
        let layer = |(index, layer): (usize, &Layer)| {
            let (LayerParameters::Dense(DenseParameters { weights, bias }), Layer::Dense(shape)) =
                (network.parameters(index), layer)
            else {
                panic!("a dense layer")
            };
            let (weights, bias) = (weights.mapv(f64::from), bias.mapv(f64::from));
            Layer64 { weights, bias, activation: shape.activation }
        };
        network.spec().layers().iter().enumerate().map(layer).collect()
    }

    /// All samples `[w_0, n]` in the order predictors see them, and their labels.
    pub(crate) fn batch64(&self) -> (Array2<f64>, Vec<u8>) {
        let batch = self.with_subject(self.depth, |subject| Batch::new(subject, SAMPLES, 1));
        let Batch { samples, labels } = batch.unwrap();
        (samples.mapv(f64::from), labels)
    }

    /// The input and what each hidden layer makes of it, `[units, n]`.
    pub(crate) fn hidden_layers(&self) -> Vec<Array2<f64>> {
        let mut layers = forward64(&self.layers64(), &self.batch64().0);
        layers.pop();
        layers
    }
}

/// The input and what each layer makes of it, `[units, n]`.
pub(crate) fn forward64(layers: &[Layer64], x: &Array2<f64>) -> Vec<Array2<f64>> {
    let mut outputs = vec![x.clone()];
    for Layer64 { weights, bias, activation } in layers {
        let z = weights.dot(&outputs[outputs.len() - 1]) + bias.view().insert_axis(Axis(1));
        outputs.push(z.mapv(|z| Phi::new(*activation).value(z)));
    }
    outputs
}
