use isobath_architecture::{Layer, PoolLayer};
use isobath_tensor::{Backend, Precision};

use crate::{
    BackwardBackend, BackwardPass, Batch, DeviceConv2d, DeviceDense, DeviceResidual,
    ForwardBackend, GradientVisitor, LayerParameters, Network, ParameterArray, ParameterName,
    Result, Trace, Workspace, pool, source::LayerSource,
};

/// One layer of one or several networks of the same shape on a device.
///
/// Dispatches to the layer kind; each kind is one file.
#[derive(Debug)]
pub enum DeviceLayer<B: Backend> {
    /// A dense layer.
    Dense(DeviceDense<B>),
    /// A convolution of one network.
    Conv2d(DeviceConv2d<B>),
    /// A pooling layer, which has no parameters.
    Pool(PoolLayer),
    /// A residual block of one network.
    Residual(DeviceResidual<B>),
}

impl<B: Backend> DeviceLayer<B> {
    /// Numbers of the input, per sample.
    pub fn inputs(&self) -> usize {
        match self {
            Self::Dense(layer) => layer.shape().inputs,
            Self::Conv2d(layer) => layer.shape().input.numbers(),
            Self::Pool(layer) => layer.input.numbers(),
            Self::Residual(layer) => layer.shape().shape().numbers(),
        }
    }

    /// Numbers of the output, per sample.
    pub fn outputs(&self) -> usize {
        match self {
            Self::Dense(layer) => layer.shape().outputs,
            Self::Conv2d(layer) => layer.shape().output().numbers(),
            Self::Pool(layer) => layer.output().numbers(),
            Self::Residual(layer) => layer.shape().shape().numbers(),
        }
    }

    /// Number of networks.
    pub const fn networks(&self) -> usize {
        match self {
            Self::Dense(layer) => layer.networks(),
            Self::Conv2d(_) | Self::Pool(_) | Self::Residual(_) => 1,
        }
    }

    /// Arrays of parameters.
    pub fn arrays(&self) -> impl Iterator<Item = (ParameterName, &ParameterArray<B>)> {
        let arrays = match self {
            Self::Dense(layer) => layer.arrays().into(),
            Self::Conv2d(layer) => layer.arrays(),
            Self::Pool(_) => Vec::new(),
            Self::Residual(layer) => layer.arrays(),
        };
        arrays.into_iter()
    }

    /// Arrays of parameters, mutable.
    pub fn arrays_mut(&mut self) -> impl Iterator<Item = (ParameterName, &mut ParameterArray<B>)> {
        let arrays = match self {
            Self::Dense(layer) => layer.arrays_mut().into(),
            Self::Conv2d(layer) => layer.arrays_mut(),
            Self::Pool(_) => Vec::new(),
            Self::Residual(layer) => layer.arrays_mut(),
        };
        arrays.into_iter()
    }

    /// Keeps the given networks, counted from 0, and drops the others.
    ///
    /// # Errors
    /// When the device cannot provide the memory.
    pub fn keep(&mut self, backend: &B, networks: &[usize]) -> Result<()> {
        match self {
            Self::Dense(layer) => Ok(layer.keep(backend, networks)?),
            // There is only one.
            Self::Conv2d(_) | Self::Pool(_) | Self::Residual(_) => Ok(()),
        }
    }

    /// One network's parameters in host memory.
    ///
    /// # Errors
    /// When the device fails.
    pub fn download(&self, backend: &B, network: usize) -> Result<LayerParameters> {
        match self {
            Self::Dense(layer) => Ok(layer.download(backend, network)?.into()),
            Self::Conv2d(layer) => Ok(layer.download(backend)?.into()),
            Self::Pool(_) => Ok(LayerParameters::Pool),
            Self::Residual(layer) => layer.download(backend),
        }
    }
}

impl<B: ForwardBackend> DeviceLayer<B> {
    /// Layer `index`, counted from 0, of networks of the same shape. The device draws random parameters.
    ///
    /// # Errors
    /// When the device cannot provide the memory.
    ///
    /// # Panics
    /// When there is no network, no such layer, or several networks with layers that are not dense.
    pub fn upload(backend: &B, networks: &[&Network], index: usize) -> Result<Self> {
        let sources: Vec<_> = networks.iter().map(|network| network.layer_source(index)).collect();
        Self::of(backend, &networks[0].spec().layers()[index], &sources)
    }

    /// A layer of as many networks as there are sources of its parameters.
    pub(crate) fn of(backend: &B, layer: &Layer, sources: &[LayerSource<'_>]) -> Result<Self> {
        let one = || {
            assert_eq!(sources.len(), 1, "only dense layers run for several networks at once");
            sources[0]
        };
        Ok(match layer {
            Layer::Dense(shape) => Self::Dense(DeviceDense::upload(backend, shape, sources)?),
            Layer::Conv2d(shape) => Self::Conv2d(DeviceConv2d::upload(backend, shape, one())?),
            Layer::Pool(shape) => {
                one();
                Self::Pool(*shape)
            }
            Layer::Residual(shape) => {
                Self::Residual(DeviceResidual::upload(backend, shape, one())?)
            }
        })
    }

    /// Forward pass of a single network that keeps nothing, both matrices
    /// [`Layout::SamplesMajor`](crate::Layout::SamplesMajor): `x` `[samples, inputs]`, `y` `[samples, outputs]`, with
    /// factors of `precision`.
    ///
    /// # Errors
    /// When a buffer is too short, or the device lacks the precision.
    pub fn forward(
        &self,
        backend: &B,
        precision: Precision,
        samples: usize,
        x: &B::Buffer<f32>,
        y: &mut B::Buffer<f32>,
    ) -> Result<()> {
        match self {
            Self::Dense(layer) => Ok(layer.forward(backend, precision, samples, x, y)?),
            Self::Conv2d(layer) => Ok(layer.forward(backend, precision, samples, x, y)?),
            Self::Pool(layer) => Ok(pool::forward(layer, backend, samples, x, y)?),
            Self::Residual(layer) => layer.forward(backend, precision, samples, x, y),
        }
    }
}

impl<B: BackwardBackend> DeviceLayer<B> {
    /// Forward pass of all networks that keeps what [`backward`](Self::backward) needs in a
    /// [trace of the layer](Trace::of_layer).
    ///
    /// # Errors
    /// When a buffer is too short.
    pub fn forward_traced(
        &self,
        backend: &B,
        batch: Batch,
        input: &B::Buffer<f32>,
        trace: &mut Trace<B>,
        workspace: &mut Workspace<B>,
    ) -> isobath_tensor::Result<()> {
        match self {
            Self::Dense(layer) => layer.forward_traced(backend, batch, input, trace),
            Self::Conv2d(layer) => layer.forward_traced(backend, batch, input, trace, workspace),
            Self::Pool(layer) => pool::forward_traced(layer, backend, batch, input, trace),
            Self::Residual(layer) => layer.forward_traced(backend, batch, input, trace, workspace),
        }
    }

    /// Forward pass of all networks that keeps nothing: replaces the input in `trace.output` by the output.
    ///
    /// # Errors
    /// When a buffer is too short.
    pub fn forward_in_place(
        &self,
        backend: &B,
        batch: Batch,
        trace: &mut Trace<B>,
        workspace: &mut Workspace<B>,
    ) -> isobath_tensor::Result<()> {
        match self {
            Self::Dense(layer) => layer.forward_in_place(backend, batch, trace),
            Self::Conv2d(layer) => layer.forward_in_place(backend, batch, trace, workspace),
            Self::Pool(layer) => pool::forward_in_place(layer, backend, batch, trace),
            Self::Residual(layer) => layer.forward_in_place(backend, batch, trace, workspace),
        }
    }

    /// Backward pass of all networks: hands the gradients of all parameters to `visitor`, which may update the
    /// parameters.
    ///
    /// # Errors
    /// When a buffer is too short or `visitor` fails.
    pub fn backward<V: GradientVisitor<B>>(
        &mut self,
        backend: &B,
        pass: BackwardPass<'_, B>,
        visitor: &mut V,
    ) -> Result<(), V::Error> {
        match self {
            Self::Dense(layer) => layer.backward(backend, pass, visitor),
            Self::Conv2d(layer) => layer.backward(backend, pass, visitor),
            Self::Pool(layer) => pool::backward(layer, backend, pass, visitor),
            Self::Residual(layer) => layer.backward(backend, pass, visitor),
        }
    }
}
