use isobath_architecture::{ResidualLayer, Variances};

use crate::LayerParameters;

/// Source of one layer's parameters.
#[derive(Clone, Copy, Debug)]
pub(crate) enum LayerSource<'a> {
    /// Given.
    Given(&'a LayerParameters),
    /// Drawn at each use, from streams of this place.
    Drawn { variances: &'a Variances, seed: u64, place: usize },
}

/// First place of layers in residual branches, beyond the places of all layers of a network.
const BRANCHES: usize = 1 << 26;

impl LayerSource<'_> {
    /// Source of layer `index`, counted from 0, of this residual block's branch.
    ///
    /// # Panics
    /// When the parameters given are not those of a block with such a layer.
    pub(crate) fn branch(self, index: usize) -> Self {
        match self {
            Self::Given(LayerParameters::Residual(branch)) => Self::Given(&branch[index]),
            Self::Given(_) => unreachable!("parameters were checked against the description"),
            Self::Drawn { variances, seed, place } => {
                let place = BRANCHES + place * ResidualLayer::MOST_LAYERS + index;
                Self::Drawn { variances, seed, place }
            }
        }
    }
}
