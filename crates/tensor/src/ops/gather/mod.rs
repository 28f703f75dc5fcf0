//! Minibatches from rows of a matrix.

#[cfg(feature = "conformance")]
pub(super) mod conformance;
mod cpu;
#[cfg(feature = "cuda")]
pub(super) mod cuda;
mod reference;

use crate::{Backend, Result, backend::expect_len};

/// Rows to gather.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GatherConfig {
    /// Numbers in a row.
    pub cols: usize,
    /// Index of the first row in the list of rows.
    pub first: usize,
    /// Number of rows.
    pub count: usize,
}

/// Minibatches from a list of rows.
pub trait GatherRows: Backend {
    /// `out[i, :] = source[rows[first + i], :]` for `i` in `0..count`.
    ///
    /// The default copies row by row, which is all there is to it where the memory is the host's.
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape) when a buffer is too short or there is no such row.
    fn gather_rows(
        &self,
        config: GatherConfig,
        source: &Self::Buffer<f32>,
        rows: &Self::Buffer<u32>,
        out: &mut Self::Buffer<f32>,
    ) -> Result<()> {
        let GatherConfig { cols, first, count } = config;
        check_gather(self, &config, rows, out)?;
        for (index, row) in self.read(rows, first..first + count)?.into_iter().enumerate() {
            let start = row as usize * cols;
            self.copy(source, start..start + cols, out, index * cols)?;
        }
        Ok(())
    }
}

pub(crate) fn check_gather<B: Backend>(
    backend: &B,
    config: &GatherConfig,
    rows: &B::Buffer<u32>,
    out: &B::Buffer<f32>,
) -> Result<()> {
    let GatherConfig { cols, first, count } = *config;
    expect_len("gather_rows", "rows", first + count, backend.len(rows))?;
    expect_len("gather_rows", "out", count * cols, backend.len(out))
}
