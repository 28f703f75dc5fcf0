//! Profiles of random lists of layers with extreme variances are finite, or name the stage that is not known.

use isobath_architecture::{
    Activation, Boundary, Conv2dLayer, DenseLayer, Initialisation, Law, Layer, NetworkSpec,
    PoolKind, PoolLayer, ResidualLayer, Shape, Variances, Window,
};
use isobath_meanfield::{NetworkInputs, UnknownReason, network_profile};
use proptest::{prelude::*, test_runner::RngSeed};

fn activation() -> impl Strategy<Value = Activation> {
    proptest::sample::select(Activation::ALL.to_vec())
}

fn law() -> impl Strategy<Value = Law> {
    proptest::sample::select(Law::ALL.to_vec())
}

/// Variances over the whole range of f32 weights.
fn variance() -> impl Strategy<Value = f64> {
    prop_oneof![
        4 => 0.0..4.0,
        2 => (-60.0..30.0).prop_map(|exponent| 10_f64.powf(exponent)),
        1 => Just(0.0),
    ]
}

/// A kind of layer, before the shape of its input is known.
#[derive(Clone, Copy, Debug)]
enum Kind {
    Dense,
    Conv { window: Window, circular: bool, wrap_after: usize },
    Pool { max: bool, window: Window },
    Block { before: bool, after: bool, layers: usize, pool: bool },
}

fn kind() -> impl Strategy<Value = Kind> {
    let window = || {
        (1_usize..4, 1_usize..3, 0_usize..2)
            .prop_map(|(kernel, stride, padding)| Window::square(kernel, stride, padding))
    };
    prop_oneof![
        1 => Just(Kind::Dense),
        3 => (window(), any::<bool>(), 0_usize..2)
            .prop_map(|(window, circular, wrap_after)| Kind::Conv { window, circular, wrap_after }),
        2 => (any::<bool>(), window()).prop_map(|(max, window)| Kind::Pool { max, window }),
        3 => (any::<bool>(), any::<bool>(), 1_usize..3, proptest::bool::weighted(0.2))
            .prop_map(|(before, after, layers, pool)| Kind::Block { before, after, layers, pool }),
    ]
}

/// The layer for inputs of this shape.
fn layer(kind: Kind, input: Shape, phi: Activation) -> Layer {
    let same = |activation| {
        if input.is_flat() {
            let outputs = input.numbers();
            return Layer::Dense(DenseLayer { inputs: outputs, outputs, activation });
        }
        let window = Window::square(3, 1, 1);
        Layer::Conv2d(Conv2dLayer::new(input, input.channels, window, activation))
    };
    match kind {
        Kind::Dense => {
            Layer::Dense(DenseLayer { inputs: input.numbers(), outputs: 8, activation: phi })
        }
        Kind::Conv { window, circular, wrap_after } => {
            let boundary = if circular { Boundary::Circular } else { Boundary::Zero };
            let conv = Conv2dLayer::new(input, 3, window, phi);
            Layer::Conv2d(Conv2dLayer { boundary, wrap_after, ..conv })
        }
        Kind::Pool { max, window } => {
            let kind = if max { PoolKind::Max } else { PoolKind::Average };
            Layer::Pool(PoolLayer { window, ..PoolLayer::new(input, kind, 1) })
        }
        Kind::Block { before, after, layers, pool } => {
            let pooling = PoolLayer {
                window: Window::square(3, 1, 1),
                ..PoolLayer::new(input, PoolKind::Max, 3)
            };
            let mut branch = vec![same(phi); layers - 1];
            branch.push(if pool { Layer::Pool(pooling) } else { same(Activation::Linear) });
            let some = |is_some: bool| is_some.then_some(phi);
            Layer::Residual(ResidualLayer { before: some(before), branch, after: some(after) })
        }
    }
}

/// Layers that fit each other; a kind that does not fit is left out.
fn network(kinds: &[(Kind, Activation)]) -> Option<NetworkSpec> {
    let mut shape = Shape::new(2, 4, 3);
    let mut layers = Vec::new();
    for &(kind, phi) in kinds {
        let next = layer(kind, shape, phi);
        if next.check().is_ok() {
            shape = next.output_shape();
            layers.push(next);
        }
    }
    NetworkSpec::new(layers).ok()
}

fn config() -> ProptestConfig {
    ProptestConfig {
        rng_seed: RngSeed::Fixed(180_605_393),
        failure_persistence: None,
        ..ProptestConfig::with_cases(30)
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn profiles_are_finite_or_name_what_is_unknown(
        kinds in proptest::collection::vec((kind(), activation()), 1..7),
        (sigma_w2, sigma_b2) in (variance(), variance()),
        (law, mean_square, cosine) in (law(), variance(), -1.0..=1.0),
    ) {
        let Some(spec) = network(&kinds) else { return Ok(()) };
        let variances = Variances::new(sigma_w2, sigma_b2).unwrap();
        let initialisation = Initialisation::Variances { law, variances };
        let inputs = NetworkInputs::noise(spec.shapes()[0], mean_square, cosine).unwrap();
        let found = network_profile(&spec, &initialisation, &inputs).unwrap();
        match &found.unknown {
            None => prop_assert_eq!(found.stages.len(), spec.depth()),
            Some(unknown) => {
                prop_assert_eq!(unknown.stage, found.stages.len() + 1);
                let expected =
                    [UnknownReason::BranchWithoutWeights, UnknownReason::Law].contains(&unknown.reason);
                prop_assert!(expected, "{unknown:?}");
            }
        }
        for stage in &found.stages {
            prop_assert!(!stage.q.is_nan() && stage.q >= 0.0, "{stage:?}");
            prop_assert!(stage.ln_q < f64::INFINITY, "{stage:?}");
            prop_assert!(stage.c.is_none_or(|c| (-1.0..=1.0).contains(&c)), "{stage:?}");
            prop_assert!(stage.chi >= 0.0 && stage.chi.is_finite(), "{stage:?}");
            prop_assert!(!stage.ln_gradient.is_nan(), "{stage:?}");
        }
    }
}
