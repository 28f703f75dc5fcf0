use isobath_tensor::Precision;
use serde::Serialize;

use super::{Case, DecoderMethod, Differences, Extent, LayerDifference};

/// Allowed differences of two backends; see [`LayerDifference`].
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Tolerance {
    /// Decoders.
    pub decoder: f64,
    /// Reconstructions.
    pub reconstruction: f64,
    /// Relative entropies.
    pub entropy: f64,
    /// Cut-offs, in layers.
    pub cutoff: f64,
}

impl Tolerance {
    /// Tolerance of a case.
    ///
    /// Three to ten times the differences measured between the CPU and the reference backend.
    ///
    /// Decoders differ most, in single weights with nearly zero gradients, which Adam divides by their own size.
    /// With rounded factors, a different order of summation moves some values across a rounding boundary, more often in wide
    /// networks. Truncated factors differ by more than these tolerances.
    /// Not measured: bfloat16 at 784 units.
    pub(super) fn of(Case { network, method }: Case, extent: Extent) -> Self {
        let width = network.width as f64;
        let (decoder, reconstruction, entropy, cutoff) = match (method, extent) {
            (DecoderMethod::Gradient(Precision::F32), _) => (1e-2, 2e-4, 2e-6, 0.0),
            (DecoderMethod::Ridge, _) => (1e-2, 3e-4, 2e-5, 0.0),
            (DecoderMethod::Gradient(_), Extent::Quick) => (3e-3, 1e-3, 2e-6, 0.0),
            (DecoderMethod::Gradient(Precision::Tf32), Extent::Full) => {
                (4e-4 * width, 1e-5 * width, 1.2e-6 * width, 1.0)
            }
            // bfloat16 is the lowest precision.
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
