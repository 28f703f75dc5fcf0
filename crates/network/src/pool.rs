//! Pooling layers.

use isobath_architecture::PoolLayer;
use isobath_tensor::{Axes, PoolConfig};

use crate::{
    BackwardBackend, BackwardPass, Batch, ForwardBackend, GradientVisitor, Trace,
    workspace::rescale,
};

fn config(layer: &PoolLayer, samples: usize, axes: [Axes; 2]) -> PoolConfig {
    PoolConfig {
        kind: layer.kind,
        channels: layer.input.channels,
        image: layer.input.size(),
        grid: layer.output().size(),
        kernel: layer.window.kernel,
        stride: layer.window.stride,
        padding: layer.window.padding,
        samples,
        axes,
    }
}

/// `x` `[samples, inputs]` to `y` `[samples, outputs]`.
pub(crate) fn forward<B: ForwardBackend>(
    layer: &PoolLayer,
    backend: &B,
    samples: usize,
    x: &B::Buffer<f32>,
    y: &mut B::Buffer<f32>,
) -> isobath_tensor::Result<()> {
    backend.pool(&config(layer, samples, [Axes::SampleUnitPixel; 2]), x, y)
}

pub(crate) fn forward_traced<B: BackwardBackend>(
    layer: &PoolLayer,
    backend: &B,
    batch: Batch,
    input: &B::Buffer<f32>,
    Trace { pre_activation, output, .. }: &mut Trace<B>,
) -> isobath_tensor::Result<()> {
    let axes = [batch.input.axes(), Axes::UnitPixelSample];
    backend.pool(&config(layer, batch.samples, axes), input, output)?;
    let numbers = layer.output().numbers() * batch.samples;
    backend.copy(output, 0..numbers, pre_activation, 0)
}

/// As [`forward_traced`], from and to `output`.
pub(crate) fn forward_in_place<B: BackwardBackend>(
    layer: &PoolLayer,
    backend: &B,
    batch: Batch,
    Trace { pre_activation, output, .. }: &mut Trace<B>,
) -> isobath_tensor::Result<()> {
    let axes = [batch.input.axes(), Axes::UnitPixelSample];
    backend.pool(&config(layer, batch.samples, axes), output, pre_activation)?;
    std::mem::swap(pre_activation, output);
    Ok(())
}

/// Backward pass; see [`DeviceLayer::backward`](crate::DeviceLayer::backward).
pub(crate) fn backward<B: BackwardBackend, V: GradientVisitor<B>>(
    layer: &PoolLayer,
    backend: &B,
    pass: BackwardPass<'_, B>,
    visitor: &mut V,
) -> Result<(), V::Error> {
    let BackwardPass { batch, input, delta, input_delta, workspace, .. } = pass;
    let scale = visitor.input_scale(delta, layer.output().numbers() * batch.samples)?;
    let Some(input_delta) = input_delta else { return Ok(()) };
    let axes = [batch.input.axes(), Axes::UnitPixelSample];
    let config = config(layer, batch.samples, axes);
    backend.pool_gradient(&config, input, delta, input_delta)?;
    let numbers = layer.input.numbers() * batch.samples;
    Ok(rescale(backend, scale, numbers, workspace, input_delta)?)
}
