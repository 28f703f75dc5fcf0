use network::DenseLayer;
use tensor::{Backend, DenseConfig, GemmConfig, Loss, LossConfig};

use crate::{Extent, Result, TrainerBackend, data::Data, model::Model};

/// Memory for measuring a network on the test samples.
#[derive(Debug)]
pub(crate) struct Evaluator<B: Backend> {
    loss: Loss,
    samples: usize,
    h: B::Buffer<f32>,
    next_h: B::Buffer<f32>,
    tally: B::Buffer<f64>,
}

/// A network on the test samples.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Score {
    /// Mean loss, in nats.
    pub(crate) loss: f64,
    /// In `[0, 1]`.
    pub(crate) accuracy: f64,
}

/// Samples that go through the network together.
const CHUNK: usize = 1024;

impl<B: TrainerBackend> Evaluator<B> {
    pub(crate) fn new(backend: &B, extent: &Extent<'_>, loss: Loss) -> Result<Self> {
        let samples = extent.test;
        let widths = extent.layers.iter().flat_map(|layer| [layer.inputs(), layer.outputs()]);
        let size = CHUNK.min(samples) * widths.max().unwrap_or(0);
        Ok(Self {
            loss,
            samples,
            h: backend.zeros(size)?,
            next_h: backend.zeros(size)?,
            tally: backend.zeros(2 * samples.div_ceil(CHUNK))?,
        })
    }

    pub(crate) fn evaluate(
        &mut self,
        backend: &B,
        model: &Model<B>,
        data: &Data<B>,
    ) -> Result<Score> {
        let starts = || (0..self.samples).step_by(CHUNK);
        let rows = |start| CHUNK.min(self.samples - start);
        let (h, next_h) = (&mut self.h, &mut self.next_h);
        for (slot, start) in starts().enumerate() {
            let rows = rows(start);
            let width = model.layers[0].shape.inputs;
            backend.copy(&data.test, start * width..(start + rows) * width, h, 0)?;
            let (last, hidden) = model.layers.split_last().expect("a network has layers");
            for layer in hidden {
                let DenseLayer { inputs, outputs, activation } = layer.shape;
                let config = DenseConfig { rows, inputs, outputs, activation };
                backend.dense(config, h, &layer.weights.values, &layer.bias.values, next_h)?;
                std::mem::swap(h, next_h);
            }
            let DenseLayer { outputs, activation, .. } = last.shape;
            // The loss takes one class per row.
            let product = GemmConfig::new(outputs, rows, last.shape.inputs).transpose_b();
            backend.gemm(product, &last.weights.values, h, next_h)?;
            backend.activate(activation, [outputs, rows], &last.bias.values, next_h, h)?;
            let config = LossConfig {
                loss: self.loss,
                classes: outputs,
                samples: rows,
                weight: 1.0,
                first: start,
                slot,
            };
            backend.loss_gradient(config, h, &data.test_labels, next_h, &mut self.tally)?;
        }
        let tally = backend.download(&self.tally)?;
        let (mut loss, mut right) = (0.0, 0.0);
        for (result, start) in tally.chunks_exact(2).zip(starts()) {
            loss += result[0] * rows(start) as f64;
            right += result[1];
        }
        let samples = self.samples as f64;
        Ok(Score { loss: loss / samples, accuracy: right / samples })
    }
}
