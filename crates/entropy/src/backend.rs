use isobath_tensor::{Backend, ColumnMoments, Divergence, Gemm};

/// What a device must be able to do for every estimator of this crate to run on it.
pub trait EntropyBackend: Backend + Divergence + ColumnMoments + Gemm {}
impl<B: Backend + Divergence + ColumnMoments + Gemm> EntropyBackend for B {}
