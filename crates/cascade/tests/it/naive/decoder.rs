use isobath_architecture::{Activation, Boundary};
use isobath_cascade::{ConvTranspose2d, Decoder, DecoderKind};

use super::{at, each, slope, value};

/// A decoder in training.
#[derive(Clone)]
pub(crate) struct NaiveDecoder {
    layers: Vec<NaiveLayer>,
    step: i32,
}

#[derive(Clone)]
struct NaiveLayer {
    kind: DecoderKind,
    activation: Activation,
    /// Weights, biases.
    parameters: [Array; 2],
}

/// Parameters with gradient and moments.
#[derive(Clone)]
struct Array {
    values: Vec<f64>,
    gradient: Vec<f64>,
    moments: [Vec<f64>; 2],
}

/// Adam's settings.
#[derive(Clone, Copy)]
pub(crate) struct Adam {
    pub(crate) lr: f64,
    pub(crate) beta: [f64; 2],
    pub(crate) eps: f64,
}

impl Array {
    fn new(values: &[f32]) -> Self {
        let zeros = vec![0.0; values.len()];
        let values = values.iter().map(|&x| f64::from(x)).collect();
        Self { values, gradient: zeros.clone(), moments: [zeros.clone(), zeros] }
    }

    fn step(&mut self, adam: Adam, t: i32) {
        for (i, gradient) in self.gradient.iter_mut().enumerate() {
            let g = std::mem::take(gradient);
            let terms = [g, g * g];
            let [m, v] = [0, 1].map(|moment| {
                let beta = adam.beta[moment];
                let mean = &mut self.moments[moment][i];
                *mean = beta * *mean + (1.0 - beta) * terms[moment];
                *mean / (1.0 - beta.powi(t))
            });
            self.values[i] -= adam.lr * m / (v.sqrt() + adam.eps);
        }
    }
}

impl NaiveDecoder {
    pub(crate) fn new(decoder: &Decoder) -> Self {
        let layer = |layer: &isobath_cascade::DecoderLayer| NaiveLayer {
            kind: layer.kind,
            activation: layer.activation,
            parameters: [Array::new(&layer.weights), Array::new(&layer.bias)],
        };
        Self { layers: decoder.layers.iter().map(layer).collect(), step: 0 }
    }

    /// All weights and biases, layer by layer.
    pub(crate) fn parameters(&self) -> Vec<f64> {
        let arrays = self.layers.iter().flat_map(|layer| &layer.parameters);
        arrays.flat_map(|array| array.values.clone()).collect()
    }

    pub(crate) fn apply(&self, h: &[f64]) -> Vec<f64> {
        let apply = |h: Vec<f64>, layer: &NaiveLayer| {
            layer.sums(&h).into_iter().map(|z| value(layer.activation, z)).collect()
        };
        self.layers.iter().fold(h.to_vec(), apply)
    }

    /// One step on a minibatch of pairs of a layer's output and input. Returns the loss before it.
    pub(crate) fn train(&mut self, minibatch: &[(Vec<f64>, Vec<f64>)], adam: Adam) -> f64 {
        let loss = self.backward(minibatch);
        self.step += 1;
        for layer in &mut self.layers {
            layer.parameters.iter_mut().for_each(|array| array.step(adam, self.step));
        }
        loss
    }

    /// Gradient of the mean squared error with respect to all weights and biases, layer by layer.
    pub(crate) fn gradient(&self, samples: &[(Vec<f64>, Vec<f64>)]) -> Vec<f64> {
        let mut decoder = self.clone();
        decoder.backward(samples);
        let arrays = decoder.layers.iter().flat_map(|layer| &layer.parameters);
        arrays.flat_map(|array| array.gradient.clone()).collect()
    }

    /// The mean squared error; adds its gradient to the layers'.
    fn backward(&mut self, minibatch: &[(Vec<f64>, Vec<f64>)]) -> f64 {
        let mut loss = 0.0;
        for (h, target) in minibatch {
            let scale = 1.0 / (minibatch.len() * target.len()) as f64;
            let (mut inputs, mut sums) = (vec![h.clone()], Vec::new());
            for layer in &self.layers {
                let z = layer.sums(&inputs[inputs.len() - 1]);
                inputs.push(z.iter().map(|&z| value(layer.activation, z)).collect());
                sums.push(z);
            }
            let residual = inputs[self.layers.len()].iter().zip(target).map(|(y, t)| y - t);
            let residual: Vec<f64> = residual.collect();
            loss += scale * residual.iter().map(|r| r * r).sum::<f64>();
            let mut delta: Vec<f64> = residual.iter().map(|r| 2.0 * scale * r).collect();
            for (number, layer) in self.layers.iter_mut().enumerate().rev() {
                let slopes = sums[number].iter().map(|&z| slope(layer.activation, z));
                delta.iter_mut().zip(slopes).for_each(|(delta, slope)| *delta *= slope);
                delta = layer.backward(&inputs[number], &delta);
            }
        }
        loss
    }
}

impl NaiveLayer {
    /// Calls `visit` with the places of output, input, weight and bias of every product.
    fn each_product(kind: DecoderKind, mut visit: impl FnMut(usize, usize, usize)) {
        match kind {
            DecoderKind::Dense { inputs, outputs } => {
                for (o, i) in each([outputs, inputs]).map(|[o, i]| (o, i)) {
                    visit(o, i, o * inputs + i);
                }
            }
            DecoderKind::ConvTranspose2d(conv) => {
                let [read, written] = [conv.input.channels, conv.output.channels];
                for [o, c] in each([read, written]) {
                    for (index, element) in each(conv.kernel).enumerate() {
                        let weight = (o * written + c) * conv.kernel[0] * conv.kernel[1] + index;
                        for place in each(conv.input.size()) {
                            if let Some(target) = target(&conv, place, element) {
                                let output = at(conv.output, c, target);
                                visit(output, at(conv.input, o, place), weight);
                            }
                        }
                    }
                }
            }
        }
    }

    /// Place of an output's bias.
    fn bias(&self, output: usize) -> usize {
        match self.kind {
            DecoderKind::Dense { .. } => output,
            DecoderKind::ConvTranspose2d(conv) => output / conv.output.pixels(),
        }
    }

    fn sums(&self, h: &[f64]) -> Vec<f64> {
        let [weights, bias] = &self.parameters;
        let mut z: Vec<f64> =
            (0..self.kind.outputs()).map(|output| bias.values[self.bias(output)]).collect();
        Self::each_product(self.kind, |o, i, w| z[o] += weights.values[w] * h[i]);
        z
    }

    /// Adds to the gradients and returns the derivative with respect to `h`.
    fn backward(&mut self, h: &[f64], delta: &[f64]) -> Vec<f64> {
        let mut input_delta = vec![0.0; h.len()];
        for (output, delta) in delta.iter().enumerate() {
            let bias = self.bias(output);
            self.parameters[1].gradient[bias] += delta;
        }
        let weights = &mut self.parameters[0];
        Self::each_product(self.kind, |o, i, w| {
            weights.gradient[w] += delta[o] * h[i];
            input_delta[i] += delta[o] * weights.values[w];
        });
        input_delta
    }
}

/// `s i + u - q`, if it is a pixel of the output or the output is periodic.
fn target(conv: &ConvTranspose2d, place: [usize; 2], element: [usize; 2]) -> Option<[usize; 2]> {
    let target = [0, 1].map(|axis| {
        (conv.stride[axis] * place[axis] + element[axis]).cast_signed()
            - conv.start[axis].cast_signed()
    });
    let size = conv.output.size().map(usize::cast_signed);
    let is_inside = (0..2).all(|axis| (0..size[axis]).contains(&target[axis]));
    let wrapped = [0, 1].map(|axis| target[axis].rem_euclid(size[axis]).cast_unsigned());
    (is_inside || conv.boundary == Boundary::Circular).then_some(wrapped)
}
