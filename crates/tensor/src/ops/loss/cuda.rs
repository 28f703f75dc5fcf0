#![expect(unsafe_code, reason = "kernels take raw addresses; each launch says why it is sound")]

use super::check_loss;
use crate::{
    Backend, Loss, LossConfig, LossGradient, Result,
    cuda::{
        backend::Cuda,
        buffer::CudaBuffer,
        device::Device,
        kernel::{Kernel, Source},
    },
};

pub(crate) static KERNEL_FILES: &[&Source] = &[&SOURCE];
static SOURCE: Source = Source::new("loss", include_str!("loss.cu"));
static LOSS_GRADIENT: Kernel = Kernel::new(&SOURCE, "loss_gradient");
static TALLY_LOSS: Kernel = Kernel::new(&SOURCE, "tally_loss");

impl<D: Device> LossGradient for Cuda<D> {
    fn loss_gradient(
        &self,
        config: LossConfig,
        outputs: &CudaBuffer<f32, D>,
        labels: &CudaBuffer<u32, D>,
        gradient: &mut CudaBuffer<f32, D>,
        tally: &mut CudaBuffer<f64, D>,
    ) -> Result<()> {
        check_loss(self, &config, outputs, labels, gradient, tally)?;
        let LossConfig { loss, classes, samples, count, weight, first, slot } = config;
        let limits = self.limits();
        let launch = limits.times(limits.sums(samples), count);
        let blocks = launch.grid[0] as usize;
        let mut sums = self.zeros::<f64>(2 * count * blocks)?;
        let sizes = [count, classes, samples, first].map(Into::into);
        let settings = [number(loss).into(), (weight / samples as f64).into()];
        let buffers = [outputs.into(), labels.into(), gradient.into(), (&mut sums).into()];
        let arguments = [&settings[..], &sizes, &buffers].concat();
        // SAFETY: `check_loss` saw that the buffers are as long as the shape needs; `sums` has two numbers for each block of
        // each minibatch.
        unsafe { self.device.launch(&LOSS_GRADIENT, launch, &arguments) }?;
        let sizes = [count, samples, slot, blocks].map(Into::into);
        let arguments = [&sizes[..], &[(&sums).into(), tally.into()]].concat();
        // SAFETY: as before, and `tally` has the slots.
        unsafe { self.device.launch(&TALLY_LOSS, self.limits().blocks(count), &arguments) }
    }
}

/// The loss's number in `loss.cu`.
const fn number(loss: Loss) -> i32 {
    match loss {
        Loss::CrossEntropy => 0,
        Loss::DoubleSoftmax => 1,
        Loss::MeanSquaredError => 2,
    }
}
