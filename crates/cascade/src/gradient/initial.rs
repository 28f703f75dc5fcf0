//! Initial decoders.

use isobath_tensor::{DecoderState, RandomStream};

use crate::{
    CascadeBackend, DecoderForm, DecoderKind, InitialDecoders, Job, Result,
    decoder_layer::DecoderLayerSpec,
};

use super::GradientCascade;

/// Streams of this crate: two for each layer of a decoder, in a range no other crate uses.
const STREAMS: u64 = 2 << 32;

/// First place of the further layers of decoders, beyond those of all layers of a network.
const FURTHER: usize = 1 << 26;

/// Most layers of a decoder: its residual block has a branch of at most so many.
const MOST_LAYERS: usize = isobath_architecture::ResidualLayer::MOST_LAYERS;

/// The decoder of layer `index` of the network, counted from 0, before any step.
///
/// # Errors
/// When the device cannot provide the memory.
pub(super) fn states<B: CascadeBackend>(
    GradientCascade { backend, params }: &GradientCascade<B>,
    job: &Job<'_>,
    index: usize,
    decoder: &[DecoderLayerSpec],
) -> Result<Vec<DecoderState<B>>> {
    let layers = decoder.iter().enumerate();
    let state = |(number, spec): (usize, &DecoderLayerSpec)| match job.initial {
        InitialDecoders::Drawn { seed } => {
            let place = if number == 0 { index } else { FURTHER + index * MOST_LAYERS + number };
            drawn(backend, spec.kind, params.params().form, seed, STREAMS + 2 * place as u64)
        }
        InitialDecoders::Given(decoders) => {
            let layer = &decoders[index].layers[number];
            let [_, inputs] = spec.kind.matrix();
            let weights = spec.kind.to_matrix(&layer.weights);
            Ok(DecoderState::from_host(backend, inputs, &weights, &layer.bias)?)
        }
    };
    layers.map(state).collect()
}

/// Weights and biases uniform on `(-1/sqrt(fan_in), 1/sqrt(fan_in))`, as `PyTorch` draws them, where the fan-in of a
/// transposed convolution is the number of weights that lead to one number of its output. `PyTorch` takes the number of
/// channels written times the size of the kernel instead, and so does the published form.
fn drawn<B: CascadeBackend>(
    backend: &B,
    kind: DecoderKind,
    form: DecoderForm,
    seed: u64,
    stream: u64,
) -> Result<DecoderState<B>> {
    let [outputs, inputs] = kind.matrix();
    let DecoderKind::ConvTranspose2d(conv) = kind else {
        return Ok(DecoderState::init(backend, inputs, outputs, seed, stream)?);
    };
    let fan_in = match form {
        DecoderForm::Aligned => conv.fan_in(),
        DecoderForm::Published => (conv.kernel[0] * conv.kernel[1] * outputs) as f64,
    };
    let bound = 1.0 / fan_in.sqrt();
    let mut state = DecoderState::zeros(backend, inputs, outputs)?;
    let uniform = |stream| RandomStream::Uniform { seed, stream, bound };
    backend.random_fill(uniform(stream), outputs * inputs, &mut state.weights)?;
    backend.random_fill(uniform(stream + 1), outputs, &mut state.bias)?;
    Ok(state)
}
