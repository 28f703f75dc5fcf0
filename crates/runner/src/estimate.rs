//! Cost estimate of a plan's cascades.

use std::time::{Duration, Instant};

use crate::error::{During, Error, Result};
use isobath_architecture::{DenseLayer, Layer, NetworkSpec};
use isobath_cascade::{Extent, InitialDecoders, Job, Silent};
use isobath_network::Network;
use isobath_tensor::{BackendSpec, BackendTask, FullBackend};
use ndarray::Array2;

use crate::{Memory, measure::profiles, schedule::cells_at_once};
use isobath_experiment::{Plan, Variant};

use crate::pool::run_concurrently;

/// Estimated cost of a plan's cascades.
///
/// Operation counts of matrix products are exact. Times are extrapolated from short measurements.
#[derive(Clone, Debug, PartialEq)]
pub struct Estimate {
    /// Floating-point operations of one cell's matrix products, the mean over the plan's variants.
    pub flops_per_cell: u64,
    /// Concurrent cells.
    pub at_once: usize,
    /// Measured speed; `Err` gives the reason if this machine cannot run the measurement.
    pub speed: Result<Speed, String>,
}

/// Speed of a plan on this machine.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Speed {
    /// Total floating-point operations per second of all concurrent cells, measured on the largest layer.
    pub flops_per_second: f64,
    /// Seconds for a cell's entropies and cut-offs.
    pub entropy_seconds: f64,
}

impl Estimate {
    /// Seconds for `cells` cells.
    pub fn seconds(&self, speed: &Speed, cells: usize) -> f64 {
        let cascade = self.flops_per_cell as f64 / speed.flops_per_second;
        cells as f64 * (cascade + speed.entropy_seconds / self.at_once as f64)
    }
}

/// Estimates the cost of `plan`. Times small parts of the work for about a second.
///
/// # Errors
/// When the number of training samples is unknown or a backend fails.
pub fn estimate(plan: &Plan) -> Result<Estimate> {
    let train = plan.train_samples().ok_or(Error::UnknownSamples)?;
    let at_once = cells_at_once(plan).min(plan.cells.len());
    let flops_per_cell =
        plan.variants.iter().map(|one| flops(plan, one, train)).sum::<Result<u64>>()?
            / plan.variants.len() as u64;
    let spec = NetworkSpec::new(vec![timed(largest(plan))])?;
    let is_possible = || Memory::of(plan).map_or(Ok(()), Memory::check).map_err(|e| e.to_string());
    let checked =
        plan.check_backends().map_err(|error| error.to_string()).and_then(|()| is_possible());
    let speed = match checked {
        Ok(()) => {
            let timing = Timing { plan, spec, at_once };
            match plan.file.cascade.backend.dispatch(timing)? {
                Ok(flops_per_second) => {
                    Ok(Speed { flops_per_second, entropy_seconds: entropy_seconds(plan)? })
                }
                Err(failure) => Err(failure.to_string()),
            }
        }
        Err(missing) => Err(missing),
    };
    Ok(Estimate { flops_per_cell, at_once, speed })
}

/// Floating-point operations of the matrix products of one cell of each variant, for comparison with other cells: without
/// a known number of training samples, those of one sample.
pub(super) fn cell_flops(plan: &Plan) -> Vec<u64> {
    let train = plan.train_samples().unwrap_or(1);
    plan.variants.iter().map(|variant| flops(plan, variant, train).unwrap_or(1)).collect()
}

/// Floating-point operations of one cell's matrix products with `train` samples.
fn flops(plan: &Plan, variant: &Variant, train: usize) -> Result<u64> {
    // The count does not depend on the backend.
    Ok(BackendSpec::Reference.dispatch(Cost { plan, variant, train })?)
}

/// Seconds for one cell's entropies and cut-offs, timed on a few synthetic layers with decaying information.
fn entropy_seconds(plan: &Plan) -> Result<f64> {
    /// Maximum number of timed layers.
    const MOST: usize = 20;
    /// Maximum number of timed samples.
    const MOST_SAMPLES: usize = 200;
    let layers = plan.layers.min(MOST);
    let probe = plan.file.data.probe();
    let samples = probe.min(MOST_SAMPLES);
    let inputs = pattern(samples, plan.shape.len());
    let reconstructions: Vec<Array2<f32>> = (1..=layers)
        .map(|layer| {
            let kept = (-(layer as f32) / 5.0).exp();
            inputs.mapv(|pixel| 0.5 + kept * (pixel - 0.5))
        })
        .collect();
    let start = Instant::now();
    profiles(&plan.file.entropy, inputs.view(), &reconstructions)
        .during(|| "stage `entropy`".to_owned())?;
    // Half of the steps have profiles as well, ridge decoders have none.
    let profiles =
        if plan.cascade.params().method == isobath_cascade::Method::Ridge { 1.0 } else { 2.0 };
    let share = plan.layers as f64 / layers as f64 * probe as f64 / samples as f64;
    Ok(start.elapsed().as_secs_f64() * profiles * share)
}

/// Synthetic samples, `[n, width]`, in `[0, 1]`.
fn pattern(n: usize, width: usize) -> Array2<f32> {
    Array2::from_shape_fn((n, width), |(i, j)| ((i * 31 + j * 17) % 101) as f32 / 101.0)
}

/// The layer with the most work.
///
/// # Panics
/// Never; a plan has layers.
fn largest(plan: &Plan) -> &Layer {
    let layers = plan.variants.iter().flat_map(|one| &one.network.layers()[..plan.layers]);
    layers
        .max_by_key(|layer| (layer.forward_flops(), layer.parameters()))
        .expect("a plan has layers")
}

/// The layer to time in place of `layer`: same widths, capped to keep the measurement short.
fn timed(layer: &Layer) -> Layer {
    const WIDEST: usize = 2048;
    match layer {
        &Layer::Dense(DenseLayer { inputs, outputs, activation }) => {
            let (inputs, outputs) = (inputs.min(WIDEST), outputs.min(WIDEST));
            Layer::Dense(DenseLayer { inputs, outputs, activation })
        }
        Layer::Conv2d(_) | Layer::Pool(_) | Layer::Residual(_) => layer.clone(),
    }
}

struct Cost<'a> {
    plan: &'a Plan,
    variant: &'a Variant,
    train: usize,
}

impl BackendTask for Cost<'_> {
    type Output = u64;

    fn run<B: FullBackend>(self, backend: B) -> u64 {
        let Plan { file, layers, cascade, .. } = self.plan;
        let extent = Extent {
            layers: &self.variant.network.layers()[..*layers],
            train: self.train,
            probe: file.data.probe(),
        };
        cascade.clone().build(backend).flops(&extent)
    }
}

struct Timing<'a> {
    plan: &'a Plan,
    spec: NetworkSpec,
    at_once: usize,
}

impl BackendTask for Timing<'_> {
    type Output = Result<f64>;

    fn run<B: FullBackend>(self, backend: B) -> Result<f64> {
        /// Number of timed minibatches, unless they take too long; enough to outweigh start-up costs.
        const BATCHES: usize = 60;
        /// Maximum number of floating-point operations of the timed minibatches, unless two take more.
        const MOST_FLOPS: usize = 100_000_000_000;
        /// Maximum number of timed samples.
        const MOST: usize = 20_000;
        let batch = self.plan.cascade.params().batch;
        // Forward pass, and training of a decoder as large as the layer.
        let step = 6 * self.spec.layers()[0].forward_flops() as usize * batch;
        let batches = (MOST_FLOPS / step.max(1)).clamp(2, BATCHES);
        let samples = batch.saturating_mul(batches).min(MOST);
        let samples = pattern(samples, self.spec.widths()[0]);
        let network = Network::random(self.spec, self.plan.cells[0].variances, 0);
        let job = Job {
            network: &network,
            layers: 1,
            train: samples.view(),
            order: None,
            probe: samples.slice(ndarray::s![..1, ..]),
            initial: InitialDecoders::Drawn { seed: 0 },
        };
        let cascade = self.plan.cascade.clone().build(backend);
        cascade.reconstruct(&job, &Silent)?;
        let start = Instant::now();
        let repeated = || {
            let mut count = 0_u64;
            while count == 0 || start.elapsed() < LONG_ENOUGH {
                cascade.reconstruct(&job, &Silent)?;
                count += 1;
            }
            Ok(count)
        };
        let counts = run_concurrently(self.at_once, self.plan.file.cascade.backend, |_| repeated());
        let count = counts.into_iter().sum::<isobath_cascade::Result<u64>>()?;
        let flops = cascade.flops(&job.extent()) * count;
        Ok(flops as f64 / start.elapsed().as_secs_f64())
    }
}

/// Minimum duration of the measurement.
const LONG_ENOUGH: Duration = Duration::from_millis(300);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entropies_of_concurrent_cells_overlap() {
        let speed = Speed { flops_per_second: 50.0, entropy_seconds: 3.0 };
        let estimate = Estimate { flops_per_cell: 100, at_once: 2, speed: Ok(speed) };
        assert!((estimate.seconds(&speed, 10) - 35.0).abs() < 1e-12);
    }
}
