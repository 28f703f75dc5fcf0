use isobath_tensor::{BatchedGemm, Convolution, Dense, Patches, Pooling, RandomFill};

/// Backend operations of initialisation and of a forward pass that keeps nothing.
pub trait ForwardBackend: Dense + RandomFill + Patches + Pooling + Convolution {}
impl<B: Dense + RandomFill + Patches + Pooling + Convolution> ForwardBackend for B {}

/// Backend operations of a forward pass that keeps a [`Trace`](crate::Trace), and of the backward pass.
pub trait BackwardBackend: ForwardBackend + BatchedGemm {}
impl<B: ForwardBackend + BatchedGemm> BackwardBackend for B {}
