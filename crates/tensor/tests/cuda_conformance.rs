//! The conformance suite on a simulated CUDA device: the kernels' own sources, run on the processor.
#![cfg(feature = "cuda")]
#![expect(clippy::print_stderr, reason = "a test")]

use tensor::{
    Backend, Error, GatherConfig, GatherRows,
    conformance::{self, Finding},
    cuda::{Cuda, Simulated},
};

/// A device whose threads run in an order drawn from `seed`, where there is a C++ compiler.
fn device(seed: u64) -> Option<Cuda<Simulated>> {
    Cuda::simulated_with_seed(seed).inspect_err(|error| eprintln!("skipped: {error}")).ok()
}

#[test]
fn simulated() {
    let Some(backend) = device(0) else { return };
    for finding in conformance::run(&backend, 20, 42).unwrap() {
        println!("{finding:?}");
        assert!(finding.passed(), "{finding:#?}");
        assert!(finding.cases > 0);
    }
}

#[test]
fn the_order_of_threads_changes_no_bit() {
    let (Some(one), Some(other)) = (device(1), device(2)) else { return };
    let [one, other] = [one, other].map(|backend| conformance::run(&backend, 3, 8).unwrap());
    assert!(one.iter().all(Finding::passed), "{one:#?}");
    assert_eq!(one, other);
}

#[test]
fn rows_are_gathered_whatever_stood_in_their_list() {
    let Some(backend) = device(0) else { return };
    let source = backend.upload(&[1.0, 2.0, 3.0, 4.0_f32]).unwrap();
    let mut rows = backend.upload(&[7, 1_u32]).unwrap();
    let mut out = backend.zeros(2).unwrap();
    let mut gather = |rows: &_, first| {
        let config = GatherConfig { cols: 2, first, count: 1 };
        backend.gather_rows(config, &source, rows, &mut out)?;
        backend.download(&out)
    };
    assert_eq!(gather(&rows, 1).unwrap(), [3.0, 4.0]);
    assert!(matches!(gather(&rows, 0), Err(Error::Shape { expected: 16, actual: 4, .. })));
    backend.write(&mut rows, 0, &[0]).unwrap();
    assert_eq!(gather(&rows, 0).unwrap(), [1.0, 2.0]);
    let mut copied = backend.zeros(1).unwrap();
    backend.copy(&rows, 0..1, &mut copied, 0).unwrap();
    assert_eq!(gather(&copied, 0).unwrap(), [1.0, 2.0]);
    backend.write(&mut copied, 0, &[2]).unwrap();
    assert!(matches!(gather(&copied, 0), Err(Error::Shape { expected: 6, .. })));
}
