//! Weights packed for the register tiles.
//!
//! A panel holds a few vectors of neighbouring columns, `[k][width]`, so that a tile reads it front to back.
//! The last panel is padded with zeros to a whole number of vectors.

use super::simd::SimdLevel;

/// A cache line of numbers: memory made of these is aligned for the widest vectors.
#[derive(Clone, Copy, Default, bytemuck::Pod, bytemuck::Zeroable)]
#[repr(C, align(64))]
struct Line([f32; 16]);

/// Zeroed memory aligned to cache lines.
pub(crate) struct Aligned {
    lines: Vec<Line>,
    /// Lines before the memory proper.
    skip: usize,
    len: usize,
}

impl Aligned {
    pub(crate) fn zeros(len: usize) -> Self {
        Self::staggered(len, 0)
    }

    /// [`zeros`](Self::zeros), begun `skip` lines later: arrays that are walked side by side must not begin at the same place of a
    /// memory page, or the processor takes a load from one for a load of what was just stored to another.
    pub(crate) fn staggered(len: usize, skip: usize) -> Self {
        Self { lines: vec![Line::default(); len.div_ceil(16) + skip], skip, len }
    }

    /// Changes the length. What was in the memory stays as far as it reaches; what is new is zero.
    pub(crate) fn resize(&mut self, len: usize) {
        let lines = len.div_ceil(16) + self.skip;
        if lines > self.lines.len() {
            self.lines.resize(lines, Line::default());
        }
        self.len = len;
    }

    /// Numbers there is memory for.
    pub(crate) fn capacity(&self) -> usize {
        (self.lines.len() - self.skip) * 16
    }

    pub(crate) fn as_slice(&self) -> &[f32] {
        &bytemuck::cast_slice(&self.lines[self.skip..])[..self.len]
    }

    pub(crate) fn as_mut_slice(&mut self) -> &mut [f32] {
        &mut bytemuck::cast_slice_mut(&mut self.lines[self.skip..])[..self.len]
    }
}

/// Place of element `(k, column)` of a matrix: `k * k_stride + column * column_stride`.
#[derive(Clone, Copy)]
pub(crate) struct Strides {
    pub(crate) k: usize,
    pub(crate) column: usize,
}

/// Division of `columns` into panels for vectors of `lanes`.
#[derive(Clone, Copy)]
pub(crate) struct PanelLayout {
    pub(crate) lanes: usize,
    /// Vectors of a full panel.
    pub(crate) vectors: usize,
    pub(crate) columns: usize,
    pub(crate) k: usize,
}

impl PanelLayout {
    /// As few panels as register tiles allow, and as wide as each other.
    pub(crate) fn new(level: SimdLevel, columns: usize, k: usize) -> Self {
        let vectors = columns.div_ceil(level.lanes()).max(1);
        let panels = vectors.div_ceil(level.panel_vectors());
        Self { lanes: level.lanes(), vectors: vectors.div_ceil(panels), columns, k }
    }

    /// Columns of a full panel.
    pub(crate) fn width(&self) -> usize {
        self.vectors * self.lanes
    }

    pub(crate) fn panels(&self) -> usize {
        self.columns.div_ceil(self.width())
    }

    /// Columns of panel `index` that exist.
    pub(crate) fn valid(&self, index: usize) -> usize {
        (self.columns - index * self.width()).min(self.width())
    }

    /// Columns of panel `index` as stored, a whole number of vectors.
    pub(crate) fn stored(&self, index: usize) -> usize {
        self.valid(index).next_multiple_of(self.lanes)
    }

    /// Numbers of a full panel.
    pub(crate) fn panel_len(&self) -> usize {
        self.width() * self.k
    }

    /// Writes panel `index` of `source`.
    pub(crate) fn pack(&self, index: usize, source: &[f32], strides: Strides, panel: &mut [f32]) {
        let (first, valid, stored) = (index * self.width(), self.valid(index), self.stored(index));
        let source = &source[(first * strides.column).min(source.len())..];
        if strides.k == 1 {
            transpose([valid, self.k], source, strides.column, panel, stored);
        } else if strides.column == 1 {
            for (k, panel) in panel.chunks_exact_mut(stored).take(self.k).enumerate() {
                panel[..valid].copy_from_slice(&source[k * strides.k..][..valid]);
            }
        } else {
            for (k, panel) in panel.chunks_exact_mut(stored).take(self.k).enumerate() {
                for (column, out) in panel[..valid].iter_mut().enumerate() {
                    *out = source[k * strides.k + column * strides.column];
                }
            }
        }
    }

    /// Reads panel `index` back into rows of length `k`, one per column.
    pub(crate) fn unpack_rows(&self, index: usize, panel: &[f32], rows: &mut [f32]) {
        transpose([self.k, self.valid(index)], panel, self.stored(index), rows, self.k);
    }
}

/// `to[column, row] = from[row, column]`, of rows as far apart as the strides say.
fn transpose(
    [rows, columns]: [usize; 2],
    from: &[f32],
    from_stride: usize,
    to: &mut [f32],
    to_stride: usize,
) {
    /// Rows and columns that are turned in registers.
    const SMALL: usize = 4;
    /// Columns done for all rows before the next, so that what is written in pieces stays in the nearest cache.
    const BLOCK: usize = 64;
    let whole_rows = rows - rows % SMALL;
    for block in (0..columns).step_by(BLOCK) {
        let end = columns.min(block + BLOCK);
        let whole_columns = end - (end - block) % SMALL;
        for row in (0..whole_rows).step_by(SMALL) {
            let lines: [&[f32]; SMALL] =
                std::array::from_fn(|i| &from[(row + i) * from_stride + block..][..end - block]);
            for column in (block..whole_columns).step_by(SMALL) {
                let square: [[f32; SMALL]; SMALL] = std::array::from_fn(|i| {
                    *lines[i][column - block..].first_chunk().expect("four columns are left")
                });
                for j in 0..SMALL {
                    let turned: [f32; SMALL] = std::array::from_fn(|i| square[i][j]);
                    to[(column + j) * to_stride + row..][..SMALL].copy_from_slice(&turned);
                }
            }
            for column in whole_columns..end {
                for (i, line) in lines.iter().enumerate() {
                    to[column * to_stride + row + i] = line[column - block];
                }
            }
        }
        for row in whole_rows..rows {
            for column in block..end {
                to[column * to_stride + row] = from[row * from_stride + column];
            }
        }
    }
}
