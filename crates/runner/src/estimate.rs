//! Cost estimate of a plan's cascades.

use std::time::{Duration, Instant};

use crate::error::{During, Error, Result};
use isobath_architecture::Activation;
use isobath_architecture::{DenseLayer, Layer, NetworkSpec};
use isobath_cascade::{Extent, InitialDecoders, Job, Silent};
use isobath_network::Network;
use isobath_tensor::{BackendSpec, BackendTask, FullBackend};
use ndarray::Array2;

use crate::{measure::profiles, schedule::cells_at_once};
use isobath_experiment::Plan;

use crate::pool::run_concurrently;

/// Estimated cost of a plan's cascades.
///
/// Operation counts of matrix products are exact. Times are extrapolated from short measurements.
#[derive(Clone, Debug, PartialEq)]
pub struct Estimate {
    /// Floating-point operations of one cell's matrix products.
    pub flops_per_cell: u64,
    /// Concurrent cells.
    pub at_once: usize,
    /// Measured speed; `Err` gives the reason if this machine cannot run the measurement.
    pub speed: Result<Speed, String>,
}

/// Speed of a plan on this machine.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Speed {
    /// Total floating-point operations per second of all concurrent cells, measured on one layer of the network.
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
    let first = largest(plan);
    let flops_per_cell = flops(plan, train)?;
    let spec =
        NetworkSpec::new(vec![timed(&plan.network.layers()[first], plan.file.network.activation)])?;
    let speed = match plan.check_backends() {
        Ok(()) => {
            let timing = Timing { plan, spec, at_once };
            let flops_per_second = plan.file.cascade.backend.dispatch(timing)??;
            Ok(Speed { flops_per_second, entropy_seconds: entropy_seconds(plan)? })
        }
        Err(missing) => Err(missing.to_string()),
    };
    Ok(Estimate { flops_per_cell, at_once, speed })
}

/// Floating-point operations of one cell's matrix products, for comparison with other cells: without a known number of
/// training samples, those of one sample.
pub(super) fn cell_flops(plan: &Plan) -> u64 {
    flops(plan, plan.train_samples().unwrap_or(1)).unwrap_or(1)
}

/// Floating-point operations of one cell's matrix products with `train` samples.
fn flops(plan: &Plan, train: usize) -> Result<u64> {
    // The count does not depend on the backend.
    Ok(BackendSpec::Reference.dispatch(Cost { plan, train })?)
}

/// Seconds for one cell's entropies and cut-offs, timed on a few synthetic layers with decaying information.
fn entropy_seconds(plan: &Plan) -> Result<f64> {
    /// Maximum number of timed layers.
    const MOST: usize = 20;
    /// Maximum number of timed samples.
    const MOST_SAMPLES: usize = 200;
    let layers = plan.layers.min(MOST);
    let probe = plan.file.data.probe;
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

/// Index of the layer with the most parameters.
fn largest(plan: &Plan) -> usize {
    let layers = &plan.network.layers()[..plan.layers];
    (0..layers.len()).max_by_key(|&index| layers[index].parameters()).unwrap_or(0)
}

/// The layer to time in place of `layer`: same widths, capped to keep the measurement short.
fn timed(layer: &Layer, activation: Activation) -> Layer {
    const WIDEST: usize = 2048;
    let (inputs, outputs) = (layer.inputs().min(WIDEST), layer.outputs().min(WIDEST));
    Layer::Dense(DenseLayer { inputs, outputs, activation })
}

struct Cost<'a> {
    plan: &'a Plan,
    train: usize,
}

impl BackendTask for Cost<'_> {
    type Output = u64;

    fn run<B: FullBackend>(self, backend: B) -> u64 {
        let Plan { file, network, layers, cascade, .. } = self.plan;
        let extent = Extent {
            layers: &network.layers()[..*layers],
            train: self.train,
            probe: file.data.probe,
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
        /// Number of timed minibatches; enough to outweigh start-up costs.
        const BATCHES: usize = 60;
        /// Maximum number of timed samples.
        const MOST: usize = 20_000;
        let batch = self.plan.cascade.params().batch;
        let samples = batch.saturating_mul(BATCHES).min(MOST);
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
