//! Output of `doctor`.
#![expect(clippy::unwrap_used, clippy::print_stderr, reason = "a test")]

use crate::common::Place;
use serde_json::Value;

/// Verifies `backend` and returns the JSON; `None` if it is not in this build or on this machine.
#[track_caller]
fn verify(backend: &str) -> Option<Value> {
    let place = Place::new();
    let output = place.output(&[
        "doctor",
        "--verify",
        "--quick",
        "--backend",
        backend,
        "--json",
        "found.json",
    ]);
    let [text, error] = [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap());
    if output.status.code() == Some(2) {
        assert!(error.contains(backend) || error.contains("compiler"), "{error}");
        eprintln!("skipped: {error}");
        return None;
    }
    assert!(output.status.success() && text.contains(": PASS"), "{text}{error}");
    assert!(text.contains("skipped: no --reference"), "{text}");
    let text = std::fs::read_to_string(place.path().join("found.json")).unwrap();
    Some(serde_json::from_str(&text).unwrap())
}

/// Checks that every case and layer on `backend` is present. Returns the precisions.
#[track_caller]
fn check(backend: &str) -> Option<Vec<String>> {
    let found = verify(backend)?;
    assert_eq!(found["backend"], backend);
    let cases = found["agreement"]["cases"].as_array().unwrap();
    let of_phase = |phase: &str| cases.iter().filter(|case| case["phase"] == phase).count();
    let phases = ["ordered", "critical", "chaotic"].map(of_phase);
    assert!(phases.iter().all(|&count| count >= 2 && count == phases[0]), "{phases:?}");
    for case in cases {
        assert_eq!(case["layers"].as_array().unwrap().len(), 6, "{case}");
        assert!(case["passed"] == true, "{case}");
    }
    let precisions = cases.iter().filter_map(|case| case["precision"].as_str());
    Some(precisions.map(str::to_owned).collect())
}

#[test]
fn reference_backend_agrees_with_cpu_in_every_precision() {
    let precisions = check("reference").unwrap();
    for precision in ["f32", "tf32", "bf16"] {
        assert!(precisions.iter().any(|name| name == precision), "{precisions:?}");
    }
}

#[test]
fn missing_backend_is_a_usage_error() {
    let error = Place::new().fail(2, &["doctor", "--verify", "--backend", "cuda:9999"]);
    assert!(error.contains("cuda:9999"), "{error}");
}

#[test]
fn folder_without_computations_is_a_usage_error() {
    let place = Place::new();
    let error = place.fail(2, &["doctor", "--verify", "--quick", "--reference", "."]);
    assert!(error.contains("NAME.safetensors"), "{error}");
}

#[test]
fn cuda_components_are_listed() {
    let text = Place::new().succeed(&["doctor"]);
    assert!(text.lines().any(|line| line.trim_start().starts_with("cuda ")), "{text}");
}

#[test]
fn unusable_kernel_cache_is_reported() {
    let place = Place::new();
    let folder = place.path().join("a-file/kernels");
    std::fs::write(place.path().join("a-file"), "").unwrap();
    let output = place.isobath(&["doctor"]).env("ISOBATH_KERNEL_CACHE", &folder).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let is_built = !text.contains("no CUDA backend");
    assert!(output.status.success(), "{text}");
    assert_eq!(
        text.contains(&format!("cannot be kept in {}", folder.display())),
        is_built,
        "{text}"
    );
}
