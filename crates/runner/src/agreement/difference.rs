use isobath_entropy::cutoff::Depth;
use serde::Serialize;

use super::outcome::Outcome;

/// How far two backends are apart at a layer. Each is the largest absolute difference over the size of the baseline's
/// numbers, infinite where either has a number that is not finite.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct LayerDifference {
    /// The layer, counted from 1.
    pub layer: usize,
    /// Of the decoder's weights and biases, over their root mean square.
    pub decoder: f64,
    /// Of the reconstructions from here, over their root mean square.
    pub reconstruction: f64,
    /// Of their mean relative entropy.
    pub entropy: f64,
}

/// How far two backends are apart.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Differences {
    /// First layer first.
    pub layers: Vec<LayerDifference>,
    /// The cut-off in words, here and on the baseline.
    pub cutoffs: [String; 2],
    /// Layers between the cut-offs; infinite where only one backend finds any.
    pub cutoff: f64,
}

impl Differences {
    pub(super) fn between(actual: &Outcome, expected: &Outcome) -> Self {
        let layer = |index: usize| {
            let [here, there] = [actual, expected].map(|outcome| &outcome.decoders[index]);
            let parameters = here.weights.iter().zip(&there.weights);
            let parameters = parameters.chain(here.bias.iter().zip(&there.bias));
            let [r_here, r_there] =
                [actual, expected].map(|outcome| &outcome.reconstructions[index]);
            let [s_here, s_there] = [actual, expected].map(|outcome| outcome.profile.values[index]);
            LayerDifference {
                layer: index + 1,
                decoder: relative(parameters.map(|(&a, &b)| (a.into(), b.into()))),
                reconstruction: relative(
                    r_here.iter().zip(r_there).map(|(&a, &b)| (a.into(), b.into())),
                ),
                entropy: relative([(s_here, s_there)].into_iter()),
            }
        };
        Self {
            layers: (0..expected.decoders.len()).map(layer).collect(),
            cutoffs: [actual, expected].map(|outcome| in_words(outcome.cutoff)),
            cutoff: apart(actual.cutoff, expected.cutoff),
        }
    }

    /// The largest of all layers, with the layer where it is.
    pub fn worst(&self, quantity: impl Fn(&LayerDifference) -> f64) -> (f64, usize) {
        let of_layers = self.layers.iter().map(|layer| (quantity(layer), layer.layer));
        of_layers.fold((0.0, 0), |worst, next| if next.0 > worst.0 { next } else { worst })
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

fn apart(here: Depth, there: Depth) -> f64 {
    match (here, there) {
        (Depth::Layer(here), Depth::Layer(there)) => (here - there).abs(),
        // The depth of the network stands for more than that, and is not the same even where it is the cut-off.
        (Depth::Layer(layer), Depth::Beyond(depth))
        | (Depth::Beyond(depth), Depth::Layer(layer)) => (depth as f64 - layer).max(1.0),
        (here, there) if here == there => 0.0,
        _ => f64::INFINITY,
    }
}

fn in_words(cutoff: Depth) -> String {
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
        assert!((apart(Depth::Layer(3.0), Depth::Layer(5.0)) - 2.0).abs() < 1e-12);
        assert!((apart(Depth::Beyond(12), Depth::Layer(11.0)) - 1.0).abs() < 1e-12);
        assert!(apart(Depth::Beyond(12), Depth::Beyond(12)).abs() < 1e-12);
        assert!(apart(Depth::Undetermined, Depth::Layer(1.0)).is_infinite());
    }
}
