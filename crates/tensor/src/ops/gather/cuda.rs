#![expect(unsafe_code, reason = "kernels take raw addresses; each launch says why it is sound")]

use super::check_gather;
use crate::{
    Backend, GatherConfig, GatherRows, Result,
    backend::expect_len,
    cuda::{
        backend::Cuda,
        buffer::CudaBuffer,
        device::Device,
        kernel::{Kernel, Source},
    },
};

pub(crate) static KERNEL_FILES: &[&Source] = &[&SOURCE];
static SOURCE: Source = Source::new("gather", include_str!("gather.cu"));
static GATHER_ROWS: Kernel = Kernel::new(&SOURCE, "gather_rows");

impl<D: Device> GatherRows for Cuda<D> {
    fn gather_rows(
        &self,
        config: GatherConfig,
        source: &CudaBuffer<f32, D>,
        rows: &CudaBuffer<u32, D>,
        out: &mut CudaBuffer<f32, D>,
    ) -> Result<()> {
        check_gather(self, &config, rows, out)?;
        let GatherConfig { cols, first, count } = config;
        let has_row = |row: u32| {
            expect_len("gather_rows", "source", (row as usize + 1) * cols, self.len(source))
        };
        // No row is beyond the largest number that the host wrote. These may be smaller, but to look at them means to
        // wait for the device.
        if has_row(rows.largest_row()).is_err() {
            let largest = self.read(rows, first..first + count)?.into_iter().max();
            largest.map_or(Ok(()), has_row)?;
        }
        let arguments =
            [cols.into(), first.into(), count.into(), source.into(), rows.into(), out.into()];
        // SAFETY: `rows` and `out` are as long as the shape needs, `source` as long as the largest row needs.
        unsafe { self.device.launch(&GATHER_ROWS, self.limits().warps(count), &arguments) }
    }
}
