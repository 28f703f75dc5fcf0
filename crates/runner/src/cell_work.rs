//! The stages of a cell on their backends, with their cost.

use std::time::Instant;

use crate::error::{During, Result};
use isobath_cascade::{Cascade, CascadeValidParams, Decoders, Job, Observer, StopFn};
use isobath_tensor::{BackendTask, FullBackend};
use ndarray::Array2;

use crate::measure::profiles;
use isobath_experiment::{CascadeSection, Cell, Plan};
use isobath_store::{CostRecord, CutoffRecord, FitRecord, Measurement};

/// The stages of one cell and their accumulated cost.
pub(super) struct CellWork<'a> {
    plan: &'a Plan,
    cell: &'a Cell,
    job: &'a Job<'a>,
    observer: &'a dyn Observer,
    cost: CostRecord,
}

impl<'a> CellWork<'a> {
    pub(super) fn new(
        plan: &'a Plan,
        cell: &'a Cell,
        job: &'a Job<'a>,
        observer: &'a dyn Observer,
    ) -> Self {
        Self { plan, cell, job, observer, cost: CostRecord::default() }
    }

    pub(super) const fn plan(&self) -> &'a Plan {
        self.plan
    }

    /// Number of training samples.
    pub(super) fn train_samples(&self) -> usize {
        self.job.train_samples()
    }

    /// Returns the cost accumulated so far.
    pub(super) fn into_cost(self) -> CostRecord {
        self.cost
    }

    /// Runs the cascade through all layers with the plan's settings and measures the reconstructions.
    ///
    /// # Errors
    /// As [`cascade`](Self::cascade) and [`measure`](Self::measure).
    pub(super) fn run_all(&mut self) -> Result<(Cascade, Measurement)> {
        let cascade = self.run_cascade(self.plan.cascade.clone(), self.observer, None)?;
        let measurement = self.measure(&cascade)?;
        Ok((cascade, measurement))
    }

    /// Cut-offs by the plan's estimators and rules.
    ///
    /// # Errors
    /// When a rule does not fit its profile.
    pub(super) fn cutoffs(&self, measurement: &Measurement) -> Result<Vec<CutoffRecord>> {
        cutoffs(self.plan, self.cell, measurement)
    }

    /// Runs a cascade with the given settings until `is_enough` returns true.
    ///
    /// `is_enough` receives the cut-offs and the number of layers so far. The observer receives progress only if
    /// `reports_progress`; repeated work must not count twice.
    ///
    /// # Errors
    /// When a decoder diverges or cannot be found, the device or the disk fails, or the observer cancels.
    pub(super) fn cascade(
        &mut self,
        params: CascadeValidParams,
        reports_progress: bool,
        is_enough: impl Fn(&[CutoffRecord], usize) -> bool,
    ) -> Result<(Cascade, Measurement)> {
        let (plan, cell, probe) = (self.plan, self.cell, self.job.probe);
        let (mut failure, mut seconds) = (None, 0.0);
        let mut enough = |reconstructions: &[Array2<f32>]| {
            let start = Instant::now();
            let profiles = profiles(&plan.file.entropy, probe, reconstructions);
            let cutoffs = profiles.and_then(|profiles| {
                cutoffs(plan, cell, &Measurement { profiles, ..Measurement::default() })
            });
            seconds += start.elapsed().as_secs_f64();
            match cutoffs {
                Ok(cutoffs) => is_enough(&cutoffs, reconstructions.len()),
                Err(error) => {
                    failure = Some(error);
                    true
                }
            }
        };
        let quiet = MuteObserver(self.observer);
        let observer: &dyn Observer = if reports_progress { self.observer } else { &quiet };
        let cascade = self.run_cascade(params, observer, Some(&mut enough))?;
        self.cost.cascade_seconds -= seconds;
        self.cost.entropy_seconds += seconds;
        if let Some(error) = failure {
            return Err(error).during(|| "stage `entropy`".to_owned());
        }
        let measurement = self.measure(&cascade)?;
        Ok((cascade, measurement))
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

    fn measure(&mut self, cascade: &Cascade) -> Result<Measurement> {
        let start = Instant::now();
        let section = &self.plan.file.entropy;
        let of = |reconstructions: &[Array2<f32>]| {
            profiles(section, self.job.probe, reconstructions)
                .during(|| "stage `entropy`".to_owned())
        };
        let fit = |fit: &isobath_cascade::LayerFit| FitRecord {
            first_loss: fit.first_loss,
            last_loss: fit.last_loss,
            steps: fit.steps,
        };
        let measurement = Measurement {
            profiles: of(&cascade.reconstructions)?,
            half: of(&cascade.half)?,
            linear_error: cascade.linear_error,
            linear_profile: cascade.linear_profile.clone(),
            fits: cascade.fits.iter().map(fit).collect(),
            ..Measurement::default()
        };
        self.cost.entropy_seconds += start.elapsed().as_secs_f64();
        Ok(measurement)
    }
}

fn cutoffs(plan: &Plan, cell: &Cell, measurement: &Measurement) -> Result<Vec<CutoffRecord>> {
    Ok(measurement.conclude(cell.id, &plan.file.entropy, cell.seed, 0)?.cutoffs)
}

/// Backend task that runs the cascade.
struct CascadeStage<'a, 'j, 'e> {
    params: CascadeValidParams,
    job: &'a Job<'j>,
    observer: &'a dyn Observer,
    enough: Option<&'a mut StopFn<'e>>,
    /// True if the decoders are saved. Otherwise they stay on the backend.
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

/// Discards progress reports and passes on cancellation.
struct MuteObserver<'a>(&'a dyn Observer);

impl Observer for MuteObserver<'_> {
    fn progress(&self, _: f64) {}

    fn cancelled(&self) -> bool {
        self.0.cancelled()
    }
}
