//! The verdict on a network: its JSON, page, gate and mistakes.

use std::fs;

use serde_json::Value;

use crate::common::{Place, schema::violations};

/// A network that trains in a moment.
const NETWORK: &str = r#"
[data]
dataset = "digits"
train = 300
probe = 32
[network]
depth = 3
width = 100
activation = "relu"
init = "kaiming-normal"
[train]
test = 100
optimizer = { kind = "sgd", lr = 0.1 }
batch = 50
epochs = 2
"#;

/// As [`NETWORK`], with a learning rate far too large.
const DIVERGES: &str = "train.optimizer={ kind = \"sgd\", lr = 1e5 }";
/// Outside of every calibration.
const WIDTH_OF_ONE: &str = "network.width=1";

fn schema() -> Value {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/predict.schema.json");
    serde_json::from_str(&fs::read_to_string(path).expect("the schema")).expect("JSON")
}

fn predicted(place: &Place, options: &[&str]) -> Value {
    let text = place.succeed(&[&["predict", "tiny.toml", "--json"], options].concat());
    serde_json::from_str(&text).expect("JSON")
}

#[test]
fn json_follows_its_schema() {
    let place = Place::with(NETWORK);
    let schema = schema();
    let unusual = ["--set", DIVERGES, "--verify", "--search-seconds", "1"];
    let overflow = ["--set", "network.init={ std = 1e13 }"];
    let narrow = ["--set", WIDTH_OF_ONE, "--no-alternatives"];
    for options in [&[][..], &unusual, &overflow, &narrow] {
        let output = predicted(&place, options);
        assert_eq!(violations(&schema, &output), [""; 0], "{options:?}: {output:#}");
    }
}

/// Outside of the calibration, changes are judged by what they do to the measurements.
#[test]
fn networks_without_a_probability_get_remedies() {
    let place = Place::with(NETWORK);
    let output = predicted(
        &place,
        &["--set", "network.width=1040", "--set", "network.depth=2", "--set", DIVERGES],
    );
    assert_eq!(violations(&schema(), &output), [""; 0], "{output:#}");
    assert!(output["probability"].is_null(), "{output:#}");
    let remedies = output["prescription"]["remedies"].as_array().expect("a list");
    let is_rate = |remedy: &Value| remedy["change"].to_string().contains("learning rate");
    assert!(remedies.iter().any(is_rate), "{output:#}");
    let effects = remedies[0]["effects"].to_string();
    assert!(effects.contains("first steps: diverges at step"), "{effects}");
}

#[test]
fn the_check_of_the_schema_finds_mistakes() {
    let schema = schema();
    let mut output = predicted(&Place::with(NETWORK), &[]);
    output["version"] = 2.into();
    output["steps"] = "12".into();
    output["profile"]["layers"][1]["saturated"] = 1.5.into();
    output["calibration"].as_object_mut().unwrap().remove("like");
    let found = violations(&schema, &output);
    let places = ["/version", "/steps", "/profile/layers/1/saturated", "/calibration lacks like"];
    for place in places {
        assert!(found.iter().any(|text| text.starts_with(place)), "{place} is not in {found:?}");
    }
    assert_eq!(found.len(), places.len(), "{found:?}");
}

#[test]
fn gates_have_exit_codes() {
    let place = Place::with(NETWORK);
    place.succeed(&["predict", "tiny.toml", "--gate", "0"]);
    let error = place.fail(3, &["predict", "tiny.toml", "--gate", "1"]);
    assert!(error.contains("below the gate of 1"), "{error}");
    let narrow = ["predict", "tiny.toml", "--set", WIDTH_OF_ONE, "--gate", "0"];
    let error = place.fail(3, &narrow);
    assert!(error.contains("no probability is known"), "{error}");
    for gate in ["7", "-0.1", "nan"] {
        let error = place.fail(2, &["predict", "tiny.toml", &format!("--gate={gate}")]);
        assert!(error.contains("from 0 to 1"), "{error}");
    }
}

#[test]
fn pages_are_written_where_they_can_be() {
    let place = Place::with(NETWORK);
    let text = place.succeed(&["predict", "tiny.toml", "--report", "new/page.html"]);
    assert!(text.contains("report: new/page.html"), "{text}");
    let page = fs::read_to_string(place.path().join("new/page.html")).unwrap();
    for part in ["<svg", "mean square of activations", "effective rank", "predict tiny.toml"] {
        assert!(page.contains(part), "{part} is not in the page");
    }
    for (path, reason) in [("new", "is a folder"), ("tiny.toml/page.html", "tiny.toml is a file")] {
        let error = place.fail(2, &["predict", "tiny.toml", "--report", path]);
        assert!(error.contains(reason), "{error}");
    }
}

#[test]
fn mistakes_are_named() {
    let place = Place::with(NETWORK);
    for (setting, parts) in [
        ("data.train=3", ["3 training samples are too few", "raise [data] train"]),
        ("data.probe=3", ["3 held-out samples are too few", "raise [data] probe"]),
        ("train.depths=[2, 3]", ["lists 2 depths", "--set train.depths=2"]),
        (
            "train.optimizer=[{ kind = \"sgd\", lr = 0.1 }, { kind = \"sgd\", lr = 0.2 }]",
            ["lists 2 optimisers", "--set train.optimizer"],
        ),
        ("network.widht=3", ["unknown field `widht`", "did you mean `width`?"]),
    ] {
        let error = place.fail(2, &["predict", "tiny.toml", "--set", setting]);
        for part in parts {
            assert!(error.contains(part), "{part} is not in: {error}");
        }
    }
}

#[test]
fn two_classes_and_readouts_alone_have_verdicts() {
    let place = Place::with(NETWORK);
    let rows = (0..300).map(|row| format!("{}.{row:03},0.5,{}\n", row % 2, row % 2));
    let table = format!("a,b,label\n{}", rows.collect::<String>());
    fs::write(place.path().join("two.csv"), table).unwrap();
    let two = ["--set", "data.dataset=./two.csv", "--set", "data.train=200"];
    let output = predicted(&place, &[&two[..], &["--set", "train.test=20"]].concat());
    assert_eq!(output["network"]["classes"], 2);
    let output = predicted(&place, &["--set", "network.depth=1"]);
    assert_eq!(output["network"]["depth"], 1);
    assert_eq!(output["profile"]["information"], serde_json::json!([]));
}
