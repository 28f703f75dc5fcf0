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
pub(crate) use optimizer::adagrad_rate;
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
    /// written to memory. `step` is one of [`Optimizer::Sgd`], whose momentum and weight decay do not matter, nor do the
    /// `alpha` and `beta` of `config`.
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

    /// Backward pass and step of the weights `W_i`, `[m, n]`, of as many dense layers as `config` has products, which are the
    /// gradients `delta_i op(x_i)`: `input_delta_i = scale W_i^T delta_i`, `[n, k]`, then `W_i -= lr delta_i op(x_i)` as
    /// [`descend`](Self::descend) takes it. A backend may read the weights once for both.
    ///
    /// # Errors
    /// As [`descend`](Self::descend).
    fn propagate_and_descend(
        &self,
        step: &Self::Step,
        config: BatchedGemmConfig,
        scale: f32,
        factors: [&Self::Buffer<f32>; 2],
        results: [&mut Self::Buffer<f32>; 2],
    ) -> Result<()> {
        propagate_then_descend(self, step, config, scale, factors, results)
    }
}

/// [`Optimize::propagate_and_descend`] in its two parts.
fn propagate_then_descend<B: Optimize>(
    backend: &B,
    step: &B::Step,
    config: BatchedGemmConfig,
    scale: f32,
    [delta, x]: [&B::Buffer<f32>; 2],
    [weights, input_delta]: [&mut B::Buffer<f32>; 2],
) -> Result<()> {
    backend.batched_gemm(backward_product(config, scale), weights, delta, input_delta)?;
    backend.descend(step, config, delta, x, weights)
}

/// The products `scale W^T delta` that belong to the gradients `delta op(x)` of weights.
fn backward_product(config: BatchedGemmConfig, scale: f32) -> BatchedGemmConfig {
    let GemmConfig { m, n, k, precision, .. } = config.product;
    let product = GemmConfig::new(n, k, m).transpose_a().precision(precision);
    BatchedGemmConfig::new(GemmConfig { alpha: scale, ..product }, config.count)
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

/// Implements the required items of [`Optimize`] for a backend that computes on the host. `$take_step` takes a step with
/// slices of one length.
macro_rules! optimize_on_host {
    ($take_step:path) => {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Cpu, Reference};

    /// Takes three steps with gradients 1/2, -1 and 1/4 from a parameter of 1.
    ///
    /// The expected parameters are those of PyTorch's formulas in f64. PyTorch gives them by
    ///
    /// ```python
    /// w = torch.nn.Parameter(torch.ones(1, dtype=torch.float64))
    /// optimizer = torch.optim.SGD([w], lr=0.1, weight_decay=0.1)      # or another of the tests below
    /// for g in [0.5, -1.0, 0.25]:
    ///     w.grad = torch.full_like(w, g)
    ///     optimizer.step()
    ///     print(w.item())
    /// ```
    #[track_caller]
    fn check(optimizer: Optimizer, expected: [f64; 3]) {
        check_on(&Reference, optimizer, expected);
        check_on(&Cpu::new(), optimizer, expected);
    }

    #[track_caller]
    fn check_on<B: Optimize>(backend: &B, optimizer: Optimizer, expected: [f64; 3]) {
        let mut w = backend.upload(&[1.0]).unwrap();
        let [mut first, mut second] = [backend.zeros(1).unwrap(), backend.zeros(1).unwrap()];
        for ((number, g), expected) in (1..).zip([0.5, -1.0, 0.25]).zip(expected) {
            let step = backend.new_step(&optimizer, number).unwrap();
            let g = backend.upload(&[g]).unwrap();
            backend.optimizer_step(&step, &mut w, &g, &mut first, &mut second).unwrap();
            let found = f64::from(backend.download(&w).unwrap()[0]);
            assert!((found - expected).abs() < 2e-6, "step {number}: {found}, not {expected}");
        }
    }

    #[test]
    fn sgd_with_weight_decay() {
        check(Optimizer::sgd(0.1).with_weight_decay(0.1), [0.94, 1.0306, 0.995_294]);
    }

    #[test]
    fn momentum_with_weight_decay() {
        let momentum = Optimizer::momentum(0.1, 0.9);
        check(momentum.with_weight_decay(0.1), [0.94, 0.9766, 0.974_774]);
    }

    #[test]
    fn rmsprop_with_weight_decay() {
        let rmsprop = Optimizer::rmsprop(0.1);
        check(rmsprop.with_weight_decay(0.1), [1.67e-7, 0.858_630_19, 0.580_252_023]);
    }

    #[test]
    fn adagrad() {
        // By hand: sums 1/4, 5/4, 21/16; 1 - 0.1, then + 0.1 / sqrt(5/4), then - 0.025 / sqrt(21/16).
        check(Optimizer::adagrad(0.1), [0.9, 0.989_442_719, 0.967_620_930]);
    }

    #[test]
    fn adagrad_with_both_decays() {
        let adagrad = Optimizer::Adagrad { lr: 0.1, lr_decay: 0.5, eps: 1e-10, weight_decay: 0.1 };
        check(adagrad, [0.9, 0.955_657_492, 0.940_547_048]);
    }

    #[test]
    fn adam_with_weight_decay() {
        let adam = Optimizer::adam(0.1).with_weight_decay(0.1);
        check(adam, [0.900_000_002, 0.925_263_519, 0.924_730_574]);
    }
}
