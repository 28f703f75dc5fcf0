use isobath_architecture::Layer;
use isobath_tensor::{Backend, Precision};

use crate::{
    BackwardBackend, BackwardPass, Batch, DeviceDense, ForwardBackend, GradientVisitor,
    LayerParameters, Network, ParameterArray, ParameterName, Result, Trace,
};

/// One layer of one or several networks of the same shape on a device.
///
/// Dispatches to the layer kind; each kind is one file.
#[derive(Debug)]
pub enum DeviceLayer<B: Backend> {
    /// A dense layer.
    Dense(DeviceDense<B>),
}

impl<B: Backend> DeviceLayer<B> {
    /// Width of the input.
    pub const fn inputs(&self) -> usize {
        match self {
            Self::Dense(layer) => layer.shape().inputs,
        }
    }

    /// Width of the output.
    pub const fn outputs(&self) -> usize {
        match self {
            Self::Dense(layer) => layer.shape().outputs,
        }
    }

    /// Number of networks.
    pub const fn networks(&self) -> usize {
        match self {
            Self::Dense(layer) => layer.networks(),
        }
    }

    /// Arrays of parameters.
    pub fn arrays(&self) -> impl Iterator<Item = (ParameterName, &ParameterArray<B>)> {
        match self {
            Self::Dense(layer) => layer.arrays().into_iter(),
        }
    }

    /// Arrays of parameters, mutable.
    pub fn arrays_mut(&mut self) -> impl Iterator<Item = (ParameterName, &mut ParameterArray<B>)> {
        match self {
            Self::Dense(layer) => layer.arrays_mut().into_iter(),
        }
    }

    /// Keeps the given networks, counted from 0, and drops the others.
    ///
    /// # Errors
    /// When the device cannot provide the memory.
    pub fn keep(&mut self, backend: &B, networks: &[usize]) -> Result<()> {
        match self {
            Self::Dense(layer) => Ok(layer.keep(backend, networks)?),
        }
    }

    /// One network's parameters in host memory.
    ///
    /// # Errors
    /// When the device fails.
    pub fn download(&self, backend: &B, network: usize) -> Result<LayerParameters> {
        match self {
            Self::Dense(layer) => Ok(layer.download(backend, network)?.into()),
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
    /// When there is no network, or no such layer.
    pub fn upload(backend: &B, networks: &[&Network], index: usize) -> Result<Self> {
        match &networks[0].spec().layers()[index] {
            Layer::Dense(shape) => {
                Ok(Self::Dense(DeviceDense::upload(backend, shape, networks, index)?))
            }
        }
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
        }
    }
}

impl<B: BackwardBackend> DeviceLayer<B> {
    /// Forward pass of all networks that keeps what [`backward`](Self::backward) needs.
    ///
    /// # Errors
    /// When a buffer is too short.
    pub fn forward_traced(
        &self,
        backend: &B,
        batch: Batch,
        input: &B::Buffer<f32>,
        trace: &mut Trace<B>,
    ) -> isobath_tensor::Result<()> {
        match self {
            Self::Dense(layer) => layer.forward_traced(backend, batch, input, trace),
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
    ) -> isobath_tensor::Result<()> {
        match self {
            Self::Dense(layer) => layer.forward_in_place(backend, batch, trace),
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
        }
    }

    /// `scale` times the derivative with respect to the input, given the derivative `delta` with respect to the
    /// pre-activation: the linear half of [`backward`](Self::backward).
    ///
    /// # Errors
    /// When a buffer is too short.
    pub fn input_gradient(
        &self,
        backend: &B,
        samples: usize,
        scale: f32,
        delta: &B::Buffer<f32>,
        input_delta: &mut B::Buffer<f32>,
    ) -> isobath_tensor::Result<()> {
        match self {
            Self::Dense(layer) => layer.input_gradient(backend, samples, scale, delta, input_delta),
        }
    }
}
