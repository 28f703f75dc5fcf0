use isobath_architecture::Layer;
use isobath_tensor::Backend;

/// Activations of one layer that its backward pass needs, `[networks, w_l, samples]` each.
#[derive(Debug)]
pub struct Trace<B: Backend> {
    /// `z_l = W_l h_{l-1} + b_l`, before any wrap; the sum for a residual block, the output for a pooling layer.
    pub pre_activation: B::Buffer<f32>,
    /// `h_l = phi(z_l)`
    pub output: B::Buffer<f32>,
    /// `phi(z_l)` of a convolution whose output is wrapped.
    pub(crate) product: Option<B::Buffer<f32>>,
    /// The input of a residual block with the function before its branch, then the layers of the branch.
    pub(crate) branch: Vec<Trace<B>>,
}

impl<B: Backend> Trace<B> {
    /// Memory for `numbers` activations of layers that run in place, see
    /// [`DeviceLayer::forward_in_place`](crate::DeviceLayer::forward_in_place).
    ///
    /// # Errors
    /// When the device cannot provide the memory.
    pub fn new(backend: &B, numbers: usize) -> isobath_tensor::Result<Self> {
        Ok(Self {
            pre_activation: backend.zeros(numbers)?,
            output: backend.zeros(numbers)?,
            product: None,
            branch: Vec::new(),
        })
    }

    /// Memory for `layer` of `networks` networks with up to `samples` samples each.
    ///
    /// # Errors
    /// When the device cannot provide the memory.
    pub fn of_layer(
        backend: &B,
        layer: &Layer,
        networks: usize,
        samples: usize,
    ) -> isobath_tensor::Result<Self> {
        let mut trace = Self::new(backend, networks * samples * layer.outputs())?;
        match layer {
            Layer::Dense(_) | Layer::Pool(_) => {}
            Layer::Conv2d(layer) => {
                if layer.wrap_after > 0 {
                    trace.product = Some(backend.zeros(samples * layer.product().numbers())?);
                }
            }
            Layer::Residual(block) => {
                let input = Self::new(backend, samples * block.shape().numbers());
                let layers = block.branch.iter();
                let layers = layers.map(|layer| Self::of_layer(backend, layer, networks, samples));
                trace.branch = [input].into_iter().chain(layers).collect::<Result<_, _>>()?;
            }
        }
        Ok(trace)
    }
}
