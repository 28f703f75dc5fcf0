//! Training of the whole network: gradients, and steps of both optimisers.

use anyhow::{Result, ensure};
use isobath_architecture::Layer;
use isobath_network::{
    BackwardPass, Batch, DeviceLayer, Gradient, GradientVisitor, LayerParameters, Layout, Network,
    ParameterGradient, Trace, Workspace,
};
use isobath_tensor::{FullBackend, Loss, LossConfig, Optimizer};
use isobath_trainer::{Job, Labelled, Silent, TrainParams, Trainer, Training, epoch_order};
use ndarray::{Array2, s};
use serde::Deserialize;

use super::{
    computation::{Adam, Computation},
    files::Files,
    line::{Line, Tolerances, pairs},
};

/// Field `training` of a description.
#[derive(Debug, Deserialize)]
pub(super) struct TrainingDescription {
    batch_size: usize,
    sgd: Sgd,
    adam: Adam,
    loss: f64,
    adam_losses: Vec<f64>,
    /// Names of each layer's arrays of parameters, in the network's order.
    #[serde(skip)]
    names: Vec<Vec<String>>,
}

impl TrainingDescription {
    /// The description with the names of each layer's arrays.
    pub(super) fn with_names(self, names: Vec<Vec<String>>) -> Self {
        Self { names, ..self }
    }
}

/// Shape and numbers of an array of parameters.
type Array = (Vec<usize>, Vec<f32>);

#[derive(Debug, Deserialize)]
struct Sgd {
    lr: f32,
}

/// Compares the training, if the computation has one.
pub(super) fn compare<B: FullBackend>(
    computation: &Computation,
    backend: &B,
    tolerances: &Tolerances,
) -> Result<Vec<Line>> {
    let Computation { files, network, training: Some(description), .. } = computation else {
        return Ok(Vec::new());
    };
    let TrainingDescription { batch_size, sgd, adam, loss, adam_losses, .. } = description;
    let (samples, labels) = minibatches(computation, description)?;
    let first =
        Labelled { samples: samples.slice(s![..*batch_size, ..]), labels: &labels[..*batch_size] };
    let mut pass = Pass::new(backend, network, *batch_size)?;
    let (logits, actual_loss) = pass.forward(first)?;
    let classes = logits.len() / batch_size;
    let stored = files.tensor("training.logits", &[*batch_size, classes])?;
    let mut lines = vec![
        Line::new("logits", tolerances.numbers, pairs(logits, stored)),
        Line::new("loss", tolerances.relative, [(actual_loss, *loss)]),
    ];
    let gradients = pass.gradients(first)?;
    lines.extend(parameter_lines(description, files, "gradient", gradients, tolerances)?);
    let all = Labelled { samples: samples.view(), labels: &labels };
    for (name, optimizer, steps) in
        [("sgd1", Optimizer::sgd(sgd.lr), first), ("adam3", Optimizer::from(*adam), all)]
    {
        let trained = train(backend, network, optimizer, *batch_size, steps)?;
        let layers = 0..network.spec().depth();
        let numbers = layers.map(|index| numbers(&trained.network.parameters(index))).collect();
        lines.extend(parameter_lines(description, files, name, numbers, tolerances)?);
        if name == "adam3" {
            let pairs = trained.losses.into_iter().zip(adam_losses.iter().copied());
            lines.push(Line::new("losses of adam3", tolerances.relative, pairs));
        }
    }
    Ok(lines)
}

/// Samples and labels of the minibatches, one for each step of Adam.
fn minibatches(
    computation: &Computation,
    TrainingDescription { batch_size, adam_losses, .. }: &TrainingDescription,
) -> Result<(Array2<f32>, Vec<u8>)> {
    let labels = computation.files.samples("train_labels", &[])?;
    let count = batch_size.saturating_mul(adam_losses.len());
    let available = labels.len().min(computation.train.nrows());
    ensure!(
        (1..=available).contains(&count),
        "`training` needs {count} training samples with labels, there are {available}"
    );
    let label = |&label: &f32| {
        ensure!((0.0..256.0).contains(&label) && label.fract() == 0.0, "{label} is no label");
        Ok(label as u8)
    };
    let labels = labels.iter().take(count).map(label).collect::<Result<_>>()?;
    Ok((computation.train.slice(s![..count, ..]).to_owned(), labels))
}

/// One line for each layer that has parameters.
fn parameter_lines(
    description: &TrainingDescription,
    files: &Files,
    prefix: &str,
    numbers: Vec<Vec<Array>>,
    tolerances: &Tolerances,
) -> Result<Vec<Line>> {
    let mut lines = Vec::new();
    for (index, (names, arrays)) in description.names.iter().zip(numbers).enumerate() {
        let (mut actual, mut expected) = (Vec::new(), Vec::new());
        for (name, (shape, numbers)) in names.iter().zip(arrays) {
            expected.extend(files.tensor(&format!("{prefix}.net.{name}"), &shape)?);
            actual.extend(numbers);
        }
        if !names.is_empty() {
            let title = format!("{prefix}, layer {}", index + 1);
            lines.push(Line::new(title, tolerances.numbers, pairs(actual, expected)));
        }
    }
    Ok(lines)
}

/// Shapes and numbers of a layer's arrays.
fn numbers(parameters: &LayerParameters) -> Vec<Array> {
    let arrays = parameters.arrays().into_iter();
    arrays.map(|(_, array)| (array.shape().to_vec(), array.iter().copied().collect())).collect()
}

/// Trains the network for one epoch of minibatches in the order of `data`.
fn train<B: FullBackend>(
    backend: &B,
    network: &Network,
    optimizer: Optimizer,
    batch: usize,
    data: Labelled<'_>,
) -> Result<Training> {
    const SEED: u64 = 0;
    let params = TrainParams { epochs: 1, batch, optimizer, ..TrainParams::default() };
    // The trainer goes through its samples in another order, so they are put where it finds them in the stored one.
    let order = epoch_order(SEED, 0, data.labels.len());
    let (mut samples, mut labels) = (data.samples.to_owned(), data.labels.to_vec());
    for (stored, &place) in order.iter().enumerate() {
        samples.row_mut(place as usize).assign(&data.samples.row(stored));
        labels[place as usize] = data.labels[stored];
    }
    let train = Labelled { samples: samples.view(), labels: &labels };
    let job = Job { network, train, test: train, seed: SEED };
    Ok(Trainer::new(backend.clone(), params.check()?).train(&job, &Silent)?)
}

/// A pass of one minibatch through the network and back.
struct Pass<'a, B: FullBackend> {
    backend: &'a B,
    layers: Vec<DeviceLayer<B>>,
    traces: Vec<Trace<B>>,
    workspace: Workspace<B>,
    delta: B::Buffer<f32>,
    next_delta: B::Buffer<f32>,
}

impl<'a, B: FullBackend> Pass<'a, B> {
    fn new(backend: &'a B, network: &Network, batch: usize) -> Result<Self> {
        let layers = network.spec().layers();
        let widths = layers.iter().flat_map(|layer| [layer.inputs(), layer.outputs()]);
        let widest = widths.max().unwrap_or(0);
        let trace = |layer: &Layer| Trace::of_layer(backend, layer, 1, batch);
        let upload = |index| network.upload_layer(backend, index);
        Ok(Self {
            backend,
            layers: (0..layers.len()).map(upload).collect::<isobath_network::Result<_>>()?,
            traces: layers.iter().map(trace).collect::<isobath_tensor::Result<_>>()?,
            workspace: Workspace::new(backend, layers, 1, batch)?,
            delta: backend.zeros(batch * widest)?,
            next_delta: backend.zeros(batch * widest)?,
        })
    }

    /// Returns the logits, `[samples, classes]`, and the loss; leaves its derivative in `delta`.
    fn forward(&mut self, data: Labelled<'_>) -> Result<(Vec<f32>, f64)> {
        let (backend, samples) = (self.backend, data.labels.len());
        let input = backend.upload(&data.samples.iter().copied().collect::<Vec<f32>>())?;
        for (index, layer) in self.layers.iter().enumerate() {
            let (before, after) = self.traces.split_at_mut(index);
            let input = before.last().map_or(&input, |trace| &trace.output);
            let batch = batch(index, samples);
            layer.forward_traced(backend, batch, input, &mut after[0], &mut self.workspace)?;
        }
        let last = self.layers.len() - 1;
        let (classes, output) = (self.layers[last].outputs(), &self.traces[last].output);
        let labels: Vec<u32> = data.labels.iter().copied().map(u32::from).collect();
        let mut tally = backend.zeros::<f64>(2)?;
        let loss = Loss::CrossEntropy;
        let config =
            LossConfig { loss, classes, samples, count: 1, weight: 1.0, first: 0, slot: 0 };
        let labels = backend.upload(&labels)?;
        backend.loss_gradient(config, output, &labels, &mut self.delta, &mut tally)?;
        let outputs = backend.read(output, 0..classes * samples)?;
        let at = |(sample, class)| outputs[class * samples + sample];
        let logits = Array2::from_shape_fn((samples, classes), at).into_iter().collect();
        Ok((logits, backend.read(&tally, 0..1)?[0]))
    }

    /// Gradients of all arrays, layer by layer, after [`forward`](Self::forward) of the same samples.
    fn gradients(mut self, data: Labelled<'_>) -> Result<Vec<Vec<Array>>> {
        let (backend, samples) = (self.backend, data.labels.len());
        let input = backend.upload(&data.samples.iter().copied().collect::<Vec<f32>>())?;
        let mut all = Vec::new();
        for (index, layer) in self.layers.iter_mut().enumerate().rev() {
            let mut arrays = numbers(&layer.download(backend, 0)?);
            let pass = BackwardPass {
                batch: batch(index, samples),
                input: index.checked_sub(1).map_or(&input, |before| &self.traces[before].output),
                trace: &self.traces[index],
                delta: &mut self.delta,
                input_delta: (index > 0).then_some(&mut self.next_delta),
                workspace: &mut self.workspace,
            };
            layer.backward(backend, pass, &mut Collect { backend, arrays: &mut arrays })?;
            std::mem::swap(&mut self.delta, &mut self.next_delta);
            all.push(arrays);
        }
        all.reverse();
        Ok(all)
    }
}

/// Samples come one to a row, activations one unit to a row.
const fn batch(index: usize, samples: usize) -> Batch {
    Batch::new(samples, if index == 0 { Layout::SamplesMajor } else { Layout::UnitsMajor })
}

/// Replaces the numbers of a layer's arrays by their gradients.
struct Collect<'a, B> {
    backend: &'a B,
    arrays: &'a mut [Array],
}

impl<B: FullBackend> GradientVisitor<B> for Collect<'_, B> {
    type Error = isobath_tensor::Error;

    fn visit(&mut self, parameter: ParameterGradient<'_, B>) -> isobath_tensor::Result<()> {
        let (_, numbers) = &mut self.arrays[parameter.index];
        *numbers = match parameter.gradient {
            Gradient::Product { config, left, right } => {
                let mut product = self.backend.zeros(numbers.len())?;
                self.backend.batched_gemm(config, left, right, &mut product)?;
                self.backend.download(&product)?
            }
            Gradient::Array(gradient) => self.backend.read(gradient, 0..numbers.len())?,
        };
        Ok(())
    }
}
