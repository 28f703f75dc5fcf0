//! Steps of optimisers.

#[cfg(feature = "conformance")]
pub(super) mod conformance;
mod cpu;
#[cfg(feature = "cuda")]
pub(super) mod cuda;
mod optimizer;
mod reference;

#[cfg(feature = "cuda")]
pub use cuda::CudaStep;
pub use optimizer::{Optimizer, OptimizerError};

use std::fmt::Debug;

use crate::{Backend, BatchedGemm, BatchedGemmConfig, GemmConfig, Result, backend::expect_len};

/// Steps of an optimiser.
///
/// The numbers that change from one step to the next, the learning rate and Adam's corrections, are in a
/// [`Step`](Self::Step). So operations on the same one are the same work however often the optimiser has stepped, and a
/// device can [repeat](crate::Replay) them.
pub trait Optimize: BatchedGemm {
    /// Step of an optimiser.
    type Step: Debug + Send;

    /// Step `number`, counted from 1, of `optimizer`.
    ///
    /// # Errors
    /// As [`Backend::zeros`](crate::Backend::zeros).
    fn new_step(&self, optimizer: &Optimizer, number: u64) -> Result<Self::Step>;

    /// Makes `step` another of the same optimiser, which may have another learning rate. The memory stays the same.
    ///
    /// # Errors
    /// When the device fails.
    fn set_step(&self, step: &mut Self::Step, optimizer: &Optimizer, number: u64) -> Result<()> {
        *step = self.new_step(optimizer, number)?;
        Ok(())
    }

    /// Takes the step with `parameters`. `first` and `second` are their two moments, of the same length; an optimiser that
    /// has fewer leaves the rest alone.
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape) when a buffer is shorter than `parameters`.
    fn optimizer_step(
        &self,
        step: &Self::Step,
        parameters: &mut Self::Buffer<f32>,
        gradient: &Self::Buffer<f32>,
        first: &mut Self::Buffer<f32>,
        second: &mut Self::Buffer<f32>,
    ) -> Result<()>;

    /// Takes a step of gradient descent along gradients that are products: `C_i -= lr op(A_i) op(B_i)`. They are never
    /// written to memory. `step` is one of [`Optimizer::Sgd`], whose momentum does not matter, nor do the `alpha` and
    /// `beta` of `config`.
    ///
    /// # Errors
    /// As [`BatchedGemm::batched_gemm`].
    fn descend(
        &self,
        step: &Self::Step,
        config: BatchedGemmConfig,
        a: &Self::Buffer<f32>,
        b: &Self::Buffer<f32>,
        c: &mut Self::Buffer<f32>,
    ) -> Result<()>;
}

/// A step for backends that compute on the host.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct HostStep {
    /// The optimiser, at the step's learning rate.
    pub(crate) optimizer: Optimizer,
    /// Counted from 1.
    pub(crate) number: u64,
}

impl HostStep {
    /// The product that [`Optimize::descend`] takes.
    pub(crate) fn descent(&self, config: BatchedGemmConfig) -> BatchedGemmConfig {
        let product = GemmConfig { alpha: -self.optimizer.lr(), beta: 1.0, ..config.product };
        BatchedGemmConfig { product, ..config }
    }
}

/// Implements [`Optimize`] for a backend that computes on the host, given what takes a step with slices of the same
/// length.
macro_rules! optimize_on_host {
    ($backend:ty, $take_step:path) => {
        impl $crate::Optimize for $backend {
            type Step = $crate::HostStep;

            fn new_step(
                &self,
                &optimizer: &$crate::Optimizer,
                number: u64,
            ) -> $crate::Result<$crate::HostStep> {
                Ok($crate::HostStep { optimizer, number })
            }

            fn optimizer_step(
                &self,
                step: &$crate::HostStep,
                parameters: &mut $crate::HostBuffer<f32>,
                gradient: &$crate::HostBuffer<f32>,
                first: &mut $crate::HostBuffer<f32>,
                second: &mut $crate::HostBuffer<f32>,
            ) -> $crate::Result<()> {
                $crate::ops::optimize::check_step(self, parameters, gradient, [first, second])?;
                let parameters = parameters.as_mut_slice();
                let n = parameters.len();
                let moments = [first, second].map(|moment| &mut moment.as_mut_slice()[..n]);
                $take_step(step, parameters, &gradient.as_slice()[..n], moments);
                Ok(())
            }

            fn descend(
                &self,
                step: &$crate::HostStep,
                config: $crate::BatchedGemmConfig,
                a: &$crate::HostBuffer<f32>,
                b: &$crate::HostBuffer<f32>,
                c: &mut $crate::HostBuffer<f32>,
            ) -> $crate::Result<()> {
                $crate::BatchedGemm::batched_gemm(self, step.descent(config), a, b, c)
            }
        }
    };
}
pub(crate) use optimize_on_host;

/// Checks the arguments of [`Optimize::optimizer_step`].
pub(crate) fn check_step<B: Backend>(
    backend: &B,
    parameters: &B::Buffer<f32>,
    gradient: &B::Buffer<f32>,
    [first, second]: [&B::Buffer<f32>; 2],
) -> Result<()> {
    let n = backend.len(parameters);
    for (argument, buffer) in [("gradient", gradient), ("first", first), ("second", second)] {
        expect_len("optimizer_step", argument, n, backend.len(buffer))?;
    }
    Ok(())
}
