//! Explanation of the terms on the page.

use maud::{Markup, html};

use super::words::symbols;
use isobath_experiment::NetworkKind;
use isobath_store::RunRecord;

/// Terms and their meaning.
const TERMS: &[(&str, &str)] = &[
    (
        "σ_w², σ_b²",
        "variances of the initialisation: a weight has variance σ_w² / fan-in, a bias σ_b².",
    ),
    (
        "layer, depth",
        "layers are counted from 1; depth l is the output of layer l. The depth of a trained network includes the readout.",
    ),
    ("probe", "held-out samples on which reconstructions are measured."),
    (
        "reconstruction error 1 − R²",
        "share of the variance of the probe samples that the reconstruction from a layer misses: 0 for perfect \
         reconstructions, 1 for the mean image. It exceeds 1 where reconstructions are further from the samples than the mean \
         image is, as where chained decoders distort what they no longer read; nothing is left of the input there.",
    ),
    (
        "relative entropy",
        "divergence of a reconstruction from its input, both read as distributions over pixels, in nats. It does not always \
         rise as information is lost.",
    ),
    (
        "cut-off",
        "depth down to which information survives, read from a profile by a rule: threshold (the error exceeds a value), \
         saturation (the profile stops changing, as published), decay (the scale of an exponential).",
    ),
    (
        "> 40 (1 of 2)",
        "beyond the 40 layers measured for 1 of 2 seeds; ≥ 14 is a lower bound, because the decoders lose information that the \
         network may keep; – means that the decoders support no cut-off.",
    ),
    (
        "ξ_c, 6 ξ_c",
        "depth scale on which correlations between inputs settle, by mean-field theory of infinitely wide networks. 6 ξ_c is \
         the rule of thumb for the greatest trainable depth (arXiv:1611.01232).",
    ),
    (
        "ordered, chaotic, critical",
        "nearby inputs converge (χ_1 < 1), diverge (χ_1 > 1) or neither; χ_1 is the mean squared singular value of a layer's \
         Jacobian. At the critical σ_w² it is 1.",
    ),
    (
        "seed",
        "one random initialisation of a network, with its own samples unless they are shared.",
    ),
];

/// Terms of the comparison of predictors.
const PREDICTOR_TERMS: &[(&str, &str)] = &[
    ("frontier", "greatest depth that trains to the required accuracy, for each weight variance."),
    ("octave", "a factor of two between predicted and trained depth."),
    (
        "naswot",
        "log-determinant of the kernel of activation patterns in a minibatch (arXiv:2006.04647).",
    ),
    (
        "AUC",
        "probability that a network that trains scores higher than one that does not; 0.5 is chance.",
    ),
];

/// Renders the terms, closed until asked for. A run with trainings also explains those of the comparison.
pub(super) fn glossary(run: &RunRecord) -> Markup {
    let further = if run.trainings.is_empty() { &[][..] } else { PREDICTOR_TERMS };
    let unit = match run.kind {
        NetworkKind::Mlp => None,
        NetworkKind::Cnn | NetworkKind::Resnet | NetworkKind::Layers => {
            Some(("depth in this run", run.kind.depth_counts()))
        }
    };
    terms(TERMS.iter().chain(&unit).chain(further))
}

/// Renders the terms of a comparison of predictors.
pub(super) fn comparison_glossary() -> Markup {
    terms(TERMS.iter().chain(PREDICTOR_TERMS))
}

fn terms<'a>(terms: impl Iterator<Item = &'a (&'a str, &'a str)>) -> Markup {
    html! {
        section {
            details.glossary {
                summary { "Terms" }
                dl {
                    @for (term, meaning) in terms {
                        dt { (symbols(term)) }
                        dd { (symbols(meaning)) }
                    }
                }
            }
        }
    }
}
