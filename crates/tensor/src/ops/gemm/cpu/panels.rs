//! Products of rows with a right factor packed into panels.
#![expect(unsafe_code, reason = "a SIMD kernel; each block says why it is sound")]
#![expect(
    clippy::inline_always,
    reason = "a kernel is compiled for its instructions only where all of it is inlined"
)]

use rayon::prelude::*;

use super::epilogue::{Epilogue, store};
use crate::cpu::{
    activation::activate_rows,
    panel::{Aligned, PanelLayout, Strides},
    simd::{Kernel, Lanes, SimdLevel},
    tile::{Left, for_row_tiles, tile},
};

/// Most rows of the result a task computes: enough to use a packed panel many times over.
const ROW_CHUNK: usize = 256;
/// Fewest rows a task computes, unless there are fewer.
const LEAST_ROWS: usize = 16;

/// The right factor of a product, packed into panels.
pub(crate) struct Packed {
    layout: PanelLayout,
    memory: Aligned,
}

impl Packed {
    pub(crate) fn new(
        level: SimdLevel,
        source: &[f32],
        strides: Strides,
        k: usize,
        columns: usize,
    ) -> Self {
        let layout = PanelLayout::new(level, columns, k);
        let mut memory = Aligned::zeros(layout.panels() * layout.panel_len());
        if k > 0 {
            let panels = memory.as_mut_slice().par_chunks_mut(layout.panel_len()).enumerate();
            panels.for_each(|(index, panel)| layout.pack(index, source, strides, panel));
        }
        Self { layout, memory }
    }

    fn panel(&self, index: usize) -> &[f32] {
        let len = self.layout.panel_len();
        &self.memory.as_slice()[index * len..(index + 1) * len]
    }
}

/// A matrix product with its epilogue.
#[derive(Clone, Copy)]
pub(crate) struct Product<'a> {
    pub(crate) a: &'a [f32],
    pub(crate) left: Left,
    pub(crate) columns: &'a Packed,
    pub(crate) epilogue: Epilogue<'a>,
}

impl Product<'_> {
    /// Computes `rows` rows of the result, sharing the work among the threads.
    pub(crate) fn run(self, level: SimdLevel, rows: usize, c: &mut [f32]) {
        let columns = self.columns.layout.columns;
        if rows == 0 || columns == 0 {
            return;
        }
        let c = &mut c[..rows * columns];
        // As many tasks for each thread, of whole register tiles.
        let tasks = rows.div_ceil(ROW_CHUNK).next_multiple_of(rayon::current_num_threads());
        let chunk = rows.div_ceil(tasks).next_multiple_of(LEAST_ROWS);
        let chunks = c.par_chunks_mut(chunk * columns).enumerate();
        chunks
            .for_each(|(index, c)| level.run(Rows { product: self, first_row: index * chunk, c }));
    }
}

/// Some whole rows of a product: the kernel.
struct Rows<'a> {
    product: Product<'a>,
    first_row: usize,
    c: &'a mut [f32],
}

impl Kernel for Rows<'_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<V: Lanes>(mut self) {
        let layout = self.product.columns.layout;
        for panel in 0..layout.panels() {
            // SAFETY: inside a kernel of V; a stored panel is 1 to 3 vectors wide.
            unsafe {
                match layout.stored(panel) / V::LEN {
                    3 => self.panel::<V, 3>(panel),
                    2 => self.panel::<V, 2>(panel),
                    _ => self.panel::<V, 1>(panel),
                }
            }
        }
    }
}

impl Rows<'_> {
    /// # Safety
    /// Inside a kernel of `V`; panel `index` is stored `VECTORS` vectors wide.
    #[inline(always)]
    unsafe fn panel<V: Lanes, const VECTORS: usize>(&mut self, index: usize) {
        let Product { a, left, columns, epilogue } = self.product;
        let layout = columns.layout;
        let rows = self.c.len() / layout.columns;
        let (first, valid) = (index * layout.width(), layout.valid(index));
        let panel = columns.panel(index);
        let a = a[left.row(self.first_row)..].as_ptr();
        for_row_tiles!(V, VECTORS, rows, |row, COUNT| {
            // SAFETY: `a` and the panel were checked to hold the rows and columns of the product.
            let sums = unsafe {
                tile::<V, COUNT, VECTORS>(layout.k, a.add(left.row(row)), left, panel.as_ptr())
            };
            for (i, sums) in sums.iter().enumerate() {
                let c = &mut self.c[(row + i) * layout.columns + first..][..valid];
                for (j, &sum) in sums.iter().enumerate() {
                    // SAFETY: inside a kernel of V.
                    unsafe { store(sum, epilogue, &mut c[j * V::LEN..]) };
                }
            }
        });
        if let Epilogue::Activate { bias, activation } = epilogue {
            let bias = &bias[first..first + valid];
            // SAFETY: inside a kernel of V.
            unsafe {
                activate_rows::<V>(activation, bias, &mut self.c[first..], layout.columns, rows)
            };
        }
    }
}
