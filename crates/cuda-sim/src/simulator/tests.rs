//! The simulator finds what it is for.

use std::time::Instant;

use isobath_tensor::{
    Backend, GemmConfig, RandomStream,
    cuda::{CudaBuffer, device::Source},
};

use super::*;

static SOURCE: Source = Source::new("tests", include_str!("tests.cu"));

fn simulated(seed: u64) -> Option<Cuda<Simulated>> {
    match simulated_with_seed(seed) {
        Ok(cuda) => Some(cuda),
        Err(error @ Error::Unavailable { .. }) => {
            eprintln!("skipped: {error}");
            None
        }
        Err(error) => panic!("{error}"),
    }
}

trait RunKernels {
    fn run(&self, kernel: &Kernel, blocks: u32, arguments: &[Argument]) -> Result<()>;
    fn fault_of(&self, kernel: &Kernel, blocks: u32, arguments: &[Argument]) -> String;
    fn fault(&self, name: &'static str, arguments: &[Argument]) -> String;
}

impl RunKernels for Cuda<Simulated> {
    /// Blocks of 64 threads with room for 128 numbers.
    fn run(&self, kernel: &Kernel, blocks: u32, arguments: &[Argument]) -> Result<()> {
        let launch = Launch { grid: [blocks, 1], threads: 64, shared_bytes: 512 };
        // SAFETY: the simulator checks types and numbers, and the tests' memories leave room for what is wrong.
        unsafe { self.device().launch(kernel, launch, arguments) }
    }

    /// The error of a faulty kernel.
    #[track_caller]
    fn fault_of(&self, kernel: &Kernel, blocks: u32, arguments: &[Argument]) -> String {
        match self.run(kernel, blocks, arguments) {
            Err(Error::Device { action, reason, .. }) => {
                assert_eq!(action, format!("run `{}` of tests.cu", kernel.name));
                reason
            }
            other => panic!("{other:?}"),
        }
    }

    /// The error of a kernel that is not specialised, in one block.
    #[track_caller]
    fn fault(&self, name: &'static str, arguments: &[Argument]) -> String {
        self.fault_of(&Kernel::new(&SOURCE, name), 1, arguments)
    }
}

/// Place of the `nth` occurrence of `code` in the kernels' file.
fn place_of(code: &str, nth: usize) -> String {
    let mut lines = (1..).zip(SOURCE.text.lines()).filter(|(_, line)| line.contains(code));
    format!("(tests.cu:{})", lines.nth(nth).unwrap().0)
}

fn address(buffer: &CudaBuffer<f32, Simulated>) -> u64 {
    match Argument::from(buffer) {
        Argument::Address(address) => address,
        other => panic!("{other:?}"),
    }
}

fn normal(n: usize) -> Vec<f32> {
    RandomStream::Normal { seed: 5, stream: 1, std: 1.0 }.take(n)
}

fn bits(x: &[f32]) -> Vec<u32> {
    x.iter().map(|x| x.to_bits()).collect()
}

/// Numbers that `kernel` does not turn round, over some orders of threads.
fn not_reversed(kernel: &Kernel) -> Option<usize> {
    let blocks = 5;
    let x = normal(64 * blocks);
    let mut wrong = 0;
    for seed in 0..4 {
        let cuda = simulated(seed)?;
        let (input, output) = (cuda.upload(&x).unwrap(), cuda.zeros::<f32>(x.len()).unwrap());
        cuda.run(kernel, blocks as u32, &[(&input).into(), (&output).into()]).unwrap();
        let expected = x.chunks(64).flat_map(|block| block.iter().rev());
        let y = cuda.download(&output).unwrap();
        wrong += y.iter().zip(expected).filter(|(y, x)| y.to_bits() != x.to_bits()).count();
    }
    Some(wrong)
}

/// A kernel that needs a barrier where it has `barrier`.
fn with_barrier(barrier: &str, name: &'static str) -> Kernel {
    Kernel { defines: vec![("BARRIER", barrier.to_owned())], ..Kernel::new(&SOURCE, name) }
}

#[test]
fn missing_barriers_are_found() {
    assert!(matches!(not_reversed(&with_barrier("__syncthreads()", "reversed")), None | Some(0)));
    for seed in 0..4 {
        let Some(cuda) = simulated(seed) else { return };
        let [x, y] = [(); 2].map(|()| cuda.zeros::<f32>(64).unwrap());
        // Half of the numbers come from the other warp.
        for barrier in ["", "__syncwarp()"] {
            let kernel = with_barrier(barrier, "reversed");
            let fault = cuda.fault_of(&kernel, 1, &[(&x).into(), (&y).into()]);
            assert!(fault.contains("a race: thread "), "{fault}");
            assert!(fault.contains("of static shared memory, which thread"), "{fault}");
        }
    }
}

#[test]
fn barriers_order_only_the_threads_that_wait() {
    const HALF: &str = "__syncwarp(threadIdx.x % 32 < 16 ? 0x0000ffffu : 0xffff0000u)";
    for seed in 0..4 {
        let Some(cuda) = simulated(seed) else { return };
        let x = cuda.upload(&normal(64)).unwrap();
        let exchange = |barrier, with| {
            let kernel = with_barrier(barrier, "exchanged");
            cuda.run(&kernel, 1, &[(&x).into(), Argument::I32(with)])
        };
        for (barrier, with) in
            [("__syncthreads()", 63), ("__syncthreads()", 31), ("__syncwarp()", 31), (HALF, 15)]
        {
            exchange(barrier, with).unwrap();
        }
        for (barrier, with) in [("__syncwarp()", 63), (HALF, 31), ("", 15)] {
            let error = exchange(barrier, with).unwrap_err().to_string();
            assert!(error.contains("of argument 1, which thread"), "{error}");
        }
    }
}

#[test]
fn races_between_blocks_are_found() {
    let Some(cuda) = simulated(13) else { return };
    let x = cuda.zeros::<f32>(128).unwrap();
    for (shift, blocks) in [(0, 1), (1, 1), (0, 2)] {
        let arguments = [(&x).into(), Argument::I32(shift)];
        cuda.run(&Kernel::new(&SOURCE, "take_from_next"), blocks, &arguments).unwrap();
    }
    let arguments = [(&x).into(), Argument::I32(1)];
    let fault = cuda.fault_of(&Kernel::new(&SOURCE, "take_from_next"), 2, &arguments);
    assert!(fault.contains("of argument 1, which another block"), "{fault}");
}

#[test]
fn copies_without_a_wait_are_found() {
    let kernel = |wait: &str| Kernel {
        defines: vec![("WAIT", wait.to_owned())],
        ..Kernel::new(&SOURCE, "reversed_copies")
    };
    let Some(wrong) = not_reversed(&kernel("copy_async_wait<1>()")) else { return };
    assert_eq!(wrong, 0);
    assert_eq!(not_reversed(&kernel("copy_async_wait<0>()")).unwrap(), 0);
    assert_eq!(not_reversed(&kernel("copy_async_wait<2>()")).unwrap(), 4 * 5 * 64);
    assert_eq!(not_reversed(&kernel("")).unwrap(), 4 * 5 * 64);
}

#[test]
fn copies_go_to_aligned_shared_memory() {
    let Some(cuda) = simulated(1) else { return };
    let x = cuda.upload(&normal(64)).unwrap();
    let kernel = Kernel::new(&SOURCE, "copy_to");
    cuda.run(&kernel, 1, &[(&x).into(), Argument::I32(124)]).unwrap();
    let fault = cuda.fault("copy_to", &[(&x).into(), Argument::I32(2)]);
    let place = place_of("copy_async<16>", 0);
    assert!(
        fault.contains(&format!("copy_async {place}: an address is not aligned to 16 bytes")),
        "{fault}"
    );
    let fault = cuda.fault("copy_to", &[(&x).into(), Argument::I32(128)]);
    assert!(fault.contains("not in shared memory"), "{fault}");
    let fault = cuda.fault("copy_to_itself", &[(&x).into()]);
    assert!(fault.contains("not in shared memory"), "{fault}");
}

#[test]
fn writes_outside_are_found() {
    let Some(cuda) = simulated(2) else { return };
    let x = cuda.zeros::<f32>(10).unwrap();
    let kernel = Kernel::new(&SOURCE, "write_at");
    cuda.run(&kernel, 1, &[(&x).into(), Argument::I32(9)]).unwrap();
    for index in [10, -1, 1000, -1000] {
        let fault = cuda.fault("write_at", &[(&x).into(), Argument::I32(index)]);
        let place = format!("it writes 4 bytes at byte {} of argument 1, ", 4 * index);
        assert!(fault.contains(&place) && fault.contains("which has 40 bytes"), "{fault}");
    }
    let fault = cuda.fault("write_at", &[(&x).into(), Argument::I32(1 << 30)]);
    assert!(fault.contains("it writes 4 bytes that are in no memory"), "{fault}");
    cuda.run(&kernel, 1, &[(&x).into(), Argument::I32(0)]).unwrap();
    let expected = [1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0_f32];
    assert_eq!(bits(&cuda.download(&x).unwrap()), bits(&expected));
}

#[test]
fn reads_outside_are_found() {
    let Some(cuda) = simulated(14) else { return };
    let [x, y] = [63, 64].map(|n| cuda.zeros::<f32>(n).unwrap());
    let fault = cuda.fault("reversed", &[(&x).into(), (&y).into()]);
    assert!(fault.contains("it reads 4 bytes at byte 252 of argument 1, "), "{fault}");
}

#[test]
fn indices_outside_arrays_are_found() {
    let Some(cuda) = simulated(16) else { return };
    let kernel = Kernel::new(&SOURCE, "write_array_at");
    cuda.run(&kernel, 1, &[Argument::I32(7)]).unwrap();
    for index in [8, -1] {
        let fault = cuda.fault("write_array_at", &[Argument::I32(index)]);
        assert!(fault.contains(&format!("index {index} at tests.cu:")), "{fault}");
    }
}

#[test]
fn unaligned_accesses_are_found() {
    let Some(cuda) = simulated(15) else { return };
    let x = cuda.zeros::<f32>(8).unwrap();
    let kernel = Kernel::new(&SOURCE, "write_pair_at");
    cuda.run(&kernel, 1, &[(&x).into(), Argument::I32(6)]).unwrap();
    let fault = cuda.fault("write_pair_at", &[(&x).into(), Argument::I32(3)]);
    let place = place_of("reinterpret_cast<Pair*>", 0);
    let place = place.trim_matches(['(', ')']);
    assert!(fault.contains(&format!("an address at {place} is not aligned")), "{fault}");
}

#[test]
fn writes_outside_of_shared_memory_are_found() {
    let Some(cuda) = simulated(3) else { return };
    cuda.run(&Kernel::new(&SOURCE, "write_shared_at"), 1, &[Argument::I32(127)]).unwrap();
    for index in [128, -1] {
        let fault = cuda.fault("write_shared_at", &[Argument::I32(index)]);
        let place = format!("at byte {} of dynamic shared memory, which has 512 bytes", 4 * index);
        assert!(fault.contains(&place), "{fault}");
    }
}

#[test]
fn shared_memory_starts_as_nan() {
    let Some(cuda) = simulated(4) else { return };
    let (fixed, dynamic) = (cuda.zeros::<f32>(640).unwrap(), cuda.zeros::<f32>(640).unwrap());
    let kernel = Kernel::new(&SOURCE, "unwritten");
    cuda.run(&kernel, 10, &[(&fixed).into(), (&dynamic).into()]).unwrap();
    for numbers in [&fixed, &dynamic] {
        assert!(cuda.download(numbers).unwrap().iter().all(|x| x.is_nan()));
    }
}

#[test]
fn threads_that_diverge_are_an_error() {
    let Some(cuda) = simulated(5) else { return };
    let x = cuda.upload(&normal(64)).unwrap();
    let fault = cuda.fault("barrier_of_one_warp", &[]);
    let place = place_of("if (threadIdx.x < 32) { __syncthreads(); }", 0);
    let expected = format!("of 64, 32 wait at __syncthreads {place} and 32 have ended");
    assert!(fault.contains(&expected), "{fault}");
    let fault = cuda.fault("two_barriers", &[]);
    for place in [0, 1].map(|nth| place_of("        __syncthreads();", nth)) {
        assert!(fault.contains(&place), "{fault}");
    }
    let fault = cuda.fault("shuffle_of_half_a_warp", &[(&x).into()]);
    let place = place_of("__shfl_xor_sync(0xffffffffu, x[", 0);
    let expected = format!("of 64, 32 wait at __shfl_xor_sync {place} and 32 have ended");
    assert!(fault.contains(&expected), "{fault}");
    let kernel = Kernel::new(&SOURCE, "masked_shuffle");
    cuda.run(&kernel, 1, &[(&x).into(), Argument::I32(8)]).unwrap();
    let fault = cuda.fault("masked_shuffle", &[(&x).into(), Argument::I32(16)]);
    assert!(fault.contains("which is not in the mask 0xffff"), "{fault}");
    // The next kernel knows nothing of it.
    assert_eq!(not_reversed(&Kernel::new(&SOURCE, "reversed")), Some(0));
}

#[test]
fn shuffles_are_those_of_a_warp() {
    let Some(cuda) = simulated(6) else { return };
    let x: Vec<f64> = (0..64).map(|i| f64::from(i * i)).collect();
    let input = cuda.upload(&x).unwrap();
    let [of_warps, of_all] = [(); 2].map(|()| cuda.zeros::<f64>(64).unwrap());
    let arguments = [(&input).into(), (&of_warps).into(), (&of_all).into()];
    cuda.run(&Kernel::new(&SOURCE, "sums"), 1, &arguments).unwrap();
    let sum = |x: &[f64]| x.iter().sum::<f64>().to_bits();
    for (thread, of_warp) in cuda.download(&of_warps).unwrap().into_iter().enumerate() {
        assert_eq!(of_warp.to_bits(), sum(&x[thread / 32 * 32..][..32]));
    }
    assert!(cuda.download(&of_all).unwrap().iter().all(|of_all| of_all.to_bits() == sum(&x)));
}

#[test]
fn tensor_cores_multiply_matrices() {
    let Some(cuda) = simulated(7) else { return };
    let numbers = normal(128 + 64 + 128);
    let (a, rest) = numbers.split_at(128);
    let (b, c) = rest.split_at(64);
    let inputs = [a, b, c].map(|x| cuda.upload(x).unwrap());
    let output = cuda.zeros::<f32>(256).unwrap();
    let arguments =
        [(&inputs[0]).into(), (&inputs[1]).into(), (&inputs[2]).into(), (&output).into()];
    cuda.run(&Kernel::new(&SOURCE, "product"), 1, &arguments).unwrap();
    let rounded = |x: f32| f64::from(f32::from_bits((x.to_bits() + 0x1000) & !0x1fff));
    for (index, d) in cuda.download(&output).unwrap().into_iter().enumerate() {
        let (i, j) = (index % 128 / 8, index % 8);
        let sum: f64 = (0..8).map(|k| rounded(a[i * 8 + k]) * rounded(b[k * 8 + j])).sum();
        let expected = sum + f64::from(c[i * 8 + j]);
        assert!((f64::from(d) - expected).abs() < 1e-5, "{i} {j}: {d} {expected}");
    }
}

#[test]
fn arguments_are_checked() {
    let Some(cuda) = simulated(8) else { return };
    let x = cuda.zeros::<f32>(1).unwrap();
    let arguments = [
        (&x).into(),
        Argument::I32(-1),
        Argument::U64(20),
        Argument::F32(0.5),
        Argument::F64(0.25),
    ];
    cuda.run(&Kernel::new(&SOURCE, "all_types"), 1, &arguments).unwrap();
    assert!((cuda.download(&x).unwrap()[0] - 19.75).abs() < 1e-6);
    let fault = cuda.fault("all_types", &arguments[..4]);
    assert!(fault.contains("it takes 5 arguments and is given 4"), "{fault}");
    let mut wrong = arguments;
    wrong[1] = Argument::U64(1);
    let fault = cuda.fault("all_types", &wrong);
    assert!(fault.contains("argument 2 is int, given is unsigned long long"), "{fault}");
    wrong[0] = Argument::Address(64);
    let fault = cuda.fault("all_types", &wrong);
    assert!(fault.contains("argument 1 is the address of no memory"), "{fault}");
    let fault = cuda.fault("no_such_kernel", &[]);
    assert!(fault.contains("the file has no `__global__ void no_such_kernel(`"), "{fault}");
}

#[test]
fn launches_that_do_not_fit_the_device_are_errors() {
    let Some(cuda) = simulated(9) else { return };
    let kernel = Kernel { defines: vec![], ..Kernel::new(&SOURCE, "barriers") };
    let launch = |grid, threads, shared_bytes| {
        let launch = Launch { grid, threads, shared_bytes };
        // SAFETY: the kernel takes one number.
        unsafe { cuda.device().launch(&kernel, launch, &[Argument::I32(2)]) }
    };
    launch([3, 2], 1024, 227 * 1024).unwrap();
    assert!(launch([1, 1], 1024, 227 * 1024 + 1).is_err());
    assert!(launch([1, 1], 1056, 0).is_err());
    assert!(launch([1, 1], 40, 0).is_err());
    assert!(launch([0, 1], 32, 0).is_err());
}

#[test]
fn a_kernel_that_does_not_compile_is_an_error() {
    static BROKEN: Source = Source::new("broken", "\n__global__ void f() { g(); }");
    let Some(cuda) = simulated(10) else { return };
    match cuda.run(&Kernel::new(&BROKEN, "f"), 1, &[]) {
        Err(Error::Kernel { source_name: "broken", reason }) => {
            assert!(reason.contains("broken.cu:2"), "{reason}");
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn products_are_those_of_matrices_by_columns() {
    let Some(cuda) = simulated(11) else { return };
    // C^T = B^T A^T with C = 2 A B + C of rows.
    let config = GemmConfig { alpha: 2.0, beta: 1.0, ..GemmConfig::new(2, 2, 3) };
    let a = cuda.upload(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0_f32]).unwrap();
    let b = cuda.upload(&[1.0, 0.0, 0.0, 1.0, 1.0, 1.0_f32]).unwrap();
    let c = cuda.upload(&[0.5, 0.0, 0.0, 0.5_f32]).unwrap();
    let product = |n| {
        let product = ColumnMajorProduct::of(&GemmConfig { n, ..config });
        // SAFETY: what the memories hold is checked.
        unsafe { cuda.device().product(&product, [address(&b), address(&a), address(&c)]) }
    };
    product(2).unwrap();
    assert_eq!(bits(&cuda.download(&c).unwrap()), bits(&[8.5, 10.0, 20.0, 22.5]));
    let error = product(3).unwrap_err().to_string();
    assert!(error.contains("A takes 36 bytes, its memory holds 24"), "{error}");
}

/// `cargo test -p isobath-cuda-sim cost_of -- --ignored --nocapture`
#[test]
#[ignore = "measures"]
fn cost_of_switches_and_products() {
    let Some(cuda) = simulated(12) else { return };
    for threads in [64, 256, 1024] {
        let time = |name, arguments: &[Argument]| {
            let launch = Launch { grid: [1, 1], threads, shared_bytes: 0 };
            let start = Instant::now();
            // SAFETY: the kernels take these arguments.
            unsafe { cuda.device().launch(&Kernel::new(&SOURCE, name), launch, arguments) }
                .unwrap();
            start.elapsed().as_secs_f64()
        };
        let n = 10_000;
        let x = cuda.zeros::<f32>(1024).unwrap();
        let of = |name, arguments: &dyn Fn(i32) -> Vec<Argument>| {
            (time(name, &arguments(n)) - time(name, &arguments(0))) / f64::from(n)
        };
        let barrier = of("barriers", &|n| vec![Argument::I32(n)]);
        let product = of("products", &|n| vec![(&x).into(), Argument::I32(n)]);
        println!(
            "{threads} threads: a barrier takes {:.1} ns a thread, an mma_tf32 {:.2} us a warp",
            barrier * 1e9 / f64::from(threads),
            product * 1e6 / f64::from(threads / 32),
        );
    }
}
