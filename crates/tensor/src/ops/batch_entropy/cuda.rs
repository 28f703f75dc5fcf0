#![expect(unsafe_code, reason = "kernels take raw addresses; each launch says why it is sound")]

use std::f64::consts::{E, PI};

use super::{check_batch_entropy, check_batch_entropy_gradient};
use crate::{
    Backend, BatchEntropy, Result,
    cuda::{
        backend::Cuda,
        buffer::CudaBuffer,
        device::Device,
        kernel::{Kernel, Source},
    },
};

pub(crate) static KERNEL_FILES: &[&Source] = &[&SOURCE];
static SOURCE: Source = Source::new("batch_entropy", include_str!("batch_entropy.cu"));
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
        unsafe { self.device.launch(&UNIT_ENTROPIES, self.limits().warps(units), &arguments) }?;
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
        unsafe { self.device.launch(&ADD_ENTROPY_GRADIENT, self.limits().warps(units), &arguments) }
    }
}
