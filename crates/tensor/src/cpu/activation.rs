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
pub(crate) unsafe fn tanh<V: Lanes>(x: V) -> V {
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
pub(crate) unsafe fn vector_value<V: Lanes>(activation: Activation, x: V) -> Option<V> {
    // SAFETY: as the caller's.
    unsafe {
        match activation {
            Activation::Tanh => Some(tanh(x)),
            Activation::Relu => Some(V::zero().max(x)),
            Activation::LeakyRelu { slope } => {
                Some(x.select_greater(V::zero(), x, x.mul(V::splat(slope as f32))))
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
pub(crate) unsafe fn vector_derivative<V: Lanes>(activation: Activation, x: V, y: V) -> Option<V> {
    // SAFETY: as the caller's.
    unsafe {
        let (zero, one) = (V::zero(), V::splat(1.0));
        match activation {
            Activation::Tanh => Some(y.neg_mul_add(y, one)),
            Activation::Relu => Some(x.select_greater(zero, one, zero)),
            Activation::LeakyRelu { slope } => {
                Some(x.select_greater(zero, one, V::splat(slope as f32)))
            }
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
pub(crate) fn value(activation: Activation, x: f32) -> f32 {
    reference::activation_value(activation, f64::from(x)) as f32
}

/// `phi'(x)` of one number, in f64 within.
pub(crate) fn derivative(activation: Activation, x: f32) -> f32 {
    reference::activation_derivative(activation, f64::from(x)) as f32
}

/// `phi(z)` and `phi'(z)`.
///
/// # Safety
/// Inside a kernel of `V`.
#[inline(always)]
pub(crate) unsafe fn value_and_derivative<V: Lanes>(activation: Activation, z: V) -> (V, V) {
    // SAFETY: as the caller's.
    unsafe {
        if let Some(y) = vector_value(activation, z)
            && let Some(slope) = vector_derivative(activation, z, y)
        {
            (y, slope)
        } else {
            (
                lane_by_lane(z, |z| value(activation, z)),
                lane_by_lane(z, |z| derivative(activation, z)),
            )
        }
    }
}

/// `phi(z)`.
///
/// # Safety
/// Inside a kernel of `V`.
#[inline(always)]
pub(crate) unsafe fn value_of<V: Lanes>(activation: Activation, z: V) -> V {
    // SAFETY: as the caller's.
    unsafe {
        vector_value(activation, z).unwrap_or_else(|| lane_by_lane(z, |z| value(activation, z)))
    }
}

/// # Safety
/// Inside a kernel of `V`.
#[inline(always)]
unsafe fn lane_by_lane<V: Lanes>(x: V, f: impl Fn(f32) -> f32) -> V {
    let mut lanes = [0.0; 16];
    // SAFETY: no type has more than 16 lanes.
    unsafe {
        x.store(lanes.as_mut_ptr());
        for lane in &mut lanes[..V::LEN] {
            *lane = f(*lane);
        }
        V::load(lanes.as_ptr())
    }
}

/// `y = phi(y + bias)` for `rows` segments of `y`, `stride` apart and as long as `bias`.
///
/// # Safety
/// Inside a kernel of `V`.
#[inline(always)]
pub(crate) unsafe fn activate_rows<V: Lanes>(
    activation: Activation,
    bias: &[f32],
    y: &mut [f32],
    stride: usize,
    rows: usize,
) {
    for row in 0..rows {
        let y = &mut y[row * stride..][..bias.len()];
        let whole = bias.len() - bias.len() % V::LEN;
        // SAFETY: `bias` and `y` are of one length, read and written up to it.
        unsafe {
            for i in (0..whole).step_by(V::LEN) {
                let z = V::load(y[i..].as_ptr()).add(V::load(bias[i..].as_ptr()));
                value_of(activation, z).store(y[i..].as_mut_ptr());
            }
            let rest = bias.len() - whole;
            if rest > 0 {
                let bias = V::load_first(bias[whole..].as_ptr(), rest);
                let z = V::load_first(y[whole..].as_ptr(), rest).add(bias);
                value_of(activation, z).store_first(y[whole..].as_mut_ptr(), rest);
            }
        }
    }
}
