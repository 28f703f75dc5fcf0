use isobath_network::ForwardBackend;
use isobath_tensor::Backend;
use ndarray::Array2;

use crate::{
    Result, activations::Activations, chain, compose::Composed, decoders::Stack,
    device_decoder::DeviceDecoder, work::Work,
};

/// Decoders of the layers so far and what they reconstruct.
pub(crate) struct Reconstruction<'a, B: Backend> {
    backend: &'a B,
    pub(crate) decoders: Stack<B>,
    composed: Composed<B>,
    pub(crate) reconstructions: Vec<Array2<f32>>,
}

impl<'a, B: ForwardBackend> Reconstruction<'a, B> {
    /// No decoder yet; at most `spare_bytes` of them stay in the memory of `backend`.
    pub(crate) fn new(backend: &'a B, spare_bytes: usize) -> Self {
        let decoders = Stack::with_limit(backend, spare_bytes);
        Self { backend, decoders, composed: Composed::new(), reconstructions: Vec::new() }
    }

    /// Adds the next layer's linear decoder and reconstructs from that layer's output in `probe`.
    pub(crate) fn compose(
        &mut self,
        decoder: DeviceDecoder<B>,
        probe: &Activations<B>,
    ) -> Result<()> {
        self.reconstructions.push(self.composed.push(&decoder, &probe.output, probe.rows)?);
        self.push(decoder)
    }

    /// Adds the next layer's decoder, which waits for [`chain`](Self::chain).
    pub(crate) fn push(&mut self, decoder: DeviceDecoder<B>) -> Result<()> {
        self.decoders.push(decoder)
    }

    /// Reconstructs from the layers that wait, whose `activations` have `rows` samples each. Does nothing without decoders.
    pub(crate) fn chain(
        &mut self,
        activations: &[B::Buffer<f32>],
        rows: usize,
        work: &Work<'_>,
    ) -> Result<()> {
        if self.decoders.len() > 0 {
            let new = chain::reconstruct(self.backend, &self.decoders, activations, rows, work)?;
            self.reconstructions.extend(new);
        }
        Ok(())
    }
}
