#![expect(clippy::float_cmp, reason = "a scale of exactly 1 is a special case, not results")]

use std::ops::Range;

use super::{samples::Units, step::moment_scales};
use crate::{
    DecoderConfig, Optimizer,
    cpu::{
        panel::{Aligned, PanelLayout, Strides},
        simd::{MOST_PANEL_VECTORS, SimdLevel},
    },
};

/// A third of a memory page of 64 cache lines.
const THIRD_OF_A_PAGE: usize = 21;
/// Most lanes a vector has.
pub(super) const MOST_LANES: usize = 16;
/// Most units of a block.
pub(super) const MOST_UNITS: usize = MOST_PANEL_VECTORS * MOST_LANES;

/// A block of units in training: weights and moments as panels, biases and moments as vectors.
///
/// The moments are kept divided by `1 - beta`, which saves a product each per step.
pub(super) struct Block {
    pub(super) first_unit: usize,
    /// Layout of the block's weights, which make up a single panel.
    layout: PanelLayout,
    pub(super) weights: [Aligned; 3],
    pub(super) bias: [[f32; MOST_UNITS]; 3],
}

impl Block {
    /// The units `range`, whose weights have `config.inputs` columns.
    pub(super) fn pack(
        level: SimdLevel,
        range: Range<usize>,
        units: &Units<'_>,
        config: &DecoderConfig,
    ) -> Self {
        let (lanes, inputs) = (level.lanes(), config.inputs);
        let vectors = range.len().div_ceil(lanes);
        let layout = PanelLayout { lanes, vectors, columns: range.len(), k: inputs };
        let panel = |moment| Aligned::staggered(vectors * lanes * inputs, THIRD_OF_A_PAGE * moment);
        let mut block = Self {
            first_unit: range.start,
            layout,
            weights: std::array::from_fn(panel),
            bias: [[0.0; MOST_UNITS]; 3],
        };
        for (panel, rows) in block.weights.iter_mut().zip(&units.weights) {
            layout.pack(0, rows, Strides { k: 1, column: inputs }, panel.as_mut_slice());
        }
        for (vector, bias) in block.bias.iter_mut().zip(&units.bias) {
            vector[..bias.len()].copy_from_slice(bias);
        }
        block.scale_moments(moment_scales(&config.optimizer).map(|scale| 1.0 / scale));
        block
    }

    pub(super) fn unpack(mut self, units: Units<'_>, optimizer: &Optimizer) {
        self.scale_moments(moment_scales(optimizer));
        for (panel, rows) in self.weights.iter().zip(units.weights) {
            self.layout.unpack_rows(0, panel.as_slice(), rows);
        }
        for (vector, bias) in self.bias.iter().zip(units.bias) {
            bias.copy_from_slice(&vector[..bias.len()]);
        }
    }

    /// Units that exist.
    pub(super) const fn valid(&self) -> usize {
        self.layout.columns
    }

    /// Vectors of units.
    pub(super) const fn vectors(&self) -> usize {
        self.layout.vectors
    }

    fn scale_moments(&mut self, scales: [f32; 2]) {
        for (moment, scale) in [(1, scales[0]), (2, scales[1])] {
            if scale != 1.0 {
                self.weights[moment].as_mut_slice().iter_mut().for_each(|x| *x *= scale);
                self.bias[moment].iter_mut().for_each(|x| *x *= scale);
            }
        }
    }
}
