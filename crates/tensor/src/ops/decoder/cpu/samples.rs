use std::ops::Range;

use crate::{Cpu, DecoderConfig, DecoderState, HostBuffer};

/// Samples that all blocks read.
pub(super) struct Samples<'a> {
    pub(super) config: DecoderConfig,
    pub(super) batches: Range<usize>,
    pub(super) h: &'a [f32],
    pub(super) target: &'a [f32],
}

/// Rows of the decoder's state that make up a block: `[units, inputs]` and `[units]`, each as parameters, first and
/// second moment.
pub(super) struct Units<'a> {
    pub(super) weights: [&'a mut [f32]; 3],
    pub(super) bias: [&'a mut [f32]; 3],
}

pub(super) fn split_units<'a>(
    state: &'a mut DecoderState<Cpu>,
    config: &DecoderConfig,
    width: usize,
) -> Vec<Units<'a>> {
    let DecoderConfig { inputs, outputs, .. } = *config;
    let [w1, w2] = &mut state.weight_moments;
    let [b1, b2] = &mut state.bias_moments;
    let split = |buffer: &'a mut HostBuffer<f32>, row: usize| {
        buffer.as_mut_slice()[..outputs * row].chunks_mut(width * row)
    };
    let weights = split(&mut state.weights, inputs).zip(split(w1, inputs)).zip(split(w2, inputs));
    let bias = split(&mut state.bias, 1).zip(split(b1, 1)).zip(split(b2, 1));
    let units = weights
        .zip(bias)
        .map(|(((w, w1), w2), ((b, b1), b2))| Units { weights: [w, w1, w2], bias: [b, b1, b2] });
    units.collect()
}
