//! The verdict on one described network.

use anyhow::Result;
use isobath_network::Network;
use isobath_tensor::{BackendTask, FullBackend, Loss};
use isobath_trainer::{
    Decay, Job, Labelled, MAX_EPOCHS, Schedule, Silent, TrainParams, TrainValidParams, Trainer,
    Training,
};
use isobath_verdict::{
    Calibration, Diagnosis, Features, Measurement, Model, Outside, Probability, Samples, Trial,
    diagnose, measure,
};
use ndarray::s;

use super::{
    Usage,
    described::{Described, TrialLimit},
};

/// Probability, reasons and what they were taken from.
#[derive(Clone, Debug)]
pub(super) struct Assessment {
    pub(super) probability: Probability,
    /// Why the probability has no basis, if so.
    pub(super) outside: Vec<Outside>,
    pub(super) diagnoses: Vec<Diagnosis>,
    pub(super) features: Features,
    pub(super) measurement: Measurement,
    pub(super) trial: Option<Trial>,
}

impl Assessment {
    /// The probability, where it has a basis: within the calibration.
    pub(super) fn known(&self) -> Option<Probability> {
        self.outside.is_empty().then_some(self.probability)
    }

    /// The trial, if it was cut. The probability then leaves it out.
    pub(super) fn cut_trial(&self) -> Option<Trial> {
        self.trial.filter(Trial::is_cut)
    }
}

/// Measures a network, runs the first steps of its training and concludes.
pub(super) fn assess(described: &Described, calibration: &Calibration) -> Result<Assessment> {
    let measurement = measured(described)?;
    with_training(described, &described.training, measurement, calibration)
}

/// The verdict on a measured network with another training.
pub(super) fn with_training(
    described: &Described,
    training: &TrainValidParams,
    measurement: Measurement,
    calibration: &Calibration,
) -> Result<Assessment> {
    let steps = training.steps(described.data.train().labels.len());
    let params = training.params();
    let planned = Trial::length(steps);
    let batch = params.batch.min(described.data.train().labels.len());
    let most = match described.trial {
        TrialLimit::Bounded => Trial::affordable(described.network.spec(), batch),
        TrialLimit::Full => planned,
    };
    let trial = first_steps(described, training, planned.min(most), planned)?;
    let features = Features::new(&measurement, params, steps, trial.as_ref());
    Ok(Assessment {
        probability: model(calibration, trial.as_ref()).probability(&features),
        outside: calibration.outside(&features),
        diagnoses: diagnose(&measurement, params, steps, trial.as_ref()),
        features,
        measurement,
        trial,
    })
}

/// The model for a network with this trial: a cut one says nothing that the model of all features was fitted to.
pub(super) fn model<'a>(calibration: &'a Calibration, trial: Option<&Trial>) -> &'a Model {
    if trial.is_some_and(Trial::is_cut) { &calibration.untried } else { &calibration.tried }
}

fn measured(described: &Described) -> Result<Measurement> {
    struct Task<'a> {
        network: &'a Network,
        samples: Samples<'a>,
        loss: Loss,
        seed: u64,
    }
    impl BackendTask for Task<'_> {
        type Output = isobath_verdict::Result<Measurement>;

        fn run<B: FullBackend>(self, backend: B) -> Self::Output {
            measure(&backend, self.network, self.samples, self.loss, self.seed)
        }
    }
    let Described { network, data, training, seed, .. } = described;
    let samples = Samples { train: data.train(), held_out: data.probe() };
    let task = Task { network, samples, loss: training.params().loss, seed: *seed };
    match described.backend().dispatch(task)? {
        Err(error @ isobath_verdict::Error::TooFewSamples { what, .. }) => {
            let setting =
                if what == "training" { "[data] train and [train] train" } else { "[data] probe" };
            Err(Usage(format!("{error}; raise {setting}")).into())
        }
        measurement => Ok(measurement?),
    }
}

/// The losses of the first `steps` of the steps that the model wants.
fn first_steps(
    described: &Described,
    training: &TrainValidParams,
    steps: usize,
    planned: usize,
) -> Result<Option<Trial>> {
    let params = training.params();
    let settings = TrainParams {
        epochs: MAX_EPOCHS,
        max_steps: Some(steps),
        evaluate_every: Some(steps),
        success: None,
        hopeless: None,
        gradient_norms: false,
        schedule: Schedule { decay: Decay::Constant, ..params.schedule },
        ..params.clone()
    };
    // A training ends with an evaluation, which the trial does not need: one sample is enough.
    let probe = described.data.probe();
    let sample = Labelled { samples: probe.samples.slice(s![..1, ..]), labels: &probe.labels[..1] };
    let training = train(described, settings.check()?, sample)?;
    Ok(Trial::of_losses(&training.losses, params.diverged_above, planned))
}

/// Trains the network and evaluates it on `test`.
pub(super) fn train<'a>(
    described: &'a Described,
    training: TrainValidParams,
    test: Labelled<'a>,
) -> Result<Training> {
    struct Task<'a> {
        job: Job<'a>,
        training: TrainValidParams,
    }
    impl BackendTask for Task<'_> {
        type Output = isobath_trainer::Result<Training>;

        fn run<B: FullBackend>(self, backend: B) -> Self::Output {
            Trainer::new(backend, self.training).train(&self.job, &Silent)
        }
    }
    let Described { network, data, seed, .. } = described;
    let job = Job { network, train: data.train(), test, seed: *seed };
    Ok(described.backend().dispatch(Task { job, training })??)
}
