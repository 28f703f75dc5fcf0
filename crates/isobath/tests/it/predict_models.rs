//! Verdicts on networks with given parameters, and on activations of other frameworks.
#![expect(clippy::unwrap_used, reason = "a test")]

use std::fs;

use isobath_import::synthetic::{Onnx, Parameter, safetensors};
use serde_json::Value;

use crate::common::Place;

const NETWORK: &str = r#"
[data]
dataset = "digits"
train = 200
probe = 60
size = 7

[network]
kind = "layers"
activation = "tanh"
layers = [{ dense = 20 }, { dense = 20 }, { dense = "classes" }]
init = "xavier-normal"

[train]
optimizer = { kind = "sgd", lr = 0.05 }
batch = 20
epochs = 2
test = 50
"#;

fn weights() -> Vec<Parameter> {
    [("0", [20, 49]), ("1", [20, 20]), ("2", [10, 20])]
        .into_iter()
        .flat_map(|(layer, shape)| {
            [
                Parameter::new(&format!("{layer}.weight"), &shape),
                Parameter::new(&format!("{layer}.bias"), &shape[..1]),
            ]
        })
        .collect()
}

fn place() -> Place {
    let place = Place::with(NETWORK);
    fs::write(place.path().join("net.safetensors"), safetensors(&weights())).unwrap();
    place
}

fn json(place: &Place, arguments: &[&str]) -> Value {
    serde_json::from_str(&place.succeed(&[&["predict"], arguments, &["--json"]].concat())).unwrap()
}

/// Parameters of a file replace those of the initialisation, and with them what is measured.
#[test]
fn given_parameters_are_measured() {
    let place = place();
    let drawn = json(&place, &["tiny.toml", "--no-alternatives"]);
    let given = json(&place, &["tiny.toml", "--no-alternatives", "--weights", "net.safetensors"]);
    let square = |answer: &Value| answer["profile"]["layers"][0]["mean_square"].as_f64().unwrap();
    assert!((square(&drawn) - square(&given)).abs() > 0.01, "{drawn} {given}");
    assert_eq!(given["network"]["parameters"], 49 * 20 + 20 + 20 * 20 + 20 + 200 + 10);
}

#[test]
fn parameters_alone_describe_no_network() {
    let place = place();
    let error = place.fail(2, &["predict", "net.safetensors"]);
    assert!(error.contains("--weights net.safetensors"), "{error}");
    let error = place.fail(2, &["predict", "tiny.toml", "--dataset", "digits"]);
    assert!(error.contains("has its data in [data]"), "{error}");
}

/// Alternatives to an ONNX model change only its training.
#[test]
fn onnx_models_need_data_and_keep_their_layers() {
    let place = place();
    let mut model = Onnx::new(&[0, 1, 7, 7]);
    model
        .parameter(&Parameter::new("w", &[2, 1, 3, 3]))
        .node("Conv", "x w", "c", &[])
        .node("Relu", "c", "h", &[])
        .node("Flatten", "h", "f", &[])
        .parameter(&Parameter::new("v", &[50, 10]))
        .node("MatMul", "f v", "y", &[]);
    fs::write(place.path().join("model.onnx"), model.end()).unwrap();
    let small = ["--set", "data.size=7", "--set", "data.train=200", "--set", "data.probe=40"];
    let short = ["--set", "train.test=50", "--set", "train.epochs=1"];
    let arguments = [&["model.onnx", "--dataset", "digits"][..], &small, &short].concat();
    let found = json(&place, &arguments);
    assert_eq!((&found["network"]["depth"], &found["network"]["classes"]), (&2.into(), &10.into()));
    for alternative in found["prescription"]["alternatives"].as_array().into_iter().flatten() {
        assert!(alternative["change"].as_str().unwrap().starts_with("a learning rate"));
    }
    let error = place.fail(2, &["predict", "model.onnx"]);
    assert!(error.contains("add --dataset"), "{error}");
}

#[test]
fn activations_are_listed_in_the_order_of_their_names() {
    let place = place();
    let dump = [
        Parameter::new("input", &[40, 12]),
        Parameter::new("layer10", &[40, 5]),
        Parameter::new("layer9", &[40, 3, 2, 2]),
        Parameter { values: vec![0.25; 40 * 8], ..Parameter::new("layer2", &[40, 8]) },
    ];
    fs::write(place.path().join("acts.safetensors"), safetensors(&dump)).unwrap();
    let found = json(&place, &["--activations", "acts.safetensors"]);
    assert_eq!(found["layers"], serde_json::json!(["layer2", "layer9", "layer10"]));
    let states = found["profile"]["layers"].as_array().unwrap();
    let number = |state: &Value, name: &str| state[name].as_u64().unwrap();
    // All units of the first layer are constant; images count channels.
    assert_eq!((number(&states[0], "dead"), number(&states[0], "units")), (8, 8));
    assert_eq!((number(&states[1], "dead"), number(&states[1], "units")), (0, 3));
    let text = place.succeed(&["predict", "--activations", "acts.safetensors"]);
    assert!(text.contains("no probability") && text.contains("layer10"), "{text}");

    fs::write(place.path().join("none.safetensors"), safetensors(&dump[1..])).unwrap();
    let error = place.fail(1, &["predict", "--activations", "none.safetensors"]);
    assert!(error.contains("no array `input`"), "{error}");
}
