#![expect(unsafe_code, reason = "kernels take raw addresses; each launch says why it is sound")]

use super::{check_activate, check_activation_gradient};
use crate::{
    Activation, Backward, Result,
    cuda::{
        activation,
        backend::Cuda,
        buffer::CudaBuffer,
        device::Device,
        kernel::{Kernel, Source},
    },
};

pub(crate) static KERNEL_FILES: &[&Source] = &[&SOURCE];
static SOURCE: Source = Source::new("backward", include_str!("backward.cu"));
static ACTIVATE: Kernel = Kernel::new(&SOURCE, "activate");
static ACTIVATION_GRADIENT: Kernel = Kernel::new(&SOURCE, "activation_gradient");

impl<D: Device> Backward for Cuda<D> {
    fn activate(
        &self,
        activation: Activation,
        shape @ [units, samples]: [usize; 2],
        bias: &CudaBuffer<f32, D>,
        z: &mut CudaBuffer<f32, D>,
        y: &mut CudaBuffer<f32, D>,
    ) -> Result<()> {
        check_activate(self, shape, bias, z, y)?;
        let [activation, slope] = activation::arguments(activation);
        let [units, samples, n] = [units, samples, units * samples];
        let arguments =
            [activation, slope, units.into(), samples.into(), bias.into(), z.into(), y.into()];
        // SAFETY: `check_activate` saw that the buffers are as long as the shape needs.
        unsafe { self.device.launch(&ACTIVATE, self.limits().elements(n), &arguments) }
    }

    fn activation_gradient(
        &self,
        activation: Activation,
        shape @ [units, samples]: [usize; 2],
        points @ [z, y]: [&CudaBuffer<f32, D>; 2],
        delta: &mut CudaBuffer<f32, D>,
        bias_gradient: &mut CudaBuffer<f32, D>,
    ) -> Result<()> {
        check_activation_gradient(self, shape, points, delta, bias_gradient)?;
        let [activation, slope] = activation::arguments(activation);
        let buffers = [z.into(), y.into(), delta.into(), bias_gradient.into()];
        let arguments = [&[activation, slope, units.into(), samples.into()], &buffers[..]].concat();
        // SAFETY: `check_activation_gradient` saw that the buffers are as long as the shape needs.
        unsafe { self.device.launch(&ACTIVATION_GRADIENT, self.limits().warps(units), &arguments) }
    }
}
