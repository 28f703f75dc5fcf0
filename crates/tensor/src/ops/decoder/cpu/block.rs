#![expect(clippy::float_cmp, reason = "a scale of exactly 1 is a special case, not results")]

use super::{samples::Units, step::moment_scales};
use crate::{
    Optimizer,
    cpu::{
        panel::{Aligned, PanelLayout, Strides},
        simd::PANEL_VECTORS,
    },
};

/// A third of a memory page of 64 cache lines.
const THIRD_OF_A_PAGE: usize = 21;
/// Most lanes a vector has.
pub(super) const MOST_LANES: usize = 16;
/// Most units of a block.
pub(super) const MOST_UNITS: usize = PANEL_VECTORS * MOST_LANES;

/// A block of units in training: weights and moments as panels, biases and moments as vectors.
///
/// The moments are kept divided by `1 - beta`, which saves a product each per step.
pub(super) struct Block {
    pub(super) first_unit: usize,
    pub(super) valid: usize,
    pub(super) stored: usize,
    pub(super) weights: [Aligned; 3],
    pub(super) bias: [[f32; MOST_UNITS]; 3],
}

impl Block {
    pub(super) fn pack(
        layout: PanelLayout,
        index: usize,
        units: &Units<'_>,
        optimizer: &Optimizer,
    ) -> Self {
        let first_unit = index * layout.width();
        let mut block = Self {
            first_unit,
            valid: layout.valid(index),
            stored: layout.stored(index),
            weights: std::array::from_fn(|moment| {
                Aligned::staggered(layout.stored(index) * layout.k, THIRD_OF_A_PAGE * moment)
            }),
            bias: [[0.0; MOST_UNITS]; 3],
        };
        // The units are the only columns of their own small matrix.
        let own = PanelLayout { columns: block.valid, ..layout };
        for (panel, rows) in block.weights.iter_mut().zip(&units.weights) {
            own.pack(0, rows, Strides { k: 1, column: layout.k }, panel.as_mut_slice());
        }
        for (vector, bias) in block.bias.iter_mut().zip(&units.bias) {
            vector[..bias.len()].copy_from_slice(bias);
        }
        block.scale_moments(moment_scales(optimizer).map(|scale| 1.0 / scale));
        block
    }

    pub(super) fn unpack(mut self, layout: PanelLayout, units: Units<'_>, optimizer: &Optimizer) {
        self.scale_moments(moment_scales(optimizer));
        let own = PanelLayout { columns: self.valid, ..layout };
        for (panel, rows) in self.weights.iter().zip(units.weights) {
            own.unpack_rows(0, panel.as_slice(), rows);
        }
        for (vector, bias) in self.bias.iter().zip(units.bias) {
            bias.copy_from_slice(&vector[..bias.len()]);
        }
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
