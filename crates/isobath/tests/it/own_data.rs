//! The user's own data through the program: described, planned, run, changed, reported without them.
#![expect(clippy::unwrap_used, reason = "a test")]

use std::fs;

use serde_json::Value;

use crate::common::{Place, TINIEST};

/// Lines of four numbers and one of three classes.
fn csv(samples: usize, first: f32) -> String {
    let line = |i: usize| {
        let class = i % 3;
        let number = |j: usize| ((i * 7 + j * 3) % 11) as f32 / 11.0 + class as f32;
        let numbers: Vec<String> = (0..4).map(|j| number(j).to_string()).collect();
        format!("{},{}\n", numbers.join(","), ["setosa", "versicolor", "virginica"][class])
    };
    let lines = (1..samples).map(line).collect::<Vec<_>>().concat();
    format!("a,b,c,d,species\n{first},0.5,0.5,0.5,setosa\n{lines}")
}

fn place() -> Place {
    let dataset = "dataset = { path = \"iris.csv\", labels = \"species\" }";
    let place = Place::with(&TINIEST.replace("dataset = \"digits\"", dataset));
    fs::write(place.path().join("iris.csv"), csv(400, 0.5)).unwrap();
    place
}

#[test]
fn check_describes_the_data() {
    let place = place();
    let text = place.succeed(&["data", "check", "iris.csv", "--labels", "species"]);
    for part in [
        "320 for training, 80 held out",
        "1 x 1 x 4",
        "setosa",
        "mean",
        "dataset = { labels = \"species\", path = \"iris.csv\" }",
    ] {
        assert!(text.contains(part), "{part:?} is not in: {text}");
    }
    let arguments = ["data", "check", "iris.csv", "--labels", "-1", "--shape", "1,2,2", "--json"];
    let json: Value = serde_json::from_str(&place.succeed(&arguments)).unwrap();
    assert_eq!((&json["shape"][1], &json["train"]), (&2.into(), &320.into()), "{json}");
    let error = place.fail(1, &["data", "check", "iris.csv", "--labels", "kind"]);
    assert!(error.contains("iris.csv") && error.contains("no column `kind`"), "{error}");
}

#[test]
fn runs_notice_changed_data_and_are_reported_without_them() {
    let place = place();
    place.succeed(&["run", "tiny.toml"]);
    let before: Vec<String> = place.results().cells.into_keys().collect();
    assert_eq!(before.len(), 2);

    // Another number in one line: the same plan, other data, other keys.
    fs::write(place.path().join("iris.csv"), csv(400, 0.75)).unwrap();
    place.succeed(&["run", "tiny.toml"]);
    let after: Vec<String> = place.results().cells.into_keys().collect();
    assert!(after.iter().any(|key| !before.contains(key)), "{after:?}");

    let resolved = place.run_folder().join("experiment.toml");
    fs::write(place.path().join("iris.csv"), csv(401, 0.75)).unwrap();
    let error = place.fail(1, &["run", resolved.to_str().unwrap()]);
    assert!(error.contains("have changed since the experiment was planned"), "{error}");

    fs::remove_file(place.path().join("iris.csv")).unwrap();
    place.succeed(&["report", "tiny"]);
    let error = place.fail(2, &["validate", "tiny.toml"]);
    assert!(error.contains("[data] could not open iris.csv"), "{error}");
}

/// A grey PNG image of one pixel.
const PIXEL: &[u8] =
    b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01\x08\0\0\0\0\x3a\x7e\x9b\x55\0\0\0\x0aIDAT\
    \x78\x9c\x63\x68\0\0\0\x82\0\x81\x77\xcd\x72\xb6\0\0\0\0IEND\xae\x42\x60\x82";

#[test]
fn files_that_are_not_read_are_counted() {
    let place = Place::with(&TINIEST.replace("dataset = \"digits\"", "dataset = \"photos/\""));
    for class in ["photos/cat", "photos/dog"] {
        fs::create_dir_all(place.path().join(class)).unwrap();
        for image in 0..9 {
            fs::write(place.path().join(class).join(format!("{image}.png")), PIXEL).unwrap();
        }
        fs::write(place.path().join(class).join("more.gif"), b"GIF89a").unwrap();
    }
    let text = place.succeed(&["data", "check", "photos/"]);
    assert!(text.contains("not read  2 x .gif"), "{text}");
    let settings = [
        "--set",
        "train.success.accuracy=0.8",
        "--set",
        "data.train=8",
        "--set",
        "data.probe=2",
        "--set",
        "train.train=8",
    ];
    let validate = [&["validate", "tiny.toml", "--set", "train.test=1"], &settings[..]].concat();
    let output = place.output(&validate);
    let notes = String::from_utf8_lossy(&output.stderr);
    assert!(notes.contains("photos/: not read: 2 x .gif"), "{notes}");
}

#[test]
fn impossible_settings_are_refused_before_any_work() {
    let place = place();
    let refused = |setting: &str, parts: &[&str]| {
        let error = place.fail(2, &["run", "tiny.toml", "--set", setting]);
        assert!(parts.iter().all(|part| error.contains(part)), "{error}");
    };
    refused("data.train=321", &["train = 321 must be at most 320", "iris.csv"]);
    refused("data.folder=x", &["folder is for the datasets of this program"]);
    refused("data.dataset.label=1", &["did you mean `labels`?"]);
    refused("data.dataset=iris", &["unknown variant `iris`"]);
    refused("train.test=69", &["test = 69 must be 1 to 68"]);
    let error = place.fail(1, &["run", "tiny.toml", "--set", "data.scale=symmetric"]);
    assert!(error.contains("scale = \"standardize\""), "{error}");
}
