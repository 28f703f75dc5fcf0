use isobath_tensor::{Backward, BatchedGemm, Convolution, Dense, Patches, Pooling, RandomFill};

/// Backend operations of initialisation and of a forward pass that keeps nothing.
pub trait ForwardBackend: Dense + RandomFill + Patches + Pooling {}
impl<B: Dense + RandomFill + Patches + Pooling> ForwardBackend for B {}

/// Backend operations of a forward pass that keeps a [`Trace`](crate::Trace), and of the backward pass.
pub trait BackwardBackend: ForwardBackend + Backward + BatchedGemm + Convolution {}
impl<B: ForwardBackend + Backward + BatchedGemm + Convolution> BackwardBackend for B {}
