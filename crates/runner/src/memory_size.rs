//! Memory of one cascade and of one training, from their sizes.

use isobath_architecture::Layer;
use isobath_tensor::{BackendSpec, HOST_SPARE_BYTES};

use crate::{Memory, layer_size::LayerSize};

/// Bytes of an f32.
pub(super) const FLOAT: usize = size_of::<f32>();

/// Bytes of freed memory that the C library retains per cell. It returns larger blocks to the system.
const RETAINED: u64 = 32 << 20;

/// Sizes that determine the memory of one cascade.
#[derive(Clone, Copy, Debug)]
pub struct CascadeSize<'a> {
    /// Training samples of each decoder.
    pub samples: usize,
    /// Probe samples.
    pub probe: usize,
    /// The layers reconstructed from.
    pub layers: &'a [Layer],
    /// Samples per minibatch.
    pub batch: usize,
    /// Decoders kept per layer.
    pub kept: usize,
    /// True if input and weights of the forward pass are rounded to a lower precision.
    pub is_rounded: bool,
    /// True if decoders are saved.
    pub is_saved: bool,
    /// The backend.
    pub backend: BackendSpec,
}

impl CascadeSize<'_> {
    /// Memory of the cascade without the shared samples.
    pub fn memory(&self) -> Memory {
        let Self { samples, probe, kept, .. } = *self;
        let sizes: Vec<LayerSize> = self.layers.iter().map(LayerSize::of).collect();
        let (layers, inputs) = (sizes.len(), sizes.first().map_or(0, |size| size.inputs));
        let widest = widest(&sizes);
        let most_weights = sizes.iter().map(|size| size.weights.max(size.decoder)).max();
        let most_weights = most_weights.unwrap_or(0);
        // The chain needs the probe activations of all layers and the decoders, as far as those stay in memory. A device
        // keeps more decoders than most cascades have.
        let probes = probe * sizes.iter().map(|size| size.outputs).sum::<usize>();
        let decoders = sizes.iter().map(|size| size.decoder).fold(0, usize::saturating_add);
        let decoders = decoders.saturating_mul(kept);
        // Patches of a minibatch, in two layouts.
        let patches = sizes.iter().map(|size| size.patches).max().unwrap_or(0);
        let patches = 2 * self.batch.min(samples).saturating_mul(patches);
        // A layer's input and output, its weights, and its decoder with moments, in two layouts each.
        let training = (2 * (samples + probe) * widest + 8 * most_weights).saturating_add(patches);
        let rounded = if self.is_rounded { samples * widest + most_weights } else { 0 };
        // The chain's two batches and the final reconstructions.
        let chain = layers * probe * (2 * widest + kept * inputs) + 3 * most_weights;
        let work = probes + (training + rounded).max(chain);
        // A device copies back the reconstructions and, if they are saved, the decoders.
        let [host, device] = match self.backend {
            BackendSpec::Cuda { .. } => {
                let saved = if self.is_saved { decoders } else { 0 };
                [
                    saved.saturating_add(kept * layers * probe * inputs),
                    work.saturating_add(decoders),
                ]
            }
            _ => [work + decoders.min(HOST_SPARE_BYTES / FLOAT), 0],
        };
        Memory { shared: 0, cell: bytes(host).saturating_add(RETAINED), device: bytes(device) }
    }
}

/// Sizes that determine the memory of one training.
#[derive(Clone, Copy, Debug)]
pub struct TrainingSize<'a> {
    /// All samples: for training, probe and test.
    pub samples: usize,
    /// Test samples.
    pub test: usize,
    /// Samples per minibatch.
    pub batch: usize,
    /// All layers of the network.
    pub layers: &'a [Layer],
    /// Moments of the optimiser per parameter.
    pub moments: usize,
    /// The backend.
    pub backend: BackendSpec,
}

impl TrainingSize<'_> {
    /// Memory of the training.
    pub fn memory(&self) -> Memory {
        let sizes: Vec<LayerSize> = self.layers.iter().map(LayerSize::of).collect();
        let samples = self.samples * sizes.first().map_or(0, |size| size.inputs);
        let widest = widest(&sizes);
        let parameters = sizes.iter().map(|size| size.parameters).fold(0, usize::saturating_add);
        // Weights and their moments, plus the returned copy of the weights.
        let weights = parameters.saturating_mul(2 + self.moments);
        // Values before and after each activation, and the backward pass; patches of one convolution at a time.
        let inputs = sizes.first().map_or(0, |size| size.inputs);
        let values = inputs + sizes.iter().map(|size| size.outputs).sum::<usize>();
        let inner = sizes.iter().map(|size| size.inner).sum::<usize>();
        let patches = sizes.iter().map(|size| size.patches).max().unwrap_or(0);
        let batch = self.batch.saturating_mul(2 * (values + widest) + inner + patches);
        // Test samples go through the network in batches of at most 1024.
        let testing = 2 * self.test.min(1024) * widest;
        // The backend has its own copy of the samples.
        let work = (samples + testing).saturating_add(weights).saturating_add(batch);
        // A device copies the weights back.
        let [host, device] = match self.backend {
            BackendSpec::Cuda { .. } => [parameters, work],
            _ => [work, 0],
        };
        let (cell, device) = (bytes(host).saturating_add(RETAINED), bytes(device));
        Memory { shared: bytes(samples), cell, device }
    }
}

/// Most numbers before or behind a layer, per sample.
fn widest(sizes: &[LayerSize]) -> usize {
    sizes.iter().map(|size| size.inputs.max(size.outputs)).max().unwrap_or(1)
}

/// Bytes of `floats` f32 values.
const fn bytes(floats: usize) -> u64 {
    (floats as u64).saturating_mul(FLOAT as u64)
}
