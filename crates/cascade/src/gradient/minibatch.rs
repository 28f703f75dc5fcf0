//! Training of the decoders of a segment together, minibatch by minibatch.

use std::{mem::swap, ops::Range};

use isobath_network::DeviceLayer;
use isobath_tensor::{Backend, GatherConfig};

use crate::{
    CascadeBackend, DecoderKind, Error, InitialDecoders, Job, Observer, Result,
    activations::Activations, decoder_layer::DecoderLayerSpec, segment::Segment, sweep::Fitted,
};

use super::{GradientCascade, order, product_scratch::ProductScratch, training::Training};

impl<B: CascadeBackend> GradientCascade<B> {
    /// Trains the decoders of `segment`. Every minibatch runs from the input of the segment through its layers, and trains
    /// each decoder on the layer's output and input. So the numbers do not depend on the segments; decoders see the same
    /// minibatches in the same order.
    pub(super) fn fit_by_minibatch(
        &self,
        job: &Job<'_>,
        observer: &dyn Observer,
        segment: &Segment<'_, B>,
        train: &mut Activations<B>,
    ) -> Result<Vec<Fitted<B>>> {
        let backend = &self.backend;
        let batch = self.params.params().batch.min(train.rows);
        let mut trainings = Vec::new();
        for (index, decoder) in (segment.first..).zip(segment.decoders) {
            trainings.push(Training::new(self, job, index, decoder)?);
        }
        let by_products = segment.decoders.iter().map(Vec::as_slice).filter(|d| !is_dense(d));
        let mut scratch = ProductScratch::new(backend, by_products, batch)?;
        let mut minibatch = Minibatch::new(backend, segment.layers, batch)?;
        let steps = self.params.steps(train.rows);
        for step in 0..steps {
            if observer.cancelled() {
                return Err(Error::Cancelled);
            }
            let rows = minibatch.load(job, step, train)?;
            for (layer, training) in segment.layers.iter().zip(&mut trainings) {
                if step == steps / 2 {
                    training.keep_half(backend)?;
                }
                let precision = self.params.params().forward_precision;
                let Minibatch { x, y, .. } = &mut minibatch;
                layer.forward(backend, precision, rows.len(), x, y)?;
                training.step(self, rows.len(), [y, x], &mut scratch)?;
                swap(x, y);
            }
            let is_first_epoch = step < train.rows.div_ceil(batch);
            if is_first_epoch && !segment.is_last {
                minibatch.store(rows, train)?;
            }
        }
        let fitted = (segment.first..).zip(trainings);
        fitted.map(|(index, training)| training.finish(backend, index)).collect()
    }
}

/// True for a decoder of one dense layer.
pub(super) const fn is_dense(decoder: &[DecoderLayerSpec]) -> bool {
    matches!(decoder, [DecoderLayerSpec { kind: DecoderKind::Dense { .. }, .. }])
}

/// A minibatch between two layers.
struct Minibatch<'a, B: Backend> {
    backend: &'a B,
    /// Most samples.
    batch: usize,
    /// Numbers of a sample before and behind the segment.
    widths: [usize; 2],
    /// Input of the current layer.
    x: B::Buffer<f32>,
    /// Output of the current layer.
    y: B::Buffer<f32>,
    /// Order of the current epoch, counted from 0; `None` as stored.
    order: (usize, Option<B::Buffer<u32>>),
}

impl<'a, B: CascadeBackend> Minibatch<'a, B> {
    /// Memory for `batch` samples between `layers`.
    fn new(backend: &'a B, layers: &[DeviceLayer<B>], batch: usize) -> Result<Self> {
        let widths = layers.iter().flat_map(|layer| [layer.inputs(), layer.outputs()]);
        let widest = widths.max().unwrap_or(0);
        Ok(Self {
            backend,
            batch,
            widths: [layers[0].inputs(), layers[layers.len() - 1].outputs()],
            x: backend.zeros(batch * widest)?,
            y: backend.zeros(batch * widest)?,
            order: (0, None),
        })
    }

    /// Loads the minibatch of `step`, counted from 0, from the input of the segment: its places in the epoch.
    ///
    /// The first epoch takes the samples as stored, each further one in an order of its own. Given decoders repeat a
    /// computation, whose order is the stored one in every epoch.
    fn load(&mut self, job: &Job<'_>, step: usize, train: &Activations<B>) -> Result<Range<usize>> {
        let per_epoch = train.rows.div_ceil(self.batch);
        let (epoch, start) = (step / per_epoch, step % per_epoch * self.batch);
        let rows = start..(start + self.batch).min(train.rows);
        if let InitialDecoders::Drawn { seed } = job.initial
            && epoch != self.order.0
        {
            let order = self.backend.upload(&order(seed, epoch, train.rows))?;
            self.order = (epoch, Some(order));
        }
        let width = self.widths[0];
        if let Some(order) = &self.order.1 {
            let config = GatherConfig { cols: width, first: rows.start, count: rows.len() };
            self.backend.gather_rows(config, &train.input, order, &mut self.x)?;
        } else {
            let range = rows.start * width..rows.end * width;
            self.backend.copy(&train.input, range, &mut self.x, 0)?;
        }
        Ok(rows)
    }

    /// Stores the minibatch, which has left the last layer, behind the segment.
    fn store(&self, rows: Range<usize>, train: &mut Activations<B>) -> Result<()> {
        let width = self.widths[1];
        let numbers = 0..rows.len() * width;
        Ok(self.backend.copy(&self.x, numbers, &mut train.output, rows.start * width)?)
    }
}
