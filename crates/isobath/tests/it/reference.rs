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
    for pair in ["cascade_critical", "cascade_ordered"] {
        for backend in ["cpu", "reference"] {
            let stem = folder.join(pair);
            let text =
                place.succeed(&["check-reference", stem.to_str().unwrap(), "--backend", backend]);
            assert!(text.contains("agree") && !text.contains("FAIL"), "{text}");
        }
    }
}

#[test]
fn a_changed_reference_fails() {
    let Some(folder) = shared("reference") else { return };
    let place = Place::new();
    let stem = place.path().join("changed");
    std::fs::copy(folder.join("cascade_critical.safetensors"), stem.with_extension("safetensors"))
        .unwrap();
    let text = std::fs::read_to_string(folder.join("cascade_critical.json")).unwrap();
    let mut json: Value = serde_json::from_str(&text).unwrap();
    json["adam"]["lr"] = 0.0011.into();
    std::fs::write(stem.with_extension("json"), json.to_string()).unwrap();
    let output = place.output(&["check-reference", "changed"]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.contains("FAIL"), "{text}");
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
