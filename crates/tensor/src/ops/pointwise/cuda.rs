#![expect(unsafe_code, reason = "kernels take raw addresses; each launch says why it is sound")]

use super::check_add;
use crate::{
    Activation, Backend, Pointwise, Result,
    backend::expect_len,
    cuda::{
        activation,
        backend::Cuda,
        buffer::CudaBuffer,
        device::Device,
        kernel::{Kernel, Source},
    },
};

pub(crate) static KERNEL_FILES: &[&Source] = &[&SOURCE];
static SOURCE: Source = Source::new("pointwise", include_str!("pointwise.cu"));
static BIAS_ACTIVATION: Kernel = Kernel::new(&SOURCE, "bias_activation");
pub(crate) static SQUARED_ERROR_GRADIENT: Kernel = Kernel::new(&SOURCE, "squared_error_gradient");
pub(crate) static COLUMN_SUMS: Kernel = Kernel::new(&SOURCE, "column_sums");
static ADD: Kernel = Kernel::new(&SOURCE, "add");

impl<D: Device> Pointwise for Cuda<D> {
    fn bias_activation(
        &self,
        [rows, cols]: [usize; 2],
        activation: Activation,
        bias: &CudaBuffer<f32, D>,
        y: &mut CudaBuffer<f32, D>,
    ) -> Result<()> {
        expect_len("bias_activation", "bias", cols, self.len(bias))?;
        expect_len("bias_activation", "y", rows * cols, self.len(y))?;
        let [activation, slope] = activation::arguments(activation);
        let arguments = [activation, slope, rows.into(), cols.into(), bias.into(), y.into()];
        let launch = self.limits().elements(rows * cols);
        // SAFETY: the buffers are as long as the shape needs.
        unsafe { self.device.launch(&BIAS_ACTIVATION, launch, &arguments) }
    }

    fn squared_error_gradient(
        &self,
        [rows, cols]: [usize; 2],
        activation: Activation,
        bias: &CudaBuffer<f32, D>,
        target: &CudaBuffer<f32, D>,
        z: &mut CudaBuffer<f32, D>,
    ) -> Result<f64> {
        expect_len("squared_error_gradient", "bias", cols, self.len(bias))?;
        expect_len("squared_error_gradient", "target", rows * cols, self.len(target))?;
        expect_len("squared_error_gradient", "z", rows * cols, self.len(z))?;
        let count = (rows * cols) as f64;
        let launch = self.limits().sums(rows * cols);
        let mut sums = self.zeros(launch.grid[0] as usize)?;
        let [activation, slope] = activation::arguments(activation);
        let factor = (2.0 / count) as f32;
        let [rows, cols] = [rows, cols].map(Into::into);
        let buffers = [bias.into(), target.into(), z.into(), (&mut sums).into()];
        let arguments = [&[activation, slope, factor.into(), rows, cols], &buffers[..]].concat();
        // SAFETY: the buffers are as long as the shape needs, `sums` has a number for each block.
        unsafe { self.device.launch(&SQUARED_ERROR_GRADIENT, launch, &arguments) }?;
        Ok(self.download(&sums)?.iter().sum::<f64>() / count)
    }

    fn column_sums(
        &self,
        [rows, cols]: [usize; 2],
        x: &CudaBuffer<f32, D>,
        out: &mut CudaBuffer<f32, D>,
    ) -> Result<()> {
        expect_len("column_sums", "x", rows * cols, self.len(x))?;
        expect_len("column_sums", "out", cols, self.len(out))?;
        let arguments = [rows.into(), cols.into(), x.into(), out.into()];
        // SAFETY: the buffers are as long as the shape needs.
        unsafe { self.device.launch(&COLUMN_SUMS, self.limits().columns(cols), &arguments) }
    }

    fn add(&self, n: usize, x: &CudaBuffer<f32, D>, y: &mut CudaBuffer<f32, D>) -> Result<()> {
        check_add(self, n, x, y)?;
        let arguments = [n.into(), x.into(), y.into()];
        // SAFETY: `check_add` saw that the buffers have as many numbers.
        unsafe { self.device.launch(&ADD, self.limits().elements(n), &arguments) }
    }
}
