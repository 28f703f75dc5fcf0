use isobath_tensor::Backend;

/// Activations of one layer that its backward pass needs, `[networks, w_l, samples]` each.
#[derive(Debug)]
pub struct Trace<B: Backend> {
    /// `z_l = W_l h_{l-1} + b_l`
    pub pre_activation: B::Buffer<f32>,
    /// `h_l = phi(z_l)`
    pub output: B::Buffer<f32>,
}

impl<B: Backend> Trace<B> {
    /// Memory for `numbers` activations.
    ///
    /// # Errors
    /// When the device cannot provide the memory.
    pub fn new(backend: &B, numbers: usize) -> isobath_tensor::Result<Self> {
        Ok(Self { pre_activation: backend.zeros(numbers)?, output: backend.zeros(numbers)? })
    }
}
