//! Compilation of all CUDA kernels without a device, if a compiler is installed.

use crate::common::Place;

/// Environment variable that makes a missing compiler an error.
const REQUIRED_VARIABLE: &str = "ISOBATH_REQUIRE_NVRTC";

// Two tests, since a process compiles one kernel at a time.
#[test]
#[ignore = "needs NVRTC: cargo xtask kernels"]
fn kernels_of_ampere_stay_in_registers() {
    assert_kernels_stay_in_registers("sm_80");
}

#[test]
#[ignore = "needs NVRTC: cargo xtask kernels"]
fn kernels_of_hopper_stay_in_registers() {
    assert_kernels_stay_in_registers("sm_90a");
}

#[expect(clippy::unwrap_used, clippy::print_stdout, reason = "the body of two tests")]
fn assert_kernels_stay_in_registers(architecture: &str) {
    let output = Place::new().output(&["doctor", "--kernels", architecture]);
    let [text, error] = [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap());
    if output.status.code() == Some(2) && std::env::var_os(REQUIRED_VARIABLE).is_none() {
        return println!("skipped: {error}");
    }
    println!("{text}");
    assert!(output.status.success(), "{error}");
    for part in [architecture, "decoder.cu", "train_decoder"] {
        assert!(text.contains(part), "{text}");
    }
}

#[test]
#[ignore = "needs NVRTC: cargo xtask kernels"]
fn unknown_architecture_is_a_usage_error() {
    for architecture in ["sm_99", "sm_75", "compute_90"] {
        let error = Place::new().fail(2, &["doctor", "--kernels", architecture]);
        if error.contains("not available") && std::env::var_os(REQUIRED_VARIABLE).is_none() {
            return println!("skipped: {error}");
        }
        assert!(error.contains(architecture) && error.contains("sm_80, "), "{error}");
    }
}
