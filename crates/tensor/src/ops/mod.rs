//! One family of operations per file: its trait, its host-shaped arguments, and a default where it can be composed of
//! other families. What a backend does differently stands in the backend's own folder.

pub(crate) mod backward;
pub(crate) mod batch_entropy;
pub(crate) mod batched_gemm;
pub(crate) mod decoder;
pub(crate) mod dense;
pub(crate) mod divergence;
pub(crate) mod gather;
pub(crate) mod gemm;
pub(crate) mod loss;
pub(crate) mod moments;
pub(crate) mod optimize;
pub(crate) mod peak;
pub(crate) mod pointwise;
pub(crate) mod random_fill;
pub(crate) mod replay;
pub(crate) mod ridge;
