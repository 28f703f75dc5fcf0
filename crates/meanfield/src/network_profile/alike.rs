use isobath_architecture::{
    Activation, Boundary, Conv2dLayer, Initialisation, Law, Layer, LayerVariances, NetworkSpec,
};

use crate::{ModeScale, Result, SpatialVariance, Theory};

/// Theory that all hidden layers of the network share: dense layers, or convolutions that treat all pixels alike, with
/// one activation and one pair of variances. The first layer's variances and the readout may differ.
///
/// Such networks have fixed points and depth scales. `None` for zero padding, strides, pooling and residual blocks, and
/// for weights that have a mean or no variance.
pub fn alike_layers(spec: &NetworkSpec, initialisation: &Initialisation) -> Option<Theory> {
    let layers = spec.layers();
    let hidden = &layers[..layers.len() - 1];
    let found: Option<Vec<_>> = hidden
        .iter()
        .enumerate()
        .map(|(index, layer)| maps(layer, index, initialisation))
        .collect();
    let found = found?;
    // Only a framework's scheme gives the first layer other variances, because its width differs.
    let (_, deep) = found.split_at(usize::from(found.len() > 1));
    let (activation, variances) = *deep.first()?;
    let same = deep.iter().all(|other| *other == (activation, variances))
        && found.iter().all(|(other, _)| *other == activation);
    if !same {
        return None;
    }
    Theory::new(activation, variances.sigma_w2, variances.sigma_b2).ok()
}

/// Depth scales of all spatial frequencies of a network of circular convolutions that are alike, as
/// [`FixedPoint::mode_scales`](crate::FixedPoint::mode_scales).
///
/// `None` unless the network is [alike](alike_layers) and its hidden convolutions share one kernel and image.
///
/// # Errors
/// [`Error::LengthDiverges`](crate::Error::LengthDiverges) or [`Error::BiasTooLarge`](crate::Error::BiasTooLarge) if
/// there is no stable length.
pub fn circular_modes(
    spec: &NetworkSpec,
    initialisation: &Initialisation,
) -> Result<Option<Vec<ModeScale>>> {
    let Some(theory) = alike_layers(spec, initialisation) else { return Ok(None) };
    let geometry = |(index, layer): (usize, &Layer)| match layer {
        Layer::Conv2d(conv) => {
            let law = initialisation.layer(layer, index).weights.law;
            Some((conv.window.kernel, conv.product().size(), law == Law::DeltaOrthogonal))
        }
        Layer::Dense(_) | Layer::Pool(_) | Layer::Residual(_) => None,
    };
    let convolutions: Vec<_> = spec.layers().iter().enumerate().filter_map(geometry).collect();
    let Some(&(kernel, image, is_delta)) = convolutions.first() else { return Ok(None) };
    if convolutions.iter().any(|other| *other != (kernel, image, is_delta)) {
        return Ok(None);
    }
    let shares =
        if is_delta { SpatialVariance::delta(kernel) } else { SpatialVariance::uniform(kernel) };
    Ok(Some(theory.fixed_point()?.mode_scales(&shares?, image)))
}

/// Activation and variances of a layer that treats all units and pixels alike.
fn maps(
    layer: &Layer,
    index: usize,
    initialisation: &Initialisation,
) -> Option<(Activation, LayerVariances)> {
    let law = initialisation.layer(layer, index);
    if law.weights.mean.abs() > 0.0 || law.bias.mean.abs() > 0.0 {
        return None;
    }
    let variances = initialisation.variances(layer, index);
    match layer {
        Layer::Dense(dense) => Some((dense.activation, variances)),
        Layer::Conv2d(conv) => {
            let sigma_b2 = if conv.bias { variances.sigma_b2 } else { 0.0 };
            let variances = LayerVariances { sigma_b2, ..variances };
            is_periodic(conv).then_some((conv.activation, variances))
        }
        Layer::Pool(_) | Layer::Residual(_) => None,
    }
}

/// True if the layer's output does not depend on where the image begins: padding around the image before the product, or
/// a wrap of the product as wide as the kernel takes away.
fn is_periodic(conv: &Conv2dLayer) -> bool {
    let window = conv.window;
    let is_padded = conv.boundary == Boundary::Circular && conv.wrap_after == 0;
    let is_wrapped = window.padding == [0, 0] && conv.wrap_after > 0;
    let kept = (0..2).all(|axis| {
        let added = if is_padded { window.padding[axis] } else { conv.wrap_after };
        window.kernel[axis] == 2 * added + 1
    });
    window.stride == [1, 1] && kept && (is_padded || is_wrapped)
}
