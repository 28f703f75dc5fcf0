//! Activations on the way there and back.

use rayon::prelude::*;

use super::{
    Cpu,
    math::vector_derivative,
    pointwise::{value_and_derivative, value_of},
    simd::{Kernel, Lanes},
};
use crate::{
    Activation, Backward, GatherRows, HostBuffer, LossGradient, Result,
    ops::backward::{check_activate, check_activation_gradient},
};

/// Elements a task works on: some 10 microseconds, and a multiple of every vector.
const CHUNK: usize = 16 * 1024;

impl GatherRows for Cpu {}
impl LossGradient for Cpu {}

impl Backward for Cpu {
    fn activate(
        &self,
        activation: Activation,
        n: usize,
        z: &HostBuffer<f32>,
        y: &mut HostBuffer<f32>,
    ) -> Result<()> {
        check_activate(self, n, z, y)?;
        let chunks = y.as_mut_slice()[..n].par_chunks_mut(CHUNK);
        let chunks = chunks.zip(z.as_slice()[..n].par_chunks(CHUNK));
        chunks.for_each(|(y, z)| self.level.run(Value { activation, z, y }));
        Ok(())
    }

    fn activation_gradient(
        &self,
        activation: Activation,
        n: usize,
        z: &HostBuffer<f32>,
        y: &HostBuffer<f32>,
        delta: &mut HostBuffer<f32>,
    ) -> Result<()> {
        check_activation_gradient(self, n, z, y, delta)?;
        if activation == Activation::Linear {
            return Ok(());
        }
        let points = z.as_slice()[..n].par_chunks(CHUNK).zip(y.as_slice()[..n].par_chunks(CHUNK));
        let chunks = delta.as_mut_slice()[..n].par_chunks_mut(CHUNK).zip(points);
        chunks.for_each(|(delta, (z, y))| self.level.run(Slope { activation, z, y, delta }));
        Ok(())
    }
}

/// `y = phi(z)`
struct Value<'a> {
    activation: Activation,
    z: &'a [f32],
    y: &'a mut [f32],
}

impl Kernel for Value<'_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<V: Lanes>(self) {
        for (y, z) in self.y.chunks_mut(V::LEN).zip(self.z.chunks(V::LEN)) {
            // SAFETY: inside a kernel of V; the chunks are of one length, at most a vector.
            unsafe { store(value_of(self.activation, load::<V>(z)), y) };
        }
    }
}

/// `delta <- delta phi'(z)`
struct Slope<'a> {
    activation: Activation,
    z: &'a [f32],
    y: &'a [f32],
    delta: &'a mut [f32],
}

impl Kernel for Slope<'_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<V: Lanes>(self) {
        let points = self.z.chunks(V::LEN).zip(self.y.chunks(V::LEN));
        for (delta, (z, y)) in self.delta.chunks_mut(V::LEN).zip(points) {
            // SAFETY: inside a kernel of V; the chunks are of one length, at most a vector.
            unsafe {
                let z = load::<V>(z);
                let slope = vector_derivative(self.activation, z, load(y))
                    .unwrap_or_else(|| value_and_derivative(self.activation, z).1);
                store(load::<V>(delta).mul(slope), delta);
            }
        }
    }
}

/// A vector, or as many of its lanes as `from` has.
///
/// # Safety
/// Inside a kernel of `V`.
#[inline(always)]
unsafe fn load<V: Lanes>(from: &[f32]) -> V {
    // SAFETY: no more than `from.len()` lanes are read.
    unsafe {
        if from.len() >= V::LEN {
            V::load(from.as_ptr())
        } else {
            V::load_first(from.as_ptr(), from.len())
        }
    }
}

/// Writes a vector to `to`, or as many of its lanes as `to` has.
///
/// # Safety
/// Inside a kernel of `V`.
#[inline(always)]
unsafe fn store<V: Lanes>(vector: V, to: &mut [f32]) {
    // SAFETY: no more than `to.len()` lanes are written.
    unsafe {
        if to.len() >= V::LEN {
            vector.store(to.as_mut_ptr());
        } else {
            vector.store_first(to.as_mut_ptr(), to.len());
        }
    }
}
