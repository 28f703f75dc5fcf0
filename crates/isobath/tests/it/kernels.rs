//! Every CUDA kernel compiled without a device, where there is a compiler for it.

use crate::common::Place;

/// Set where a missing compiler is a failure.
const REQUIRED_VARIABLE: &str = "ISOBATH_REQUIRE_NVRTC";

#[test]
#[ignore = "needs NVRTC: cargo xtask kernels"]
fn kernels_stay_in_registers() {
    let output = Place::new().output(&["doctor", "--kernels", "sm_80,sm_90a"]);
    let [said, error] = [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap());
    if output.status.code() == Some(2) && std::env::var_os(REQUIRED_VARIABLE).is_none() {
        return println!("skipped: {error}");
    }
    println!("{said}");
    assert!(output.status.success(), "{error}");
    for part in ["sm_80 ", "sm_90a ", "decoder.cu", "train_decoder"] {
        assert!(said.contains(part), "{said}");
    }
}

#[test]
#[ignore = "needs NVRTC: cargo xtask kernels"]
fn an_unknown_architecture_is_wrong_usage() {
    for architecture in ["sm_99", "sm_75", "compute_90"] {
        let error = Place::new().fail(2, &["doctor", "--kernels", architecture]);
        if error.contains("not available") && std::env::var_os(REQUIRED_VARIABLE).is_none() {
            return println!("skipped: {error}");
        }
        assert!(error.contains(architecture) && error.contains("sm_80, "), "{error}");
    }
}
