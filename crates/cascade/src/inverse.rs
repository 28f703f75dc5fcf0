//! The decoder of each kind of layer: what undoes it, as data.

use isobath_architecture::{
    Activation, Boundary, Conv2dLayer, Layer, PoolLayer, ResidualLayer, Shape, Window,
};

use crate::{
    ConvTranspose2d, DecoderForm,
    decoder_layer::{DecoderKind, DecoderLayerSpec},
};

/// Layers of the decoder of `layer`, in the order in which they are applied: one, but for residual blocks in the
/// published form. `activation` is that of their output; decoders of pooling layers are linear.
pub(crate) fn decoder_layers(
    layer: &Layer,
    form: DecoderForm,
    activation: Activation,
) -> Vec<DecoderLayerSpec> {
    if let (Layer::Residual(block), DecoderForm::Published) = (layer, form) {
        let convolutions: Option<Vec<_>> = block.branch.iter().map(as_convolution).collect();
        if let Some(convolutions) = convolutions {
            let kinds = convolutions.into_iter().rev().map(|conv| of_convolution(conv, form));
            return kinds.map(|kind| DecoderLayerSpec { kind, activation }).collect();
        }
    }
    let activation = match layer {
        Layer::Dense(_) | Layer::Conv2d(_) | Layer::Residual(_) => activation,
        Layer::Pool(_) => Activation::Linear,
    };
    vec![DecoderLayerSpec { kind: single(layer, form), activation }]
}

/// The one linear layer that undoes `layer` best: the decoder in closed form.
pub(crate) fn linear_layer(layer: &Layer, form: DecoderForm) -> DecoderLayerSpec {
    DecoderLayerSpec { kind: single(layer, form), activation: Activation::Linear }
}

/// The decoder of one layer.
fn single(layer: &Layer, form: DecoderForm) -> DecoderKind {
    match layer {
        Layer::Dense(layer) => dense(layer.outputs, layer.inputs),
        Layer::Conv2d(layer) => of_convolution(layer, form),
        Layer::Pool(layer) => of_pool(layer, form),
        Layer::Residual(block) => of_block(block, form),
    }
}

const fn dense(inputs: usize, outputs: usize) -> DecoderKind {
    DecoderKind::Dense { inputs, outputs }
}

/// A transposed convolution with the kernel and stride of `conv`; the circular adjoint of a circular one.
fn of_convolution(conv: &Conv2dLayer, form: DecoderForm) -> DecoderKind {
    let Conv2dLayer { window, boundary, wrap_after, .. } = *conv;
    let adjoint = |axis| window.padding[axis] + window.stride[axis] * wrap_after;
    let shapes = [conv.output(), conv.input];
    let start = match (form, boundary) {
        (DecoderForm::Aligned, _) | (_, Boundary::Circular) => std::array::from_fn(adjoint),
        (DecoderForm::Published, Boundary::Zero) => published_start(&window, shapes),
    };
    transposed(shapes, &window, start, boundary)
}

/// A transposed convolution with the kernel and stride of the pooling layer.
fn of_pool(pool: &PoolLayer, form: DecoderForm) -> DecoderKind {
    let shapes = [pool.output(), pool.input];
    let start = match form {
        DecoderForm::Aligned => pool.window.padding,
        DecoderForm::Published => published_start(&pool.window, shapes),
    };
    transposed(shapes, &pool.window, start, Boundary::Zero)
}

/// One decoder for a whole block: that of its only layer, a dense one for dense layers, else a transposed convolution as
/// large as two of 3x3.
fn of_block(block: &ResidualLayer, form: DecoderForm) -> DecoderKind {
    let shape = block.shape();
    if block.branch.iter().all(|layer| matches!(layer, Layer::Dense(_))) {
        return dense(shape.numbers(), shape.numbers());
    }
    if let [layer] = &block.branch[..] {
        return single(layer, form);
    }
    let is_circular = |layer: &Layer| {
        as_convolution(layer).is_some_and(|conv| conv.boundary == Boundary::Circular)
    };
    let is_circular = block.branch.iter().all(is_circular);
    let boundary = if is_circular { Boundary::Circular } else { Boundary::Zero };
    transposed([shape; 2], &Window::square(5, 1, 2), [2, 2], boundary)
}

const fn as_convolution(layer: &Layer) -> Option<&Conv2dLayer> {
    match layer {
        Layer::Conv2d(conv) => Some(conv),
        Layer::Dense(_) | Layer::Pool(_) | Layer::Residual(_) => None,
    }
}

/// Rows and columns cropped before the output as published: none with a stride, else half of what is too much.
fn published_start(window: &Window, [input, output]: [Shape; 2]) -> [usize; 2] {
    std::array::from_fn(|axis| {
        let (kernel, stride) = (window.kernel[axis], window.stride[axis]);
        let whole = (input.size()[axis] - 1) * stride + kernel;
        if stride > 1 { 0 } else { whole.saturating_sub(output.size()[axis]) / 2 }
    })
}

const fn transposed(
    [input, output]: [Shape; 2],
    window: &Window,
    start: [usize; 2],
    boundary: Boundary,
) -> DecoderKind {
    let Window { kernel, stride, .. } = *window;
    DecoderKind::ConvTranspose2d(ConvTranspose2d { input, output, kernel, stride, start, boundary })
}
