//! The CUDA backend as it is, with CUDA's own interfaces played by the simulator: what calls the driver, the compiler and
//! the library of products, on several streams and threads.
#![expect(clippy::print_stderr, reason = "a test")]

use std::{
    panic::{self, AssertUnwindSafe},
    thread,
};

use isobath_cuda_sim::mock_driver;
use isobath_tensor::{
    Backend, Error, Gemm, GemmConfig, Replay,
    conformance::{self, Finding},
    cuda::Cuda,
};

/// The backend on the mock driver, where there is a C++ compiler.
fn device() -> Option<Cuda> {
    mock_driver::open().inspect_err(|error| eprintln!("skipped: {error}")).ok()
}

#[test]
fn conformance_suite() {
    let Some(backend) = device() else { return };
    for finding in conformance::run(&backend, 4, 42).unwrap() {
        assert!(finding.passed() && finding.cases > 0, "{finding:#?}");
    }
}

#[test]
fn concurrent_streams_give_the_same_numbers() {
    let Some(backend) = device() else { return };
    let findings = |backend: &Cuda| conformance::run(backend, 1, 8).unwrap();
    let alone = findings(&backend);
    assert!(alone.iter().all(Finding::passed), "{alone:#?}");
    thread::scope(|scope| {
        let together = [(); 2].map(|()| scope.spawn(|| findings(&Cuda::open(0).unwrap())));
        for thread in together {
            assert_eq!(thread.join().unwrap(), alone);
        }
    });
}

#[test]
fn the_description_names_device_and_versions() {
    let Some(backend) = device() else { return };
    let description = backend.description();
    for part in ["cuda:0", "a mock device", "sm_90a", "132 multiprocessors", "NVRTC 13.99"] {
        assert!(description.contains(part), "{description}");
    }
    assert_eq!(backend.architecture(), "sm_90a");
    let error = Cuda::open(1).unwrap_err().to_string();
    assert!(error.contains("one CUDA device, cuda:0"), "{error}");
}

#[test]
fn a_failed_recording_leaves_the_stream_unchanged() {
    let Some(backend) = device() else { return };
    let (one, x) = (backend.upload(&[1.0]).unwrap(), backend.upload(&[1.0, 2.0_f32]).unwrap());
    let mut sum = backend.zeros(2).unwrap();
    let mut recording = <Cuda as Replay>::Recording::default();
    let mut add = |work: &mut dyn FnMut() -> isobath_tensor::Result<()>| {
        let product = GemmConfig { beta: 1.0, ..GemmConfig::new(1, 2, 1) };
        backend.replay(&mut recording, 1, &mut || {
            backend.gemm(product, &one, &x, &mut sum)?;
            work()
        })
    };
    // The first time it is not recorded.
    add(&mut || backend.zeros::<f32>(5).map(drop)).unwrap();
    for wrong in [
        &mut || backend.zeros::<f32>(5).map(drop),
        &mut || backend.download(&x).map(drop),
        &mut || backend.synchronize(),
    ] as [&mut dyn FnMut() -> isobath_tensor::Result<()>; 3]
    {
        assert!(matches!(add(wrong), Err(Error::Device { .. })));
    }
    let panics = &mut || panic!("on purpose");
    panic::catch_unwind(AssertUnwindSafe(|| add(panics))).unwrap_err();
    assert_eq!(backend.download(&x).unwrap(), [1.0, 2.0]);
    // Once, and now recorded and done twice.
    add(&mut || Ok(())).unwrap();
    add(&mut || Ok(())).unwrap();
    assert_eq!(backend.download(&sum).unwrap(), [3.0, 6.0]);
}
