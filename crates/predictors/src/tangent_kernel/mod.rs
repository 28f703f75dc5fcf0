//! The tangent kernel at initialisation, and what it says about a training.

mod convolution;
mod forecast;
mod gram;

use isobath_trainer::{TrainParams, TrainValidParams, TrainerBackend};
use ndarray::{Axis, concatenate};

pub use forecast::{Budget, Forecast, Split, linear_accuracy};
pub use gram::{LayerKernel, TangentKernel};

use crate::{
    CostClass, Evidence, Prediction, Predictor, PredictorId, PredictorInfo, PredictorOutput,
    Result, Scope, ScoreInfo, Settings, Subject, batch::Batch, descriptor::no_other_scores,
    predictor::defined,
};

const ID: PredictorId = PredictorId::new("tangent-kernel");

/// Descriptor.
pub(crate) const INFO: PredictorInfo = PredictorInfo {
    id: ID,
    label: "tangent kernel",
    evidence: Evidence::Initialisation,
    scope: Scope::Network,
    cost: CostClass::ForwardBackward,
    source: "Jacot et al., arXiv:1806.07572",
    scores: &[
        ScoreInfo::fixed(
            ID,
            ["linearised-accuracy", "accuracy of the linearised network"],
            "1",
            "the accuracy on held-out samples that the network linearised at its initialisation reaches with the \
                 training's learning rate, optimiser and steps, from 128 training samples (after Jacot et al., \
                 arXiv:1806.07572)",
        ),
        ScoreInfo::fixed(
            ID,
            ["kernel-progress", "progress of the linearised network"],
            "ln",
            "the logarithm of learning rate times steps times the tangent kernel's eigenvalue along the labels: budgets \
                 that move the outputs little fail (after Jacot et al., arXiv:1806.07572)",
        ),
        ScoreInfo::fixed(
            ID,
            ["curvature", "distance from the edge of stability"],
            "ln",
            "minus the logarithm of learning rate times the largest eigenvalue of the Gauss-Newton matrix over two: \
                 gradient descent diverges below zero (LeCun et al., NIPS 1990)",
        ),
        ScoreInfo::fixed(
            ID,
            ["kernel-alignment", "alignment of the tangent kernel with the labels"],
            "1",
            "the cosine of the centred tangent kernel and the centred kernel of the labels (Cortes et al., JMLR 13, \
                 2012)",
        ),
    ],
    parse: no_other_scores,
};

/// Training samples of the kernel, and as many held-out ones.
const SAMPLES: usize = 128;

/// Predictors of this kind.
pub(crate) fn build<B: TrainerBackend>(
    backend: &B,
    settings: &Settings,
) -> Vec<Box<dyn Predictor>> {
    vec![Box::new(TangentKernelPredictor {
        backend: backend.clone(),
        train: settings.train.clone(),
    })]
}

/// What gradient descent makes of the network linearised at its initialisation.
#[derive(Clone, Debug)]
pub(crate) struct TangentKernelPredictor<B> {
    backend: B,
    train: TrainParams,
}

impl<B: TrainerBackend> Predictor for TangentKernelPredictor<B> {
    fn info(&self) -> &'static PredictorInfo {
        &INFO
    }

    fn predict(&self, subject: &Subject<'_>) -> Result<PredictorOutput> {
        let batch = Batch::new(subject, SAMPLES, 2)?;
        let test = subject.held_out.labels.len().min(SAMPLES);
        let held_out = subject.held_out.samples.slice(ndarray::s![..test, ..]).reversed_axes();
        let samples =
            concatenate(Axis(1), &[batch.samples.view(), held_out]).expect("samples of one width");
        let labels = [&batch.labels[..], &subject.held_out.labels[..test]].concat();
        let train: TrainValidParams = self.train.clone().check()?;
        let budget = Budget {
            optimizer: self.train.optimizer,
            steps: train.steps(subject.train.labels.len()),
            batch: self.train.batch,
            loss: self.train.loss,
        };
        let kernel =
            TangentKernel::new(&self.backend, subject.network, samples.view(), subject.seed)?;
        let split = Split { labels: &labels, train: batch.len() };
        let forecast = kernel.and_then(|kernel| budget.forecast(&kernel, split));
        let scores = forecast.map_or([f64::NEG_INFINITY; 4], |forecast| {
            let Forecast { accuracy, ln_progress, ln_sharpness, alignment } = forecast;
            [accuracy, ln_progress, -ln_sharpness, alignment]
        });
        let predictions = scores.map(defined).map(Prediction::Score).to_vec();
        let layers = subject.network.spec().layers();
        Ok(PredictorOutput { predictions, flops: TangentKernel::flops(layers, labels.len()) })
    }
}
