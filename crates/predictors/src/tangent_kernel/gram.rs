//! The empirical tangent kernel of a network, layer by layer.

use std::collections::BTreeMap;

use isobath_architecture::Layer;
use isobath_network::{ConvolutionFactors, Gradient, Network, ParameterGradient, ParameterKind};
use isobath_tensor::RandomStream;
use isobath_trainer::TrainerBackend;
use ndarray::{Array2, ArrayView2, Axis, s};

use super::convolution::Convolution;
use crate::{
    Result,
    tape::{ConsumeGradient, Tape},
};

/// First stream of the random directions in output space.
const STREAMS: u64 = 5 << 32;
/// Number of directions in output space over which the kernel is averaged.
const DIRECTIONS: u64 = 2;
/// Most numbers of per-sample gradients of convolutions to keep; beyond it, parameters are sampled evenly.
const MOST_NUMBERS: usize = 48 << 20;

/// From this step between the parameters that are kept on, gradients by the others are not computed.
const SPARSE: usize = 4;
/// Most numbers of activations in a pass of several samples through convolutions.
const PASS_NUMBERS: usize = 24 << 20;

/// How the gradients of all samples are computed.
#[derive(Clone, Copy, Debug)]
struct Passes {
    /// Samples of a pass.
    step: usize,
    /// Step between the parameters of convolutions that are kept.
    stride: usize,
    /// True if gradients by the other parameters are not computed, which passes of several samples need.
    is_sparse: bool,
}

/// Tangent kernel of one layer.
#[derive(Clone, Debug, PartialEq)]
pub struct LayerKernel {
    /// Number of parameters.
    pub parameters: usize,
    /// `[n, n]`: inner products of the gradients of the outputs by the layer's parameters, averaged over the outputs.
    pub gram: Array2<f64>,
}

/// Tangent kernel of a network on a batch of samples, and its outputs there.
///
/// `k(x, x') = 1/K sum_c <df_c(x)/dtheta, df_c(x')/dtheta>` (Jacot, Gabriel and Hongler, arXiv:1806.07572) is
/// estimated with two random directions in the space of the `K` outputs.
#[derive(Clone, Debug, PartialEq)]
pub struct TangentKernel {
    /// First layer first.
    pub layers: Vec<LayerKernel>,
    /// `[K, n]`
    pub outputs: Array2<f64>,
}

impl TangentKernel {
    /// The kernel of a network on `samples` `[w_0, n]`; `None` where activations or derivatives are not finite or
    /// vanish.
    ///
    /// Networks of dense layers need one forward pass and two backward passes of the batch. Gradients by the kernels of
    /// convolutions are taken sample by sample; where only few of them are kept, passes have many samples and only these
    /// gradients are computed.
    ///
    /// # Errors
    /// When the device fails.
    pub fn new<B: TrainerBackend>(
        backend: &B,
        network: &Network,
        samples: ArrayView2<'_, f32>,
        seed: u64,
    ) -> Result<Option<Self>> {
        let samples = samples.as_standard_layout();
        let (layers, n) = (network.spec().layers(), samples.ncols());
        if n == 0 || layers.is_empty() {
            return Ok(None);
        }
        let one_by_one = layers.iter().any(has_kernels);
        let parameters: usize = layers.iter().map(Layer::parameters).sum();
        let stride = if one_by_one { (parameters * n).div_ceil(MOST_NUMBERS).max(1) } else { 1 };
        let (step, is_sparse) = match stride {
            _ if !one_by_one => (n, false),
            stride if stride < SPARSE => (1, false),
            _ => ((PASS_NUMBERS / activations(layers)).clamp(1, n), true),
        };
        Self::in_passes(backend, network, samples.view(), seed, Passes { step, stride, is_sparse })
    }

    /// The kernel from passes of some samples each.
    fn in_passes<B: TrainerBackend>(
        backend: &B,
        network: &Network,
        samples: ArrayView2<'_, f32>,
        seed: u64,
        passes: Passes,
    ) -> Result<Option<Self>> {
        let (layers, n, step) = (network.spec().layers(), samples.ncols(), passes.step);
        let classes = layers[layers.len() - 1].outputs();
        let mut tape = Tape::record(backend, network, samples.slice(s![.., ..step]))?;
        let mut outputs = Array2::zeros((classes, n));
        let mut directions: Vec<_> = (0..DIRECTIONS)
            .map(|index| (unit_vector(classes, seed, index), Factors::new(backend, passes)))
            .collect();
        for start in (0..n).step_by(step) {
            let part = start..(start + step).min(n);
            let of_part = samples.slice(s![.., part.clone()]);
            if part.len() != tape.samples() {
                tape = Tape::record(backend, network, of_part)?;
            } else if start > 0 {
                tape.replay(of_part)?;
            }
            let Some(part_outputs) = tape.outputs()? else { return Ok(None) };
            outputs.slice_mut(s![.., part.clone()]).assign(&part_outputs.mapv(f64::from));
            for (direction, factors) in &mut directions {
                let derivative =
                    Array2::from_shape_fn((classes, part.len()), |(class, _)| direction[class]);
                factors.samples = part.clone();
                if tape.backward(&derivative, Some(factors))?.is_none() {
                    return Ok(None);
                }
            }
        }
        let mut grams = vec![Array2::zeros((n, n)); layers.len()];
        for (_, factors) in directions {
            factors.add_to(&mut grams);
        }
        if grams.iter().flatten().any(|k| !k.is_finite()) {
            return Ok(None);
        }
        let kernel = |(layer, gram): (&Layer, Array2<f64>)| LayerKernel {
            parameters: layer.parameters(),
            gram: gram / DIRECTIONS as f64,
        };
        Ok(Some(Self { layers: layers.iter().zip(grams).map(kernel).collect(), outputs }))
    }

    /// Floating-point operations of the matrix products of [`new`](Self::new) for so many samples.
    pub fn flops(layers: &[Layer], samples: usize) -> u64 {
        let passes: u64 = layers.iter().map(|layer| (1 + DIRECTIONS) * layer.forward_flops()).sum();
        let inner: usize = layers.iter().map(|layer| layer.inputs() + layer.outputs()).sum();
        let samples = samples as u64;
        passes * samples + DIRECTIONS * 2 * inner as u64 * samples * samples
    }

    /// Number of samples.
    pub fn samples(&self) -> usize {
        self.outputs.ncols()
    }

    /// Sum of the layers' kernels, `[n, n]`, each divided by its entry of `divisors`.
    pub fn preconditioned(&self, divisors: &[f64]) -> Array2<f64> {
        let n = self.samples();
        let layers = self.layers.iter().zip(divisors);
        layers.fold(Array2::zeros((n, n)), |sum, (layer, &divisor)| sum + &layer.gram / divisor)
    }
}

/// A unit vector in the space of the outputs.
fn unit_vector(classes: usize, seed: u64, index: u64) -> Vec<f64> {
    let stream = RandomStream::Normal { seed, stream: STREAMS + index, std: 1.0 };
    let values: Vec<f64> = stream.take(classes).into_iter().map(f64::from).collect();
    let norm = values.iter().map(|u| u * u).sum::<f64>().sqrt();
    values.into_iter().map(|u| u / norm).collect()
}

/// Numbers of one sample in all layers.
fn activations(layers: &[Layer]) -> usize {
    layers.iter().map(|layer| layer.inputs() + layer.outputs()).sum::<usize>().max(1)
}

/// True for a layer whose parameters act at several places, so that gradients by sample are no outer products.
fn has_kernels(layer: &Layer) -> bool {
    match layer {
        Layer::Dense(_) | Layer::Pool(_) => false,
        Layer::Conv2d(_) => true,
        Layer::Residual(block) => block.branch.iter().any(has_kernels),
    }
}

/// Gradients of every sample by one array of parameters.
#[derive(Debug)]
enum Columns {
    /// The outer products of the columns of two matrices, with the bias.
    Outer { left: Array2<f32>, right: Array2<f32> },
    /// Some of the numbers, with the factor that makes up for the others.
    Sampled { columns: Vec<Vec<f32>>, weight: f64 },
}

/// Collects the gradients of all samples.
struct Factors<'a, B> {
    backend: &'a B,
    passes: Passes,
    /// Samples of the present pass.
    samples: std::ops::Range<usize>,
    /// By layer and array; logarithm of the scale of each sample's numbers.
    arrays: BTreeMap<(usize, usize), (Columns, Vec<f64>)>,
    /// Layer and array of a dense layer's weights, whose bias is included.
    dense: Option<(usize, usize)>,
}

impl<'a, B> Factors<'a, B> {
    const fn new(backend: &'a B, passes: Passes) -> Self {
        Self { backend, passes, samples: 0..0, arrays: BTreeMap::new(), dense: None }
    }

    /// Adds the inner products of the gradients of two samples to each layer's.
    fn add_to(self, grams: &mut [Array2<f64>]) {
        for ((layer, _), (columns, ln_scales)) in self.arrays {
            let mut gram = match columns {
                Columns::Outer { left, right } => {
                    let right = right.t().dot(&right).mapv(|k| f64::from(k) + 1.0);
                    left.t().dot(&left).mapv(f64::from) * right
                }
                Columns::Sampled { columns, weight } => {
                    let numbers = columns.first().map_or(0, Vec::len);
                    let flat: Vec<f32> = columns.concat();
                    let rows = ln_scales.len();
                    let matrix = Array2::from_shape_vec((rows, numbers), flat);
                    let matrix = matrix.expect("as many numbers for each sample");
                    matrix.dot(&matrix.t()).mapv(|k| weight * f64::from(k))
                }
            };
            for (i, mut row) in gram.axis_iter_mut(Axis(0)).enumerate() {
                for (k, ln_scale) in row.iter_mut().zip(&ln_scales) {
                    *k *= (ln_scales[i] + ln_scale).exp();
                }
            }
            grams[layer] += &gram;
        }
    }
}

impl<B: TrainerBackend> Factors<'_, B> {
    /// Adds some of the numbers of one array's gradients, of which there are `numbers`, for each sample of the pass.
    fn extend(
        &mut self,
        key: (usize, usize),
        numbers: usize,
        kept: impl IntoIterator<Item = Vec<f32>>,
        ln_scale: f64,
    ) {
        let weight = numbers as f64 / numbers.div_ceil(self.passes.stride).max(1) as f64;
        let (columns, ln_scales) = self
            .arrays
            .entry(key)
            .or_insert_with(|| (Columns::Sampled { columns: Vec::new(), weight }, Vec::new()));
        if let Columns::Sampled { columns, .. } = columns {
            columns.extend(kept);
        }
        ln_scales.extend(std::iter::repeat_n(ln_scale, self.samples.len()));
    }
}

impl<B: TrainerBackend> ConsumeGradient<B> for Factors<'_, B> {
    fn take_convolution(
        &mut self,
        layer: usize,
        factors: &ConvolutionFactors<'_, B>,
        ln_scale: f64,
    ) -> Result<bool> {
        if !self.passes.is_sparse {
            return Ok(false);
        }
        let (patches, outputs) = (factors.config.patches, factors.config.outputs);
        let pixels = patches.image[0] * patches.image[1];
        let numbers = [outputs * patches.count(), patches.channels * pixels];
        let [deltas, inputs] = numbers.map(|numbers| 0..numbers * patches.samples);
        let (delta, input) =
            (self.backend.read(factors.delta, deltas)?, self.backend.read(factors.input, inputs)?);
        let convolution = Convolution { patches, outputs, delta: &delta, input: &input };
        let weights = outputs * patches.elements();
        let kept = convolution.weights(self.passes.stride);
        self.extend((layer, factors.index), weights, kept, ln_scale);
        if factors.has_bias {
            let kept = convolution.biases(self.passes.stride);
            self.extend((layer, factors.index + 1), outputs, kept, ln_scale);
        }
        Ok(true)
    }

    fn take(
        &mut self,
        layer: usize,
        parameter: &ParameterGradient<'_, B>,
        ln_scale: f64,
    ) -> Result<()> {
        let key = (layer, parameter.index);
        let n = self.samples.len();
        match parameter.gradient {
            Gradient::Product { config, left, right } => {
                let product = config.product;
                let read = |buffer: &B::Buffer<f32>, rows: usize| -> Result<Array2<f32>> {
                    let numbers = self.backend.read(buffer, 0..rows * n)?;
                    Ok(Array2::from_shape_vec((rows, n), numbers).expect("as long as was read"))
                };
                let (left, right) = (read(left, product.m)?, read(right, product.n)?);
                let (columns, ln_scales) = self.arrays.entry(key).or_insert_with(|| {
                    let empty = |rows| Array2::zeros((rows, 0));
                    let (left, right) = (empty(product.m), empty(product.n));
                    (Columns::Outer { left, right }, Vec::new())
                });
                if let Columns::Outer { left: all_left, right: all_right } = columns {
                    append(all_left, &left);
                    append(all_right, &right);
                }
                ln_scales.extend(std::iter::repeat_n(ln_scale, n));
                self.dense = Some(key);
            }
            Gradient::Array(gradient) => {
                let is_bias = parameter.name.kind == ParameterKind::Bias;
                if is_bias && self.dense.take() == Some((layer, parameter.index.wrapping_sub(1))) {
                    return Ok(());
                }
                let numbers = self.backend.len(parameter.values);
                let numbers = self.backend.read(gradient, 0..numbers)?;
                let kept: Vec<f32> = numbers.iter().step_by(self.passes.stride).copied().collect();
                self.extend(key, numbers.len(), [kept], ln_scale);
            }
        }
        Ok(())
    }
}

/// Appends columns.
fn append(all: &mut Array2<f32>, more: &Array2<f32>) {
    all.append(Axis(1), more.view()).expect("columns of one length");
}

#[cfg(test)]
mod tests {
    use isobath_architecture::{
        Activation, Boundary, Conv2dLayer, DenseLayer, NetworkSpec, Shape, Variances, Window,
    };
    use isobath_network::{Conv2dParameters, DenseParameters, LayerParameters};
    use isobath_tensor::{Cpu, Reference};
    use isobath_testkit::{Tolerance, assert_close};

    use super::*;

    fn dense(inputs: usize, outputs: usize, activation: Activation) -> Layer {
        Layer::Dense(DenseLayer { inputs, outputs, activation })
    }

    fn samples(inputs: usize, n: usize) -> Array2<f32> {
        let numbers = RandomStream::Normal { seed: 3, stream: 1, std: 1.0 }.take(inputs * n);
        Array2::from_shape_vec((inputs, n), numbers).unwrap()
    }

    fn network(layers: Vec<Layer>) -> Network {
        let variances = Variances::new(1.4, 0.1).unwrap();
        Network::random(NetworkSpec::new(layers).unwrap(), variances, 7)
    }

    /// With one output, every direction is that output, up to its sign.
    #[test]
    fn kernels_are_inner_products_of_numeric_gradients() {
        let network = network(vec![dense(3, 4, Activation::Tanh), dense(4, 1, Activation::Linear)]);
        let x = samples(3, 5);
        let kernel = TangentKernel::new(&Reference, &network, x.view(), 1).unwrap().unwrap();
        for layer in 0..2 {
            let gradients: Vec<Vec<f64>> =
                (0..5).map(|sample| numeric_gradient(&network, layer, &x, sample)).collect();
            let inner = |(i, j): (usize, usize)| -> f64 {
                gradients[i].iter().zip(&gradients[j]).map(|(a, b)| a * b).sum()
            };
            let expected = Array2::from_shape_fn((5, 5), inner);
            let got = kernel.layers[layer].gram.as_standard_layout().into_owned();
            assert_close(
                got.as_slice().unwrap(),
                expected.as_slice().unwrap(),
                Tolerance::absolute(2e-3),
            );
        }
    }

    /// Central differences of the only output by the weights and biases of a dense layer.
    fn numeric_gradient(
        network: &Network,
        layer: usize,
        x: &Array2<f32>,
        sample: usize,
    ) -> Vec<f64> {
        const STEP: f32 = 1e-2;
        let parameters: Vec<LayerParameters> =
            (0..network.spec().depth()).map(|index| network.parameters(index)).collect();
        let LayerParameters::Dense(DenseParameters { weights, bias }) = &parameters[layer] else {
            panic!("a dense layer")
        };
        let column = x.slice(s![.., sample..=sample]);
        let output = |index: usize, shift: f32| {
            let (mut weights, mut bias) = (weights.clone(), bias.clone());
            match weights.as_slice_mut().unwrap().get_mut(index) {
                Some(weight) => *weight += shift,
                None => bias[index - weights.len()] += shift,
            }
            let mut changed = parameters.clone();
            changed[layer] = DenseParameters { weights, bias }.into();
            let network = Network::with_parameters(network.spec().clone(), changed).unwrap();
            let tape = Tape::record(&Reference, &network, column).unwrap();
            f64::from(tape.outputs().unwrap().unwrap()[[0, 0]])
        };
        let slope = |index| (output(index, STEP) - output(index, -STEP)) / (2.0 * f64::from(STEP));
        (0..weights.len() + bias.len()).map(slope).collect()
    }

    /// On images of one pixel, convolutions of one pixel are dense layers; the one is taken sample by sample, the other in
    /// one pass.
    #[test]
    fn convolutions_of_one_pixel_have_the_kernel_of_dense_layers() {
        let plain = network(vec![dense(6, 5, Activation::Tanh), dense(5, 3, Activation::Linear)]);
        let LayerParameters::Dense(first) = plain.parameters(0) else { panic!("a dense layer") };
        let shape = Shape::new(6, 1, 1);
        let conv = Conv2dLayer::new(shape, 5, Window::square(1, 1, 0), Activation::Tanh);
        let layers = vec![Layer::Conv2d(conv), dense(5, 3, Activation::Linear)];
        let weights = first.weights.clone().into_shape_with_order((5, 6, 1, 1)).unwrap();
        let first = Conv2dParameters { weights, bias: Some(first.bias) };
        let parameters: Vec<LayerParameters> = vec![first.into(), plain.parameters(1)];
        let spec = NetworkSpec::new(layers).unwrap();
        let convolution = Network::with_parameters(spec, parameters).unwrap();
        let x = samples(6, 7);
        let of = |network: &Network| {
            TangentKernel::new(&Cpu::new(), network, x.view(), 1).unwrap().unwrap()
        };
        let (plain, convolution) = (of(&plain), of(&convolution));
        for (a, b) in plain.layers.iter().zip(&convolution.layers) {
            assert_eq!(a.parameters, b.parameters);
            let [a, b] = [a, b].map(|layer| layer.gram.as_standard_layout().into_owned());
            let tolerance = Tolerance::relative(1e-4);
            assert_close(b.as_slice().unwrap(), a.as_slice().unwrap(), tolerance);
        }
    }

    #[test]
    fn gradients_by_few_parameters_are_those_of_all_parameters() {
        let shape = |channels, size| Shape::new(channels, size, size);
        let window = |stride, padding| Window::square(3, stride, padding);
        let zeros = Conv2dLayer::new(shape(2, 7), 5, window(2, 1), Activation::Tanh);
        let circular = Conv2dLayer {
            boundary: Boundary::Circular,
            ..Conv2dLayer::new(shape(5, 4), 3, window(1, 1), Activation::Relu)
        };
        let layers =
            vec![Layer::Conv2d(zeros), Layer::Conv2d(circular), dense(48, 3, Activation::Linear)];
        let (network, x) = (network(layers), samples(98, 10));
        let of = |step, is_sparse| {
            let passes = Passes { step, stride: 3, is_sparse };
            let backend = Cpu::new();
            TangentKernel::in_passes(&backend, &network, x.view(), 1, passes).unwrap().unwrap()
        };
        // Passes of 4, 4 and 2 samples.
        let (one_by_one, sparse) = (of(1, false), of(4, true));
        assert_close(
            sparse.outputs.as_standard_layout().as_slice().unwrap(),
            one_by_one.outputs.as_standard_layout().as_slice().unwrap(),
            Tolerance::relative(1e-4),
        );
        for (a, b) in one_by_one.layers.iter().zip(&sparse.layers) {
            let [a, b] = [a, b].map(|layer| layer.gram.as_standard_layout().into_owned());
            let size = a.iter().fold(0.0, |largest: f64, k| largest.max(k.abs()));
            let tolerance = Tolerance::absolute(1e-4 * size);
            assert_close(b.as_slice().unwrap(), a.as_slice().unwrap(), tolerance);
        }
    }

    #[test]
    fn overflows_have_no_kernel() {
        let variances = Variances::new(1e30, 0.0).unwrap();
        let layers = vec![
            dense(3, 4, Activation::Linear),
            dense(4, 4, Activation::Linear),
            dense(4, 2, Activation::Linear),
        ];
        let network = Network::random(NetworkSpec::new(layers).unwrap(), variances, 7);
        let x = samples(3, 4) * 1e10;
        assert_eq!(TangentKernel::new(&Cpu::new(), &network, x.view(), 1).unwrap(), None);
    }
}
