//! A stored computation, whatever its network.

use std::collections::BTreeMap;

use isobath_cascade::{CascadeParams, Decoder, Method};
use isobath_network::Network;
use isobath_tensor::Optimizer;
use ndarray::Array2;
use serde::Deserialize;

use super::{files::Files, training::TrainingDescription};

/// A stored computation.
pub(super) struct Computation {
    pub(super) files: Files,
    pub(super) network: Network,
    /// Shapes of a sample: of the input, and behind each layer that has a decoder.
    pub(super) shapes: Vec<Vec<usize>>,
    pub(super) train: Array2<f32>,
    pub(super) probe: Array2<f32>,
    /// Decoders before and after training.
    pub(super) initial: Vec<Decoder>,
    pub(super) trained: Vec<Decoder>,
    pub(super) settings: Settings,
    pub(super) expected: Expected,
    pub(super) training: Option<TrainingDescription>,
}

/// Settings of the decoders' training, as the description has them.
#[derive(Debug, Deserialize)]
pub(super) struct Settings {
    batch_size: usize,
    epochs: usize,
    adam: Adam,
}

/// Settings of Adam, as a description has them.
#[derive(Clone, Copy, Debug, Deserialize)]
pub(super) struct Adam {
    lr: f32,
    beta1: f32,
    beta2: f32,
    eps: f32,
}

impl From<Adam> for Optimizer {
    fn from(Adam { lr, beta1, beta2, eps }: Adam) -> Self {
        Self::Adam { lr, beta1, beta2, eps, weight_decay: 0.0 }
    }
}

impl Settings {
    /// Settings of the cascade.
    pub(super) fn params(&self) -> CascadeParams {
        CascadeParams {
            method: Method::Gradient,
            epochs: self.epochs,
            batch: self.batch_size,
            optimizer: self.adam.into(),
            ..CascadeParams::default()
        }
    }
}

/// Results, as the description has them. Descriptions of dense networks have some of them only.
#[derive(Debug, Deserialize)]
pub(super) struct Expected {
    pub(super) decoder_train_loss_first: Option<Vec<f64>>,
    pub(super) decoder_train_loss_last: Option<Vec<f64>>,
    pub(super) decoder_test_mse: Option<Vec<f64>>,
    pub(super) relative_entropy_mean: Option<Vec<f64>>,
    pub(super) relative_entropy_median_normalised: Option<Vec<f64>>,
    pub(super) differential_entropy: Option<Vec<f64>>,
    pub(super) gram_entropy: Option<Vec<f64>>,
    pub(super) reconstruction_error: Option<Vec<f64>>,
    #[serde(default)]
    pub(super) cutoff: BTreeMap<String, Cutoffs>,
}

/// Published cut-offs for one tolerance.
#[derive(Debug, Deserialize)]
pub(super) struct Cutoffs {
    pub(super) of_median_normalised: usize,
    pub(super) per_sample_mean: f64,
    pub(super) differential: usize,
}

impl Computation {
    /// Number of layers that have a decoder.
    pub(super) fn layers(&self) -> usize {
        self.shapes.len() - 1
    }
}
