//! Comparison with independent computations, if they are available.
#![expect(clippy::unwrap_used, clippy::print_stderr, reason = "a test")]

use std::path::{Path, PathBuf};

use crate::common::Place;
use serde_json::Value;

/// Folder of reference data: `ISOBATH_SHARED`, or `shared` beside the workspace.
fn shared(name: &str) -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared");
    let path = std::env::var_os("ISOBATH_SHARED").map_or(beside, PathBuf::from).join(name);
    if path.exists() {
        return Some(path.canonicalize().unwrap());
    }
    eprintln!("skipped: {} is not there", path.display());
    None
}

#[test]
fn cascades() {
    let Some(folder) = shared("reference") else { return };
    let place = Place::new();
    for pair in ["cascade_critical", "cascade_ordered", "conv_torus", "conv_vgg"] {
        for backend in ["cpu", "reference"] {
            let stem = folder.join(pair);
            let text =
                place.succeed(&["check-reference", stem.to_str().unwrap(), "--backend", backend]);
            assert!(text.contains("agree") && !text.contains("FAIL"), "{text}");
        }
    }
}

/// Repeats a computation whose description was changed, and returns the exit code and all output.
fn repeat_changed(pair: &str, change: impl Fn(&mut Value)) -> Option<(Option<i32>, String)> {
    let folder = shared("reference")?;
    let place = Place::new();
    let stem = place.path().join("changed");
    let tensors = folder.join(format!("{pair}.safetensors"));
    std::fs::copy(tensors, stem.with_extension("safetensors")).unwrap();
    let text = std::fs::read_to_string(folder.join(format!("{pair}.json"))).unwrap();
    let mut json: Value = serde_json::from_str(&text).unwrap();
    change(&mut json);
    std::fs::write(stem.with_extension("json"), json.to_string()).unwrap();
    let output = place.output(&["check-reference", "changed"]);
    let text = [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap());
    Some((output.status.code(), text.concat()))
}

/// Checks that a changed description gives other numbers in a line with this title.
#[track_caller]
fn check_differs(pair: &str, title: &str, change: impl Fn(&mut Value)) {
    let Some((code, text)) = repeat_changed(pair, change) else { return };
    assert_eq!(code, Some(1), "{text}");
    let failed = text.lines().any(|line| line.starts_with(title) && line.ends_with("FAIL"));
    assert!(failed, "{title}: {text}");
}

#[test]
fn a_changed_reference_fails() {
    check_differs("cascade_critical", "decoder 1", |json| json["adam"]["lr"] = 0.0011.into());
}

#[test]
fn changed_references_of_convolutions_fail() {
    // The crop of a published decoder after a stride of 2 is not that of the adjoint.
    check_differs("conv_torus", "decoder 2", |json| {
        json["stages"][1]["decoder"]["layers"][0]["start"] = vec![1, 1].into();
    });
    check_differs("conv_torus", "decoder 7", |json| {
        json["stages"][6]["decoder"]["layers"][0]["geometry"] = "aligned".into();
    });
    check_differs("conv_torus", "activation 7", |json| {
        json["stages"][6]["before"] = "relu".into();
    });
    check_differs("conv_vgg", "activation 3", |json| {
        json["stages"][2]["kind"] = "avg_pool".into();
    });
    check_differs("conv_vgg", "sgd1, layer 1", |json| json["training"]["sgd"]["lr"] = 0.2.into());
}

/// Checks that a changed description is refused with a message of one line.
#[track_caller]
fn check_refused(message: &str, change: impl Fn(&mut Value)) {
    let Some((code, text)) = repeat_changed("conv_torus", change) else { return };
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains(message) && text.lines().count() == 1, "{text}");
}

#[test]
fn descriptions_with_mistakes_are_refused() {
    check_refused("the format `conv-cascade-9` is unknown", |json| {
        json["format"] = "conv-cascade-9".into();
    });
    check_refused("`cascade_stages` = 9 must be 1 to 8", |json| json["cascade_stages"] = 9.into());
    check_refused("decoder of stage 7: `decoder` is missing", |json| {
        json["cascade_stages"] = 8.into();
    });
    check_refused("stage 3: `output_shape` is 4x7x6", |json| {
        json["stages"][3]["output_shape"] = vec![4, 7, 6].into();
    });
    check_refused("the description needs [4, 1, 99, 3]", |json| {
        json["stages"][0]["kernel"] = vec![99, 3].into();
    });
    check_refused("stride", |json| json["stages"][0]["stride"] = vec![0, 1].into());
    check_refused("`kernel` and `stride` must be 1 to", |json| {
        json["stages"][0]["decoder"]["layers"][0]["stride"] = vec![0, 1].into();
    });
    check_refused("tensor `decoder_init.x.weight` is missing", |json| {
        json["stages"][2]["decoder"]["layers"][0]["tensors"] = "x".into();
    });
    check_refused("`decoder_test_mse` has 1 numbers", |json| {
        json["decoder_test_mse"] = vec![0.5].into();
    });
    check_refused("`training` needs", |json| json["training"]["batch_size"] = 99.into());
}

#[test]
fn mean_field_theory() {
    let Some(path) = shared("reference/meanfield.json") else { return };
    let place = Place::new();
    let reference: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let rows = reference["rows"].as_array().unwrap();
    assert!(!rows.is_empty());
    for row in rows {
        let number = |name: &str| row[name].to_string();
        let (w, b) = (number("sigma_w2"), number("sigma_b2"));
        let activation = row["activation"].as_str().unwrap();
        let text = place.succeed(&[
            "meanfield",
            "--activation",
            activation,
            "--sigma-w2",
            &w,
            "--sigma-b2",
            &b,
            "--json",
        ]);
        let ours: Value = serde_json::from_str(&text).unwrap();
        let close = |name: &str, tolerance: f64| {
            let (Some(actual), Some(expected)) = (ours[name].as_f64(), row[name].as_f64()) else {
                return;
            };
            assert!(
                (actual - expected).abs() <= tolerance * expected.abs(),
                "{row}: {name} is {actual}"
            );
        };
        for name in ["q_star", "chi_1", "c_star", "chi_c_star"] {
            close(name, 1e-6);
        }
        let away = (row["chi_1"].as_f64().unwrap() - 1.0).abs() > 1e-3;
        if away {
            close("xi_c", 1e-5);
            close("xi_q", 1e-5);
        }
    }
}
