use crate::{
    Checkpoints, Extent, Job, Observer, Result, TrainValidParams, TrainerBackend, Training,
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

impl<B: TrainerBackend> Trainer<B> {
    /// A trainer on `backend`.
    pub const fn new(backend: B, params: TrainValidParams) -> Self {
        Self { backend, params, checkpoints: None }
    }

    /// The same, keeping checkpoints: a training that was killed goes on from its last one when it is started again, and
    /// ends with the same bits. The file stays when the training is over; delete it once the result is stored.
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

    pub(crate) const fn checkpoints(&self) -> Option<&Checkpoints> {
        self.checkpoints.as_ref()
    }

    /// Trains the network until it succeeds, diverges, is given up or has used up its steps.
    ///
    /// # Errors
    /// When samples or labels do not fit the network, the device fails, a checkpoint cannot be written or belongs to
    /// another training, or the observer cancels.
    pub fn train(&self, job: &Job<'_>, observer: &dyn Observer) -> Result<Training> {
        job.check()?;
        Run::new(self, job)?.finish(observer)
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
