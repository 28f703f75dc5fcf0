//! What an interpretation says, in sentences.

use isobath_analysis::layer_losses::{LayerLoss, largest_losses};

use super::Interpretation;
use crate::{numbers::short, vocabulary::count};

/// Layers named as those in which most is lost.
const NAMED: usize = 3;

/// The answer: accuracy, losses, and how far the decoders reach.
pub fn sentences(interpretation: &Interpretation) -> Vec<String> {
    let Interpretation { correct, layers, .. } = interpretation;
    let mut sentences = Vec::new();
    match correct {
        Some([correct, samples]) => sentences.push(format!(
            "The network classifies {correct} of {} correctly ({:.1}%).",
            count(*samples, "held-out sample"),
            100.0 * *correct as f64 / (*samples).max(1) as f64
        )),
        None => sentences
            .push("The outputs are not the classes of the data, so there is no accuracy.".into()),
    }
    sentences.extend(untrained(interpretation));
    sentences.push(losses(interpretation));
    if let Some(last) = layers.last() {
        sentences.push(format!(
            "The reconstruction error behind layer {} is {}{}.",
            layers.len(),
            short(last.error),
            if last.error >= 1.0 {
                ": nothing of the input is left for these decoders"
            } else {
                ""
            }
        ));
    }
    sentences.push(readout_sentence(interpretation));
    sentences
}

/// A warning where the first decoder is much worse than a linear one.
fn untrained(interpretation: &Interpretation) -> Option<String> {
    /// Error from which a first decoder counts as untrained, and by how much it exceeds that of a linear one.
    const ERROR: [f64; 2] = [0.5, 0.1];
    let first = interpretation.layers.first()?;
    let linear = first.linear?;
    let is_untrained = first.error >= ERROR[0] && first.error > linear + ERROR[1];
    is_untrained.then(|| {
        format!(
            "The decoder of the first layer did not learn: its error is {}, and a linear one has {}. The errors say \
             little about the network; use --method ridge, or more samples or epochs.",
            short(first.error),
            short(linear)
        )
    })
}

fn losses(interpretation: &Interpretation) -> String {
    let largest = largest_losses(&interpretation.losses(), NAMED);
    let one = |loss: &LayerLoss| {
        let name = &interpretation.layers[loss.layer - 1].name;
        let [lost, before, after] = [loss.lost(), loss.before, loss.after].map(short);
        format!("layer {} ({name}), +{lost}, from {before} to {after}", loss.layer)
    };
    match &largest[..] {
        [] => "No layer loses more than 1% of the variance of the samples.".to_owned(),
        all => {
            let named: Vec<String> = all.iter().map(one).collect();
            format!("Most of the reconstruction error arises in {}.", named.join("; "))
        }
    }
}

/// Sentence on the layers without a decoder.
pub fn readout_sentence(interpretation: &Interpretation) -> String {
    match &interpretation.uncovered[..] {
        [] => "Decoders cover all layers, the readout included.".to_owned(),
        names => format!(
            "Decoders do not cover the readout ({}); set readout = true in [cascade] to cover it.",
            names.join("; ")
        ),
    }
}
