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

/// The units of each of `blocks`, which follow one another.
pub(super) fn split_units<'a>(
    state: &'a mut DecoderState<Cpu>,
    config: &DecoderConfig,
    blocks: &[Range<usize>],
) -> Vec<Units<'a>> {
    let [w1, w2] = &mut state.weight_moments;
    let [b1, b2] = &mut state.bias_moments;
    let mut weights = [&mut state.weights, w1, w2].map(HostBuffer::as_mut_slice);
    let mut bias = [&mut state.bias, b1, b2].map(HostBuffer::as_mut_slice);
    // The front of each, which the rest is left without.
    let split = |parts: &mut [&'a mut [f32]; 3], n: usize| {
        parts.each_mut().map(|rest| {
            let (front, back) = std::mem::take(rest).split_at_mut(n);
            *rest = back;
            front
        })
    };
    let units = |block: &Range<usize>| Units {
        weights: split(&mut weights, block.len() * config.inputs),
        bias: split(&mut bias, block.len()),
    };
    blocks.iter().map(units).collect()
}
