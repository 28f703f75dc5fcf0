#![expect(unsafe_code, reason = "kernels take raw addresses; each launch says why it is sound")]

use super::{adagrad_rate, check_step};
use crate::{
    Backend, BatchedGemmConfig, Optimize, Optimizer, Result,
    cuda::{
        argument::Argument,
        backend::Cuda,
        buffer::CudaBuffer,
        device::Device,
        kernel::{Kernel, Source},
    },
    ops::batched_gemm::cuda::Scale,
};

pub(crate) static KERNEL_FILES: &[&Source] = &[&SOURCE];
static SOURCE: Source = Source::new("optimizer", include_str!("optimizer.cu"));
static SET_RATES: Kernel = Kernel::new(&SOURCE, "set_rates");
pub(crate) static OPTIMIZER_STEP: Kernel = Kernel::new(&SOURCE, "optimizer_step");

/// A step of an optimiser on a device; its rates are in the device's memory.
#[derive(Debug)]
pub struct CudaStep<D: Device> {
    rule: Rule,
    /// See [`Rates`].
    rates: CudaBuffer<f32, D>,
}

/// Rates come from the device's memory, so that recorded steps follow them.
impl<D: Device> Optimize for Cuda<D> {
    type Step = CudaStep<D>;

    fn new_step(&self, optimizer: &Optimizer, number: u64) -> Result<CudaStep<D>> {
        let mut step = CudaStep { rule: Rule::new(optimizer), rates: self.scratch(Rates::LEN)? };
        self.set_step(&mut step, optimizer, number)?;
        Ok(step)
    }

    /// Runs a kernel, so that the host need not keep the numbers until they have arrived.
    fn set_step(&self, step: &mut CudaStep<D>, optimizer: &Optimizer, number: u64) -> Result<()> {
        step.rule = Rule::new(optimizer);
        let [lr, correction2] = Rates::new(optimizer, number).numbers().map(Argument::F32);
        let arguments = [lr, correction2, (&mut step.rates).into()];
        // SAFETY: `rates` has room for them.
        unsafe { self.device.launch(&SET_RATES, self.limits().elements(1), &arguments) }
    }

    fn optimizer_step(
        &self,
        step: &CudaStep<D>,
        parameters: &mut CudaBuffer<f32, D>,
        gradient: &CudaBuffer<f32, D>,
        first: &mut CudaBuffer<f32, D>,
        second: &mut CudaBuffer<f32, D>,
    ) -> Result<()> {
        check_step(self, parameters, gradient, [first, second])?;
        let n = self.len(parameters);
        let buffers = [gradient.into(), parameters.into(), first.into(), second.into()];
        let own = [step.rule.weight_decay(), (&step.rates).into(), n.into()];
        let arguments = [&step.rule.arguments()[..], &own, &buffers].concat();
        // SAFETY: the buffers are as long as `parameters`, `rates` are what the kernel takes.
        unsafe { self.device.launch(&OPTIMIZER_STEP, self.limits().elements(n), &arguments) }
    }

    fn descend(
        &self,
        step: &CudaStep<D>,
        config: BatchedGemmConfig,
        a: &CudaBuffer<f32, D>,
        b: &CudaBuffer<f32, D>,
        c: &mut CudaBuffer<f32, D>,
    ) -> Result<()> {
        // The rate is the first number.
        self.multiply_batch(config, Scale::Descent { rate: &step.rates }, [a, b], c)
    }
}

/// Constants of an optimiser: with [`Rates`], `struct Step` of `common.cuh`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Rule {
    /// Number of the optimiser there.
    pub(crate) kind: i32,
    /// Decay of the first and of the second moment.
    decay: [f32; 2],
    /// One minus each decay, computed in f64, since `1 - beta2` of an f32 has few digits left.
    rest: [f32; 2],
    /// Added to the root of the second moment.
    eps: f32,
    /// Coupled weight decay.
    weight_decay: f32,
}

impl Rule {
    pub(crate) fn new(optimizer: &Optimizer) -> Self {
        let weight_decay = optimizer.weight_decay();
        let mean = |kind, decay: [f32; 2], eps| {
            let rest = decay.map(|decay| (1.0 - f64::from(decay)) as f32);
            Self { kind, decay, rest, eps, weight_decay }
        };
        match *optimizer {
            Optimizer::Sgd { momentum, .. } => mean(0, [momentum, 0.0], 0.0),
            Optimizer::RmsProp { alpha, eps, .. } => mean(1, [0.0, alpha], eps),
            // The step of RMSProp, with a sum of squares in the place of their mean.
            Optimizer::Adagrad { eps, .. } => Self { rest: [1.0, 1.0], ..mean(1, [0.0, 1.0], eps) },
            Optimizer::Adam { beta1, beta2, eps, .. } => mean(2, [beta1, beta2], eps),
        }
    }

    /// The weight decay as a kernel takes it, which comes after [`arguments`](Self::arguments).
    pub(crate) fn weight_decay(self) -> Argument {
        Argument::F32(self.weight_decay)
    }

    /// All but the weight decay, in the order kernels take them.
    pub(crate) fn arguments(self) -> [Argument; 6] {
        let Self { kind, decay: [decay1, decay2], rest: [rest1, rest2], eps, .. } = self;
        let [decay1, rest1, decay2, rest2, eps] =
            [decay1, rest1, decay2, rest2, eps].map(Argument::F32);
        [Argument::I32(kind), decay1, rest1, decay2, rest2, eps]
    }
}

/// Numbers that change from step to step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Rates {
    /// The learning rate, Adam's divided by `1 - beta1^t`.
    lr: f32,
    /// Adam's `1 / (1 - beta2^t)`.
    correction2: f32,
}

impl Rates {
    /// Numbers of a step in memory.
    pub(crate) const LEN: usize = 2;

    /// Rates of step number `t`, counted from 1.
    pub(crate) fn new(optimizer: &Optimizer, t: u64) -> Self {
        // A power that the exponent's type cannot tell from the next is zero.
        let power = i32::try_from(t).unwrap_or(i32::MAX);
        let correction = |decay: f32| 1.0 / (1.0 - f64::from(decay).powi(power));
        match *optimizer {
            Optimizer::Sgd { lr, .. } | Optimizer::RmsProp { lr, .. } => {
                Self { lr, correction2: 1.0 }
            }
            Optimizer::Adagrad { lr, lr_decay, .. } => {
                Self { lr: adagrad_rate(lr, lr_decay, t) as f32, correction2: 1.0 }
            }
            Optimizer::Adam { lr, beta1, beta2, .. } => Self {
                lr: (f64::from(lr) * correction(beta1)) as f32,
                correction2: correction(beta2) as f32,
            },
        }
    }

    /// The rates as kernels find them in memory.
    pub(crate) fn numbers(self) -> [f32; Self::LEN] {
        [self.lr, self.correction2]
    }

    /// Rates of `steps` steps from number `t` on.
    pub(crate) fn of_steps(optimizer: &Optimizer, t: u64, steps: usize) -> Vec<f32> {
        (t..).take(steps).flat_map(|t| Self::new(optimizer, t).numbers()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_step_of_adam_is_the_learning_rate() {
        let adam = Optimizer::adam(0.25);
        let (Rates { lr, correction2 }, Rule { rest, .. }) =
            (Rates::new(&adam, 1), Rule::new(&adam));
        // m = (1 - beta1) g, v = (1 - beta2) g^2, and so lr m_hat / sqrt(v_hat) = lr.
        let change = lr * rest[0] / (rest[1] * correction2).sqrt();
        assert!((change - 0.25).abs() < 1e-6, "{change}");
    }

    #[test]
    fn corrections_vanish_after_many_steps() {
        for t in [1_000_000, u64::from(u32::MAX), u64::MAX] {
            let rates = Rates::new(&Optimizer::adam(0.25), t);
            assert_eq!(rates, Rates { lr: 0.25, correction2: 1.0 }, "{t}");
        }
    }
}
