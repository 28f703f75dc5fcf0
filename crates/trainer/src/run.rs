use std::collections::BTreeMap;

use isobath_network::Network;
use isobath_tensor::{GatherConfig, LossConfig, Optimize, Replay};

use crate::{
    Checkpoints, Entry, Error, Evaluation, Extent, Finished, Outcome, Result, TrainValidParams,
    Trainer, TrainerBackend, Training,
    checkpoint::Identity,
    cost::{forward_flops, samples_in, step_flops},
    data::Data,
    digest::SampleDigests,
    evaluator::{Evaluator, Score},
    layer::TrainedLayer,
    model::{BackwardConfig, Model},
    progress::{Progress, Timetable},
};

/// Trainings that run together, step by step.
#[derive(Debug)]
pub(crate) struct Run<'a, 'd, B: Replay + Optimize> {
    backend: &'a B,
    params: &'a TrainValidParams,
    extent: Extent<'a>,
    timetable: Timetable,
    data: Data<'d, B>,
    model: Model<B>,
    evaluator: Evaluator<'d, B>,
    /// Recordings of the forward and the backward pass, for devices that replay them.
    recordings: [B::Recording; 2],
    /// The results of the steps since the last look, `[steps, networks, 2]`.
    tally: B::Buffer<f64>,
    /// Trainings that have not ended, in the model's order.
    members: Vec<Member<'a, 'd>>,
}

/// One of the trainings.
#[derive(Debug)]
struct Member<'a, 'd> {
    /// Its place among all entries.
    index: usize,
    entry: Entry<'a, 'd>,
    /// Norms of the last step that measured them.
    gradient_norms: Option<Vec<f64>>,
    progress: Progress,
    saving: Option<Saving<'a>>,
}

/// Checkpoints of one training.
#[derive(Debug)]
struct Saving<'a> {
    checkpoints: &'a Checkpoints,
    identity: Identity,
    /// Step of the last checkpoint.
    saved: usize,
}

impl<'a, 'd, B: TrainerBackend> Run<'a, 'd, B> {
    /// Trainings from the start, or from their checkpoints where there are any, of at least one entry; the others have
    /// networks of the same shape and the same samples.
    pub(crate) fn new(trainer: &'a Trainer<B>, entries: &[(usize, Entry<'a, 'd>)]) -> Result<Self> {
        let (backend, params) = (trainer.backend(), trainer.params());
        let settings = params.params();
        let job = entries[0].1.job;
        let extent = job.extent();
        let batch = settings.batch.min(extent.train);
        let networks: Vec<&Network> = entries.iter().map(|(_, entry)| entry.job.network).collect();
        let mut model = Model::new(backend, &networks, batch, settings)?;
        let mut samples = None;
        let mut members = Vec::with_capacity(entries.len());
        for (place, &(index, entry)) in entries.iter().enumerate() {
            let mut member = Member {
                index,
                entry,
                gradient_norms: None,
                progress: Progress::default(),
                saving: None,
            };
            if let Some(checkpoints) = entry.checkpoints {
                let samples = samples.get_or_insert_with(|| SampleDigests::of(job));
                let identity =
                    checkpoints.identity(backend, settings, entry.job, samples, (&model, place))?;
                if let Some(earlier) = checkpoints.load(backend, &identity, (&mut model, place))? {
                    member.progress = earlier;
                }
                let saved = member.progress.step();
                member.saving = Some(Saving { checkpoints, identity, saved });
            }
            members.push(member);
        }
        Ok(Self {
            backend,
            params,
            timetable: Timetable::new(params, extent.train),
            data: Data::new(backend, job.train, entries.len())?,
            model,
            evaluator: Evaluator::new(
                backend,
                job.test,
                extent.layers,
                entries.len(),
                settings.loss,
            )?,
            extent,
            recordings: Default::default(),
            tally: backend.zeros(2 * Timetable::WINDOW * entries.len())?,
            members,
        })
    }

    /// True when all have done the same number of steps; interrupted trainings may differ.
    pub(crate) fn is_in_step(&self) -> bool {
        self.members.iter().all(|member| member.progress.step() == self.step())
    }

    /// The entries by how many steps their trainings have done.
    pub(crate) fn by_step(&self) -> Vec<Vec<(usize, Entry<'a, 'd>)>> {
        let mut groups = BTreeMap::<usize, Vec<_>>::new();
        for member in &self.members {
            let group = groups.entry(member.progress.step()).or_default();
            group.push((member.index, member.entry));
        }
        groups.into_values().collect()
    }

    /// Trains all to their ends, and hands over those that are there.
    pub(crate) fn finish(mut self, finished: &mut Finished<'_>) -> Result<()> {
        loop {
            self.dismiss(|_| true, finished)?;
            if self.members.is_empty() {
                return Ok(());
            }
            if self.is_cancelled() {
                self.save(|_| true)?;
                return Err(Error::Cancelled);
            }
            self.advance()?;
            for Member { entry, progress, .. } in &self.members {
                entry.observer.steps_done(progress.step(), self.timetable.steps);
            }
            self.dismiss(|outcome| matches!(outcome, Outcome::Diverged { .. }), finished)?;
            if !self.members.is_empty() {
                self.evaluate_if_due()?;
                self.save_if_due()?;
            }
        }
    }

    /// True if an observer cancels.
    fn is_cancelled(&self) -> bool {
        self.members.iter().any(|member| member.entry.observer.cancelled())
    }

    /// Steps done.
    fn step(&self) -> usize {
        self.members.first().map_or(0, |member| member.progress.step())
    }

    /// Outcome of a training that has ended.
    fn outcome(&self, member: &Member<'_, '_>) -> Option<Outcome> {
        member.progress.outcome(self.params.params(), &self.timetable)
    }

    /// Hands over the trainings with such an outcome and keeps the others.
    fn dismiss(
        &mut self,
        is_dismissed: impl Fn(Outcome) -> bool,
        finished: &mut Finished<'_>,
    ) -> Result<()> {
        let members = std::mem::take(&mut self.members);
        let (mut trainings, mut kept) = (Vec::new(), Vec::new());
        for (place, member) in members.into_iter().enumerate() {
            let outcome = self.outcome(&member).filter(|&outcome| is_dismissed(outcome));
            if let Some(outcome) = outcome {
                let index = member.index;
                trainings.push((index, self.training(place, member, outcome)?));
            } else {
                kept.push(place);
                self.members.push(member);
            }
        }
        if trainings.is_empty() {
            return Ok(());
        }
        if !kept.is_empty() {
            self.model.keep(self.backend, &kept)?;
            self.data.forget_order();
            self.evaluator.keep(self.backend, kept.len())?;
            // They know the memory of before.
            self.recordings = Default::default();
        }
        finished(trainings);
        Ok(())
    }

    /// Steps to the next stop of the timetable, or until an observer cancels, and looks at the losses.
    fn advance(&mut self) -> Result<()> {
        let (start, networks) = (self.step(), self.members.len());
        let planned = self.timetable.next_stop(start);
        let measured = self.params.params().gradient_norms && self.timetable.is_evaluation(planned);
        let mut stop = start;
        while stop < planned {
            self.step_on(stop, (stop - start) * networks, measured && stop + 1 == planned)?;
            stop += 1;
            if self.is_cancelled() {
                break;
            }
        }
        let results = self.backend.read(&self.tally, 0..2 * (stop - start) * networks)?;
        let (samples, batch) = (self.extent.train, self.params.params().batch);
        let seen = samples_in(stop, samples, batch) - samples_in(start, samples, batch);
        for (place, Member { progress, .. }) in self.members.iter_mut().enumerate() {
            let own: Vec<f64> =
                results.chunks_exact(2).skip(place).step_by(networks).flatten().copied().collect();
            progress.take_steps(&own, self.params.params().diverged_above);
            progress.seen += seen;
        }
        Ok(())
    }

    /// One step, counted from 0, its results from `slot` of the tally on.
    fn step_on(&mut self, step: usize, slot: usize, norms: bool) -> Result<()> {
        let (backend, settings) = (self.backend, self.params.params());
        let (samples, batch) = (self.extent.train, settings.batch);
        let networks = self.members.len();
        let per_epoch = self.params.steps_per_epoch(samples);
        let first = step % per_epoch * batch;
        let count = batch.min(samples - first);

        let seeds = self.members.iter().map(|member| member.entry.job.seed);
        self.data.enter(backend, batch, seeds, (step / per_epoch) as u64)?;
        let gather = GatherConfig {
            cols: self.model.layers[0].layer.inputs(),
            first: first * networks,
            count: count * networks,
        };
        self.data.gather(backend, gather, &mut self.model.input)?;
        let [forward, backward] = &mut self.recordings;
        backend.replay(forward, count as u64, &mut || self.model.forward(backend, count))?;

        let loss = LossConfig {
            loss: settings.loss,
            classes: self.model.classes(),
            samples: count,
            count: networks,
            weight: self.model.loss_weight(backend, count)?,
            first: first * networks,
            slot,
        };
        let (output, delta) = self.model.output_and_delta();
        backend.loss_gradient(loss, output, &self.data.labels, delta, &mut self.tally)?;

        // Waits for the device, so only where it must.
        let needed = self.model.needs_loss();
        let loss = if needed { backend.read(&self.tally, 2 * slot..2 * slot + 1)?[0] } else { 0.0 };
        let optimizer = self.params.optimizer(step, self.timetable.steps);
        self.model.set_step(backend, &optimizer, step + 1)?;
        let config = BackwardConfig { samples: count, norms, loss };
        if norms || needed {
            // Numbers come back on the way.
            let measured = self.model.backward(backend, &config)?.into_iter().flatten();
            for (member, norms) in self.members.iter_mut().zip(measured) {
                member.gradient_norms = Some(norms);
            }
        } else {
            let mut back = || self.model.backward(backend, &config).map(drop);
            backend.replay(backward, count as u64, &mut back)?;
        }
        Ok(())
    }

    fn evaluate_if_due(&mut self) -> Result<()> {
        let step = self.step();
        if !self.timetable.is_evaluation(step) {
            return Ok(());
        }
        let scores = self.evaluator.evaluate(self.backend, &self.model)?;
        for (member, Score { loss, accuracy }) in self.members.iter_mut().zip(scores) {
            let Member { entry, progress, gradient_norms, .. } = member;
            let evaluation = Evaluation {
                step,
                train_accuracy: progress.right as f64 / progress.seen as f64,
                test_loss: loss,
                test_accuracy: accuracy,
                gradient_norms: gradient_norms.take(),
            };
            entry.observer.evaluated(&evaluation);
            progress.take_evaluation(evaluation);
        }
        Ok(())
    }

    fn save_if_due(&mut self) -> Result<()> {
        let (params, timetable) = (self.params.params(), self.timetable);
        self.save(|Member { progress, saving, .. }| {
            let due = saving.as_ref().is_some_and(|Saving { checkpoints, saved, .. }| {
                progress.step() >= saved.saturating_add(checkpoints.every)
            });
            let outcome = progress.outcome(params, &timetable);
            due && !matches!(outcome, Some(Outcome::Diverged { .. }))
        })
    }

    /// Saves those that `is_due` and that are to be saved at all.
    fn save(&mut self, is_due: impl Fn(&Member<'_, '_>) -> bool) -> Result<()> {
        for (place, member) in self.members.iter_mut().enumerate() {
            if !is_due(member) {
                continue;
            }
            let Some(saving) = &mut member.saving else { continue };
            let Saving { checkpoints, identity, saved } = saving;
            checkpoints.save(self.backend, identity, (&self.model, place), &member.progress)?;
            *saved = member.progress.step();
        }
        Ok(())
    }

    /// Result of the network at `place`.
    fn training(&self, place: usize, member: Member<'_, '_>, outcome: Outcome) -> Result<Training> {
        let Member { entry, progress, .. } = member;
        let Extent { layers, train, test } = self.extent;
        let trained = samples_in(progress.step(), train, self.params.params().batch);
        let tested = progress.evaluations.len() as u64 * test as u64;
        let download = |own: &TrainedLayer<B>| own.layer.download(self.backend, place);
        let parameters = self.model.layers.iter().map(download);
        let parameters = parameters.collect::<isobath_network::Result<Vec<_>>>()?;
        let network = Network::with_parameters(entry.job.network.spec().clone(), parameters)?;
        Ok(Training {
            outcome,
            losses: progress.losses,
            evaluations: progress.evaluations,
            network,
            flops: trained * step_flops(layers) + tested * forward_flops(layers),
        })
    }
}
