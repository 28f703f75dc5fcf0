//! Products of rows with a right factor packed into panels.
#![expect(unsafe_code, reason = "a SIMD kernel; each block says why it is sound")]
#![expect(
    clippy::inline_always,
    reason = "a kernel is compiled for its instructions only where all of it is inlined"
)]

use rayon::prelude::*;

use super::epilogue::{Epilogue, store};
use crate::{
    GemmConfig,
    cpu::{
        activation::activate_rows,
        panel::{PanelLayout, Strides},
        scratch::Scratch,
        simd::{Kernel, Lanes, SimdLevel},
        tasks::{RowsLeft, TaskRows, for_each_task},
        tile::{Left, for_row_tiles, pack_tiles, tile},
    },
};

/// Rows of a task where the packed right factor is read again for each task at little cost: at most so many that the left
/// factor stays in the second-level cache for all panels, whole register tiles of every instruction set.
const FEW_ROWS: TaskRows = TaskRows { most: 48, least: 12 };
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
            // Each thread packs neighbours, which are in the same pages of memory.
            let panels = memory.as_mut_slice().par_chunks_mut(layout.panel_len()).enumerate();
            panels.for_each(|(index, panel)| layout.pack(index, source, strides, panel));
        }
        Self { layout, memory }
    }

    /// The right factor of a product, as its shape says it is stored.
    pub(crate) fn of(level: SimdLevel, config: &GemmConfig, b: &[f32]) -> Self {
        let &GemmConfig { n, k, transpose_b, .. } = config;
        let strides =
            if transpose_b { Strides { k: 1, column: k } } else { Strides { k: n, column: 1 } };
        Self::new(level, b, strides, k, n)
    }

    /// A product with this right factor.
    pub(crate) fn product<'a>(&'a self, config: &GemmConfig, a: &'a [f32]) -> Product<'a> {
        let &GemmConfig { m, k, transpose_a, alpha, beta, .. } = config;
        let left = if transpose_a { Left::Columns { stride: m } } else { Left::Rows { stride: k } };
        let epilogue = Epilogue::Scale { alpha, beta };
        Product { a, left, columns: self, epilogue, part: Part::Whole }
    }

    pub(crate) fn panels(&self) -> usize {
        self.layout.panels()
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
        let columns = self.columns.layout.columns;
        if rows == 0 || columns == 0 {
            return;
        }
        let mut left = RowsLeft::new(&mut c[..rows * columns], columns);
        let ranges = self.task_rows(rows).ranges(rows);
        let tasks = ranges.map(|range| (range.start, left.take(range.len())));
        let work = |(first, c): (usize, &mut [f32])| self.task(level, first, c);
        match self.part {
            Part::Whole => for_each_task(tasks, work),
            // The longest rows first.
            Part::Lower => for_each_task(tasks.collect::<Vec<_>>().into_iter().rev(), work),
        }
    }

    /// Computes the rows of the result from `first_row` on that `c` has room for.
    pub(crate) fn task(self, level: SimdLevel, first_row: usize, c: &mut [f32]) {
        let Self { a, left, columns, epilogue, part } = self;
        let layout = columns.layout;
        let panels = match part {
            Part::Whole => layout.panels(),
            Part::Lower => {
                (first_row + c.len() / layout.columns).min(layout.columns).div_ceil(layout.width())
            }
        };
        let a = a[left.row(first_row)..].as_ptr();
        level.run(Rows { a, left, columns, epilogue, panels, c });
    }

    /// Rows of a task of a product with `rows` rows.
    pub(crate) fn task_rows(&self, rows: usize) -> TaskRows {
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
                TaskRows::all(rows.div_ceil(tasks).next_multiple_of(LEAST_ROWS))
            }
            Part::Whole => FEW_ROWS,
            Part::Lower => TaskRows::all(FEW_ROWS.most),
        }
    }
}

/// Some whole rows of a product: the kernel. The left factor has as many rows as the result, and numbers in a row as the
/// panels have rows.
pub(crate) struct Rows<'a> {
    /// The left factor's first row.
    pub(crate) a: *const f32,
    pub(crate) left: Left,
    pub(crate) columns: &'a Packed,
    pub(crate) epilogue: Epilogue<'a>,
    /// Number of panels of the right factor that this task multiplies by, from the first on.
    pub(crate) panels: usize,
    pub(crate) c: &'a mut [f32],
}

impl Kernel for Rows<'_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<V: Lanes>(self) {
        let layout = self.columns.layout;
        // SAFETY: inside a kernel of V; the left factor holds the rows of the result.
        unsafe {
            match self.left {
                Left::Columns { stride } if is_worth_packing(self.panels, stride) => {
                    let rows = self.c.len() / layout.columns;
                    let mut packed = Scratch::of(rows * layout.k);
                    pack_tiles::<V>([rows, layout.k], self.a, stride, packed.as_mut_slice());
                    let (a, left) = (packed.as_slice().as_ptr(), Left::Tiles { k: layout.k });
                    Rows { a, left, ..self }.each_panel::<V>();
                }
                _ => self.each_panel::<V>(),
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
        let layout = self.columns.layout;
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
        let Rows { a, left, columns, epilogue, .. } = *self;
        let layout = columns.layout;
        let rows = self.c.len() / layout.columns;
        let (first, valid) = (index * layout.width(), layout.valid(index));
        let panel = columns.panel(index);
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
