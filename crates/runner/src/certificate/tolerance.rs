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
    pub(super) const fn of(way: Way) -> Self {
        let (decoder, reconstruction, entropy, cutoff) = match way {
            Way::Gradient(Precision::F32) | Way::Ridge => (1e-3, 1e-3, 1e-3, 0.0),
            // There is no coarser precision than bfloat16.
            Way::Gradient(_) => (1e-1, 1e-1, 1e-1, 1.0),
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
