use isobath_architecture::{DenseLayer, Layer};
use isobath_network::Network;
use isobath_tensor::{Backend, Optimize, Optimizer};

use crate::{
    Result, TrainParams, TrainerBackend,
    layer::{Parameters, Scratch, TrainedLayer},
    regulariser::Regulariser,
};

/// Networks of the same shape in training, with the memory for one minibatch of each. Nothing is allocated after it was
/// made, but when networks leave.
///
/// Between layers, matrices are `[networks, units, samples]`; see [`isobath_tensor::Backward`].
#[derive(Debug)]
pub(crate) struct Model<B: Optimize> {
    /// How many there are.
    pub(crate) networks: usize,
    pub(crate) layers: Vec<TrainedLayer<B>>,
    /// The minibatches, `[networks, batch, w_0]`.
    pub(crate) input: B::Buffer<f32>,
    /// What each layer left behind on the way forward.
    tape: Vec<Trace<B>>,
    /// The derivative with respect to the output of the layer at hand, `[networks, w_l, batch]`.
    pub(crate) delta: B::Buffer<f32>,
    /// The same of the layer before.
    next_delta: B::Buffer<f32>,
    scratch: Scratch<B>,
    /// What the next way back ends in.
    step: B::Step,
    regulariser: Option<Regulariser<B>>,
}

/// What a layer leaves behind on the way forward.
#[derive(Debug)]
struct Trace<B: Backend> {
    /// `W_l h_{l-1} + b_l`, `[networks, w_l, batch]`
    z: B::Buffer<f32>,
    /// `h_l = phi(z)`
    h: B::Buffer<f32>,
}

/// What a way back is for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BackwardConfig {
    /// In a minibatch.
    pub(crate) samples: usize,
    /// Whether to measure the gradients' norms.
    pub(crate) norms: bool,
    /// The minibatch's loss without regularisation; not read where there is none.
    pub(crate) loss: f64,
}

impl<B: TrainerBackend> Model<B> {
    /// Networks of the same shape at their initialisations, for minibatches of up to `batch` samples. Only a network alone
    /// can be regularised.
    pub(crate) fn new(
        backend: &B,
        networks: &[&Network],
        batch: usize,
        settings: &TrainParams,
    ) -> Result<Self> {
        let (optimizer, norms) = (&settings.optimizer, settings.gradient_norms);
        let (layers, count) = (networks[0].spec().layers(), networks.len());
        let widest = layers.iter().map(Layer::outputs).max().unwrap_or(0);
        let trace = |layer: &Layer| {
            let len = count * batch * layer.outputs();
            Ok(Trace { z: backend.zeros(len)?, h: backend.zeros(len)? })
        };
        let trained = |index| TrainedLayer::new(backend, networks, index, optimizer);
        Ok(Self {
            networks: count,
            layers: (0..layers.len()).map(trained).collect::<Result<_>>()?,
            input: backend.zeros(count * batch * layers[0].inputs())?,
            tape: layers.iter().map(trace).collect::<Result<_>>()?,
            delta: backend.zeros(count * batch * widest)?,
            next_delta: backend.zeros(count * batch * widest)?,
            scratch: Scratch::new(backend, (layers, count), norms, optimizer)?,
            step: backend.new_step(optimizer, 1)?,
            regulariser: settings
                .batch_entropy
                .filter(|_| layers.len() > 1)
                .map(|settings| Regulariser::new(backend, settings, layers.len() - 1, optimizer))
                .transpose()?,
        })
    }

    /// Goes on with the networks of these places alone.
    pub(crate) fn keep(&mut self, backend: &B, places: &[usize]) -> Result<()> {
        self.networks = places.len();
        self.layers.iter_mut().try_for_each(|layer| layer.keep(backend, places))
    }

    /// Has the next way back take step `number`, counted from 1, of the optimiser, at the learning rate it has there.
    pub(crate) fn set_step(
        &mut self,
        backend: &B,
        optimizer: &Optimizer,
        number: usize,
    ) -> isobath_tensor::Result<()> {
        backend.set_step(&mut self.step, optimizer, number as u64)
    }

    /// Takes `samples` samples for each network, one network's after the other's, through all its layers.
    pub(crate) fn forward(&mut self, backend: &B, samples: usize) -> isobath_tensor::Result<()> {
        for (index, layer) in self.layers.iter().enumerate() {
            let (before, after) = self.tape.split_at_mut(index);
            let input = before.last().map_or(&self.input, |trace| &trace.h);
            let DenseLayer { outputs, activation, .. } = layer.shape;
            let Trace { z, h } = &mut after[0];
            let product = layer.forward_product(samples);
            backend.batched_gemm(product, &layer.weights.values, input, z)?;
            let shape = [self.networks * outputs, samples];
            backend.activate(activation, shape, &layer.bias.values, z, h)?;
        }
        Ok(())
    }

    /// What the loss is multiplied by where the hidden layers are regularised, given what they just gave.
    pub(crate) fn loss_weight(&mut self, backend: &B, samples: usize) -> Result<f64> {
        let Some(regulariser) = &mut self.regulariser else { return Ok(1.0) };
        let widths = self.layers.iter().map(|layer| layer.shape.outputs);
        let layers = widths.zip(self.tape.iter().map(|trace| &trace.h));
        regulariser.measure(backend, samples, layers)
    }

    /// Whether [`backward`](Self::backward) needs to know the loss.
    pub(crate) const fn needs_loss(&self) -> bool {
        self.regulariser.is_some()
    }

    /// Everything that is trained, by name; layers are counted from 1.
    pub(crate) fn parameters_mut(&mut self) -> impl Iterator<Item = (String, &mut Parameters<B>)> {
        let layers = self.layers.iter_mut().enumerate().flat_map(|(index, layer)| {
            let name = |what| format!("layer.{}.{what}", index + 1);
            [(name("weight"), &mut layer.weights), (name("bias"), &mut layer.bias)]
        });
        let targets = self.regulariser.iter_mut();
        layers.chain(targets.map(|r| ("batch_entropy.alpha".to_owned(), &mut r.targets)))
    }

    /// As [`parameters_mut`](Self::parameters_mut), to be read.
    pub(crate) fn parameters(&self) -> impl Iterator<Item = (String, &Parameters<B>)> {
        let layers = self.layers.iter().enumerate().flat_map(|(index, layer)| {
            let name = |what| format!("layer.{}.{what}", index + 1);
            [(name("weight"), &layer.weights), (name("bias"), &layer.bias)]
        });
        let targets = self.regulariser.iter();
        layers.chain(targets.map(|r| ("batch_entropy.alpha".to_owned(), &r.targets)))
    }

    /// What the last layer gave.
    pub(crate) fn output_and_delta(&mut self) -> (&B::Buffer<f32>, &mut B::Buffer<f32>) {
        let last = self.tape.len() - 1;
        (&self.tape[last].h, &mut self.delta)
    }

    /// Takes the derivative with respect to the last output, which `delta` holds, back through all layers, changing each
    /// once the one before has what it needs. Returns the norms of the weight gradients, for each network first layer
    /// first, where asked for.
    pub(crate) fn backward(
        &mut self,
        backend: &B,
        config: &BackwardConfig,
    ) -> isobath_tensor::Result<Option<Vec<Vec<f64>>>> {
        let &BackwardConfig { samples, norms, loss } = config;
        let last = self.layers.len() - 1;
        let mut measured = norms.then(|| vec![vec![0.0; self.layers.len()]; self.networks]);
        for (index, layer) in self.layers.iter_mut().enumerate().rev() {
            let DenseLayer { outputs, activation, .. } = layer.shape;
            let Trace { z, h } = &self.tape[index];
            let shape = [self.networks * outputs, samples];
            if let Some(regulariser) = &self.regulariser
                && index < last
            {
                let slope = regulariser.entropy_slope(index, loss);
                backend.add_batch_entropy_gradient(shape, slope, h, &mut self.delta)?;
            }
            let sums = &mut self.scratch.bias_gradient;
            backend.activation_gradient(activation, shape, [z, h], &mut self.delta, sums)?;
            if index > 0 {
                let product = layer.input_gradient_product(samples);
                let (weights, delta) = (&layer.weights.values, &self.delta);
                backend.batched_gemm(product, weights, delta, &mut self.next_delta)?;
            }
            let input = if index == 0 { &self.input } else { &self.tape[index - 1].h };
            let factors = [input, &self.delta];
            if let Some(measured) = &mut measured {
                let norms = layer.gradient_norms(backend, samples, factors, &mut self.scratch)?;
                measured.iter_mut().zip(norms).for_each(|(layers, norm)| layers[index] = norm);
            }
            layer.update(backend, &self.step, samples, factors, &mut self.scratch)?;
            std::mem::swap(&mut self.delta, &mut self.next_delta);
        }
        if !self.layers.len().is_multiple_of(2) {
            // Every step begins with the same memory, so that it can be recorded.
            std::mem::swap(&mut self.delta, &mut self.next_delta);
        }
        if let Some(regulariser) = &mut self.regulariser {
            regulariser.update(backend, &self.step, loss, &mut self.scratch.idle)?;
        }
        Ok(measured)
    }
}
