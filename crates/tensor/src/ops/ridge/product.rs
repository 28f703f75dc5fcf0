//! Products of f64 matrices on the host.
#![expect(unsafe_code, reason = "a SIMD kernel; each block says why it is sound")]
#![expect(
    clippy::inline_always,
    reason = "a kernel is compiled for its instructions only where all of it is inlined"
)]

use ndarray::{ArrayView2, ArrayViewMut2, Axis};

use crate::cpu::{
    panel::Aligned,
    simd::{Kernel, Lanes, SimdLevel, WideLanes},
    tile::for_row_tiles,
};

/// The right factor of a product, `[k, columns]`, packed into panels as those of
/// [`PanelLayout`](crate::cpu::panel::PanelLayout), whose last one is padded with zeros.
pub(super) struct WidePanels {
    level: SimdLevel,
    /// Columns of a panel.
    width: usize,
    k: usize,
    columns: usize,
    memory: Aligned,
}

impl WidePanels {
    pub(super) fn new(matrix: ArrayView2<'_, f64>) -> Self {
        let level = SimdLevel::detect();
        let ((k, columns), width) = (matrix.dim(), level.panel_vectors() * wide_lanes(level));
        let panels = columns.div_ceil(width);
        // Two f32 have the size of an f64.
        let mut memory = Aligned::zeros(2 * panels * width * k);
        let numbers: &mut [f64] = bytemuck::cast_slice_mut(memory.as_mut_slice());
        for (i, row) in matrix.rows().into_iter().enumerate() {
            for (panel, part) in row.axis_chunks_iter(Axis(0), width).enumerate() {
                for (to, &x) in numbers[(panel * k + i) * width..].iter_mut().zip(part) {
                    *to = x;
                }
            }
        }
        Self { level, width, k, columns, memory }
    }

    /// Length of the sums.
    pub(super) const fn k(&self) -> usize {
        self.k
    }

    /// `target += factor a b`, where `b` is the factor that these panels hold. Rows of `a` and `target` are contiguous.
    pub(super) fn add_product(
        &self,
        factor: f64,
        a: ArrayView2<'_, f64>,
        target: ArrayViewMut2<'_, f64>,
    ) {
        assert_eq!((a.nrows(), a.ncols()), (target.nrows(), self.k), "rows and sums fit");
        assert_eq!(target.ncols(), self.columns, "columns fit");
        if self.k > 0 && self.columns > 0 && a.nrows() > 0 {
            let contiguous = |strides: &[isize], columns| columns == 1 || strides[1] == 1;
            assert!(contiguous(a.strides(), self.k) && contiguous(target.strides(), self.columns));
            self.level.run(AddProduct { panels: self, factor, a, target });
        }
    }
}

/// Numbers in a vector of f64.
const fn wide_lanes(level: SimdLevel) -> usize {
    let lanes = level.lanes() / 2;
    if lanes == 0 { 1 } else { lanes }
}

struct AddProduct<'a> {
    panels: &'a WidePanels,
    factor: f64,
    a: ArrayView2<'a, f64>,
    target: ArrayViewMut2<'a, f64>,
}

impl Kernel for AddProduct<'_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<V: Lanes>(mut self) {
        // SAFETY: inside a kernel of V, whose panels are 2 or 3 vectors wide.
        unsafe {
            if self.panels.width == 2 * V::Wide::LEN {
                self.each_panel::<V, 2>();
            } else {
                self.each_panel::<V, 3>();
            }
        }
    }
}

impl AddProduct<'_> {
    /// # Safety
    /// Inside a kernel of `V`; panels are `VECTORS` vectors wide.
    #[inline(always)]
    unsafe fn each_panel<V: Lanes, const VECTORS: usize>(&mut self) {
        let WidePanels { width, k, columns, ref memory, .. } = *self.panels;
        let numbers: &[f64] = bytemuck::cast_slice(memory.as_slice());
        let stride = self.a.strides()[0];
        for (index, panel) in numbers.chunks_exact(width * k).enumerate() {
            let first = index * width;
            let valid = width.min(columns - first);
            for_row_tiles!(V, VECTORS, self.a.nrows(), |row, COUNT| {
                // SAFETY: the factors hold the rows, columns and sums of the product.
                let sums = unsafe {
                    let a = self.a.as_ptr().offset(row as isize * stride);
                    tile::<V::Wide, COUNT, VECTORS>(k, a, stride, panel.as_ptr())
                };
                for (i, sums) in sums.iter().enumerate() {
                    let mut target = self.target.row_mut(row + i);
                    let target = target.as_slice_mut().expect("rows are contiguous");
                    // SAFETY: inside a kernel of V.
                    unsafe { add(sums, self.factor, &mut target[first..first + valid]) };
                }
            });
        }
    }
}

/// `ROWS x VECTORS` sums over `k` of `a[row, k] * panel[k, column]`.
///
/// # Safety
/// Inside a kernel of `W`; `a` and `panel` are valid for `ROWS` rows and `VECTORS` vectors over `k`.
#[inline(always)]
unsafe fn tile<W: WideLanes, const ROWS: usize, const VECTORS: usize>(
    k: usize,
    a: *const f64,
    stride: isize,
    panel: *const f64,
) -> [[W; VECTORS]; ROWS] {
    // SAFETY: the caller's pointers are valid for the elements addressed here.
    unsafe {
        let mut sums = [[W::splat(0.0); VECTORS]; ROWS];
        let rows: [*const f64; ROWS] = std::array::from_fn(|i| a.offset(i as isize * stride));
        for i in 0..k {
            let columns = panel.add(i * VECTORS * W::LEN).cast::<[W; VECTORS]>().read_unaligned();
            for (sums, row) in sums.iter_mut().zip(&rows) {
                let x = W::splat(*row.add(i));
                for (sum, &column) in sums.iter_mut().zip(&columns) {
                    *sum = x.mul_add(column, *sum);
                }
            }
        }
        sums
    }
}

/// `target += factor sums`, for as many columns as `target` has.
///
/// # Safety
/// Inside a kernel of `W`.
#[inline(always)]
unsafe fn add<W: WideLanes>(sums: &[W], factor: f64, target: &mut [f64]) {
    /// Lanes of the widest vector.
    const MOST: usize = 8;
    for (&sum, target) in sums.iter().zip(target.chunks_mut(W::LEN)) {
        let mut old = [0.0; MOST];
        // SAFETY: the target's chunk is a vector or copied to and from `old`, which holds one.
        unsafe {
            let factor = W::splat(factor);
            if target.len() == W::LEN {
                factor.mul_add(sum, W::load(target.as_ptr())).store(target.as_mut_ptr());
            } else {
                old[..target.len()].copy_from_slice(target);
                factor.mul_add(sum, W::load(old.as_ptr())).store(old.as_mut_ptr());
                target.copy_from_slice(&old[..target.len()]);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use ndarray::{Array2, s};

    use super::*;

    /// Sizes lie around the edges of tiles and panels of every instruction set; factors are parts of larger matrices.
    #[test]
    fn products_of_any_size_are_added() {
        let matrix = |rows, columns, step: usize| {
            Array2::from_shape_fn((rows, columns), |(i, j)| ((i * 7 + j * step) % 11) as f64 - 5.0)
        };
        for rows in [1, 3, 4, 5, 6, 8, 13, 17] {
            for (k, columns) in [(1, 1), (5, 7), (16, 8), (9, 24), (3, 25), (0, 4)] {
                let (a, b) = (matrix(rows, k + 2, 3), matrix(k, columns, 5));
                let a = a.slice(s![.., 1..=k]);
                let mut target = matrix(rows, columns + 1, 2);
                let mut expected = target.clone();
                let mut part = expected.slice_mut(s![.., ..columns]);
                part.scaled_add(-2.0, &a.dot(&b));
                let panels = WidePanels::new(b.view());
                panels.add_product(-2.0, a, target.slice_mut(s![.., ..columns]));
                assert_eq!(target, expected, "{rows} x {k} x {columns}");
            }
        }
    }
}
