#![expect(unsafe_code, reason = "kernels take raw addresses; each launch says why it is sound")]

use crate::{
    Backend, ColumnMoments, Result,
    cuda::{
        backend::Cuda,
        buffer::CudaBuffer,
        device::Device,
        kernel::{Kernel, Source},
    },
};

pub(crate) static KERNEL_FILES: &[&Source] = &[&SOURCE];
static SOURCE: Source = Source::new("moments", include_str!("moments.cu"));
static ROW_SCALES: Kernel = Kernel::new(&SOURCE, "row_scales");
static COLUMN_MOMENTS: Kernel = Kernel::new(&SOURCE, "column_moments");

impl<D: Device> ColumnMoments for Cuda<D> {
    fn column_moments(
        &self,
        shape @ [rows, cols]: [usize; 2],
        normalise_rows: bool,
        x: &CudaBuffer<f32, D>,
        mean: &mut CudaBuffer<f64, D>,
        variance: &mut CudaBuffer<f64, D>,
    ) -> Result<()> {
        self.check_moments(shape, x, mean, variance)?;
        let mut scales = self.zeros::<f64>(if normalise_rows { rows } else { 0 })?;
        let [rows_argument, cols_argument] = shape.map(Into::into);
        if normalise_rows {
            let arguments = [rows_argument, cols_argument, x.into(), (&mut scales).into()];
            // SAFETY: `check_moments` saw that `x` is as long; `scales` has a number for each row.
            unsafe { self.device.launch(&ROW_SCALES, self.limits().warps(rows), &arguments) }?;
        }
        let scaled = i32::from(normalise_rows).into();
        let buffers = [x.into(), (&scales).into(), mean.into(), variance.into()];
        let arguments = [&[scaled, rows_argument, cols_argument], &buffers[..]].concat();
        // SAFETY: as before, for `mean` and `variance` too; `scales` is read only where there are any.
        unsafe { self.device.launch(&COLUMN_MOMENTS, self.limits().columns(cols), &arguments) }
    }
}
