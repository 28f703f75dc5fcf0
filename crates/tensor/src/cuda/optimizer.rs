use super::kernel::Argument;
use crate::Optimizer;

/// What one step of an optimiser needs beside gradient and moments: `struct Step` of `kernels/common.cuh`, and the
/// optimiser's number there. Worked out in f64, since `1 - beta2` of an f32 has few digits left.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Step {
    /// Which optimiser.
    pub(super) kind: i32,
    /// The learning rate, Adam's divided by `1 - beta1^t`.
    pub(super) lr: f32,
    /// Decay of the first and of the second moment.
    pub(super) decay: [f32; 2],
    /// What each is short of one.
    pub(super) rest: [f32; 2],
    /// Adam's `1 / (1 - beta2^t)`.
    pub(super) correction2: f32,
    /// Added to the root of the second moment.
    pub(super) eps: f32,
}

impl Step {
    /// Step number `t`, counted from 1.
    pub(super) fn new(optimizer: &Optimizer, t: u64) -> Self {
        let none =
            Self { kind: 0, lr: 0.0, decay: [0.0; 2], rest: [0.0; 2], correction2: 1.0, eps: 0.0 };
        let rest = |decay: f32| (1.0 - f64::from(decay)) as f32;
        // A power that the exponent's type cannot tell from the next is zero.
        let power = i32::try_from(t).unwrap_or(i32::MAX);
        let correction = |decay: f32| 1.0 / (1.0 - f64::from(decay).powi(power));
        match *optimizer {
            Optimizer::Sgd { lr, momentum } => Self { lr, decay: [momentum, 0.0], ..none },
            Optimizer::RmsProp { lr, alpha, eps } => {
                Self { kind: 1, lr, decay: [0.0, alpha], rest: [0.0, rest(alpha)], eps, ..none }
            }
            Optimizer::Adam { lr, beta1, beta2, eps } => Self {
                kind: 2,
                lr: (f64::from(lr) * correction(beta1)) as f32,
                decay: [beta1, beta2],
                rest: [rest(beta1), rest(beta2)],
                correction2: correction(beta2) as f32,
                eps,
            },
        }
    }

    /// In the order kernels take them.
    pub(super) fn arguments(self) -> [Argument; 8] {
        let Self { kind, lr, decay, rest, correction2, eps } = self;
        let [lr, correction2, eps] = [lr, correction2, eps].map(Argument::F32);
        let [decay, rest] = [decay, rest].map(|pair| pair.map(Argument::F32));
        [Argument::I32(kind), lr, decay[0], rest[0], decay[1], rest[1], correction2, eps]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_step_of_adam_is_the_learning_rate() {
        let step = Step::new(&Optimizer::adam(0.25), 1);
        // m = (1 - beta1) g, v = (1 - beta2) g^2, and so lr m_hat / sqrt(v_hat) = lr.
        let change = step.lr * step.rest[0] / (step.rest[1] * step.correction2).sqrt();
        assert!((change - 0.25).abs() < 1e-6, "{change}");
    }

    #[test]
    fn corrections_vanish() {
        for t in [1_000_000, u64::from(u32::MAX), u64::MAX] {
            let step = Step::new(&Optimizer::adam(0.25), t);
            assert_eq!((step.lr, step.correction2), (0.25, 1.0), "{t}");
        }
    }
}
