use isobath_tensor::Precision;
use serde::Serialize;

use super::{Case, DecoderMethod, Differences, Extent, LayerDifference};

/// How far backends may be apart; see [`LayerDifference`].
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Tolerance {
    /// Of decoders.
    pub decoder: f64,
    /// Of reconstructions.
    pub reconstruction: f64,
    /// Of relative entropies.
    pub entropy: f64,
    /// Of cut-offs, in layers.
    pub cutoff: f64,
}

impl Tolerance {
    /// Three to ten times what was seen between the CPU and the reference backend, in f32 also between kernels for AMX and
    /// those for AVX-512.
    ///
    /// Decoders differ most, in single weights whose gradients are all but zero: Adam divides these by their own size.
    /// Where factors are rounded, on both sides in the same method, sums in another order move some of them across the middle
    /// between two numbers, in wide networks more than in narrow ones; factors that are truncated instead differ by more.
    /// Not seen: bfloat16 at 784 units.
    pub(super) fn of(Case { network, method }: Case, extent: Extent) -> Self {
        let width = network.width as f64;
        let (decoder, reconstruction, entropy, cutoff) = match (method, extent) {
            (DecoderMethod::Gradient(Precision::F32), _) => (1e-2, 2e-4, 2e-6, 0.0),
            (DecoderMethod::Ridge, _) => (1e-2, 3e-4, 2e-5, 0.0),
            (DecoderMethod::Gradient(_), Extent::Quick) => (3e-3, 1e-3, 2e-6, 0.0),
            (DecoderMethod::Gradient(Precision::Tf32), Extent::Full) => {
                (4e-4 * width, 1e-5 * width, 1.2e-6 * width, 1.0)
            }
            // There is no coarser precision than bfloat16.
            (DecoderMethod::Gradient(_), Extent::Full) => {
                (8e-4 * width, 8e-5 * width, 5e-6 * width, 1.0)
            }
        };
        Self { decoder, reconstruction, entropy, cutoff }
    }

    pub(super) fn allows(&self, differences: &Differences) -> bool {
        let within = |layer: &LayerDifference| {
            layer.decoder <= self.decoder
                && layer.reconstruction <= self.reconstruction
                && layer.entropy <= self.entropy
        };
        differences.layers.iter().all(within) && differences.cutoff <= self.cutoff
    }
}
