//! Every CUDA kernel compiled without a device, where there is a compiler for it.

mod common;

use common::Place;

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
