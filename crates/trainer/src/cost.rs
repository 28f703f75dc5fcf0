use isobath_architecture::Layer;

/// Floating-point operations of the matrix products of one training step, per sample: forward, weight gradient, and for
/// all layers but the first the gradient of the layer's input.
pub(crate) fn step_flops(layers: &[Layer]) -> u64 {
    let input_gradients: u64 = layers.iter().skip(1).map(Layer::forward_flops).sum();
    2 * forward_flops(layers) + input_gradients
}

/// Floating-point operations of the matrix products of a forward pass, per sample.
pub(crate) fn forward_flops(layers: &[Layer]) -> u64 {
    layers.iter().map(Layer::forward_flops).sum()
}

/// Samples in the first `steps` minibatches, the last one of an epoch being what is left.
pub(crate) const fn samples_in(steps: usize, samples: usize, batch: usize) -> u64 {
    let per_epoch = samples.div_ceil(batch);
    let in_epoch = (steps % per_epoch) as u64 * batch as u64;
    (steps / per_epoch) as u64 * samples as u64 + in_epoch
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_minibatch_is_short() {
        for (steps, expected) in [(0, 0), (1, 4), (2, 8), (3, 10), (4, 14), (6, 20)] {
            assert_eq!(samples_in(steps, 10, 4), expected, "{steps} steps");
        }
    }
}
