use isobath_tensor::{Backend, ColumnMoments, Divergence, Gemm};

/// Operations that a backend needs to run every estimator of this crate.
pub trait EntropyBackend: Backend + Divergence + ColumnMoments + Gemm {}
impl<B: Backend + Divergence + ColumnMoments + Gemm> EntropyBackend for B {}
