//! Backward pass and step of a dense layer's weights in blocks of columns, each of which is read once for both.
#![expect(unsafe_code, reason = "a SIMD kernel; each block says why it is sound")]
#![expect(
    clippy::inline_always,
    reason = "a kernel is compiled for its instructions only where all of it is inlined"
)]

use crate::{
    cpu::{
        panel::{PanelLayout, Strides},
        scratch::Scratch,
        simd::{Kernel, Lanes, SimdLevel},
        tasks::{RowsLeft, TaskRows, for_each_task},
        tile::{Left, for_row_tiles, tile},
    },
    ops::gemm::cpu::{Epilogue, Packed, Rows},
};

/// Columns of a block, whole panels and cache lines: at most so many that the block of a wide layer is still in the
/// second-level cache when its step comes.
const COLUMNS: TaskRows = TaskRows { most: 48, least: 16 };

/// Backward pass and step of a dense layer's weights.
#[derive(Clone, Copy)]
pub(super) struct DenseStep {
    pub(super) outputs: usize,
    pub(super) inputs: usize,
    pub(super) samples: usize,
    /// Factor of the derivative with respect to the input.
    pub(super) scale: f32,
    /// Learning rate.
    pub(super) lr: f32,
}

/// Weights in memory.
#[derive(Clone, Copy)]
struct Weights(*mut f32);

// SAFETY: each task reads and writes columns of its own.
unsafe impl Send for Weights {}
// SAFETY: as above.
unsafe impl Sync for Weights {}

impl Weights {
    const fn column(self, column: usize) -> *mut f32 {
        self.0.wrapping_add(column)
    }
}

impl DenseStep {
    /// `input_delta = scale weights^T delta`, then `weights -= lr delta x^T`, where `weights` are `[outputs, inputs]`, `delta` is
    /// `[outputs, samples]`, `x` and `input_delta` are `[inputs, samples]`.
    pub(super) fn take(
        self,
        level: SimdLevel,
        [delta, x]: [&[f32]; 2],
        [weights, input_delta]: [&mut [f32]; 2],
    ) {
        let Self { outputs, inputs, samples, .. } = self;
        assert!(weights.len() == outputs * inputs && delta.len() == outputs * samples);
        assert!(x.len() == inputs * samples && input_delta.len() == x.len());
        if inputs * samples == 0 {
            return;
        }
        let strides = Strides { k: samples, column: 1 };
        let packed = Packed::new(level, delta, strides, outputs, samples);
        let weights = Weights(weights.as_mut_ptr());
        let mut left = RowsLeft::new(input_delta, samples);
        let blocks = COLUMNS.ranges(inputs).map(|range| (range.clone(), left.take(range.len())));
        for_each_task(blocks, |(range, input_delta)| {
            let panels = PanelLayout::new(level, range.len(), samples);
            let x = &x[range.start * samples..range.end * samples];
            let weights = weights.column(range.start);
            let packed = &packed;
            level.run(Block { step: self, delta, packed, panels, x, weights, input_delta });
        });
    }
}

/// Some whole columns of the weights: the kernel.
struct Block<'a> {
    step: DenseStep,
    delta: &'a [f32],
    /// `delta` as the right factor.
    packed: &'a Packed,
    /// The input as the right factor.
    panels: PanelLayout,
    /// Rows of the input that belong to the columns.
    x: &'a [f32],
    /// The first of the columns.
    weights: *mut f32,
    /// Rows of the derivative that belong to the columns.
    input_delta: &'a mut [f32],
}

impl Kernel for Block<'_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<V: Lanes>(self) {
        let Self { step, delta, packed, panels: layout, x, weights, input_delta } = self;
        let product = Rows {
            a: weights,
            left: Left::Columns { stride: step.inputs },
            columns: packed,
            epilogue: Epilogue::Scale { alpha: step.scale, beta: 0.0 },
            panels: packed.panels(),
            c: input_delta,
        };
        // SAFETY: inside a kernel of V; there are as many columns as rows of the derivative.
        unsafe { product.run::<V>() };
        let mut panel = Scratch::of(layout.panel_len());
        for index in 0..layout.panels() {
            let strides = Strides { k: 1, column: step.samples };
            layout.pack(index, x, strides, panel.as_mut_slice());
            let (first, valid) = (index * layout.width(), layout.valid(index));
            let (panel, weights) = (panel.as_slice(), weights.wrapping_add(first));
            // SAFETY: inside a kernel of V; a stored panel is 1 to 3 vectors wide; the columns are this task's.
            unsafe {
                match layout.stored(index) / V::LEN {
                    3 => step.descend::<V, 3>(delta, panel, weights, valid),
                    2 => step.descend::<V, 2>(delta, panel, weights, valid),
                    _ => step.descend::<V, 1>(delta, panel, weights, valid),
                }
            }
        }
    }
}

impl DenseStep {
    /// The step of `columns` columns, of which `weights` is the first; `panel` has their inputs.
    ///
    /// # Safety
    /// Inside a kernel of `V`; the panel is stored `VECTORS` vectors wide, and nobody else uses the columns.
    #[inline(always)]
    unsafe fn descend<V: Lanes, const VECTORS: usize>(
        self,
        delta: &[f32],
        panel: &[f32],
        weights: *mut f32,
        columns: usize,
    ) {
        let Self { outputs, inputs, samples, lr, .. } = self;
        for_row_tiles!(V, VECTORS, outputs, |row, COUNT| {
            // SAFETY: `delta` has a row for each output, and the caller's columns are as long.
            unsafe {
                let (delta, left) =
                    (delta.as_ptr().add(row * samples), Left::Rows { stride: samples });
                let sums = tile::<V, COUNT, VECTORS>(samples, delta, left, panel.as_ptr());
                for (i, sums) in sums.iter().enumerate() {
                    let row = weights.add((row + i) * inputs);
                    for (j, sum) in sums.iter().enumerate() {
                        let count = columns - j * V::LEN;
                        let weights = row.add(j * V::LEN);
                        let change = sum.mul(V::splat(-lr));
                        V::load_up_to(weights, count).add(change).store_up_to(weights, count);
                    }
                }
            }
        });
    }
}
