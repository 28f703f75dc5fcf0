#![expect(unsafe_code, reason = "kernels take raw addresses; each launch says why it is sound")]

use crate::{
    Divergence, DivergenceKind, Result,
    cuda::{
        argument::Argument,
        backend::Cuda,
        buffer::CudaBuffer,
        device::Device,
        kernel::{Kernel, Source},
    },
};

pub(crate) static KERNEL_FILES: &[&Source] = &[&SOURCE];
static SOURCE: Source = Source::new("divergence", include_str!("divergence.cu"));
static SQUARED_ERROR: Kernel = Kernel::new(&SOURCE, "squared_error");
static RELATIVE_ENTROPY: Kernel = Kernel::new(&SOURCE, "relative_entropy");
static JENSEN_SHANNON: Kernel = Kernel::new(&SOURCE, "jensen_shannon");

impl<D: Device> Divergence for Cuda<D> {
    fn row_divergence(
        &self,
        kind: DivergenceKind,
        shape @ [rows, cols]: [usize; 2],
        x: &CudaBuffer<f32, D>,
        y: &CudaBuffer<f32, D>,
        out: &mut CudaBuffer<f64, D>,
    ) -> Result<()> {
        self.check_divergence(shape, x, y, out)?;
        let (kernel, settings): (_, &[Argument]) = match kind {
            DivergenceKind::SquaredError => (&SQUARED_ERROR, &[]),
            DivergenceKind::Relative { floor } => (&RELATIVE_ENTROPY, &[Argument::F64(floor)]),
            DivergenceKind::JensenShannon => (&JENSEN_SHANNON, &[]),
        };
        let arguments = [rows.into(), cols.into(), x.into(), y.into(), out.into()];
        let arguments = [settings, &arguments].concat();
        // SAFETY: `check_divergence` saw that the buffers are as long as the shape needs.
        unsafe { self.device.launch(kernel, self.limits().warps(rows), &arguments) }
    }
}
