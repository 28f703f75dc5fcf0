use isobath_predictors::{LayerKernel, LayerProfile, LayerState, TangentKernel};
use isobath_tensor::Optimizer;
use ndarray::Array2;

use super::{Diagnosis, DiagnosisKind as Kind, diagnose};
use crate::{Measurement, Size, Trial};
use isobath_trainer::TrainParams;

/// Layers of which nothing is remarkable.
const PLAIN: LayerState = LayerState {
    mean_square: 1.0,
    cosine: 0.3,
    ln_distance: -0.4,
    rank: 40.0,
    dead: 0,
    units: 128,
    saturated: 0.0,
    parameters: 16_512,
    ln_gradient: -2.0,
};

/// A measurement of `depth` layers, whose layer `l`, counted from 1, is `state(l)`.
fn measurement(depth: usize, state: impl Fn(i32) -> LayerState) -> Measurement {
    let layers = (1..=depth as i32).map(state).collect();
    let profile = LayerProfile { input_mean_square: 1.0, layers, overflow: None, loss: 0.7 };
    Measurement {
        size: Size {
            depth,
            width: 128,
            inverse_widths: depth as f64 / 128.0,
            parameters: depth * 16_512,
            classes: 2,
        },
        profile,
        kernel: None,
        labels: Vec::new(),
        kernel_train: 128,
        linear_accuracy: 0.9,
        information: Some(vec![0.1; depth - 1]),
    }
}

fn plain(depth: usize) -> Measurement {
    measurement(depth, |_| PLAIN)
}

fn reasons(measurement: &Measurement) -> Vec<Diagnosis> {
    diagnose(measurement, &TrainParams::default(), 1000, None)
}

/// The only reason.
#[track_caller]
fn reason(measurement: &Measurement) -> Diagnosis {
    let reasons = reasons(measurement);
    assert_eq!(reasons.len(), 1, "{reasons:?}");
    reasons.into_iter().next().expect("one")
}

#[test]
fn nothing_is_wrong_with_plain_networks() {
    assert_eq!(reasons(&plain(20)), []);
    // Networks of one layer have no hidden layer.
    assert_eq!(reasons(&plain(1)), []);
}

#[test]
fn signals_vanish_in_relu_layers_of_variance_1() {
    // The mean square halves per layer, and so does that of gradients.
    let halving = measurement(60, |layer| LayerState {
        mean_square: 0.5f64.powi(layer),
        ln_gradient: -2.0 - f64::from(60 - layer) * 0.5 * std::f64::consts::LN_2,
        ..PLAIN
    });
    let found = reasons(&halving);
    let [signal, gradient] = &found[..] else { panic!("{found:?}") };
    assert_eq!((signal.kind, signal.layer), (Kind::SignalVanishes, Some(15)));
    assert!((signal.value - 2.0).abs() < 1e-9);
    assert!(signal.sentence.contains("shrinks by a factor of 2 per layer"), "{}", signal.sentence);
    assert!(
        signal.sentence.contains("1e-17 times that of layer 1 at layer 59"),
        "{}",
        signal.sentence
    );
    assert_eq!((gradient.kind, gradient.layer), (Kind::GradientsVanish, Some(1)));
    assert!(gradient.sentence.contains("1e-9 times"), "{}", gradient.sentence);
}

#[test]
fn signals_explode_in_relu_layers_of_variance_4() {
    let doubling = measurement(20, |layer| LayerState { mean_square: 2f64.powi(layer), ..PLAIN });
    let found = reason(&doubling);
    assert_eq!((found.kind, found.layer), (Kind::SignalExplodes, Some(15)));
    assert!(found.sentence.contains("grows by a factor of 2 per layer"), "{}", found.sentence);
}

#[test]
fn zero_activations_are_named_from_their_first_layer_on() {
    let zero = measurement(8, |layer| match layer {
        5..=7 => LayerState {
            mean_square: 0.0,
            rank: f64::NAN,
            ln_distance: f64::NAN,
            cosine: f64::NAN,
            ..PLAIN
        },
        _ => PLAIN,
    });
    let found = reason(&zero);
    assert_eq!((found.kind, found.layer), (Kind::SignalVanishes, Some(5)));
    assert!(found.sentence.ends_with("0 in layers 5 to 7"), "{}", found.sentence);
}

#[test]
fn overflows_name_their_layer() {
    // Linear layers of width 256 with standard deviation 1: 256 per layer.
    let mut overflow =
        measurement(31, |layer| LayerState { mean_square: 256f64.powi(layer), ..PLAIN });
    overflow.size.depth = 100;
    overflow.profile.overflow = Some(32);
    let found = reason(&overflow);
    assert_eq!((found.kind, found.layer, found.value), (Kind::Overflow, Some(32), 32.0));
    assert!(found.sentence.contains("f32 at layer 32"), "{}", found.sentence);
    assert!(found.sentence.contains("factor of 256 per layer"), "{}", found.sentence);
    // Inputs may be so large that no layer is left.
    overflow.profile.layers.clear();
    overflow.profile.overflow = Some(1);
    assert_eq!(reason(&overflow).layer, Some(1));
}

#[test]
fn gradients_explode_towards_the_first_layer() {
    let found = reason(&measurement(30, |layer| LayerState {
        ln_gradient: f64::from(30 - layer),
        ..PLAIN
    }));
    assert_eq!((found.kind, found.layer), (Kind::GradientsExplode, Some(1)));
    assert!(
        found.sentence.contains("1e13 times that at the readout (layer 30)"),
        "{}",
        found.sentence
    );
}

#[test]
fn layers_without_gradients_are_named_but_not_pooling() {
    let lost = |layer: i32| LayerState {
        ln_gradient: if layer <= 4 { f64::NEG_INFINITY } else { -2.0 },
        ..PLAIN
    };
    let found = reason(&measurement(9, lost));
    assert_eq!((found.kind, found.layer), (Kind::GradientsVanish, Some(4)));
    assert!(found.sentence.contains("layers 1 to 4"), "{}", found.sentence);
    let pooling = |layer: i32| match layer {
        1 | 3 | 6 => LayerState { parameters: 0, ln_gradient: f64::NEG_INFINITY, ..PLAIN },
        _ => PLAIN,
    };
    assert_eq!(reasons(&measurement(9, pooling)), []);
}

#[test]
fn dead_units_are_counted_by_layer() {
    let dead = [0, 0, 7, 27, 89, 60, 58, 61, 72, 56, 0];
    let counted = measurement(11, |layer| LayerState {
        dead: dead[layer as usize - 1],
        units: if layer <= 5 { 256 } else { 128 },
        ..PLAIN
    });
    let found = reason(&counted);
    assert_eq!((found.kind, found.layer, found.value), (Kind::DeadUnits, Some(9), 72.0 / 128.0));
    assert!(
        found.sentence.contains("72 of 128 in layer 9")
            && found.sentence.contains("all 128 samples")
            && found.sentence.contains("0, 0, 7, 27, 89, 60, 58, 61, 72, 56"),
        "{}",
        found.sentence
    );
}

#[test]
fn saturated_layers_are_found_by_their_share() {
    let saturated = |layer: i32| LayerState { saturated: 0.2 * f64::from(layer), ..PLAIN };
    let found = reason(&measurement(5, saturated));
    assert_eq!((found.kind, found.layer), (Kind::Saturation, Some(4)));
    assert!(found.sentence.contains("80% of the activations of layer 4"), "{}", found.sentence);
    assert_eq!(reasons(&measurement(3, saturated)), []);
}

#[test]
fn correlations_collapse_where_the_rank_stays_low() {
    // Low at layer 2 only for a moment.
    let collapsed = |layer: i32| LayerState {
        rank: if layer == 2 || layer >= 10 { 1.0 } else { 20.0 },
        ln_distance: 1e-5f64.ln(),
        ..PLAIN
    };
    let found = reason(&measurement(13, collapsed));
    assert_eq!((found.kind, found.layer), (Kind::CorrelationsCollapse, Some(10)));
    assert!(found.sentence.contains("mean cosine is 1 - 1e-5"), "{}", found.sentence);
}

#[test]
fn information_is_lost_where_no_later_layer_has_it() {
    let mut lost = plain(6);
    lost.information = Some(vec![0.2, 0.96, 0.9, 0.97, 0.999]);
    let found = reason(&lost);
    assert_eq!((found.kind, found.layer), (Kind::InformationLost, Some(4)));
    assert!(found.sentence.contains("more than 99%"), "{}", found.sentence);
    lost.information = Some(vec![0.2, 0.96, 0.9, 0.97, 0.5]);
    assert_eq!(reasons(&lost), []);
}

#[test]
fn widths_and_inputs_of_unusual_size() {
    let mut narrow = plain(40);
    (narrow.size.width, narrow.size.inverse_widths) = (10, 4.0);
    let found = reason(&narrow);
    assert_eq!((found.kind, found.value), (Kind::TooNarrow, 4.0));
    // One narrow layer is none too many.
    narrow.size.inverse_widths = 0.4;
    assert_eq!(reasons(&narrow), []);
    let mut input = plain(4);
    input.profile.input_mean_square = 16_256.3;
    let found = reason(&input);
    assert_eq!(found.kind, Kind::InputScale);
    assert!(found.sentence.contains("mean square is 16300;"), "{}", found.sentence);
    input.profile.input_mean_square = 0.0;
    let found = reason(&input);
    assert!(found.sentence == "all inputs are 0" && found.severity.is_finite(), "{found:?}");
}

/// Two classes of 16 samples, half of them held out, with a kernel that is `scale` among samples of one class.
fn with_kernel(scale: f64) -> Measurement {
    let labels: Vec<u8> = (0..16).map(|sample| (sample % 2) as u8).collect();
    let gram = Array2::from_shape_fn((16, 16), |(i, j)| {
        let same = f64::from(u8::from(labels[i] == labels[j]));
        scale * (same + if i == j { 0.1 } else { 0.0 })
    });
    let kernel = TangentKernel {
        layers: vec![LayerKernel { parameters: 16_512, gram }],
        outputs: Array2::zeros((2, 16)),
    };
    Measurement { kernel: Some(kernel), labels, kernel_train: 8, ..plain(4) }
}

fn with_rate(measurement: &Measurement, lr: f32, trial: Option<Trial>) -> Vec<Diagnosis> {
    let params = TrainParams { optimizer: Optimizer::sgd(lr), ..TrainParams::default() };
    diagnose(measurement, &params, 100, trial.as_ref())
}

#[test]
fn rates_that_suit_the_kernel_are_no_reason() {
    assert_eq!(with_rate(&with_kernel(1.0), 0.5, None), []);
}

#[test]
fn tiny_learning_rates_need_more_steps() {
    let found = with_rate(&with_kernel(1.0), 1e-4, None);
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].kind, Kind::LearningRateTooSmall);
    // The rate along the labels is curvature times eigenvalue: 1/2 times (4 + 0.1) / 8.
    let times = 1.0 / (1e-4 * 100.0 * 0.5 * (4.1 / 8.0));
    assert!((found[0].value / times - 1.0).abs() < 1e-3, "{} {times}", found[0].value);
    assert!(found[0].sentence.contains("covers less than 1%"), "{}", found[0].sentence);
}

#[test]
fn no_rate_helps_a_vanishing_kernel() {
    let found = with_rate(&with_kernel(1e-12), 0.1, None);
    assert_eq!(found.len(), 1);
    assert!(
        found[0].sentence.contains("initialisation or its inputs are at fault"),
        "{}",
        found[0].sentence
    );
}

#[test]
fn huge_learning_rates_state_the_largest_stable_one() {
    let found = with_rate(&with_kernel(1.0), 1e3, None);
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].kind, Kind::LearningRateTooLarge);
    // 2 / (curvature times eigenvalue)
    let most = 2.0 / (0.5 * 4.1 / 8.0);
    assert!((found[0].value / most - 1.0).abs() < 1e-3, "{} {most}", found[0].value);
    assert!(found[0].sentence.contains("130 times as long"), "{}", found[0].sentence);
    let calm = Trial { steps: 5, planned: 5, drop: 0.1, level: 0.6, diverged: None };
    let found = with_rate(&with_kernel(1.0), 10.0, Some(calm));
    assert!(
        found[0].sentence.contains("at the edge of stability")
            && found[0].sentence.ends_with("5 trial steps do not diverge"),
        "{}",
        found[0].sentence
    );
}

#[test]
fn trials_that_diverge_come_before_everything_but_overflows() {
    let diverged = Trial {
        steps: 3,
        planned: 5,
        drop: f64::NEG_INFINITY,
        level: f64::INFINITY,
        diverged: Some(3),
    };
    let found = with_rate(&with_kernel(1.0), 1e3, Some(diverged));
    let kinds: Vec<Kind> = found.iter().map(|found| found.kind).collect();
    assert_eq!(kinds, [Kind::Diverges, Kind::LearningRateTooLarge]);
    assert!(found[0].sentence.contains("step 3"), "{}", found[0].sentence);
}
