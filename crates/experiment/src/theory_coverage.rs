//! Networks and parts of networks whose depth scales mean-field theory gives.

use isobath_architecture::{Boundary, Layer};
use isobath_meanfield::{AlikeLayers, alike_layers};

use super::{DepthScale, FileError, GridPoint, MeanfieldSection, NetworkKind, Plan, Variant};

const RESIDUAL: &str = "residual blocks follow maps of their own";
const BORDERS: &str = "convolutions are not circular, and borders change the signal";
const KINDS: &str = "layers of different kinds follow each other";

impl Plan {
    /// Layers whose theory gives the depth scales of the network at `point`: all hidden layers where
    /// [`theory_gap`](Variant::theory_gap) is `None`; otherwise its deep part, if that consists of alike layers.
    ///
    /// `None` if there are no such layers or residual blocks beside them, or if a variance is out of the theory's range.
    pub fn deep_part(&self, point: GridPoint) -> Option<AlikeLayers> {
        let variant = self.variant(point);
        if variant.theory_gap().is_none() {
            let count = variant.network.depth() - variant.network.readout_layers();
            return Some(AlikeLayers { first: 1, count, theory: self.theory(point).ok()? });
        }
        let layers = variant.network.layers();
        if layers.iter().any(|layer| matches!(layer, Layer::Residual(_))) {
            return None;
        }
        let found = alike_layers(&variant.network, &variant.initialisation(point))?;
        let before = found.first - 1;
        let after = layers.len() - 1 - before - found.count;
        // A few equal layers beside more of other kinds do not determine the depth of the network.
        (found.count >= before.max(after)).then_some(found)
    }
}

/// Rejects curves that the networks cannot have.
pub(super) fn check_overlays(
    section: &MeanfieldSection,
    variants: &[Variant],
) -> Result<(), FileError> {
    let mut overlays = section.overlay.iter();
    let Some(overlay) = overlays.find(|one| one.scale == DepthScale::SlowestMode) else {
        return Ok(());
    };
    let is_convolution = |layer: &Layer| matches!(layer, Layer::Conv2d(_));
    if variants.iter().any(|variant| variant.network.layers().iter().any(is_convolution)) {
        return Ok(());
    }
    let message = format!(
        "overlay: `{overlay}` is the depth scale of spatial frequencies, and these networks have no convolutions; \
         remove it or use \"xi_c\""
    );
    Err(FileError::invalid("meanfield", message))
}

impl Variant {
    /// Reason why the theory of dense layers does not describe the whole network, as the end of a sentence; `None` where
    /// it does.
    ///
    /// Predictors and the search for trainings use theory only where this is `None`.
    pub fn theory_gap(&self) -> Option<&'static str> {
        if self.scheme.has_mean() {
            return Some("weights have a mean other than zero");
        }
        match self.section.kind {
            NetworkKind::Mlp => None,
            NetworkKind::Cnn => self.cnn_gap(),
            NetworkKind::Resnet => Some(RESIDUAL),
            NetworkKind::Layers => self.list_gap(),
        }
    }

    /// Uniform modes of circular convolutions follow the theory of dense layers (Xiao et al., arXiv:1806.05393).
    fn cnn_gap(&self) -> Option<&'static str> {
        let is_circular = self.network.layers().iter().all(|layer| match layer {
            Layer::Conv2d(conv) => conv.boundary == Boundary::Circular,
            Layer::Dense(_) | Layer::Pool(_) | Layer::Residual(_) => true,
        });
        (!is_circular).then_some(BORDERS)
    }

    /// Lists of dense layers with one activation are multilayer perceptrons.
    fn list_gap(&self) -> Option<&'static str> {
        let is_perceptron = self.network.is_dense() && self.activations().len() == 1;
        (!is_perceptron).then_some(KINDS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::read_text;

    fn plan(network: &str) -> Result<Plan, FileError> {
        let text = format!(
            "name = \"x\"\n[data]\ndataset = \"digits\"\nprobe = 10\n[network]\n{network}\n[grid]\nsigma_w2 = 1.0\n"
        );
        Plan::new(read_text(&text, "test", &[]).unwrap())
    }

    fn gap(network: &str) -> Option<&'static str> {
        plan(network).unwrap().variants[0].theory_gap()
    }

    /// First stage and number of layers of the deep part.
    fn deep_part(network: &str) -> Option<(usize, usize)> {
        let plan = plan(network).unwrap();
        plan.deep_part(plan.points[0]).map(|found| (found.first, found.count))
    }

    #[test]
    fn theory_covers_dense_layers_and_circular_convolutions() {
        assert_eq!(gap("depth = 5"), None);
        assert_eq!(gap("kind = \"cnn\"\ndepth = 5\nchannels = 4"), None);
        let dense = "{ dense = 9, activation = \"tanh\" }";
        let list = |first: &str| {
            format!("kind = \"layers\"\nlayers = [{first}, {dense}, {{ dense = \"classes\" }}]")
        };
        assert_eq!(gap(&list(dense)), None);
        for network in [
            "kind = \"cnn\"\ndepth = 5\nchannels = 4\nboundary = \"zero\"",
            "kind = \"resnet\"\ndepth = 5\nchannels = 4",
            &list("{ conv = 4, activation = \"tanh\" }"),
            &list("{ dense = 9, activation = \"erf\" }"),
        ] {
            assert!(gap(network).is_some(), "{network}");
        }
    }

    #[test]
    fn alike_layers_are_the_deep_part_unless_others_prevail() {
        assert_eq!(deep_part("depth = 5"), Some((1, 4)));
        assert_eq!(deep_part("kind = \"cnn\"\ndepth = 5\nchannels = 4"), Some((1, 4)));
        let published = "kind = \"cnn\"\nchannels = 4\npreset = \"published-cnn\"\ndepth = ";
        // Three convolutions of the stem, one of the head, and the readout.
        assert_eq!(deep_part(&format!("{published}12")), Some((4, 7)));
        assert_eq!(deep_part(&format!("{published}7")), None);
        assert_eq!(deep_part("kind = \"cnn\"\ndepth = 5\nchannels = 4\nboundary = \"zero\""), None);
        assert_eq!(deep_part("kind = \"resnet\"\ndepth = 5\nchannels = 4"), None);
    }

    #[test]
    fn modes_need_convolutions() {
        let with = |network: &str| {
            let kind = format!("{network}\n[meanfield]\noverlay = [\"xi_c\", \"xi_c(k)\"]");
            plan(&kind)
        };
        let error = with("depth = 5").unwrap_err().to_string();
        assert!(error.contains("`xi_c(k)`") && error.contains("no convolutions"), "{error}");
        with("kind = \"cnn\"\ndepth = 5\nchannels = 4").unwrap();
    }
}
