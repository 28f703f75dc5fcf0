//! Given activations decoded through the chain of decoders to the input.

use isobath_architecture::Shape;
use isobath_network::ForwardBackend;
use isobath_tensor::Axes;
use ndarray::{Array2, ArrayView2, Axis, s};

use crate::{
    Decoders, Error, Result, columns::DecodingMemory, conv_transpose::reordered,
    device_decoder::DeviceDecoder,
};

/// Numbers of a batch's widest activations, at most, unless one sample has more.
const CHUNK: usize = 1 << 20;

impl Decoders {
    /// Decodes `activations` of layer `depth`, counted from 1, `[n, w_depth]`, to the input: `g_1(g_2(... g_depth(h)))`,
    /// `[n, w_0]`, in f32.
    ///
    /// The activations need not come from a sample: a channel image decodes a single channel, a class prototype an output
    /// that represents the class. Samples pass in batches, so that memory beyond the result does not grow with
    /// their number; one decoder at a time is in the memory of `backend`.
    ///
    /// # Errors
    /// [`Error::LayerCount`] if there is no decoder of this depth, [`Error::DecoderInput`] if the activations have another
    /// width, and when the device fails or decoders cannot be read back.
    pub fn decode<B: ForwardBackend>(
        &self,
        backend: &B,
        depth: usize,
        activations: ArrayView2<'_, f32>,
    ) -> Result<Array2<f32>> {
        if depth == 0 || depth > self.len() {
            return Err(Error::LayerCount { layers: depth, depth: self.len() });
        }
        let mut decoded = activations.to_owned();
        for index in (0..depth).rev() {
            let decoder = self.get(index)?;
            let (expected, actual) = (decoder.inputs(), decoded.ncols());
            if actual != expected {
                return Err(Error::DecoderInput { expected, actual });
            }
            let widest =
                decoder.layers.iter().map(|layer| layer.kind.outputs().max(expected)).max();
            let rows = CHUNK / widest.unwrap_or(expected).max(1);
            let decoder = DeviceDecoder::upload(backend, &decoder)?;
            decoded = apply(backend, &decoder, decoded.view(), rows)?;
        }
        Ok(decoded)
    }
}

/// Applies a decoder to samples `[n, inputs]`, `rows` of them at a time and at least one: `[n, outputs]`.
fn apply<B: ForwardBackend>(
    backend: &B,
    decoder: &DeviceDecoder<B>,
    x: ArrayView2<'_, f32>,
    rows: usize,
) -> Result<Array2<f32>> {
    let (samples, inputs) = x.dim();
    let outputs = decoder.outputs();
    let rows = rows.clamp(1, samples.max(1));
    let mut y = Array2::zeros((samples, outputs));
    let mut memory = DecodingMemory::new(backend)?;
    for (index, batch) in x.axis_chunks_iter(Axis(0), rows).enumerate() {
        let count = batch.nrows();
        let host = backend.upload(&batch.iter().copied().collect::<Vec<f32>>())?;
        let mut columns = backend.zeros(count * inputs)?;
        let order =
            reordered(Shape::flat(inputs), count, [Axes::SampleUnitPixel, Axes::UnitPixelSample]);
        backend.patches(&order, &host, &mut columns)?;
        decoder.apply_to_columns(count, &mut columns, &mut memory)?;
        let numbers = backend.read(&columns, 0..count * outputs)?;
        let start = index * rows;
        let mut target = y.slice_mut(s![start..start + count, ..]);
        target.indexed_iter_mut().for_each(|((i, j), to)| *to = numbers[j * count + i]);
    }
    Ok(y)
}

#[cfg(test)]
mod tests {
    use isobath_architecture::Activation;
    use isobath_tensor::Reference;
    use ndarray::array;

    use super::*;
    use crate::{Decoder, decoders::Stack};

    #[test]
    fn decoders_are_applied_from_the_depth_to_the_input() {
        let decoder = |weights: &[f32], bias: &[f32], activation| {
            Decoder::dense(weights.to_vec(), bias.to_vec(), activation)
        };
        let mut stack = Stack::with_limit(&Reference, 0);
        let (linear, relu) = (Activation::Linear, Activation::Relu);
        for decoder in [
            decoder(&[1.0, 0.0, 0.0, 1.0, 1.0, 1.0], &[0.0, 0.5, 0.0], linear),
            decoder(&[2.0, -1.0], &[0.0, 1.0], relu),
        ] {
            stack.push(DeviceDecoder::upload(&Reference, &decoder).unwrap()).unwrap();
        }
        let decoders = Decoders::from(stack);
        // First ReLU of (2 h, 1 - h), then the linear map.
        let decoded = decoders.decode(&Reference, 2, array![[3.0], [0.5]].view()).unwrap();
        assert_eq!(decoded, array![[6.0, 0.5, 6.0], [1.0, 1.0, 1.5]]);
        let decoded = decoders.decode(&Reference, 1, array![[3.0, 1.0]].view()).unwrap();
        assert_eq!(decoded, array![[3.0, 1.5, 4.0]]);

        let error = |depth, h: Array2<f32>| {
            decoders.decode(&Reference, depth, h.view()).unwrap_err().to_string()
        };
        assert!(error(3, array![[1.0]]).contains("3 layers of a network of 2"));
        assert!(error(2, array![[1.0, 2.0]]).contains("2 numbers each, the decoder reads 1"));
    }
}
