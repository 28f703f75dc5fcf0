use std::f64::consts::{E, PI};

use super::{
    Cuda, CudaBuffer,
    device::Device,
    kernel::{Kernel, Launch, Source},
};
use crate::{
    Backend, BatchEntropy, Result,
    ops::batch_entropy::{check_batch_entropy, check_batch_entropy_gradient},
};

pub(super) static SOURCE: Source =
    Source { name: "batch_entropy", text: include_str!("kernels/batch_entropy.cu") };
static UNIT_ENTROPIES: Kernel = Kernel::new(&SOURCE, "unit_entropies");
static ADD_ENTROPY_GRADIENT: Kernel = Kernel::new(&SOURCE, "add_entropy_gradient");

impl<D: Device> BatchEntropy for Cuda<D> {
    fn batch_entropy(
        &self,
        shape @ [units, samples]: [usize; 2],
        h: &CudaBuffer<f32, D>,
    ) -> Result<f64> {
        check_batch_entropy(self, shape, h)?;
        if units * samples == 0 {
            return Ok(0.0);
        }
        let mut entropies = self.zeros(units)?;
        let arguments = [units.into(), samples.into(), h.into(), (&mut entropies).into()];
        // SAFETY: `check_batch_entropy` saw that `h` is as long; `entropies` has a number for each unit.
        unsafe { self.device.launch(&UNIT_ENTROPIES, Launch::warps(units), &arguments) }?;
        Ok(self.download::<f64>(&entropies)?.iter().sum::<f64>() / units as f64)
    }

    fn add_batch_entropy_gradient(
        &self,
        shape @ [units, samples]: [usize; 2],
        factor: f64,
        h: &CudaBuffer<f32, D>,
        delta: &mut CudaBuffer<f32, D>,
    ) -> Result<()> {
        check_batch_entropy_gradient(self, shape, h, delta)?;
        let scale = factor * PI * E / (units as f64 * (samples as f64 - 1.0).max(1.0));
        let arguments = [scale.into(), units.into(), samples.into(), h.into(), delta.into()];
        // SAFETY: `check_batch_entropy_gradient` saw that the buffers are as long as the shape needs.
        unsafe { self.device.launch(&ADD_ENTROPY_GRADIENT, Launch::warps(units), &arguments) }
    }
}
