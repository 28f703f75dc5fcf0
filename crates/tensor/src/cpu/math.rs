//! Vectorised activations.

use super::simd::Lanes;
use crate::{Activation, reference};

/// `tanh(x)`, within 2.5 units in the last place; NaN gives NaN.
///
/// With `t = exp(2x) - 1`, `tanh(x) = t / (t + 2)`. `t` comes from `2x = n ln 2 + r`, `|r| <= ln(2)/2`, as
/// `2^n (exp(r) - 1) + (2^n - 1)`, which keeps its relative accuracy at small `x`, where `n` is 0.
///
/// # Safety
/// Inside a kernel of `V`.
#[inline(always)]
pub(super) unsafe fn tanh<V: Lanes>(x: V) -> V {
    /// Beyond this, tanh is 1 to within half a unit in the last place.
    const LARGE: f32 = 9.02;
    const LN_2_HIGH: f32 = 0.693_359_4;
    const LN_2_LOW: f32 = -2.121_944_4e-4;
    // SAFETY: as the caller's.
    unsafe {
        let x = V::splat(LARGE).min(V::splat(-LARGE).max(x));
        let n = x.mul(V::splat(2.0 * std::f32::consts::LOG2_E)).round();
        let r = n.neg_mul_add(V::splat(LN_2_HIGH), x.add(x));
        let r = n.neg_mul_add(V::splat(LN_2_LOW), r);
        // The Taylor series of exp(r) - 1; the first term left out is below 2e-8 of the sum.
        let mut series = V::splat(1.0 / 5040.0);
        for coefficient in [1.0 / 720.0, 1.0 / 120.0, 1.0 / 24.0, 1.0 / 6.0, 0.5] {
            series = series.mul_add(r, V::splat(coefficient));
        }
        let series = series.mul_add(r.mul(r), r);
        let power = n.exp2_of_integer();
        let t = power.mul_add(series, power.sub(V::splat(1.0)));
        t.quick_div(t.add(V::splat(2.0)))
    }
}

/// `phi(x)` for the activations that have a vectorised form; `None` for the others.
///
/// # Safety
/// Inside a kernel of `V`.
#[inline(always)]
pub(super) unsafe fn vector_value<V: Lanes>(activation: Activation, x: V) -> Option<V> {
    // SAFETY: as the caller's.
    unsafe {
        match activation {
            Activation::Tanh => Some(tanh(x)),
            Activation::Relu => Some(V::zero().max(x)),
            Activation::LeakyRelu { slope } => {
                Some(x.select_greater(V::zero(), x, x.mul(V::splat(slope))))
            }
            Activation::HardTanh => Some(V::splat(1.0).min(V::splat(-1.0).max(x))),
            Activation::Sigmoid => {
                // 1 / (1 + exp(-x)) = (1 + tanh(x / 2)) / 2
                let half = V::splat(0.5);
                Some(tanh(x.mul(half)).mul_add(half, half))
            }
            Activation::Silu => {
                let half = V::splat(0.5);
                Some(x.mul(tanh(x.mul(half)).mul_add(half, half)))
            }
            Activation::Linear => Some(x),
            Activation::Erf
            | Activation::Elu
            | Activation::Selu
            | Activation::Softplus
            | Activation::Gelu
            | Activation::Sine => None,
        }
    }
}

/// `phi'` at a point, from the input `x` and the value `y = phi(x)`, where both are at hand in a vector; `None` for the
/// activations without a vectorised form.
///
/// # Safety
/// Inside a kernel of `V`.
#[inline(always)]
pub(super) unsafe fn vector_derivative<V: Lanes>(activation: Activation, x: V, y: V) -> Option<V> {
    // SAFETY: as the caller's.
    unsafe {
        let (zero, one) = (V::zero(), V::splat(1.0));
        match activation {
            Activation::Tanh => Some(y.neg_mul_add(y, one)),
            Activation::Relu => Some(x.select_greater(zero, one, zero)),
            Activation::LeakyRelu { slope } => Some(x.select_greater(zero, one, V::splat(slope))),
            Activation::Sigmoid => Some(y.neg_mul_add(y, y)),
            Activation::Linear => Some(one),
            Activation::HardTanh
            | Activation::Silu
            | Activation::Erf
            | Activation::Elu
            | Activation::Selu
            | Activation::Softplus
            | Activation::Gelu
            | Activation::Sine => None,
        }
    }
}

/// `phi(x)` of one number, in f64 within.
pub(super) fn value(activation: Activation, x: f32) -> f32 {
    reference::activation_value(activation, f64::from(x)) as f32
}

/// `phi'(x)` of one number, in f64 within.
pub(super) fn derivative(activation: Activation, x: f32) -> f32 {
    reference::activation_derivative(activation, f64::from(x)) as f32
}
