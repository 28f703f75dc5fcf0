use isobath_architecture::{
    Activation, Boundary, Conv2dLayer, Initialisation, Law, Layer, LayerVariances, NetworkSpec,
};

use crate::{ModeScale, Result, SpatialVariance, Theory};

/// Consecutive hidden layers that are alike.
#[derive(Clone, Copy, Debug)]
pub struct AlikeLayers {
    /// Stage of the first one, counted from one.
    pub first: usize,
    /// Number of layers.
    pub count: usize,
    /// Their theory.
    pub theory: Theory,
}

/// Longest run of hidden layers that share one activation and one pair of variances and treat all units and pixels alike:
/// dense layers, and convolutions without borders. It is the deep part of a network, and its fixed point and depth scales
/// are those that signals approach there.
///
/// `None` if no two consecutive layers are alike and there are several, and if weights have a mean or no variance. Zero padding, pooling and residual
/// blocks interrupt a run; the last stage belongs to none.
pub fn alike_layers(spec: &NetworkSpec, initialisation: &Initialisation) -> Option<AlikeLayers> {
    let layers = spec.layers();
    let hidden = &layers[..layers.len() - 1];
    let maps: Vec<_> = hidden
        .iter()
        .enumerate()
        .map(|(index, layer)| (index, maps(layer, index, initialisation)))
        .collect();
    let runs = maps.chunk_by(|(_, a), (_, b)| a == b).filter(|run| run[0].1.is_some());
    // The first of the longest ones.
    let longest = runs.reduce(|best, run| if run.len() > best.len() { run } else { best })?;
    if longest.len() == 1 && hidden.len() > 1 {
        return None;
    }
    let (index, found) = longest[0];
    let (activation, variances) = found?;
    let theory = Theory::new(activation, variances.sigma_w2, variances.sigma_b2).ok()?;
    Some(AlikeLayers { first: index + 1, count: longest.len(), theory })
}

/// Depth scales of all spatial frequencies in consecutive convolutions.
#[derive(Clone, Debug, PartialEq)]
pub struct CircularModes {
    /// Stage of the first convolution, counted from one.
    pub first: usize,
    /// Number of convolutions.
    pub count: usize,
    /// Depth scales in the order of [`FixedPoint::mode_scales`](crate::FixedPoint::mode_scales), the uniform mode first.
    pub scales: Vec<ModeScale>,
}

impl CircularModes {
    /// Largest depth scale of correlations, in layers, among the modes that vary over the image; `None` for an image of
    /// one pixel.
    pub fn slowest(&self) -> Option<f64> {
        let varying = self.scales.iter().filter(|mode| mode.waves != [0, 0]);
        varying.map(|mode| mode.xi_c).reduce(f64::max)
    }
}

/// Modes of the longest run of convolutions with stride one, one kernel and one image among the
/// [alike layers](alike_layers).
///
/// `None` if there are no such convolutions.
///
/// # Errors
/// [`Error::LengthDiverges`](crate::Error::LengthDiverges) or [`Error::BiasTooLarge`](crate::Error::BiasTooLarge) if
/// there is no stable length.
pub fn circular_modes(
    spec: &NetworkSpec,
    initialisation: &Initialisation,
) -> Result<Option<CircularModes>> {
    let Some(alike) = alike_layers(spec, initialisation) else { return Ok(None) };
    let layers = spec.layers().iter().enumerate().skip(alike.first - 1).take(alike.count);
    let geometry = |(index, layer): (usize, &Layer)| match layer {
        Layer::Conv2d(conv) if conv.window.stride == [1, 1] => {
            let law = initialisation.layer(layer, index).weights.law;
            Some((conv.window.kernel, conv.product().size(), law == Law::DeltaOrthogonal))
        }
        Layer::Conv2d(_) | Layer::Dense(_) | Layer::Pool(_) | Layer::Residual(_) => None,
    };
    let geometries: Vec<_> =
        layers.map(|(index, layer)| (index, geometry((index, layer)))).collect();
    let runs = geometries.chunk_by(|(_, a), (_, b)| a == b).filter(|run| run[0].1.is_some());
    let longest = runs.reduce(|best, run| if run.len() > best.len() { run } else { best });
    let Some(&[(index, Some((kernel, image, is_delta))), ref rest @ ..]) = longest else {
        return Ok(None);
    };
    let shares =
        if is_delta { SpatialVariance::delta(kernel) } else { SpatialVariance::uniform(kernel) };
    let scales = alike.theory.fixed_point()?.mode_scales(&shares?, image);
    Ok(Some(CircularModes { first: index + 1, count: rest.len() + 1, scales }))
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

/// True if all pixels of the output have full windows: of an image that is padded periodically before the product, or of a
/// product that is wrapped by what the kernel takes away.
fn is_periodic(conv: &Conv2dLayer) -> bool {
    let is_padded = conv.boundary == Boundary::Circular;
    let is_unpadded = conv.window.padding == [0, 0];
    let kernel = conv.window.kernel;
    let is_wrapped = conv.wrap_after > 0 && kernel == [2 * conv.wrap_after + 1; 2];
    is_padded && conv.wrap_after == 0 || is_unpadded && is_wrapped
}
