//! The conformance suite on the machine's CUDA device.
#![cfg(feature = "cuda")]

use isobath_tensor::{Backend, conformance, cuda::Cuda};

#[test]
#[ignore = "needs a CUDA device"]
fn device() {
    let backend = Cuda::open(0).unwrap();
    println!("{}", backend.description());
    for finding in conformance::run(&backend, 120, 42).unwrap() {
        println!("{finding:?}");
        assert!(finding.passed(), "{finding:#?}");
        assert!(finding.cases > 0);
    }
}
