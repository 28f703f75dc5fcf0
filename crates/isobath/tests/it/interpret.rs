//! Interpretation of networks with given parameters.
#![expect(clippy::unwrap_used, reason = "a test")]

use std::{fs, path::Path, process::Command};

use isobath_import::synthetic::{Onnx, Parameter, pytorch, safetensors};
use serde_json::Value;

use crate::common::Place;

/// A convolution, pooling and two dense layers on images of 7 x 7 pixels, without `[grid]`.
const NETWORK: &str = r#"
name = "net"

[data]
dataset = "digits"
train = 300
probe = 40
size = 7

[network]
kind = "layers"
activation = "relu"
layers = [
    { conv = 4, padding = "same" },
    { pool = "max" },
    { dense = 12 },
    { dense = "classes" },
]

[cascade]
readout = true
"#;

fn parameters() -> Vec<Parameter> {
    vec![
        Parameter::new("features.0.weight", &[4, 1, 3, 3]),
        Parameter::new("features.0.bias", &[4]),
        Parameter::new("head.0.weight", &[12, 36]),
        Parameter::new("head.0.bias", &[12]),
        Parameter::new("head.2.weight", &[10, 12]),
        Parameter::new("head.2.bias", &[10]),
    ]
}

fn place() -> Place {
    let place = Place::with(NETWORK);
    fs::write(place.path().join("net.safetensors"), safetensors(&parameters())).unwrap();
    fs::write(place.path().join("net.pth"), pytorch(&parameters())).unwrap();
    place
}

fn json(place: &Place, arguments: &[&str]) -> Value {
    serde_json::from_str(&place.succeed(&[arguments, &["--json"]].concat())).unwrap()
}

const SAFETENSORS: [&str; 4] = ["interpret", "tiny.toml", "--weights", "net.safetensors"];

#[test]
fn a_described_network_with_parameters_is_interpreted() {
    let place = place();
    let text = place.succeed(&[&SAFETENSORS[..], &["--samples", "3"]].concat());
    for part in [
        "held-out samples correctly",
        "conv 3x3 pad 1, relu",
        "max pool 2x2",
        "Decoders cover all layers",
        "page: runs/interpret-net/interpret.html",
    ] {
        assert!(text.contains(part), "{part:?} is not in: {text}");
    }
    let page = place.path().join("runs/interpret-net/interpret.html");
    let page = fs::read_to_string(page).unwrap();
    // Three samples and their reconstructions from four layers, ten prototypes, and three and four channel images.
    assert_eq!(page.matches("<image").count(), 3 * 5 + 10 + 3 + 4);

    let of_safetensors = json(&place, &SAFETENSORS);
    let layers = of_safetensors["layers"].as_array().unwrap();
    assert_eq!(layers.len(), 4);
    let errors: Vec<f64> = layers.iter().map(|layer| layer["error"].as_f64().unwrap()).collect();
    let lost: f64 = layers.iter().map(|layer| layer["lost"].as_f64().unwrap()).sum();
    assert!(errors.iter().all(|error| (0.0..2.0).contains(error)), "{errors:?}");
    assert!(errors[0] < errors[3] && (lost - errors[3]).abs() < 1e-12, "{errors:?}");
    assert_eq!(of_safetensors["channel_layers"][0], 1);

    // The same parameters in another format are the same network.
    let of_pytorch = json(&place, &["interpret", "tiny.toml", "--weights", "net.pth"]);
    assert_eq!(of_pytorch["layers"], of_safetensors["layers"]);
    assert_eq!(of_pytorch["correct"], of_safetensors["correct"]);
}

#[test]
fn without_the_readout_prototypes_are_class_means() {
    let place = place();
    let readout = ["--set", "cascade.readout=false", "--out", "here"];
    let value = json(&place, &[&SAFETENSORS[..], &readout].concat());
    assert_eq!(
        (value["layers"].as_array().unwrap().len(), &value["uncovered"][0]),
        (3, &"layer 4: dense, linear".into())
    );
    assert_eq!(value["prototypes"]["class_means_of_layer"], 3);
    assert!(place.path().join("here/interpret.html").is_file());
}

#[test]
fn gradient_decoders_are_linear_where_tanh_cannot_reach_the_activations() {
    let place = place();
    let value = json(&place, &[&SAFETENSORS[..], &["--method", "gradient"]].concat());
    let decoders = value["facts"]["decoders"].as_str().unwrap();
    assert!(decoders.starts_with("linear, by gradient descent"), "{decoders}");
    let named = ["--set", "cascade.activation=tanh", "--set", "cascade.epochs=2"];
    let value = json(&place, &[&SAFETENSORS[..], &named].concat());
    let decoders = value["facts"]["decoders"].as_str().unwrap();
    assert!(decoders.starts_with("tanh, by gradient descent, epochs: 2"), "{decoders}");
}

/// Writes a model of one convolution and a dense layer on images of 7 x 7 pixels.
fn write_onnx(place: &Place) {
    let mut model = Onnx::new(&[0, 1, 7, 7]);
    model
        .parameter(&Parameter::new("w", &[2, 1, 3, 3]))
        .node("Conv", "x w", "c", &[])
        .node("Relu", "c", "h", &[])
        .node("Flatten", "h", "f", &[])
        .parameter(&Parameter::new("v", &[50, 10]))
        .node("MatMul", "f v", "y", &[]);
    fs::write(place.path().join("Model.onnx"), model.end()).unwrap();
}

const SMALL: [&str; 6] =
    ["--set", "data.size=7", "--set", "data.train=200", "--set", "data.probe=20"];

#[test]
fn onnx_models_need_only_data() {
    let place = place();
    write_onnx(&place);
    let value =
        json(&place, &[&["interpret", "Model.onnx", "--dataset", "digits"], &SMALL[..]].concat());
    assert_eq!(value["name"], "model");
    let layers = value["layers"].as_array().unwrap();
    assert_eq!((layers.len(), &layers[0]["output"]), (2, &"2x5x5".into()));
    assert_eq!((&value["samples"], &value["uncovered"]), (&20.into(), &Value::Array(Vec::new())));

    let error = place.fail(1, &["interpret", "Model.onnx", "--dataset", "digits"]);
    let parts = ["Model.onnx takes samples of 1x7x7 numbers", "have 1x28x28"];
    assert!(parts.iter().all(|part| error.contains(part)), "{error}");
    let error = place.fail(2, &["interpret", "Model.onnx"]);
    assert!(error.contains("add --dataset"), "{error}");
}

/// Rows of four numbers, which are no images, and another number of classes than outputs.
#[test]
fn own_data_without_images_have_bars_and_no_accuracy() {
    let place = place();
    let line =
        |i: usize| format!("{},{},{},{},{}\n", i % 7, i % 5, i % 3, i % 2, ["a", "b"][i % 2]);
    fs::write(place.path().join("x.csv"), (0..200).map(line).collect::<String>()).unwrap();
    let mut model = Onnx::new(&[0, 4]);
    model.parameter(&Parameter::new("w", &[4, 3])).node("MatMul", "x w", "y", &[]);
    fs::write(place.path().join("flat.onnx"), model.end()).unwrap();
    let arguments = ["interpret", "flat.onnx", "--data", "x.csv", "--labels", "-1"];
    let value = json(&place, &arguments);
    assert_eq!(value["correct"], Value::Null);
    let page = fs::read_to_string(place.path().join("runs/interpret-flat/interpret.html")).unwrap();
    assert!(page.contains("one bar per number") && page.contains("output 3"), "no bars");
    assert!(!page.contains("id=\"channels\""));
}

#[test]
fn unusable_files_are_named_with_a_remedy() {
    let place = place();
    write_onnx(&place);
    let refused = |code: i32, arguments: &[&str], parts: &[&str]| {
        let error = place.fail(code, &[&["interpret"], arguments].concat());
        assert!(parts.iter().all(|part| error.contains(part)), "{arguments:?}: {error}");
    };
    refused(2, &["tiny.toml"], &["without its parameters", "--weights"]);
    refused(2, &["net.pth"], &["no layers", "interpret net.toml --weights net.pth"]);
    refused(1, &["tiny.toml", "--weights", "none.pth"], &["none.pth", "No such file"]);
    refused(1, &["tiny.toml", "--weights", "tiny.toml"], &["tiny.toml"]);
    refused(2, &["missing.toml", "--weights", "net.pth"], &["missing.toml"]);
    refused(2, &["Model.onnx", "--weights", "net.pth"], &["has its own parameters"]);
    refused(2, &["tiny.toml", "--weights", "Model.onnx"], &["interpret Model.onnx --dataset"]);
    refused(2, &["tiny.toml", "--weights", "net.pth", "--dataset", "digits"], &["[data]"]);
    // Images of other sizes need other dense layers.
    let size = ["tiny.toml", "--weights", "net.pth", "--set", "data.size=14"];
    refused(1, &size, &["net.pth", "tiny.toml", "[12, 36]", "[12, 196]"]);
    let grid = ["--set", "grid.sigma_w2=[1.0,2.0]", "--set", "network.init=normal"];
    refused(1, &[&["tiny.toml", "--weights", "net.pth"], &grid[..]].concat(), &["2 networks"]);
}

/// Downloads and unpacks a package of Python, or says why not.
fn package(place: &Path, requirement: &str) -> Result<(), String> {
    let python = |arguments: &[&str]| {
        let output = Command::new("python3").args(arguments).current_dir(place).output();
        let output = output.map_err(|error| format!("python3 does not start: {error}"))?;
        let error = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        let last = error.lines().last().unwrap_or_default().to_owned();
        if output.status.success() { Ok(()) } else { Err(last) }
    };
    let options =
        ["--quiet", "--no-deps", "--only-binary", ":all:", "--timeout", "3", "--retries", "0"];
    python(&[&["-m", "pip", "download", requirement, "-d", "wheels"], &options[..]].concat())?;
    let wheels = fs::read_dir(place.join("wheels")).map_err(|error| error.to_string())?;
    for wheel in wheels.flatten() {
        python(&["-m", "zipfile", "-e", wheel.path().to_str().unwrap(), "package"])?;
    }
    Ok(())
}

/// The network of a public package reads generated digits with its own preprocessing. Its decoders are hardly trained, which
/// the program says.
#[test]
fn a_published_network_classifies_digits() {
    let place = Place::with(include_str!("../../../../experiments/digit-recognizer.toml"));
    if let Err(error) = package(place.path(), "digit-recognizer-py==0.1.0") {
        return eprintln!("skipped: digit-recognizer-py cannot be downloaded: {error}");
    }
    let weights = "package/digit_recognizer/models/handwriting_model.pth";
    let arguments = ["interpret", "tiny.toml", "--weights", weights, "--samples", "2"];
    let settings = [
        "data.dataset=digits",
        "data.train=64",
        "data.probe=100",
        "cascade.method=gradient",
        "cascade.activation=tanh",
    ];
    let settings: Vec<&str> = settings.into_iter().flat_map(|one| ["--set", one]).collect();
    let value = json(&place, &[&arguments, &settings[..]].concat());
    assert!(value["correct"].as_u64().unwrap() >= 95, "{}", value["correct"]);
    assert_eq!(value["layers"].as_array().unwrap().len(), 8);
    let sentences = value["sentences"].to_string();
    assert!(sentences.contains("The decoder of the first layer did not learn"), "{sentences}");
}
