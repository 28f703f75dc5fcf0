//! Running out of memory on the CUDA backend, on a small mock device. Alone in its process: others would run out, too.
#![expect(clippy::unwrap_used, reason = "a test")]

use std::{iter, sync::mpsc, thread, time::Duration};

use isobath_cuda_sim::mock_driver;
use isobath_tensor::{Backend, Error, Gemm, GemmConfig, Replay, cuda::Cuda};

const MEMORY_BYTES: usize = 64 << 20;
const MEGABYTE: usize = 1 << 20;

#[test]
fn unused_memory_is_available_to_all_streams() {
    let backend = match mock_driver::open_with_memory(MEMORY_BYTES) {
        Ok(backend) => backend,
        Err(error) => return eprintln!("skipped: {error}"),
    };
    let take = |backend: &Cuda, megabytes: usize| backend.zeros::<f32>(megabytes * MEGABYTE / 4);

    let error = take(&backend, 65).unwrap_err();
    let (bytes, all) = (65 * MEGABYTE, MEMORY_BYTES);
    assert!(
        matches!(error, Error::OutOfMemory { needed, free, total, .. }
            if needed == bytes && free == all && total == all),
        "{error:?}"
    );

    // What is in use stays in use, whoever asks for more.
    let blocks: Vec<_> = iter::from_fn(|| take(&backend, 8).ok()).collect();
    assert_eq!(blocks.len(), 8);
    let other = Cuda::open(0).unwrap();
    assert!(matches!(take(&other, 1), Err(Error::OutOfMemory { free: 0, .. })));
    assert!(blocks.iter().all(|block| backend.read(block, 0..1).unwrap() == [0.0]));

    // What was given back is kept, and no longer when one of another size is needed, on this stream or on another.
    drop(blocks);
    let large = take(&backend, 60).unwrap();
    drop(large);
    let on_other = take(&other, 60).unwrap();
    drop((on_other, other));
    // Now it is an idle stream's.
    drop(take(&backend, 50).unwrap());

    recordings_survive_allocations_on_other_streams(&backend);
}

/// Memory that goes back to the driver would void it.
fn recordings_survive_allocations_on_other_streams(backend: &Cuda) {
    let backend = backend.clone();
    let mut recording = <Cuda as Replay>::Recording::default();
    let one = backend.upload(&[1.0_f32]).unwrap();
    let mut sum = backend.zeros(1).unwrap();
    let (begun, wait_for_it) = mpsc::channel();
    thread::scope(|scope| {
        scope.spawn(move || {
            let other = Cuda::open(0).unwrap();
            drop(other.zeros::<f32>(MEGABYTE).unwrap());
            wait_for_it.recv().unwrap();
            drop(other.zeros::<f32>(20 * MEGABYTE / 4).unwrap());
            assert!(other.zeros::<f32>(2 * MEMORY_BYTES / 4).is_err());
        });
        for times in 1..=3 {
            let product = GemmConfig { beta: 1.0, ..GemmConfig::new(1, 1, 1) };
            let work = &mut || {
                if times == 2 {
                    begun.send(()).unwrap();
                    thread::sleep(Duration::from_millis(200));
                }
                backend.gemm(product, &one, &one, &mut sum)
            };
            backend.replay(&mut recording, 1, work).unwrap();
        }
    });
    assert_eq!(backend.download(&sum).unwrap(), [3.0]);
}
