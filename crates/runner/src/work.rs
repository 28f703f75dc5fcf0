//! The stages of a cell on their backends, and what they take.

use std::time::Instant;

use crate::error::{During, Result};
use isobath_cascade::{Cascade, CascadeValidParams, Decoders, Job, Observer, StopFn};
use isobath_tensor::{BackendTask, FullBackend};
use ndarray::Array2;

use crate::measure::{Measured, measure};
use isobath_experiment::{CascadeSection, Plan};
use isobath_store::CostRecord;

/// The work on one cell.
pub(super) struct Work<'a> {
    plan: &'a Plan,
    seed: u64,
    job: &'a Job<'a>,
    observer: &'a dyn Observer,
    cost: CostRecord,
}

impl<'a> Work<'a> {
    pub(super) fn new(
        plan: &'a Plan,
        seed: u64,
        job: &'a Job<'a>,
        observer: &'a dyn Observer,
    ) -> Self {
        Self { plan, seed, job, observer, cost: CostRecord::default() }
    }

    pub(super) const fn plan(&self) -> &'a Plan {
        self.plan
    }

    /// Training samples there are.
    pub(super) fn train_samples(&self) -> usize {
        self.job.train.nrows()
    }

    /// What was done so far.
    pub(super) fn into_cost(self) -> CostRecord {
        self.cost
    }

    /// The cascade through all layers with the plan's own settings.
    ///
    /// # Errors
    /// As [`cascade`](Self::cascade) and [`measure`](Self::measure).
    pub(super) fn everything(&mut self) -> Result<(Cascade, Measured)> {
        let cascade = self.run_cascade(self.plan.cascade.clone(), self.observer, None)?;
        let measured = self.measure(&cascade.reconstructions)?;
        Ok((cascade, measured))
    }

    /// A cascade with the given settings that goes no deeper than `is_enough` asks for. The observer hears of layers
    /// only where `is_heard`: work done again is no progress.
    ///
    /// # Errors
    /// When a decoder diverges or cannot be found, the device or the disk fails, or the observer cancels.
    pub(super) fn cascade(
        &mut self,
        params: CascadeValidParams,
        is_heard: bool,
        is_enough: impl Fn(&Measured, usize) -> bool,
    ) -> Result<(Cascade, Measured)> {
        let (plan, seed, probe) = (self.plan, self.seed, self.job.probe);
        let (mut failure, mut seconds) = (None, 0.0);
        let mut enough = |reconstructions: &[Array2<f32>]| {
            let start = Instant::now();
            let measured = measure(&plan.file.entropy, seed, probe, reconstructions);
            seconds += start.elapsed().as_secs_f64();
            match measured {
                Ok(measured) => is_enough(&measured, reconstructions.len()),
                Err(error) => {
                    failure = Some(error);
                    true
                }
            }
        };
        let quiet = MuteObserver(self.observer);
        let observer: &dyn Observer = if is_heard { self.observer } else { &quiet };
        let cascade = self.run_cascade(params, observer, Some(&mut enough))?;
        self.cost.cascade_seconds -= seconds;
        self.cost.entropy_seconds += seconds;
        if let Some(error) = failure {
            return Err(error).during(|| "stage `entropy`".to_owned());
        }
        let measured = self.measure(&cascade.reconstructions)?;
        Ok((cascade, measured))
    }

    fn run_cascade(
        &mut self,
        params: CascadeValidParams,
        observer: &dyn Observer,
        enough: Option<&mut StopFn<'_>>,
    ) -> Result<Cascade> {
        let start = Instant::now();
        let CascadeSection { backend, save, .. } = self.plan.file.cascade;
        let stage = CascadeStage { params, job: self.job, observer, enough, keeps_decoders: save };
        let (outcome, label) = backend.dispatch(stage).during(|| "stage `cascade`".to_owned())?;
        self.cost.cascade_seconds += start.elapsed().as_secs_f64();
        self.cost.backend = label;
        let cascade = outcome.during(|| "stage `cascade`".to_owned())?;
        self.cost.flops += cascade.flops;
        Ok(cascade)
    }

    fn measure(&mut self, reconstructions: &[Array2<f32>]) -> Result<Measured> {
        let start = Instant::now();
        let section = &self.plan.file.entropy;
        let measured = measure(section, self.seed, self.job.probe, reconstructions);
        self.cost.entropy_seconds += start.elapsed().as_secs_f64();
        measured.during(|| "stage `entropy`".to_owned())
    }
}

/// The cascade on whichever backend.
struct CascadeStage<'a, 'j, 'e> {
    params: CascadeValidParams,
    job: &'a Job<'j>,
    observer: &'a dyn Observer,
    enough: Option<&'a mut StopFn<'e>>,
    /// Whether anybody wants the decoders; where nobody does, they never leave the backend.
    keeps_decoders: bool,
}

impl BackendTask for CascadeStage<'_, '_, '_> {
    type Output = (isobath_cascade::Result<Cascade>, String);

    fn run<B: FullBackend>(self, backend: B) -> Self::Output {
        let label = backend.description();
        let reconstructor = self.params.build(backend);
        let cascade = reconstructor.cascade(self.job, self.observer, self.enough);
        if self.keeps_decoders {
            return (cascade, label);
        }
        let without = |cascade| Cascade { decoders: Decoders::default(), ..cascade };
        (cascade.map(without), label)
    }
}

/// Keeps progress to itself and passes on whether to stop.
struct MuteObserver<'a>(&'a dyn Observer);

impl Observer for MuteObserver<'_> {
    fn layer_done(&self, _: usize, _: usize) {}

    fn cancelled(&self) -> bool {
        self.0.cancelled()
    }
}
