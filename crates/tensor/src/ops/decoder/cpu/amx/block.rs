//! A block of units in training.

use super::{super::samples::Units, shape::Shape};
use crate::cpu::{
    amx::{DEPTH, SIDE, TILE},
    panel::Aligned,
};

/// Tiles of units in a block: weights and moments take 0.9 MB at width 784.
pub(super) const BLOCK_TILES: usize = 6;
/// Units of a block.
pub(super) const BLOCK_UNITS: usize = BLOCK_TILES * SIDE;

/// Weights, first and second moment of 16 units and 32 inputs, `[unit][input]` each.
pub(super) const CELL: usize = 3 * 2 * TILE;

/// A block of units in training. The moments are kept divided by `1 - beta`.
pub(super) struct Block {
    pub(super) shape: Shape,
    pub(super) first_unit: usize,
    /// Units there are.
    pub(super) valid: usize,
    /// `[unit tile][input block]` of [`CELL`]s.
    pub(super) cells: Aligned,
    /// Biases and their moments.
    pub(super) bias: [[f32; BLOCK_UNITS]; 3],
}

impl Block {
    pub(super) fn load(shape: Shape, index: usize, units: &Units<'_>, scales: [f32; 2]) -> Self {
        let first_unit = index * BLOCK_UNITS;
        let valid = (shape.outputs - first_unit).min(BLOCK_UNITS);
        let places = valid.div_ceil(SIDE) * shape.input_blocks;
        let mut block = Self {
            shape,
            first_unit,
            valid,
            cells: Aligned::zeros(places * CELL),
            bias: [[0.0; BLOCK_UNITS]; 3],
        };
        let factors = [1.0, 1.0 / scales[0], 1.0 / scales[1]];
        for (part, factor) in factors.into_iter().enumerate() {
            for (unit, row) in units.weights[part].chunks_exact(shape.inputs).enumerate() {
                for (index, row) in row.chunks(DEPTH).enumerate() {
                    let place = block.place(unit, index) + part * 2 * TILE;
                    let numbers = &mut block.cells.as_mut_slice()[place..][..row.len()];
                    numbers.iter_mut().zip(row).for_each(|(out, x)| *out = factor * x);
                }
            }
            for (out, x) in block.bias[part].iter_mut().zip(&*units.bias[part]) {
                *out = factor * x;
            }
        }
        block
    }

    pub(super) const fn unit_tiles(&self) -> usize {
        self.valid.div_ceil(SIDE)
    }

    /// Place of the numbers of `unit` and the inputs from `32 block` on in a cell's part.
    const fn place(&self, unit: usize, block: usize) -> usize {
        (unit / SIDE * self.shape.input_blocks + block) * CELL + unit % SIDE * DEPTH
    }

    /// Writes the parameters and moments back.
    pub(super) fn store(&self, units: &mut Units<'_>, scales: [f32; 2]) {
        let inputs = self.shape.inputs;
        let factors = [1.0, scales[0], scales[1]];
        for (part, factor) in factors.into_iter().enumerate() {
            for (unit, row) in units.weights[part].chunks_exact_mut(inputs).enumerate() {
                for (block, row) in row.chunks_mut(DEPTH).enumerate() {
                    let place = self.place(unit, block) + part * 2 * TILE;
                    let numbers = &self.cells.as_slice()[place..][..row.len()];
                    row.iter_mut().zip(numbers).for_each(|(out, x)| *out = factor * x);
                }
            }
            for (out, x) in units.bias[part].iter_mut().zip(&self.bias[part]) {
                *out = factor * x;
            }
        }
    }
}
