//! Networks of any depth and variance get scores, finite or infinite but never NaN, from every predictor.
#![expect(clippy::unwrap_used, reason = "a test")]

use isobath_architecture::Activation;
use isobath_architecture::{MlpParams, Variances, WidthRule};
use isobath_network::Network;
use isobath_predictors::{Predictor, Scope, Settings, Subject, all};
use isobath_tensor::{Cpu, Optimizer, RandomStream};
use isobath_trainer::{Labelled, TrainParams};
use ndarray::Array2;
use proptest::prelude::*;

const CLASSES: usize = 3;

fn predictors() -> Vec<Box<dyn Predictor>> {
    let train = TrainParams { batch: 4, optimizer: Optimizer::sgd(0.1), ..TrainParams::default() };
    let settings = Settings {
        samples: 8,
        jacobian_samples: 2,
        steps: vec![2],
        equal_cost: Some(1_000_000),
        ridge_noise: vec![0.001, 0.3],
        ..Settings::new(train)
    };
    all(&Cpu::new(), &settings)
}

/// Values of every score, by name, for the networks of the given depths that begin as the deepest does.
fn scores(
    activation: Activation,
    variances: Variances,
    depth: usize,
    seed: u64,
) -> Vec<(String, Vec<f64>)> {
    let spec = MlpParams::new(depth, WidthRule::Fixed(10), activation).check(6, CLASSES).unwrap();
    let network = Network::random(spec.spec(), variances, seed);
    let samples = RandomStream::Normal { seed, stream: 1, std: 1.0 }.take(12 * 6);
    let samples = Array2::from_shape_vec((12, 6), samples).unwrap();
    let labels: Vec<u8> = (0..12).map(|i| (i % CLASSES) as u8).collect();
    let labelled = Labelled { samples: samples.view(), labels: &labels };
    let subject =
        Subject { network: &network, variances, train: labelled, held_out: labelled, seed };
    let of = |predictor: &dyn Predictor| {
        let output = predictor.predict(&subject).unwrap();
        let first = if predictor.info().scope == Scope::Family { 1 } else { depth };
        assert_eq!(output.predictions.len(), predictor.scores().len());
        let scored = predictor.scores().into_iter().zip(output.predictions);
        scored
            .map(|(score, prediction)| {
                (
                    score.id.to_string(),
                    (first..=depth).map(|depth| prediction.score(depth)).collect(),
                )
            })
            .collect::<Vec<_>>()
    };
    predictors().iter().flat_map(|predictor| of(predictor.as_ref())).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    #[test]
    fn scores_are_never_nan(
        activation in proptest::sample::select(Activation::ALL.to_vec()),
        ln_sigma_w2 in -12.0..12.0_f64,
        sigma_b2 in prop_oneof![Just(0.0), 1e-6..10.0_f64],
        depth in 1_usize..300,
        seed in 0_u64..1000,
    ) {
        let variances = Variances::new(ln_sigma_w2.exp(), sigma_b2).unwrap();
        for (name, scores) in scores(activation, variances, depth, seed) {
            prop_assert!(scores.iter().all(|score| !score.is_nan()), "{name}: {scores:?}");
        }
    }
}

#[test]
fn zero_variances_score_negative_infinity() {
    let variances = Variances::new(0.0, 0.0).unwrap();
    for (name, scores) in scores(Activation::Tanh, variances, 4, 1) {
        let last = scores[scores.len() - 1];
        let looks = !["depth", "parameters", "sigma_w2"].contains(&name.as_str())
            && !name.starts_with("steps");
        if name.starts_with("ridge") {
            // A cut-off within the first layer, far above a network of four.
            assert!(last <= -2.0, "{name}: {last}");
            continue;
        }
        assert!(!looks || last == f64::NEG_INFINITY, "{name}: {last}");
    }
}

#[test]
fn names_are_unique_and_meanings_are_sentences() {
    let scores: Vec<_> = predictors().iter().flat_map(|p| p.scores()).collect();
    for (index, score) in scores.iter().enumerate() {
        assert!(scores[..index].iter().all(|other| other.id != score.id));
        assert!(score.meaning.len() > 20, "{}: {}", score.id, score.meaning);
    }
}
