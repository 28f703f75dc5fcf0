//! One folder per operation, with everything about it: `mod.rs` has the trait, its arguments and the default,
//! `reference.rs` the readable implementation, `cpu` and `cuda` the fast ones, `*.cu` the kernels, `conformance.rs` the
//! checks.
//!
//! The list below is the only place outside its folder that names an operation. A folder provides its trait and
//! arguments, `conformance::run` and, with the feature `cuda`, `cuda::KERNEL_FILES`.

mod axes;
pub(crate) mod backward;
pub(crate) mod batch_entropy;
pub(crate) mod batched_gemm;
pub(crate) mod convolution;
pub(crate) mod decoder;
pub(crate) mod dense;
pub(crate) mod divergence;
pub(crate) mod gather;
pub(crate) mod gemm;
pub(crate) mod loss;
pub(crate) mod moments;
pub(crate) mod optimize;
pub(crate) mod patches;
pub(crate) mod peak;
pub(crate) mod pointwise;
pub(crate) mod pool;
pub(crate) mod random_fill;
pub(crate) mod replay;
pub(crate) mod ridge;

pub use axes::Axes;

/// Registers the operations: each folder with its trait.
macro_rules! operations {
    ($($folder:ident: $operation:ident,)*) => {
        $(pub use $folder::*;)*

        /// A backend that has every operation, so that any stage can run on it.
        pub trait FullBackend: $($folder::$operation +)* {}
        impl<B: $($folder::$operation +)*> FullBackend for B {}

        /// Runs the checks of every operation.
        #[cfg(feature = "conformance")]
        pub(crate) fn run_conformance<B: FullBackend>(
            suite: &crate::conformance::Suite<'_, B>,
            report: &mut crate::conformance::Report,
        ) -> crate::Result<()> {
            $($folder::conformance::run(suite, report)?;)*
            Ok(())
        }

        /// Files of CUDA kernels of every operation.
        #[cfg(feature = "cuda")]
        pub(crate) fn kernel_files() -> impl Iterator<Item = &'static crate::cuda::device::Source> {
            [$($folder::cuda::KERNEL_FILES),*].into_iter().flatten().copied()
        }
    };
}

operations! {
    random_fill: RandomFill,
    gemm: Gemm,
    batched_gemm: BatchedGemm,
    dense: Dense,
    pointwise: Pointwise,
    optimize: Optimize,
    decoder: TrainDecoder,
    moments: ColumnMoments,
    ridge: FitRidge,
    divergence: Divergence,
    backward: Backward,
    loss: LossGradient,
    gather: GatherRows,
    replay: Replay,
    batch_entropy: BatchEntropy,
    patches: Patches,
    convolution: Convolution,
    pool: Pooling,
    peak: PeakFlops,
}
