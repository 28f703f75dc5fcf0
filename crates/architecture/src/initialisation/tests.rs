use super::*;
use crate::{Activation, DenseLayer};

fn dense(inputs: usize, outputs: usize) -> Layer {
    Layer::Dense(DenseLayer { inputs, outputs, activation: Activation::Tanh })
}

#[derive(Debug, Serialize, Deserialize, PartialEq)]
struct File {
    init: Scheme,
}

#[track_caller]
fn scheme(init: &str) -> Scheme {
    toml::from_str::<File>(&format!("init = {init}")).expect(init).init
}

/// `sigma_w2` and `sigma_b2` of a layer from 64 to 256 units, layer `index` from 0.
#[track_caller]
fn variances(init: &str, index: usize) -> [f64; 2] {
    let found = Initialisation::Scheme(scheme(init)).variances(&dense(64, 256), index);
    [found.sigma_w2, found.sigma_b2]
}

#[test]
fn schemes_have_the_variances_of_their_frameworks() {
    let fan_in = 64.0;
    let average = f64::midpoint(64.0, 256.0);
    for (init, expected) in [
        ("\"pytorch\"", [1.0 / 3.0, 1.0 / (3.0 * fan_in)]),
        ("\"kaiming-normal\"", [2.0, 0.0]),
        ("{ name = \"kaiming-uniform\", bias = \"pytorch\" }", [2.0, 1.0 / (3.0 * fan_in)]),
        // He's law with the number of output units.
        ("{ name = \"kaiming-normal\", fan = \"out\" }", [2.0 * 64.0 / 256.0, 0.0]),
        ("{ name = \"kaiming-normal\", gain = 1.0 }", [1.0, 0.0]),
        (
            "{ name = \"xavier-normal\", gain = 1.6666666666666667 }",
            [25.0 / 9.0 * fan_in / average, 0.0],
        ),
        ("\"xavier-uniform\"", [fan_in / average, 0.0]),
        ("\"glorot-uniform\"", [fan_in / average, 0.0]),
        ("\"lecun-normal\"", [1.0, 0.0]),
        ("\"he-normal\"", [2.0, 0.0]),
        ("{ std = 0.1 }", [0.01 * fan_in, 0.0]),
        ("{ range = [-0.05, 0.05] }", [0.05 * 0.05 * fan_in / 3.0, 0.0]),
        (
            "{ name = \"mxnet-xavier\", magnitude = 2.0, law = \"normal\" }",
            [2.0 * fan_in / average, 0.0],
        ),
        ("{ name = \"mxnet-xavier\", magnitude = 2.0 }", [2.0 / 3.0 * fan_in / average, 0.0]),
        ("{ name = \"orthogonal\", gain = 1.5 }", [2.25 * fan_in / 256.0, 0.0]),
        ("{ name = \"siren\", omega = 30.0 }", [2.0, 900.0 / (3.0 * fan_in)]),
        ("\"randn\"", [fan_in, 1.0]),
        ("{ sigma_w2 = [7.84, 5.12], sigma_b2 = 0.1 }", [5.12, 0.1]),
    ] {
        // The second layer; the first one of sine networks differs.
        let found = variances(init, 1);
        for (found, expected) in found.into_iter().zip(expected) {
            assert!(
                (found - expected).abs() <= 1e-14 * expected.abs(),
                "{init}: {found} {expected}"
            );
        }
    }
    assert!((variances("\"siren\"", 0)[0] - 900.0 / (3.0 * 64.0)).abs() < 1e-12);
    assert!((variances("{ sigma_w2 = [7.84, 5.12] }", 0)[0] - 7.84).abs() < 1e-13);
}

#[test]
fn square_layers_have_the_square_of_the_gain() {
    for (gain, expected) in [(5.0 / 3.0, 25.0 / 9.0), (2.0_f64.sqrt(), 2.0), (1.0, 1.0)] {
        let init = format!("{{ name = \"xavier-normal\", gain = {gain:?} }}");
        let found = Initialisation::Scheme(scheme(&init)).variances(&dense(100, 100), 3);
        assert!((found.sigma_w2 - expected).abs() < 1e-14, "{gain}");
    }
}

#[test]
fn words_of_laws_take_the_variances_of_the_grid() {
    for law in Law::ALL {
        let found = scheme(&format!("{:?}", law.name()));
        assert_eq!(found, Scheme::Law(law));
        assert!(found.uses_grid());
    }
    assert!(!scheme("\"pytorch\"").uses_grid());
    assert!(scheme("{ range = [0.0, 1.0] }").has_mean() && !scheme("{ std = 1.0 }").has_mean());
}

#[test]
fn written_schemes_are_read_again() {
    for init in [
        "\"pytorch\"",
        "\"orthogonal\"",
        "{ name = \"orthogonal\", gain = 1.0 }",
        "{ name = \"kaiming-normal\", gain = 1.5, fan = \"out\", bias = 0.1 }",
        "{ name = \"siren\", omega = 10.0 }",
        "{ std = 0.25, law = \"truncated-normal\", bias = \"pytorch\" }",
        "{ range = [-1.0, 3.0] }",
        "{ sigma_w2 = [2.0, 1.0], law = \"uniform\" }",
    ] {
        let first = File { init: scheme(init) };
        let text = toml::to_string(&first).unwrap();
        assert_eq!(
            toml::from_str::<File>(&text).expect(&text).init.to_string(),
            first.init.to_string()
        );
    }
}

#[test]
fn impossible_schemes_are_refused() {
    for (init, message) in [
        ("\"kaming-normal\"", "kaiming-normal"),
        ("{ name = \"pytorch\", gain = 2.0 }", "gain does not apply"),
        ("{ name = \"siren\", magnitude = 2.0 }", "magnitude does not apply"),
        ("{ name = \"xavier-normal\", fan = \"out\" }", "fan does not apply"),
        ("{ std = -1.0 }", "std = -1 must be positive"),
        ("{ std = 1.0, name = \"randn\" }", "has one of"),
        ("{ range = [1.0, 0.0] }", "must rise"),
        ("{ sigma_w2 = [] }", "must list positive numbers"),
        ("{ gain = 2.0 }", "has one of"),
        ("{ std = 1.0, bias = -1.0 }", "bias = -1"),
    ] {
        let error = toml::from_str::<File>(&format!("init = {init}")).expect_err(init).to_string();
        assert!(error.contains(message), "{error}");
    }
}
