use isobath_architecture::Layer;
use isobath_network::{
    BackwardPass, Batch, Layout, Network, ParameterArray, ParameterName, Trace, Workspace,
};
use isobath_tensor::{Optimize, Optimizer};

use crate::{
    Result, TrainParams, TrainerBackend,
    layer::TrainedLayer,
    moments::Moments,
    regulariser::Regulariser,
    update::{Scratch, Update},
};

/// Networks of the same shape in training, with the memory for one minibatch of each. It allocates when it is made and
/// when networks leave, not in between.
///
/// Between layers, matrices are `[networks, units, samples]`; see [`isobath_network::Layout::UnitsMajor`].
#[derive(Debug)]
pub(crate) struct Model<B: Optimize> {
    /// Number of networks.
    pub(crate) networks: usize,
    pub(crate) layers: Vec<TrainedLayer<B>>,
    /// The minibatches, `[networks, batch, w_0]`.
    pub(crate) input: B::Buffer<f32>,
    /// Results of the forward pass, first layer first.
    tape: Vec<Trace<B>>,
    /// Derivative with respect to the output of the current layer, `[networks, w_l, batch]`.
    pub(crate) delta: B::Buffer<f32>,
    /// Derivative with respect to the output of the layer before.
    next_delta: B::Buffer<f32>,
    /// Scratch memory of the passes.
    workspace: Workspace<B>,
    scratch: Scratch<B>,
    /// Optimiser step that ends the next backward pass.
    step: B::Step,
    regulariser: Option<Regulariser<B>>,
}

/// Settings of one backward pass.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BackwardConfig {
    /// Samples of a minibatch.
    pub(crate) samples: usize,
    /// Measure the gradients' norms.
    pub(crate) norms: bool,
    /// The minibatch's loss without regularisation; read by the regulariser only.
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
        let trace = |layer: &Layer| Trace::of_layer(backend, layer, count, batch);
        let trained = |index| TrainedLayer::new(backend, networks, index, optimizer);
        Ok(Self {
            networks: count,
            layers: (0..layers.len()).map(trained).collect::<Result<_>>()?,
            input: backend.zeros(count * batch * layers[0].inputs())?,
            tape: layers.iter().map(trace).collect::<isobath_tensor::Result<_>>()?,
            delta: backend.zeros(count * batch * widest)?,
            next_delta: backend.zeros(count * batch * widest)?,
            workspace: Workspace::new(backend, layers, count, batch)?,
            scratch: Scratch::new(backend, (layers, count), norms, optimizer)?,
            step: backend.new_step(optimizer, 1)?,
            regulariser: settings
                .batch_entropy
                .filter(|_| layers.len() > 1)
                .map(|settings| Regulariser::new(backend, settings, layers.len() - 1, optimizer))
                .transpose()?,
        })
    }

    /// Number of outputs.
    pub(crate) fn classes(&self) -> usize {
        self.layers[self.layers.len() - 1].layer.outputs()
    }

    /// Keeps the given networks and drops the others.
    pub(crate) fn keep(&mut self, backend: &B, places: &[usize]) -> Result<()> {
        self.networks = places.len();
        self.layers.iter_mut().try_for_each(|layer| layer.keep(backend, places))
    }

    /// Sets step `number`, counted from 1, of `optimizer` as the one that ends the next backward pass.
    pub(crate) fn set_step(
        &mut self,
        backend: &B,
        optimizer: &Optimizer,
        number: usize,
    ) -> isobath_tensor::Result<()> {
        backend.set_step(&mut self.step, optimizer, number as u64)
    }

    /// Forward pass of the minibatches, `samples` samples for each network, through all layers.
    pub(crate) fn forward(&mut self, backend: &B, samples: usize) -> isobath_tensor::Result<()> {
        for (index, trained) in self.layers.iter().enumerate() {
            let (before, after) = self.tape.split_at_mut(index);
            let input = before.last().map_or(&self.input, |trace| &trace.output);
            let batch = input_batch(index, samples);
            let trace = &mut after[0];
            trained.layer.forward_traced(backend, batch, input, trace, &mut self.workspace)?;
        }
        Ok(())
    }

    /// Factor of the loss by the regularisation of the hidden layers, after a forward pass.
    pub(crate) fn loss_weight(&mut self, backend: &B, samples: usize) -> Result<f64> {
        let Some(regulariser) = &mut self.regulariser else { return Ok(1.0) };
        let widths = self.layers.iter().map(|trained| trained.layer.outputs());
        let layers = widths.zip(self.tape.iter().map(|trace| &trace.output));
        regulariser.measure(backend, samples, layers)
    }

    /// True when [`backward`](Self::backward) reads the loss.
    pub(crate) const fn needs_loss(&self) -> bool {
        self.regulariser.is_some()
    }

    /// Trained arrays by name, with their optimiser state; layers are counted from 1.
    pub(crate) fn parameters_mut(
        &mut self,
    ) -> impl Iterator<Item = (String, &mut ParameterArray<B>, &mut Moments<B>)> {
        let layers = self.layers.iter_mut().enumerate().flat_map(|(index, layer)| {
            let named = move |(name, array, moments)| (layer_name(index, name), array, moments);
            layer.parameters_mut().map(named)
        });
        let targets = self.regulariser.iter_mut();
        layers.chain(targets.map(|r| (TARGETS.to_owned(), &mut r.targets, &mut r.moments)))
    }

    /// Trained arrays by name, with their optimiser state; layers are counted from 1.
    pub(crate) fn parameters(
        &self,
    ) -> impl Iterator<Item = (String, &ParameterArray<B>, &Moments<B>)> {
        let layers = self.layers.iter().enumerate().flat_map(|(index, layer)| {
            let named = move |(name, array, moments)| (layer_name(index, name), array, moments);
            layer.parameters().map(named)
        });
        let targets = self.regulariser.iter();
        layers.chain(targets.map(|r| (TARGETS.to_owned(), &r.targets, &r.moments)))
    }

    /// Output of the last layer, and the memory of the derivative with respect to it.
    pub(crate) fn output_and_delta(&mut self) -> (&B::Buffer<f32>, &mut B::Buffer<f32>) {
        let last = self.tape.len() - 1;
        (&self.tape[last].output, &mut self.delta)
    }

    /// Backward pass from `delta`, the derivative with respect to the last output, through all layers. Each layer is
    /// updated once the layer before has its derivative. Returns the norms of the weight gradients, `[networks][layers]`,
    /// where the settings ask for them.
    pub(crate) fn backward(
        &mut self,
        backend: &B,
        config: &BackwardConfig,
    ) -> isobath_tensor::Result<Option<Vec<Vec<f64>>>> {
        let mut measured = config.norms.then(|| vec![vec![0.0; self.layers.len()]; self.networks]);
        let mut norms = config.norms.then(Vec::new);
        for index in (0..self.layers.len()).rev() {
            norms.iter_mut().for_each(Vec::clear);
            self.backward_layer(backend, config, index, norms.as_mut())?;
            if let (Some(measured), Some(norms)) = (&mut measured, &norms) {
                measured.iter_mut().zip(norms).for_each(|(layers, norm)| layers[index] = *norm);
            }
            std::mem::swap(&mut self.delta, &mut self.next_delta);
        }
        if !self.layers.len().is_multiple_of(2) {
            // Every step begins with the same memory, so that it can be recorded.
            std::mem::swap(&mut self.delta, &mut self.next_delta);
        }
        if let Some(regulariser) = &mut self.regulariser {
            regulariser.update(backend, &self.step, config.loss, &mut self.scratch.idle)?;
        }
        Ok(measured)
    }

    /// Backward pass of one layer from `delta` to `next_delta`, and its update.
    fn backward_layer(
        &mut self,
        backend: &B,
        &BackwardConfig { samples, loss, .. }: &BackwardConfig,
        index: usize,
        norms: Option<&mut Vec<f64>>,
    ) -> isobath_tensor::Result<()> {
        let last = self.layers.len() - 1;
        let TrainedLayer { layer, moments, .. } = &mut self.layers[index];
        let trace = &self.tape[index];
        if let Some(regulariser) = &self.regulariser
            && index < last
        {
            let shape = [self.networks * layer.outputs(), samples];
            let slope = regulariser.entropy_slope(index, loss);
            backend.add_batch_entropy_gradient(shape, slope, &trace.output, &mut self.delta)?;
        }
        let pass = BackwardPass {
            batch: input_batch(index, samples),
            input: if index == 0 { &self.input } else { &self.tape[index - 1].output },
            trace,
            delta: &mut self.delta,
            input_delta: (index > 0).then_some(&mut self.next_delta),
            workspace: &mut self.workspace,
        };
        let (step, scratch) = (&self.step, &mut self.scratch);
        layer.backward(backend, pass, &mut Update { backend, step, moments, scratch, norms })
    }
}

/// Name of the regulariser's targets in a checkpoint.
const TARGETS: &str = "batch_entropy.alpha";

/// Name of an array of layer `index`, counted from 0, in a checkpoint.
fn layer_name(index: usize, name: ParameterName) -> String {
    format!("layer.{}.{name}", index + 1)
}

/// Shape of a minibatch at the input of layer `index`: samples come samples-major, activations units-major.
pub(crate) const fn input_batch(index: usize, samples: usize) -> Batch {
    Batch::new(samples, if index == 0 { Layout::SamplesMajor } else { Layout::UnitsMajor })
}
