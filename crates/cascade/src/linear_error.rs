//! Errors of the best linear decoders from a layer to the input, the yardstick for trained decoders.

use isobath_architecture::{Activation, Layer, Shape};
use isobath_network::{DeviceLayer, ForwardBackend};
use isobath_tensor::{Axes, Backend, FitRidge, GatherRows, PatchesConfig};
use ndarray::{ArrayView2, Axis};

use crate::{
    DecoderForm, DecoderKind, Result,
    activations::Activations,
    conv_transpose::reordered,
    decoder_layer::DecoderLayerSpec,
    device_decoder::DeviceDecoder,
    inverse::linear_layer,
    linear_fit::{LinearFit, fit_flops},
    memory::product,
    segment::{is_dense, widest},
    sweep::Sweep,
};

/// Maximum number of samples for the fit of the first layer.
const SAMPLES: usize = 2000;

/// Maximum number of samples for the fits of deeper layers.
const DEEP_SAMPLES: usize = 1000;

/// Maximum number of a layer's units that the fits of deeper layers read, unless all layers are dense. Where images have
/// more, pixels are left out evenly in each channel; a decoder that reads the input from the others proves all the more
/// that it is not lost.
const DEEP_UNITS: usize = 8192;

/// Maximum number of activations that are kept for fits, unless all layers are dense; there are fewer samples where layers
/// are wide.
const NUMBERS: usize = 1 << 24;

/// Noise on the activations that the fit of the first layer assumes: far below any difference that training resolves, and
/// large enough for f32.
const FIRST_NOISE: f64 = 1e-3;

/// True for the layers, counted from 1, whose linear decoders are fitted: the powers of two and the last.
const fn is_checked(layer: usize, last: usize) -> bool {
    layer == last || layer.is_power_of_two()
}

/// True if linear decoders of deeper layers are fitted. Dense ridge decoders need no such check. A chain of ridge decoders of
/// convolutions does: each reads a patch, and the chain can lose what one decoder that reads the whole layer still finds.
pub(crate) fn checks_deep(layers: &[Layer], is_trained: bool) -> bool {
    is_trained || !is_dense(layers)
}

/// Fits of linear decoders along a sweep, and their errors so far.
pub(crate) struct LinearCheck<B: Backend> {
    /// Input of the network for the first `samples` training samples.
    inputs: B::Buffer<f32>,
    samples: usize,
    /// Activations of these samples; `None` where all layers are dense, whose training samples are all there.
    head: Option<Activations<B>>,
    /// Number of layers so far.
    layers: usize,
    /// `1 - R^2` of the first layer, if there is one.
    pub(crate) error: Option<f64>,
    /// Depths and `1 - R^2` of deeper layers.
    pub(crate) profile: Vec<(usize, f64)>,
}

impl<B: ForwardBackend + FitRidge + GatherRows> LinearCheck<B> {
    /// No layer yet; `train` has the input of the network.
    pub(crate) fn new(sweep: &Sweep<'_, '_, B>, train: &Activations<B>) -> Result<Self> {
        let (backend, layers) = (sweep.backend, sweep.layers());
        let (samples, width) = (checked(layers, train.rows), sweep.job.train.ncols());
        let mut inputs = backend.zeros(samples * width)?;
        backend.copy(&train.input, 0..samples * width, &mut inputs, 0)?;
        let head = if is_dense(layers) {
            None
        } else {
            let mut head = Activations::empty(backend, samples, [widest(layers); 2])?;
            backend.copy(&inputs, 0..samples * width, &mut head.input, 0)?;
            Some(head)
        };
        Ok(Self { inputs, samples, head, layers: 0, error: None, profile: Vec::new() })
    }

    /// Adds the next layer, of the network on the device, given its output for the probe samples. `train` has the
    /// training samples before and behind it where all layers are dense. Deeper layers than the first are checked if
    /// [`checks_deep`] says so, given `is_trained`.
    ///
    /// # Errors
    /// When the device fails.
    pub(crate) fn add(
        &mut self,
        sweep: &Sweep<'_, '_, B>,
        layer: &DeviceLayer<B>,
        is_trained: bool,
        train: &Activations<B>,
        probe_output: &B::Buffer<f32>,
    ) -> Result<()> {
        let backend = sweep.backend;
        if let Some(head) = &mut self.head {
            head.forward(backend, sweep.precision, layer)?;
        }
        self.layers += 1;
        let h = self.head.as_ref().map_or(&train.output, |head| &head.output);
        if self.layers == 1 {
            let target = if self.head.is_some() { &self.inputs } else { &train.input };
            let samples = if self.head.is_some() { self.samples } else { train.rows.min(SAMPLES) };
            let kind = first_kind(sweep.layers(), &sweep.decoders);
            let fit = LinearFit { kind, samples, noise: FIRST_NOISE };
            self.error = fitted_error(sweep, fit, [h, target], probe_output)?;
        } else if checks_deep(sweep.layers(), is_trained)
            && is_checked(self.layers, sweep.job.layers)
        {
            let error = self.deep_error(sweep, h, probe_output)?;
            let depth = self.layers;
            self.profile.extend(error.map(|error| (depth, error)));
        }
        if let Some(head) = &mut self.head {
            head.advance();
        }
        Ok(())
    }

    /// `1 - R^2` of a dense decoder from the current layer, whose output is `h`, to the input of the network.
    fn deep_error(
        &self,
        sweep: &Sweep<'_, '_, B>,
        h: &B::Buffer<f32>,
        probe_output: &B::Buffer<f32>,
    ) -> Result<Option<f64>> {
        let (backend, job) = (sweep.backend, sweep.job);
        let layer = &sweep.layers()[self.layers - 1];
        let fit = |inputs| {
            let kind = DecoderKind::Dense { inputs, outputs: job.train.ncols() };
            LinearFit { kind, samples: self.samples, noise: sweep.noise }
        };
        let Some(step) = self.head.as_ref().map(|_| thinning(layer.output_shape())) else {
            return fitted_error(sweep, fit(layer.outputs()), [h, &self.inputs], probe_output);
        };
        let Some(step) = step else { return Ok(None) };
        let thinned = |samples, h: &B::Buffer<f32>| {
            let config = thinned(layer.output_shape(), step, samples);
            let units = config.channels * config.count();
            let mut out = backend.zeros(samples * units)?;
            backend.patches(&config, h, &mut out)?;
            Ok::<_, crate::Error>((units, out))
        };
        let (units, h) = thinned(self.samples, h)?;
        let (_, probe_output) = thinned(job.probe.nrows(), probe_output)?;
        fitted_error(sweep, fit(units), [&h, &self.inputs], &probe_output)
    }
}

/// Fits a linear decoder from a layer's output `h` to the input of the network, `target`, and returns its `1 - R^2` on the
/// probe samples, for which the layer's output is `probe_output`. `None` if the probe samples are all equal or the fit
/// fails.
fn fitted_error<B: ForwardBackend + FitRidge + GatherRows>(
    sweep: &Sweep<'_, '_, B>,
    fit: LinearFit,
    [h, target]: [&B::Buffer<f32>; 2],
    probe_output: &B::Buffer<f32>,
) -> Result<Option<f64>> {
    let (backend, probe) = (sweep.backend, sweep.job.probe);
    let Ok(([weights, bias], _)) = fit.run(backend, h, target)? else { return Ok(None) };
    let spec = DecoderLayerSpec { kind: fit.kind, activation: Activation::Linear };
    let decoder = DeviceDecoder::single(backend, spec, weights, bias);
    let mut reconstruction = backend.zeros(probe.nrows() * decoder.outputs())?;
    decoder.apply(probe.nrows(), probe_output, &mut reconstruction)?;
    Ok(unexplained(probe, &backend.download(&reconstruction)?))
}

/// Number of samples whose activations are kept for fits.
fn checked(layers: &[Layer], samples: usize) -> usize {
    let samples = samples.min(DEEP_SAMPLES);
    if is_dense(layers) { samples } else { samples.min(NUMBERS / widest(layers).max(1)).max(1) }
}

/// The linear layer that is fitted to the first layer: that of its decoder, if this has only one.
fn first_kind(layers: &[Layer], decoders: &[Vec<DecoderLayerSpec>]) -> DecoderKind {
    match &decoders[0][..] {
        [only] => only.kind,
        _ => linear_layer(&layers[0], DecoderForm::Aligned).kind,
    }
}

/// Distance of the pixels of `shape` that the fit of a deeper layer reads; `None` if one pixel has too many channels.
fn thinning(shape: Shape) -> Option<usize> {
    let fits = |step: &usize| {
        shape.channels * shape.height.div_ceil(*step) * shape.width.div_ceil(*step) <= DEEP_UNITS
    };
    (1..=shape.height.max(shape.width)).find(fits)
}

/// Every pixel whose row and column are multiples of `step`.
fn thinned(shape: Shape, step: usize, samples: usize) -> PatchesConfig {
    let grid = shape.size().map(|size| size.div_ceil(step));
    let all = reordered(shape, samples, [Axes::SampleUnitPixel; 2]);
    PatchesConfig { grid, stride: [step, step], ..all }
}

/// Numbers in the memory of the fits: samples that are kept for them, and the largest fit. Layers are not all dense.
pub(crate) fn kept_numbers(layers: &[Layer], samples: usize) -> u64 {
    let (kept, inputs) = (checked(layers, samples), layers.first().map_or(0, Layer::inputs));
    let units = DEEP_UNITS.min(widest(layers));
    let fit = product([units, kept + 2 * inputs]) + 4 * product([kept, kept]);
    product([kept, 2 * widest(layers) + inputs]) + fit
}

/// Floating-point operations of the fit of the first of `layers`, with `samples` training samples.
pub(crate) fn flops(layers: &[Layer], decoders: &[Vec<DecoderLayerSpec>], samples: usize) -> u64 {
    if layers.is_empty() {
        return 0;
    }
    let used = if is_dense(layers) { samples.min(SAMPLES) } else { checked(layers, samples) };
    fit_flops(first_kind(layers, decoders), used as u64) + head_flops(layers, samples)
}

/// Floating-point operations of the passes of samples that are kept for fits.
fn head_flops(layers: &[Layer], samples: usize) -> u64 {
    if is_dense(layers) {
        return 0;
    }
    layers.iter().map(Layer::forward_flops).sum::<u64>() * checked(layers, samples) as u64
}

/// Floating-point operations of the fits of the deeper of `layers` that are checked.
pub(crate) fn deep_flops(layers: &[Layer], samples: usize, is_trained: bool) -> u64 {
    if !checks_deep(layers, is_trained) {
        return 0;
    }
    let outputs = layers.first().map_or(0, Layer::inputs);
    let samples = checked(layers, samples) as u64;
    let units = |layer: &Layer| {
        if is_dense(layers) {
            return layer.outputs();
        }
        let shape = layer.output_shape();
        let read = |step| shape.channels * thinned(shape, step, 1).count();
        thinning(shape).map_or(0, read)
    };
    let checked = (2..).zip(layers.iter().skip(1));
    let checked = checked.filter(|(depth, _)| is_checked(*depth, layers.len()));
    let fit = |(_, layer)| fit_flops(DecoderKind::Dense { inputs: units(layer), outputs }, samples);
    checked.map(fit).sum()
}

/// `1 - R^2` of `reconstruction`, row by row as `probe`; `None` if all samples of `probe` are equal or a number is not
/// finite.
fn unexplained(probe: ArrayView2<'_, f32>, reconstruction: &[f32]) -> Option<f64> {
    let wide = probe.mapv(f64::from);
    let mean = wide.mean_axis(Axis(0))?;
    let variation = (&wide - &mean).mapv(|difference| difference.powi(2)).sum();
    let square = |(x, &y): (&f64, &f32)| (x - f64::from(y)).powi(2);
    let error = wide.iter().zip(reconstruction).map(square).sum::<f64>() / variation;
    error.is_finite().then_some(error)
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    #[test]
    fn unexplained_variance_of_exact_mean_and_constant_samples() {
        let probe = array![[0.0_f32, 1.0], [1.0, 3.0]];
        assert_eq!(unexplained(probe.view(), &[0.0, 1.0, 1.0, 3.0]), Some(0.0));
        assert_eq!(unexplained(probe.view(), &[0.5, 2.0, 0.5, 2.0]), Some(1.0));
        assert_eq!(unexplained(array![[1.0_f32], [1.0]].view(), &[1.0, 1.0]), None);
    }

    #[test]
    fn wide_layers_are_thinned() {
        assert_eq!(thinning(Shape::new(8, 32, 32)), Some(1));
        assert_eq!(thinning(Shape::new(32, 28, 28)), Some(2));
        assert_eq!(thinning(Shape::flat(8193)), None);
        let config = thinned(Shape::new(2, 5, 4), 2, 1);
        assert_eq!((config.grid, config.count()), ([3, 2], 6));
    }
}
