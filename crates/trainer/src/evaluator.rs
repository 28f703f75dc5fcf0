use isobath_architecture::Layer;
use isobath_network::{Trace, Workspace};
use isobath_tensor::{Backend, Loss, LossConfig};

use crate::{
    Labelled, Result, TrainerBackend,
    data::upload,
    model::{Model, input_batch},
};

/// The test samples on the device, and memory for measuring networks on them.
#[derive(Debug)]
pub(crate) struct Evaluator<'a, B: Backend> {
    loss: Loss,
    /// On the host.
    classes: &'a [u8],
    samples: B::Buffer<f32>,
    /// Labels of each chunk, once for every network.
    labels: B::Buffer<u32>,
    activations: Trace<B>,
    workspace: Workspace<B>,
    /// Samples that go through the networks together.
    chunk: usize,
    /// `[chunks, networks, 2]`
    tally: B::Buffer<f64>,
}

/// A network on the test samples.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Score {
    /// Mean loss.
    pub(crate) loss: f64,
    /// In `[0, 1]`.
    pub(crate) accuracy: f64,
}

/// Most samples that go through the networks together.
const CHUNK: usize = 1024;

/// Most numbers of a convolution's patches, unless one sample has more.
const MOST_PATCHES: usize = 1 << 24;

/// Samples that go through networks of these layers together.
fn chunk_size<B: TrainerBackend>(layers: &[Layer]) -> usize {
    let patches = Workspace::<B>::largest_patches(layers);
    MOST_PATCHES.checked_div(patches).map_or(CHUNK, |samples| samples.clamp(1, CHUNK))
}

impl<'a, B: TrainerBackend> Evaluator<'a, B> {
    /// Measures up to `networks` networks of these layers.
    pub(crate) fn new(
        backend: &B,
        test: Labelled<'a>,
        layers: &[Layer],
        networks: usize,
        loss: Loss,
    ) -> Result<Self> {
        let classes = test.labels;
        let widths = layers.iter().map(Layer::widest);
        let chunk = chunk_size::<B>(layers);
        let samples = chunk.min(classes.len());
        let size = networks * samples * widths.max().unwrap_or(0);
        Ok(Self {
            loss,
            classes,
            samples: upload(backend, test.samples)?,
            labels: labels(backend, classes, chunk, networks)?,
            activations: Trace::new(backend, size)?,
            workspace: Workspace::new(backend, layers, networks, samples)?,
            chunk,
            tally: backend.zeros(2 * networks * classes.len().div_ceil(chunk))?,
        })
    }

    /// Measures that many networks from now on.
    pub(crate) fn keep(&mut self, backend: &B, networks: usize) -> Result<()> {
        self.labels = labels(backend, self.classes, self.chunk, networks)?;
        Ok(())
    }

    /// Measures every network of `model`.
    pub(crate) fn evaluate(&mut self, backend: &B, model: &Model<B>) -> Result<Vec<Score>> {
        let (networks, width) = (model.networks, model.layers[0].layer.inputs());
        let activations = &mut self.activations;
        let chunks = || self.classes.chunks(self.chunk).map(<[u8]>::len).enumerate();
        for (index, samples) in chunks() {
            let first = index * self.chunk;
            let range = first * width..(first + samples) * width;
            backend.copy(&self.samples, range, &mut activations.output, 0)?;
            for (index, trained) in model.layers.iter().enumerate() {
                let batch = input_batch(index, samples);
                let batch = if index == 0 { batch.shared() } else { batch };
                trained.layer.forward_in_place(backend, batch, activations, &mut self.workspace)?;
            }
            let config = LossConfig {
                loss: self.loss,
                classes: model.classes(),
                samples,
                count: networks,
                weight: 1.0,
                first: first * networks,
                slot: index * networks,
            };
            let Trace { pre_activation, output, .. } = activations;
            backend.loss_gradient(config, output, &self.labels, pre_activation, &mut self.tally)?;
        }
        let tally = backend.read(&self.tally, 0..2 * networks * chunks().len())?;
        let mut scores = vec![Score::default(); networks];
        for (results, (_, samples)) in tally.chunks_exact(2 * networks).zip(chunks()) {
            for (score, result) in scores.iter_mut().zip(results.chunks_exact(2)) {
                score.loss += result[0] * samples as f64;
                score.accuracy += result[1];
            }
        }
        let samples = self.classes.len() as f64;
        for Score { loss, accuracy } in &mut scores {
            *loss /= samples;
            *accuracy /= samples;
        }
        Ok(scores)
    }
}

/// The labels of each `chunk` as often as there are networks.
fn labels<B: Backend>(
    backend: &B,
    classes: &[u8],
    chunk: usize,
    networks: usize,
) -> Result<B::Buffer<u32>> {
    let chunks = classes.chunks(chunk);
    let labels: Vec<u32> = chunks
        .flat_map(|chunk| std::iter::repeat_n(chunk, networks).flatten())
        .map(|&class| class.into())
        .collect();
    Ok(backend.upload(&labels)?)
}
