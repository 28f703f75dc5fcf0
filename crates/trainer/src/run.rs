use network::Network;
use tensor::{GatherConfig, LossConfig, Replay};

use crate::{
    Checkpoints, Error, Evaluation, Job, Observer, Outcome, Result, TrainValidParams, Trainer,
    TrainerBackend, Training,
    checkpoint::Identity,
    cost::{forward_flops, samples_in, step_flops},
    data::Data,
    evaluator::{Evaluator, Score},
    model::{Model, StepConfig},
    progress::{Progress, Timetable},
};

/// A training under way.
#[derive(Debug)]
pub(crate) struct Run<'a, 'd, B: Replay> {
    backend: &'a B,
    params: &'a TrainValidParams,
    job: &'a Job<'d>,
    timetable: Timetable,
    data: Data<B>,
    model: Model<B>,
    evaluator: Evaluator<B>,
    /// Of the way forward and the way back, where a device repeats them on its own.
    recordings: [B::Recording; 2],
    /// The results of the steps since the last look.
    tally: B::Buffer<f64>,
    /// Of the last step that measured them.
    gradient_norms: Option<Vec<f64>>,
    progress: Progress,
    saving: Option<Saving<'a>>,
}

/// Where a training keeps itself.
#[derive(Debug)]
struct Saving<'a> {
    checkpoints: &'a Checkpoints,
    identity: Identity,
    /// Step of the last checkpoint.
    saved: usize,
}

impl<'a, 'd, B: TrainerBackend> Run<'a, 'd, B> {
    /// A training from the start, or from its checkpoint where there is one.
    pub(crate) fn new(trainer: &'a Trainer<B>, job: &'a Job<'d>) -> Result<Self> {
        let (backend, params) = (trainer.backend(), trainer.params());
        let settings = params.params();
        let extent = job.extent();
        let batch = settings.batch.min(extent.train);
        let mut model = Model::new(backend, job.network, batch, settings)?;
        let mut progress = Progress::default();
        let mut saving = None;
        if let Some(checkpoints) = trainer.checkpoints() {
            let identity = checkpoints.identity(backend, settings, job, &model)?;
            if let Some(earlier) = checkpoints.load(backend, &identity, &mut model)? {
                progress = earlier;
            }
            saving = Some(Saving { checkpoints, identity, saved: progress.step() });
        }
        Ok(Self {
            backend,
            params,
            job,
            timetable: Timetable::new(params, extent.train),
            data: Data::new(backend, job)?,
            model,
            evaluator: Evaluator::new(backend, &extent, settings.loss)?,
            recordings: Default::default(),
            tally: backend.zeros(2 * Timetable::WINDOW)?,
            gradient_norms: None,
            progress,
            saving,
        })
    }

    /// Trains to the end.
    pub(crate) fn finish(mut self, observer: &dyn Observer) -> Result<Training> {
        let outcome = loop {
            if let Some(outcome) = self.progress.outcome(self.params.params(), &self.timetable) {
                break outcome;
            }
            if observer.cancelled() {
                self.save()?;
                return Err(Error::Cancelled);
            }
            self.advance()?;
            observer.steps_done(self.progress.step(), self.timetable.steps);
            self.evaluate_if_due(observer)?;
            self.save_if_due()?;
        };
        self.into_training(outcome)
    }

    /// Steps to the next stop of the timetable, and looks at the losses.
    fn advance(&mut self) -> Result<()> {
        let start = self.progress.step();
        let stop = self.timetable.next_stop(start);
        let measured = self.params.params().gradient_norms && self.timetable.is_evaluation(stop);
        for step in start..stop {
            self.step(step, step - start, measured && step + 1 == stop)?;
        }
        let results = self.backend.read(&self.tally, 0..2 * (stop - start))?;
        let (samples, batch) = (self.job.train.labels.len(), self.params.params().batch);
        self.progress.take_steps(&results, self.params.params().diverged_above);
        self.progress.seen += samples_in(stop, samples, batch) - samples_in(start, samples, batch);
        Ok(())
    }

    /// One step, counted from 0, its result to `slot` of the tally.
    fn step(&mut self, step: usize, slot: usize, norms: bool) -> Result<()> {
        let (backend, settings) = (self.backend, self.params.params());
        let (samples, batch) = (self.job.train.labels.len(), settings.batch);
        let per_epoch = self.params.steps_per_epoch(samples);
        let first = step % per_epoch * batch;
        let count = batch.min(samples - first);

        self.data.enter(backend, self.job, (step / per_epoch) as u64)?;
        let cols = self.model.layers[0].shape.inputs;
        let gather = GatherConfig { cols, first, count };
        self.data.gather(backend, gather, &mut self.model.input)?;
        let [forward, backward] = &mut self.recordings;
        backend.replay(forward, count as u64, &mut || self.model.forward(backend, count))?;

        let classes = self.model.layers[self.model.layers.len() - 1].shape.outputs;
        let weight = self.model.loss_weight(backend, count)?;
        let loss = LossConfig { loss: settings.loss, classes, samples: count, weight, first, slot };
        let (output, delta) = self.model.output_and_delta();
        backend.loss_gradient(loss, output, &self.data.labels, delta, &mut self.tally)?;

        // Waits for the device, so only where it must.
        let needed = self.model.needs_loss();
        let loss = if needed { backend.read(&self.tally, 2 * slot..2 * slot + 1)?[0] } else { 0.0 };
        let optimizer = self.params.optimizer(step, self.timetable.steps);
        let config = StepConfig { samples: count, optimizer, step: step as u64 + 1, norms, loss };
        if norms || needed {
            // Numbers come back on the way.
            self.gradient_norms =
                self.model.backward(backend, &config)?.or(self.gradient_norms.take());
        } else {
            let mut back = || self.model.backward(backend, &config).map(drop);
            backend.replay(backward, config.key(), &mut back)?;
        }
        Ok(())
    }

    fn evaluate_if_due(&mut self, observer: &dyn Observer) -> Result<()> {
        let step = self.progress.step();
        let diverged = self.progress.outcome(self.params.params(), &self.timetable);
        if matches!(diverged, Some(Outcome::Diverged { .. })) || !self.timetable.is_evaluation(step)
        {
            return Ok(());
        }
        let Score { loss, accuracy } =
            self.evaluator.evaluate(self.backend, &self.model, &self.data)?;
        let evaluation = Evaluation {
            step,
            train_accuracy: self.progress.right as f64 / self.progress.seen as f64,
            test_loss: loss,
            test_accuracy: accuracy,
            gradient_norms: self.gradient_norms.take(),
        };
        observer.evaluated(&evaluation);
        self.progress.take_evaluation(evaluation);
        Ok(())
    }

    fn save_if_due(&mut self) -> Result<()> {
        let step = self.progress.step();
        let diverged = self.progress.outcome(self.params.params(), &self.timetable);
        let due = self
            .saving
            .as_ref()
            .is_some_and(|saving| step >= saving.saved.saturating_add(saving.checkpoints.every));
        if due && !matches!(diverged, Some(Outcome::Diverged { .. })) {
            self.save()
        } else {
            Ok(())
        }
    }

    fn save(&mut self) -> Result<()> {
        let Some(saving) = &mut self.saving else { return Ok(()) };
        saving.checkpoints.save(self.backend, &saving.identity, &self.model, &self.progress)?;
        saving.saved = self.progress.step();
        Ok(())
    }

    fn into_training(self, outcome: Outcome) -> Result<Training> {
        let extent = self.job.extent();
        let step = self.progress.step();
        let trained = samples_in(step, extent.train, self.params.params().batch);
        let tested = self.progress.evaluations.len() as u64 * extent.test as u64;
        let layers = self.model.layers.iter();
        let parameters = layers.map(|layer| layer.download(self.backend)).collect::<Result<_>>()?;
        Ok(Training {
            outcome,
            losses: self.progress.losses,
            evaluations: self.progress.evaluations,
            network: Network::with_parameters(self.job.network.spec().clone(), parameters)?,
            flops: trained * step_flops(extent.layers) + tested * forward_flops(extent.layers),
        })
    }
}
