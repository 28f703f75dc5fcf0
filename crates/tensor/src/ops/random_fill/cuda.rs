#![expect(unsafe_code, reason = "kernels take raw addresses; each launch says why it is sound")]

use crate::{
    Backend, RandomFill, RandomStream, Result,
    backend::expect_len,
    cuda::{
        argument::Argument,
        backend::Cuda,
        buffer::CudaBuffer,
        device::Device,
        kernel::{Kernel, Source},
    },
};

pub(crate) static KERNEL_FILES: &[&Source] = &[&SOURCE];
static SOURCE: Source = Source::new("random", include_str!("random.cu"));
static RANDOM_FILL: Kernel = Kernel::new(&SOURCE, "random_fill");

impl<D: Device> RandomFill for Cuda<D> {
    fn random_fill(
        &self,
        stream: RandomStream,
        n: usize,
        out: &mut CudaBuffer<f32, D>,
    ) -> Result<()> {
        expect_len("random_fill", "out", n, self.len(out))?;
        let (is_normal, seed, stream, scale) = match stream {
            RandomStream::Normal { seed, stream, std } => (1, seed, stream, std),
            RandomStream::Uniform { seed, stream, bound } => (0, seed, stream, bound),
        };
        let [seed, stream] = [seed, stream].map(Argument::U64);
        let arguments = [is_normal.into(), seed, stream, scale.into(), n.into(), out.into()];
        // SAFETY: `out` is as long. A thread has the four numbers of a block.
        unsafe {
            self.device.launch(&RANDOM_FILL, self.limits().elements(n.div_ceil(4)), &arguments)
        }
    }
}
