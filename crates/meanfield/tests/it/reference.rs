//! Theory compared with independent double-precision values, if the shared reference data is present.

use std::{fs, path::PathBuf};

use isobath_architecture::Activation;
use isobath_meanfield::{Theory, critical_sigma_b2, critical_sigma_w2};
use serde_json::Value;

#[expect(clippy::print_stderr, reason = "a skipped test must report itself")]
fn reference() -> Option<Value> {
    let shared = std::env::var_os("ISOBATH_SHARED").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared"),
        PathBuf::from,
    );
    let path = shared.join("reference/meanfield.json");
    let Ok(text) = fs::read_to_string(&path) else {
        eprintln!("skipped: no reference values at {}; set ISOBATH_SHARED", path.display());
        return None;
    };
    Some(serde_json::from_str(&text).expect("the reference file is JSON"))
}

fn activation(row: &Value) -> Activation {
    let name = row["activation"].as_str().expect("a name");
    name.parse().expect("a known activation")
}

fn number(row: &Value, key: &str) -> f64 {
    row[key].as_f64().unwrap_or_else(|| panic!("no number `{key}` in {row}"))
}

#[track_caller]
fn check(row: &Value, key: &str, actual: f64, tolerance: f64) {
    let expected = number(row, key);
    let allowed = tolerance * expected.abs().max(1e-9);
    assert!((actual - expected).abs() <= allowed, "{key} is {actual} in {row}");
}

#[test]
fn fixed_points() {
    let Some(reference) = reference() else { return };
    let rows = reference["rows"].as_array().unwrap();
    assert!(rows.len() > 20);
    for row in rows {
        let theory =
            Theory::new(activation(row), number(row, "sigma_w2"), number(row, "sigma_b2")).unwrap();
        let point = theory.fixed_point().unwrap();
        check(row, "q_star", point.q_star.unwrap(), 1e-10);
        check(row, "chi_1", point.chi_1, 1e-10);
        check(row, "c_star", point.c_star, 1e-9);
        check(row, "chi_c_star", point.chi_c_star, 1e-10);
        // The derivative in the reference is a finite difference.
        check(row, "dq_map", point.dq_map, 1e-9);
        check(row, "xi_q", point.xi_q, 1e-8);
        // Close to the critical line the scale is the inverse of a small difference of the reference values.
        check(row, "xi_c", point.xi_c, 1e-10 * number(row, "xi_c").max(10.0));
    }
}

#[test]
fn critical_line() {
    let Some(reference) = reference() else { return };
    let rows = reference["critical_line"].as_array().unwrap();
    assert!(rows.len() > 5);
    for row in rows {
        let (sigma_w2, sigma_b2) = (number(row, "sigma_w2"), number(row, "sigma_b2"));
        check(row, "sigma_w2", critical_sigma_w2(activation(row), sigma_b2).unwrap(), 1e-9);
        check(row, "sigma_b2", critical_sigma_b2(activation(row), sigma_w2).unwrap(), 1e-6);
    }
}
