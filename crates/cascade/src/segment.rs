//! Segments of layers: training samples are kept between segments, and computed again inside of them.

use std::ops::Range;

use isobath_architecture::Layer;
use isobath_network::DeviceLayer;
use isobath_tensor::Backend;

use crate::decoder_layer::DecoderLayerSpec;

/// Most bytes of the training samples' activations between two segments, where there is a choice.
pub(crate) const BOUNDARY_BYTES: usize = 256 << 20;

/// Consecutive layers whose decoders are found together.
pub(crate) struct Segment<'a, B: Backend> {
    /// The first layer, counted from 0.
    pub(crate) first: usize,
    /// The layers.
    pub(crate) layers: &'a [DeviceLayer<B>],
    /// Their decoders.
    pub(crate) decoders: &'a [Vec<DecoderLayerSpec>],
    /// No layer of the job follows.
    pub(crate) is_last: bool,
}

/// Segments of a sweep, and the memory of a training sample between them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Segments {
    /// Consecutive layers, counted from 0.
    pub(crate) ranges: Vec<Range<usize>>,
    /// Most numbers of a sample before and behind a segment.
    pub(crate) room: [usize; 2],
}

impl Segments {
    /// Every layer on its own, with its output.
    pub(crate) fn single(layers: &[Layer]) -> Self {
        let ranges = (0..layers.len()).map(|index| index..index + 1).collect();
        Self { ranges, room: [widest(layers); 2] }
    }

    /// Segments that end where the activations of `samples` samples take at most `limit` bytes, and at the last layer,
    /// whose output nothing reads.
    pub(crate) fn narrow(layers: &[Layer], samples: usize, limit: usize) -> Self {
        let (mut ranges, mut first) = (Vec::new(), 0);
        let mut between = 0;
        for (index, layer) in layers.iter().enumerate() {
            let bytes = samples.saturating_mul(layer.outputs()).saturating_mul(size_of::<f32>());
            let is_last = index + 1 == layers.len();
            if bytes <= limit || is_last {
                ranges.push(first..index + 1);
                first = index + 1;
                between = if is_last { between } else { between.max(layer.outputs()) };
            }
        }
        let inputs = layers.first().map_or(0, Layer::inputs);
        Self { ranges, room: if between > 0 { [between.max(inputs); 2] } else { [inputs, 0] } }
    }
}

/// Most numbers of a sample between layers, the input and the last output included.
pub(crate) fn widest(layers: &[Layer]) -> usize {
    let inputs = layers.first().map(Layer::inputs);
    layers.iter().map(Layer::outputs).chain(inputs).max().unwrap_or(0)
}

/// True if every layer is dense.
pub(crate) fn is_dense(layers: &[Layer]) -> bool {
    layers.iter().all(|layer| matches!(layer, Layer::Dense(_)))
}

#[cfg(test)]
mod tests {
    use isobath_architecture::{Activation, Conv2dLayer, Shape, Window};

    use super::*;

    #[test]
    fn segments_end_at_narrow_layers() {
        let conv = |size, channels, stride| {
            let window = Window::square(3, stride, 1);
            let image = Shape::new(4, size, size);
            Layer::Conv2d(Conv2dLayer::new(image, channels, window, Activation::Tanh))
        };
        let layers = [conv(8, 4, 1), conv(8, 4, 2), conv(4, 4, 1), conv(4, 8, 1)];
        // 256, 64, 64 and 128 numbers.
        let of = |limit| Segments::narrow(&layers, 10, limit);
        let all = [0..1, 1..2, 2..3, 3..4].to_vec();
        assert_eq!(of(10 * 256 * 4), Segments { ranges: all.clone(), room: [256; 2] });
        let narrow = [0..2, 2..3, 3..4].to_vec();
        assert_eq!(of(10 * 64 * 4), Segments { ranges: narrow, room: [256; 2] });
        assert_eq!(of(0), Segments { ranges: vec![Range { start: 0, end: 4 }], room: [256, 0] });
        assert_eq!(Segments::single(&layers), Segments { ranges: all, room: [256; 2] });
        assert_eq!(Segments::narrow(&layers[2..], 10, 10 * 64 * 4).room, [64; 2]);
        assert_eq!(Segments::single(&layers[2..]).room, [128; 2]);
    }
}
