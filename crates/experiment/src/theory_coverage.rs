//! Which networks the mean-field theory of this program covers.

use isobath_architecture::{Boundary, Layer};

use super::{NetworkKind, Variant};

const RESIDUAL: &str = "blocks have no depth scale of their own in charts; `cargo xtask meanfield network FILE` shows \
                        theory stage by stage";
const BORDERS: &str = "convolutions are not circular, and borders change the signal; `cargo xtask meanfield network \
                       FILE` shows theory stage by stage";
const KINDS: &str = "layers of different kinds follow each other; `cargo xtask meanfield network FILE` shows theory \
                     stage by stage";

impl Variant {
    /// Reason why mean-field theory says nothing about these networks, as the end of a sentence; `None` where it covers
    /// them.
    ///
    /// This is the one place where the answer depends on the kind of network.
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
    use crate::{Plan, read_text};

    fn gap(network: &str) -> Option<&'static str> {
        let text = format!(
            "name = \"x\"\n[data]\ndataset = \"digits\"\nprobe = 10\n[network]\n{network}\n[grid]\nsigma_w2 = 1.0\n"
        );
        Plan::new(read_text(&text, "test", &[]).unwrap()).unwrap().variants[0].theory_gap()
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
}
