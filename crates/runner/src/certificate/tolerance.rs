use serde::Serialize;
use tensor::Precision;

use super::{Differences, LayerDifference, Way};

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
    /// Four to ten times what was seen on the CPU in the full extent, with kernels for AMX beside those for AVX-512 in f32.
    /// TF32, whose kernels only devices have, was seen in small networks only; it is placed between f32 and bfloat16.
    ///
    /// Decoders differ most, in single weights whose gradients are all but zero: Adam divides these by their own size.
    pub(super) const fn of(way: Way) -> Self {
        let (decoder, reconstruction, entropy, cutoff) = match way {
            Way::Gradient(Precision::F32) => (1e-2, 2e-4, 2e-6, 0.0),
            Way::Ridge => (1e-2, 3e-4, 2e-5, 0.0),
            Way::Gradient(Precision::Tf32) => (1.0, 5e-2, 2e-3, 1.0),
            // There is no coarser precision than bfloat16.
            Way::Gradient(_) => (3.0, 2e-1, 1e-2, 1.0),
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
