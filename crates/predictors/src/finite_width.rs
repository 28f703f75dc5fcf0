use isobath_architecture::{Law, Layer};
use isobath_meanfield::{GradientNorm, Theory, Weights};
use isobath_network::Network;
use isobath_trainer::TrainerBackend;

use crate::{
    CostClass, Evidence, Prediction, Predictor, PredictorId, PredictorInfo, PredictorOutput,
    Result, Scope, ScoreId, ScoreInfo, Settings, Subject, descriptor::no_other_scores,
    mean_field::plain_activation,
};

const ID: PredictorId = PredictorId::new("finite-width");

/// Score of the distance that the gradient's norm typically moves.
pub const FINITE_WIDTH: ScoreId = ScoreId::fixed("finite-width");
/// Score of the depth at which that distance is one.
pub const FINITE_WIDTH_DEPTH: ScoreId = ScoreId::fixed("finite-width depth");

/// Theory of gradients in networks of finite width.
pub const FINITE_WIDTH_THEORY: PredictorInfo = PredictorInfo {
    id: ID,
    label: "theory with finite width",
    evidence: Evidence::Theory,
    scope: Scope::Family,
    cost: CostClass::Free,
    source: "Hanin and Nica, arXiv:1812.05994",
    scores: &[
        ScoreInfo::fixed(
            ID,
            ["finite-width", "finite width"],
            "nats",
            "-(|L (ln chi_1 - beta / 2N)| + sqrt(L beta / N)): minus the typical distance of the logarithm of a squared \
                 gradient norm from zero after L layers of width N (Hanin and Nica, arXiv:1812.05994)",
        ),
        ScoreInfo::fixed(
            ID,
            ["finite-width depth", "finite-width depth"],
            "log2 layers",
            "log2(depth / L) for the depth at which that distance is one (Hanin and Nica, arXiv:1812.05994)",
        ),
    ],
    parse: no_other_scores,
};

/// Descriptor, as the list of predictors reads it.
pub(crate) const INFO: PredictorInfo = FINITE_WIDTH_THEORY;

/// Predictors of this kind.
pub(crate) fn build<B: TrainerBackend>(_: &B, _: &Settings) -> Vec<Box<dyn Predictor>> {
    vec![Box::new(FiniteWidth)]
}

/// Theory of gradients in networks of finite width, from activation, variances, law of the weights and width.
///
/// The width of a convolution is its number of channels, which is an approximation: the norm of a gradient also averages
/// over pixels, as far as they differ. Hidden layers of several widths count with the harmonic mean, since relative
/// variances of layers add. Scores are negative infinity, and the depth zero, for residual blocks, for given parameters and
/// where the theory has no stable length.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FiniteWidth;

impl Predictor for FiniteWidth {
    fn info(&self) -> &'static PredictorInfo {
        &FINITE_WIDTH_THEORY
    }

    fn predict(&self, subject: &Subject<'_>) -> Result<PredictorOutput> {
        let deepest = subject.network.spec().depth();
        let found = gradient_norm(subject).zip(width(subject.network.spec().layers()));
        let scores = (1..=deepest).map(|depth| {
            let distance = |(norm, width): (GradientNorm, f64)| norm.distance(depth as f64, width);
            found.map_or(f64::NEG_INFINITY, |found| -distance(found))
        });
        let predictions = vec![
            Prediction::Profile(scores.collect()),
            Prediction::Depth(found.map_or(0.0, |(norm, width)| norm.depth(width))),
        ];
        Ok(PredictorOutput { predictions, flops: 0 })
    }
}

fn gradient_norm(subject: &Subject<'_>) -> Option<GradientNorm> {
    let activation = plain_activation(subject.network.spec().layers())?;
    let [sigma_w2, sigma_b2] = [subject.variances.sigma_w2(), subject.variances.sigma_b2()];
    let theory = Theory::new(activation, sigma_w2, sigma_b2).ok()?;
    theory.gradient_norm(weights(subject.network)?).ok()
}

/// Law of the weights of the first layer. Independent entries count as normal ones: their products with a gradient are
/// nearly normal.
fn weights(network: &Network) -> Option<Weights> {
    let law = network.initialisation()?.layer(network.spec().layers().first()?, 0).weights.law;
    Some(match law {
        Law::Orthogonal | Law::DeltaOrthogonal => Weights::Orthogonal,
        Law::Normal | Law::Uniform | Law::TruncatedNormal => Weights::Gaussian,
    })
}

/// Harmonic mean of the units, or channels, of the hidden layers; `None` without hidden layers.
fn width(layers: &[Layer]) -> Option<f64> {
    let (_, hidden) = layers.split_last()?;
    let has_weights = |layer: &&Layer| !matches!(layer, Layer::Pool(_));
    let widths = || hidden.iter().filter(has_weights).map(|layer| layer.output_shape().channels);
    let inverse: f64 = widths().map(|width| 1.0 / width as f64).sum();
    (inverse > 0.0).then(|| widths().count() as f64 / inverse)
}

#[cfg(test)]
mod tests {
    use isobath_architecture::{Activation, Initialisation, MlpParams, Variances, WidthRule};

    use super::*;
    use crate::testing::Case;

    #[test]
    fn scores_are_those_of_the_theory() {
        let norm = Theory::new(Activation::Tanh, 1.3, 0.05).unwrap();
        let norm = norm.gradient_norm(Weights::Gaussian).unwrap();
        let scores = Case::tanh(20, 1.3).scores(&FiniteWidth);
        // Nine units in each hidden layer.
        assert!((scores[0] + norm.distance(20.0, 9.0)).abs() < 1e-12, "{scores:?}");
        assert!((scores[1] - (norm.depth(9.0) / 20.0).log2()).abs() < 1e-12, "{scores:?}");
    }

    #[test]
    fn narrow_networks_favour_explosion_over_decay() {
        // Typical norms decay by beta / 2N per layer, so the best variance is above the critical one, 1.76.
        let depth = |sigma_w2| Case::tanh(20, sigma_w2).scores(&FiniteWidth)[1];
        assert!(depth(2.2) > depth(1.76) && depth(1.76) > depth(1.4));
    }

    #[test]
    fn networks_without_a_stable_length_score_negative_infinity() {
        let case = Case { activation: Activation::Relu, ..Case::tanh(5, 2.5) };
        assert_eq!(case.scores(&FiniteWidth), [f64::NEG_INFINITY; 2]);
    }

    #[test]
    fn widths_have_their_harmonic_mean_and_readouts_none() {
        let width_of = |widths: Vec<usize>| {
            let params =
                MlpParams::new(widths.len() + 1, WidthRule::List(widths), Activation::Tanh);
            width(params.check(5, 3).unwrap().spec().layers())
        };
        assert!((width_of(vec![10, 40]).unwrap() - 16.0).abs() < 1e-12);
        let readout = MlpParams::new(1, WidthRule::Fixed(7), Activation::Tanh);
        assert_eq!(width(readout.check(5, 3).unwrap().spec().layers()), None);
    }

    #[test]
    fn orthogonal_weights_fluctuate_less() {
        let network = |law| {
            let params = MlpParams::new(3, WidthRule::Fixed(8), Activation::Tanh);
            let spec = params.check(5, 3).unwrap().spec();
            let variances = Variances::new(1.5, 0.05).unwrap();
            let initialisation = Initialisation::Variances { law, variances };
            weights(&Network::random(spec, initialisation, 1))
        };
        assert_eq!(network(Law::DeltaOrthogonal), Some(Weights::Orthogonal));
        assert_eq!(network(Law::Uniform), Some(Weights::Gaussian));
    }
}
