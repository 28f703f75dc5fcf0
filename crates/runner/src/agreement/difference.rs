use isobath_entropy::cutoff::Depth;
use serde::Serialize;

use super::outcome::Outcome;

/// Relative differences of two backends at one layer.
///
/// Each is the largest absolute difference over the root mean square of the baseline's numbers; infinite if any number is
/// not finite.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct LayerDifference {
    /// The layer, counted from 1.
    pub layer: usize,
    /// Difference of the decoder's weights and biases.
    pub decoder: f64,
    /// Difference of the reconstructions from this layer.
    pub reconstruction: f64,
    /// Difference of the mean relative entropy.
    pub entropy: f64,
}

/// Differences of two backends.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Differences {
    /// Differences by layer, first layer first.
    pub layers: Vec<LayerDifference>,
    /// The cut-off as text, on the backend and on the baseline.
    pub cutoffs: [String; 2],
    /// Distance of the cut-offs in layers; infinite if only one backend finds a cut-off.
    pub cutoff: f64,
}

impl Differences {
    pub(super) fn between(actual: &Outcome, expected: &Outcome) -> Self {
        let layer = |index: usize| {
            let [a_decoder, e_decoder] = [actual, expected].map(|outcome| &outcome.decoders[index]);
            let parameters = a_decoder.parameters().zip(e_decoder.parameters());
            let [a_images, e_images] =
                [actual, expected].map(|outcome| &outcome.reconstructions[index]);
            let [a_entropy, e_entropy] =
                [actual, expected].map(|outcome| outcome.profile.values[index]);
            LayerDifference {
                layer: index + 1,
                decoder: relative(parameters.map(|(a, e)| (a.into(), e.into()))),
                reconstruction: relative(
                    a_images.iter().zip(e_images).map(|(&a, &b)| (a.into(), b.into())),
                ),
                entropy: relative([(a_entropy, e_entropy)].into_iter()),
            }
        };
        Self {
            layers: (0..expected.decoders.len()).map(layer).collect(),
            cutoffs: [actual, expected].map(|outcome| cutoff_label(outcome.cutoff)),
            cutoff: cutoff_distance(actual.cutoff, expected.cutoff),
        }
    }

    /// The largest value of `quantity` over all layers, with its layer.
    pub fn worst(&self, quantity: impl Fn(&LayerDifference) -> f64) -> (f64, usize) {
        let values = self.layers.iter().map(|layer| (quantity(layer), layer.layer));
        values.fold((0.0, 0), |worst, next| if next.0 > worst.0 { next } else { worst })
    }
}

/// The largest absolute difference of `pairs` over the root mean square of their second numbers.
fn relative(pairs: impl Iterator<Item = (f64, f64)>) -> f64 {
    let (mut largest, mut squares, mut count) = (0.0_f64, 0.0, 0.0);
    for (actual, expected) in pairs {
        let difference = (actual - expected).abs();
        if !difference.is_finite() {
            return f64::INFINITY;
        }
        largest = largest.max(difference);
        squares += expected * expected;
        count += 1.0;
    }
    if largest > 0.0 { largest / (squares / count).sqrt() } else { 0.0 }
}

fn cutoff_distance(a: Depth, b: Depth) -> f64 {
    match (a, b) {
        (Depth::Layer(a), Depth::Layer(b)) => (a - b).abs(),
        // `Beyond(depth)` means deeper than `depth`, so it differs from a cut-off at `depth` by at least one layer.
        (Depth::Layer(layer), Depth::Beyond(depth))
        | (Depth::Beyond(depth), Depth::Layer(layer)) => (depth as f64 - layer).max(1.0),
        (a, b) if a == b => 0.0,
        _ => f64::INFINITY,
    }
}

fn cutoff_label(cutoff: Depth) -> String {
    match cutoff {
        Depth::Layer(layer) => format!("{layer}"),
        Depth::Beyond(depth) => format!("> {depth}"),
        Depth::Undetermined => "none".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_are_relative_to_the_baselines_size() {
        assert!(
            (relative([(1.0, 3.0), (4.0, 4.0)].into_iter()) - 2.0 / 12.5_f64.sqrt()).abs() < 1e-12
        );
        assert!(relative([(0.0, 0.0)].into_iter()).abs() < 1e-12);
        assert!(relative([(f64::NAN, 1.0)].into_iter()).is_infinite());
        assert!(relative([(1.0, 0.0)].into_iter()).is_infinite());
    }

    #[test]
    fn cutoffs_are_compared_in_layers() {
        assert!((cutoff_distance(Depth::Layer(3.0), Depth::Layer(5.0)) - 2.0).abs() < 1e-12);
        assert!((cutoff_distance(Depth::Beyond(12), Depth::Layer(11.0)) - 1.0).abs() < 1e-12);
        assert!(cutoff_distance(Depth::Beyond(12), Depth::Beyond(12)).abs() < 1e-12);
        assert!(cutoff_distance(Depth::Undetermined, Depth::Layer(1.0)).is_infinite());
    }
}
