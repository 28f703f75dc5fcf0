use crate::{
    Checkpoints, Entry, Error, Extent, Job, Observer, Result, TrainValidParams, TrainerBackend,
    Training,
    cost::{forward_flops, samples_in, step_flops},
    run::Run,
};

/// Trains networks on one backend by one set of settings.
#[derive(Clone, Debug)]
pub struct Trainer<B> {
    backend: B,
    params: TrainValidParams,
    checkpoints: Option<Checkpoints>,
}

/// Callback for trainings that ended, each with its entry's index.
pub type Finished<'a> = dyn FnMut(Vec<(usize, Training)>) + 'a;

impl<B: TrainerBackend> Trainer<B> {
    /// A trainer on `backend`.
    pub const fn new(backend: B, params: TrainValidParams) -> Self {
        Self { backend, params, checkpoints: None }
    }

    /// Adds checkpoints to [`train`](Self::train): a killed training resumes from its last checkpoint and ends with the same
    /// bits. The file remains after the training; delete it once the result is stored.
    #[must_use]
    pub fn with_checkpoints(self, checkpoints: Checkpoints) -> Self {
        Self { checkpoints: Some(checkpoints), ..self }
    }

    /// The backend.
    pub const fn backend(&self) -> &B {
        &self.backend
    }

    /// The settings.
    pub const fn params(&self) -> &TrainValidParams {
        &self.params
    }

    /// Trains the network until it succeeds, diverges, is given up or has used up its steps.
    ///
    /// # Errors
    /// When samples or labels do not fit the network, the device fails, a checkpoint cannot be written or belongs to
    /// another training, or the observer cancels.
    pub fn train(&self, job: &Job<'_>, observer: &dyn Observer) -> Result<Training> {
        let entry = Entry { job, observer, checkpoints: self.checkpoints.as_ref() };
        let mut training = None;
        self.train_together(&[entry], &mut |mut finished| training = finished.pop())?;
        training.map(|(_, training)| training).ok_or(Error::Cancelled)
    }

    /// Trains networks of the same shape on the same samples, step by step side by side, each to its own end: for devices
    /// that one network does not fill. Each ends with the bits it would have alone. Regularised networks, and those
    /// with layers that are not dense, are trained one after the other.
    ///
    /// Hands over trainings to `finished` when they end.
    ///
    /// # Errors
    /// As [`train`](Self::train), where one observer cancels for all; [`Error::Unlike`] when networks or samples differ.
    /// Trainings that ended before have been handed over.
    pub fn train_together(
        &self,
        entries: &[Entry<'_, '_>],
        finished: &mut Finished<'_>,
    ) -> Result<()> {
        let [first, others @ ..] = entries else { return Ok(()) };
        first.job.check()?;
        others.iter().try_for_each(|other| first.job.check_alike(other.job))?;
        let entries: Vec<(usize, Entry<'_, '_>)> = entries.iter().copied().enumerate().collect();
        // Convolutions run for one network only: their patches fill a device alone.
        let is_alone =
            self.params.params().batch_entropy.is_some() || !first.job.network.spec().is_dense();
        let at_once = if is_alone { 1 } else { entries.len() };
        for entries in entries.chunks(at_once) {
            let run = Run::new(self, entries)?;
            if run.is_in_step() {
                run.finish(finished)?;
                continue;
            }
            let groups = run.by_step();
            // Its memory is wanted.
            drop(run);
            for entries in groups {
                Run::new(self, &entries)?.finish(finished)?;
            }
        }
        Ok(())
    }

    /// Floating-point operations of the matrix products that [`train`](Self::train) will need at most.
    pub fn flops(&self, extent: &Extent<'_>) -> u64 {
        let steps = self.params.steps(extent.train);
        let evaluations = steps.div_ceil(self.params.evaluate_every(extent.train)) as u64;
        let trained = samples_in(steps, extent.train, self.params.params().batch);
        let tested = evaluations * extent.test as u64;
        trained * step_flops(extent.layers) + tested * forward_flops(extent.layers)
    }
}
