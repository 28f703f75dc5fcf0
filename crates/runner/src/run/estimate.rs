//! What a plan will cost, before it runs.

use std::time::Instant;

use anyhow::{Context, Result};
use cascade::{Extent, InitialDecoders, Job, Silent};
use ndarray::Array2;
use network::{DenseLayer, Layer, Network, NetworkSpec};
use tensor::{Activation, BackendTask, FullBackend};

use crate::experiment::Plan;

/// What a plan will cost. Work is exact for the matrices, time is measured on a small piece.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Estimate {
    /// Floating-point operations of one cell's matrix products.
    pub flops_per_cell: u64,
    /// Operations per second measured on one layer of this network.
    pub flops_per_second: f64,
}

impl Estimate {
    /// Seconds for `cells` cells.
    pub fn seconds(&self, cells: usize) -> f64 {
        self.flops_per_cell as f64 * cells as f64 / self.flops_per_second
    }
}

/// Estimates the cost of `plan`, timing a small piece of the work for about a second.
///
/// # Errors
/// When the backend is not available.
pub fn estimate(plan: &Plan) -> Result<Estimate> {
    let train = plan.train_samples().context("the number of training samples is not known")?;
    let first = largest(plan);
    let flops_per_cell = plan.file.cascade.backend.dispatch(Cost { plan, train })?;
    let spec =
        NetworkSpec::new(vec![timed(&plan.network.layers()[first], plan.file.network.activation)])?;
    let flops_per_second = plan.file.cascade.backend.dispatch(Timing { plan, spec })??;
    Ok(Estimate { flops_per_cell, flops_per_second })
}

/// The layer with most weights.
fn largest(plan: &Plan) -> usize {
    let layers = &plan.network.layers()[..plan.layers];
    (0..layers.len()).max_by_key(|&index| layers[index].parameters()).unwrap_or(0)
}

/// The layer that is timed in place of `layer`: as wide, unless that alone would take too long.
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
}

impl BackendTask for Timing<'_> {
    type Output = Result<f64>;

    fn run<B: FullBackend>(self, backend: B) -> Result<f64> {
        /// Minibatches timed: enough to leave the beginning behind.
        const BATCHES: usize = 60;
        let train = self.plan.cascade.params().batch * BATCHES;
        let width = self.spec.widths()[0];
        let samples = Array2::from_shape_fn((train, width), |(i, j)| {
            ((i * 31 + j * 17) % 101) as f32 / 101.0
        });
        let network = Network::random(self.spec, self.plan.cells[0].variances, 0);
        let job = Job {
            network: &network,
            layers: 1,
            train: samples.view(),
            probe: samples.slice(ndarray::s![..1, ..]),
            initial: InitialDecoders::Drawn { seed: 0 },
        };
        let cascade = self.plan.cascade.clone().build(backend);
        cascade.reconstruct(&job, &Silent)?;
        let start = Instant::now();
        cascade.reconstruct(&job, &Silent)?;
        Ok(cascade.flops(&job.extent()) as f64 / start.elapsed().as_secs_f64())
    }
}
