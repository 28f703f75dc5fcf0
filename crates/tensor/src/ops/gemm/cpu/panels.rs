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
    panel::{PanelLayout, Strides},
    scratch::Scratch,
    simd::{Kernel, Lanes, SimdLevel},
    tile::{Left, for_row_tiles, pack_tiles, tile},
};

/// Rows of the result a task computes, whole register tiles of every instruction set, where it costs little to read the packed right factor: few enough that the left factor
/// stays in the second-level cache for all panels, and that no thread waits long for the last task.
const FEW_ROWS: usize = 48;
/// Most rows of a task that reads its panels from a slower cache: enough to use each of them many times.
const MANY_ROWS: usize = 256;
/// Fewest of these, unless there are fewer.
const LEAST_ROWS: usize = 16;

/// The right factor of a product, packed into panels.
pub(crate) struct Packed {
    layout: PanelLayout,
    memory: Scratch,
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
        let mut memory = Scratch::of(layout.panels() * layout.panel_len());
        if !columns.is_multiple_of(layout.lanes) {
            // The last panel is wider than the matrix.
            memory.as_mut_slice()[(layout.panels() - 1) * layout.panel_len()..].fill(0.0);
        }
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

/// Part of a product that a kernel computes.
#[derive(Clone, Copy)]
pub(crate) enum Part {
    Whole,
    /// The lower half of a square product, rounded up to whole panels.
    Lower,
}

/// A matrix product with its epilogue.
#[derive(Clone, Copy)]
pub(crate) struct Product<'a> {
    pub(crate) a: &'a [f32],
    pub(crate) left: Left,
    pub(crate) columns: &'a Packed,
    pub(crate) epilogue: Epilogue<'a>,
    pub(crate) part: Part,
}

impl Product<'_> {
    /// Computes `rows` rows of the result, sharing the work among the threads.
    pub(crate) fn run(self, level: SimdLevel, rows: usize, c: &mut [f32]) {
        let layout = self.columns.layout;
        let columns = layout.columns;
        if rows == 0 || columns == 0 {
            return;
        }
        let c = &mut c[..rows * columns];
        let chunk = self.rows_per_task(rows);
        let chunks = c.par_chunks_mut(chunk * columns).enumerate();
        chunks.for_each(|(index, c)| {
            let first_row = index * chunk;
            let panels = match self.part {
                Part::Whole => layout.panels(),
                Part::Lower => (first_row + chunk).min(columns).div_ceil(layout.width()),
            };
            level.run(Rows { product: self, first_row, panels, c });
        });
    }

    /// Rows of a task of a product with `rows` rows.
    fn rows_per_task(&self, rows: usize) -> usize {
        /// Panels that are read again for each task without much delay.
        const FEW_PANELS: usize = 8;
        /// Numbers of a right factor that stays in the second-level cache.
        const CACHED: usize = 64 * 1024;
        let layout = self.columns.layout;
        let is_small = layout.panels() <= FEW_PANELS || layout.columns * layout.k <= CACHED;
        match self.part {
            Part::Whole if !is_small => {
                // As many tasks for each thread.
                let tasks = rows.div_ceil(MANY_ROWS).next_multiple_of(rayon::current_num_threads());
                rows.div_ceil(tasks).next_multiple_of(LEAST_ROWS)
            }
            // Tasks further down a lower half are larger, so that smaller ones balance the load.
            Part::Whole | Part::Lower => FEW_ROWS,
        }
    }
}

/// Some whole rows of a product: the kernel.
struct Rows<'a> {
    product: Product<'a>,
    first_row: usize,
    /// Number of panels of the right factor that this task multiplies by, from the first on.
    panels: usize,
    c: &'a mut [f32],
}

impl Kernel for Rows<'_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<V: Lanes>(self) {
        let Self { product, first_row, panels, c } = self;
        let layout = product.columns.layout;
        // SAFETY: inside a kernel of V; the left factor was checked to hold the rows of the product.
        unsafe {
            match product.left {
                Left::Columns { stride } if is_worth_packing(panels, stride) => {
                    let rows = c.len() / layout.columns;
                    let mut packed = Scratch::of(rows * layout.k);
                    let columns = &product.a[first_row..];
                    pack_tiles::<V>([rows, layout.k], columns, stride, packed.as_mut_slice());
                    let (a, left) = (packed.as_slice(), Left::Tiles { k: layout.k });
                    let product = Product { a, left, ..product };
                    Rows { product, first_row: 0, panels, c }.each_panel::<V>();
                }
                _ => Rows { product, first_row, panels, c }.each_panel::<V>(),
            }
        }
    }
}

/// True if copying the left factor into tiles pays off when `panels` panels read its columns, `stride` numbers apart.
const fn is_worth_packing(panels: usize, stride: usize) -> bool {
    /// From this number of panels on, reading columns in order saves more than the copy costs.
    const OFTEN: usize = 8;
    /// At multiples of this stride, half a page of memory, all columns map to the same few sets of a cache and evict each
    /// other.
    const COLLIDES: usize = 512;
    panels >= OFTEN || (panels > 1 && stride.is_multiple_of(COLLIDES))
}

impl Rows<'_> {
    /// # Safety
    /// Inside a kernel of `V`.
    #[inline(always)]
    unsafe fn each_panel<V: Lanes>(mut self) {
        let layout = self.product.columns.layout;
        for panel in 0..self.panels {
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

    /// # Safety
    /// Inside a kernel of `V`; panel `index` is stored `VECTORS` vectors wide.
    #[inline(always)]
    unsafe fn panel<V: Lanes, const VECTORS: usize>(&mut self, index: usize) {
        let Product { a, left, columns, epilogue, .. } = self.product;
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
