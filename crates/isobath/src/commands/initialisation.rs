//! Layer variances of initialisation schemes.

use isobath_architecture::{Initialisation, LayerVariances};
use isobath_experiment::Variant;

use super::meanfield::short;

/// Variances of each layer of a dense network by a scheme with a scale of its own; `None` if the grid has the variances.
/// The table of stages has those of other networks.
pub(super) fn variances(variant: &Variant) -> Option<Vec<LayerVariances>> {
    if variant.scheme.uses_grid() || !variant.network.is_dense() {
        return None;
    }
    let scheme = Initialisation::Scheme(variant.scheme.clone());
    let layers = variant.network.layers().iter().enumerate();
    Some(layers.map(|(index, layer)| scheme.variances(layer, index)).collect())
}

/// Variances of each layer under a scheme with its own scale, as lines of text, with a warning if mean-field theory does
/// not cover the scheme.
pub(super) fn lines(variant: &Variant) -> Vec<String> {
    let scheme = &variant.scheme;
    let text = |found: &LayerVariances| {
        format!("sigma_w2 = {}, sigma_b2 = {}", short(found.sigma_w2), short(found.sigma_b2))
    };
    let part = |same: &[(usize, String)]| match same {
        [(only, text)] => format!("{text} in layer {only}"),
        [(first, text), .., (last, _)] => format!("{text} in layers {first} to {last}"),
        [] => String::new(),
    };
    let mut lines = Vec::new();
    if let Some(variances) = variances(variant) {
        let layers: Vec<(usize, String)> = (1..).zip(variances.iter().map(text)).collect();
        let parts: Vec<String> = layers.chunk_by(|a, b| a.1 == b.1).map(part).collect();
        lines.push(format!("{scheme}: {}", parts.join("; ")));
    }
    if scheme.has_mean() {
        lines.push(
            "weights have a mean other than zero, which mean-field theory does not cover"
                .to_owned(),
        );
    }
    lines
}
