//! Memory of one cascade and of one training, from their sizes.

use isobath_tensor::{BackendSpec, HOST_SPARE_BYTES};

use crate::Memory;

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
    /// Widths of the layers, the input first.
    pub widths: &'a [usize],
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
        let Self { samples, probe, widths, kept, .. } = *self;
        let (layers, inputs) = (widths.len() - 1, widths[0]);
        let widest = widths.iter().copied().max().unwrap_or(1);
        let weights = || widths.windows(2).map(|pair| pair[0] * pair[1]);
        let most_weights = weights().max().unwrap_or(0);
        // The chain needs the probe activations of all layers and the decoders, as far as those stay in memory. A device
        // keeps more decoders than most cascades have.
        let probes = probe * widths[1..].iter().sum::<usize>();
        let decoders = weights().fold(0, usize::saturating_add).saturating_mul(kept);
        // A layer's input and output, its weights, and its decoder with moments, in two layouts each.
        let training = 2 * (samples + probe) * widest + 8 * most_weights;
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
    /// Widths of the layers, the input first.
    pub widths: &'a [usize],
    /// Moments of the optimiser per parameter.
    pub moments: usize,
    /// The backend.
    pub backend: BackendSpec,
}

impl TrainingSize<'_> {
    /// Memory of the training.
    pub fn memory(&self) -> Memory {
        let widths = self.widths;
        let samples = self.samples * widths[0];
        let widest = widths.iter().copied().max().unwrap_or(1);
        let layers = widths.windows(2).map(|pair| pair[1] * (pair[0] + 1));
        let parameters = layers.fold(0, usize::saturating_add);
        // Weights and their moments, plus the returned copy of the weights.
        let weights = parameters.saturating_mul(2 + self.moments);
        // Values before and after each activation, and the backward pass.
        let batch = self.batch.saturating_mul(2 * (widths.iter().sum::<usize>() + widest));
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

/// Bytes of `floats` f32 values.
const fn bytes(floats: usize) -> u64 {
    (floats as u64).saturating_mul(FLOAT as u64)
}
