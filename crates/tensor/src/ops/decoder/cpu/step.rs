//! The optimiser's step on vectors of parameters.
#![expect(unsafe_code, reason = "a SIMD kernel; each block says why it is sound")]
#![expect(
    clippy::inline_always,
    reason = "a kernel is compiled for its instructions only where all of it is inlined"
)]
use crate::{Optimizer, cpu::simd::Lanes, ops::optimize::adagrad_rate};

/// Factors from a kernel's moments to the optimiser's. Kernels keep them divided by `1 - beta`, which saves a product each
/// per step.
pub(super) fn moment_scales(optimizer: &Optimizer) -> [f32; 2] {
    match *optimizer {
        Optimizer::Sgd { .. } | Optimizer::Adagrad { .. } => [1.0, 1.0],
        Optimizer::RmsProp { alpha, .. } => [1.0, 1.0 - alpha],
        Optimizer::Adam { beta1, beta2, .. } => [1.0 - beta1, 1.0 - beta2],
    }
}

/// The optimiser's step as the kernel does it.
#[derive(Clone, Copy)]
pub(super) enum Step {
    Sgd {
        lr: f32,
    },
    Momentum {
        lr: f32,
        momentum: f32,
    },
    /// `w <- w - rate g / (sqrt(v) + eps)` with `v` divided by `1 - alpha`; Adagrad, whose `v` is a sum, where `alpha` is 1.
    RmsProp {
        alpha: f32,
        rate: f32,
        eps: f32,
    },
    /// `w <- w - rate m / (sqrt(v) + eps)` with `m` and `v` divided by `1 - beta`.
    Adam {
        beta1: f32,
        beta2: f32,
        rate: f32,
        eps: f32,
    },
}

impl Step {
    /// Step number `step`, counted from 1, of an optimiser without weight decay.
    pub(super) fn new(optimizer: &Optimizer, step: u64) -> Self {
        match *optimizer {
            Optimizer::Sgd { lr, momentum: 0.0, .. } => Self::Sgd { lr },
            Optimizer::Sgd { lr, momentum, .. } => Self::Momentum { lr, momentum },
            Optimizer::RmsProp { lr, alpha, eps, .. } => {
                let root = (1.0 - f64::from(alpha)).sqrt();
                let [rate, eps] = [lr, eps].map(|x| (f64::from(x) / root) as f32);
                Self::RmsProp { alpha, rate, eps }
            }
            Optimizer::Adagrad { lr, lr_decay, eps, .. } => {
                Self::RmsProp { alpha: 1.0, rate: adagrad_rate(lr, lr_decay, step) as f32, eps }
            }
            Optimizer::Adam { lr, beta1, beta2, eps, .. } => {
                let correction = |beta: f32| 1.0 - f64::from(beta).powf(step as f64);
                // sqrt(v_hat) = root sqrt(v); dividing numerator and denominator by `root` frees the root of a factor.
                let root = ((1.0 - f64::from(beta2)) / correction(beta2)).sqrt();
                let rate = f64::from(lr) * (1.0 - f64::from(beta1)) / (correction(beta1) * root);
                Self::Adam { beta1, beta2, rate: rate as f32, eps: (f64::from(eps) / root) as f32 }
            }
        }
    }

    /// Number of arrays that the step changes: parameters, first moment, second moment.
    #[cfg(target_arch = "x86_64")]
    pub(super) const fn parts(self) -> usize {
        match self {
            Self::Sgd { .. } => 1,
            Self::Momentum { .. } => 2,
            // The second moment is the third part.
            Self::RmsProp { .. } | Self::Adam { .. } => 3,
        }
    }

    /// Steps as many vectors of parameters as there are gradients.
    ///
    /// # Safety
    /// Inside a kernel of `V`; the pointers are valid for the vectors.
    #[inline(always)]
    pub(super) unsafe fn apply<V: Lanes>(self, gradients: &[V], [w, m, v]: [*mut f32; 3]) {
        for (i, &gradient) in gradients.iter().enumerate() {
            // SAFETY: as the caller's.
            unsafe { self.apply_to_vector(gradient, [w, m, v].map(|part| part.add(i * V::LEN))) };
        }
    }

    /// # Safety
    /// Inside a kernel of `V`; the pointers are valid for a vector.
    #[inline(always)]
    unsafe fn apply_to_vector<V: Lanes>(self, gradient: V, [w, m, v]: [*mut f32; 3]) {
        // SAFETY: as the caller's.
        unsafe {
            match self {
                Self::Sgd { lr } => gradient.neg_mul_add(V::splat(lr), V::load(w)).store(w),
                Self::Momentum { lr, momentum } => {
                    let velocity = V::load(m).mul_add(V::splat(momentum), gradient);
                    velocity.store(m);
                    velocity.neg_mul_add(V::splat(lr), V::load(w)).store(w);
                }
                Self::RmsProp { alpha, rate, eps } => {
                    let second = V::load(v).mul_add(V::splat(alpha), gradient.mul(gradient));
                    second.store(v);
                    let change = gradient.div_by_root(second, V::splat(eps));
                    change.neg_mul_add(V::splat(rate), V::load(w)).store(w);
                }
                Self::Adam { beta1, beta2, rate, eps } => {
                    let first = V::load(m).mul_add(V::splat(beta1), gradient);
                    let second = V::load(v).mul_add(V::splat(beta2), gradient.mul(gradient));
                    first.store(m);
                    second.store(v);
                    let change = first.div_by_root(second, V::splat(eps));
                    change.neg_mul_add(V::splat(rate), V::load(w)).store(w);
                }
            }
        }
    }
}
