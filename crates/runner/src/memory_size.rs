//! Memory of one cascade and of one training, from their sizes.

use isobath_architecture::Layer;
use isobath_cascade::{CascadeNumbers, CascadeValidParams, Extent, Method};
use isobath_tensor::{BackendSpec, HOST_SPARE_BYTES};

use crate::{Memory, layer_size::LayerSize};

/// Bytes of an f32.
pub(super) const FLOAT: usize = size_of::<f32>();

/// Bytes of freed memory that the C library retains per cell. It returns larger blocks to the system.
const RETAINED: u64 = 32 << 20;

/// Sizes that determine the memory of one cascade.
#[derive(Clone, Copy, Debug)]
pub struct CascadeSize<'a> {
    /// Settings of the cascade.
    pub cascade: &'a CascadeValidParams,
    /// The layers reconstructed from, and numbers of samples.
    pub extent: Extent<'a>,
    /// True if decoders are saved.
    pub is_saved: bool,
    /// The backend.
    pub backend: BackendSpec,
}

impl CascadeSize<'_> {
    /// Memory of the cascade without the shared samples.
    pub fn memory(&self) -> Memory {
        let Self { cascade, extent, .. } = *self;
        let numbers = cascade.numbers(&extent);
        let is_rounded = !cascade.params().forward_precision.is_f32();
        let training = numbers.training + if is_rounded { numbers.forward } else { 0 };
        let work = CascadeNumbers { training, ..numbers }.peak();
        let decoders = numbers.decoders;
        // A device copies back the reconstructions and, if they are saved, the decoders.
        let [host, device] = match self.backend {
            BackendSpec::Cuda { .. } => {
                let saved = if self.is_saved { decoders } else { 0 };
                let kept = if cascade.params().method == Method::Ridge { 1 } else { 2 };
                let inputs = extent.layers.first().map_or(0, Layer::inputs);
                let reconstructions = kept * extent.layers.len() * extent.probe * inputs;
                [saved.saturating_add(reconstructions as u64), work.saturating_add(decoders)]
            }
            _ => [work.saturating_add(decoders.min((HOST_SPARE_BYTES / FLOAT) as u64)), 0],
        };
        let [host, device] = [host, device].map(|floats| floats.saturating_mul(FLOAT as u64));
        Memory { cell: host.saturating_add(RETAINED), device, ..Memory::default() }
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
        Memory { shared: bytes(samples), cell, device, ..Memory::default() }
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
