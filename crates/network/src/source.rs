use isobath_architecture::{Initialisation, Layer, ResidualLayer};

use crate::{LayerParameters, draw::Draw};

/// Source of one layer's parameters.
#[derive(Clone, Copy, Debug)]
pub(crate) enum LayerSource<'a> {
    /// Given.
    Given(&'a LayerParameters),
    /// Drawn at each use.
    Drawn(DrawnLayer<'a>),
}

/// Source of one layer's random parameters.
#[derive(Clone, Copy, Debug)]
pub(crate) struct DrawnLayer<'a> {
    /// Laws of all layers.
    pub(crate) initialisation: &'a Initialisation,
    pub(crate) seed: u64,
    /// Number of the layer, or of the block that it is in, in the network, counted from 0.
    pub(crate) index: usize,
    /// Place of its streams: its number, or one far behind for a layer of a branch.
    pub(crate) place: usize,
}

/// First place of layers in residual branches, beyond the places of all layers of a network.
const BRANCHES: usize = 1 << 26;

impl DrawnLayer<'_> {
    /// Draws of the weights and of the biases of `layer`.
    pub(crate) fn draws(self, layer: &Layer) -> [Draw; 2] {
        let Self { initialisation, seed, index, place } = self;
        let law = initialisation.layer(layer, index);
        [Draw::new(seed, place, 0, law.weights), Draw::new(seed, place, 1, law.bias)]
    }

    /// Source of layer `index`, counted from 0, of this residual block's branch.
    pub(crate) const fn branch(self, index: usize) -> Self {
        Self { place: BRANCHES + self.place * ResidualLayer::MOST_LAYERS + index, ..self }
    }
}

impl LayerSource<'_> {
    /// Source of layer `index`, counted from 0, of this residual block's branch.
    ///
    /// # Panics
    /// When the parameters given are not those of a block with such a layer.
    pub(crate) fn branch(self, index: usize) -> Self {
        match self {
            Self::Given(LayerParameters::Residual(branch)) => Self::Given(&branch[index]),
            Self::Given(_) => unreachable!("parameters were checked against the description"),
            Self::Drawn(block) => Self::Drawn(block.branch(index)),
        }
    }
}
