//! Training of the decoders of a segment together, minibatch by minibatch.

use std::{mem::swap, ops::Range};

use isobath_architecture::Layer;
use isobath_network::{Batch, DeviceLayer, Layout, Trace, Workspace};
use isobath_tensor::{Axes, Backend, GatherConfig, Precision};

use crate::{
    CascadeBackend, DecoderKind, Error, InitialDecoders, Job, Result, activations::Activations,
    conv_transpose::reordered, decoder_layer::DecoderLayerSpec, device_decoder, segment::Segment,
    sweep::Fitted, work::Work,
};

use super::{
    GradientCascade, order,
    product_scratch::ProductScratch,
    training::{DecoderScratch, Training},
};

impl<B: CascadeBackend> GradientCascade<B> {
    /// Trains the decoders of `segment`. Every minibatch runs from the input of the segment through its layers, and trains
    /// each decoder on the layer's output and input. So the numbers do not depend on the segments; decoders see the same
    /// minibatches in the same order.
    pub(super) fn fit_by_minibatch(
        &self,
        job: &Job<'_>,
        work: &Work<'_>,
        segment: &Segment<'_, B>,
        train: &mut Activations<B>,
    ) -> Result<Vec<Fitted<B>>> {
        let backend = &self.backend;
        let batch = self.params.params().batch.min(train.rows);
        let mut trainings = Vec::new();
        for (index, decoder) in (segment.first..).zip(segment.decoders) {
            trainings.push(Training::new(self, job, index, decoder)?);
        }
        let specs = &job.network.spec().layers()[segment.first..][..segment.layers.len()];
        let mut scratch = self.scratch(segment, batch)?;
        let mut minibatch =
            Minibatch::new(backend, specs, batch, self.params.params().forward_precision)?;
        let steps = self.params.steps(train.rows);
        for step in 0..steps {
            if work.is_cancelled() {
                return Err(Error::Cancelled);
            }
            let rows = minibatch.load(job, step, train)?;
            for (layer, training) in segment.layers.iter().zip(&mut trainings) {
                if step == steps / 2 {
                    training.keep_half(backend)?;
                }
                minibatch.forward(self.params.params().forward_precision, rows.len(), layer)?;
                let Minibatch { x, trace, .. } = &minibatch;
                training.step(self, rows.len(), [&trace.output, x], &mut scratch)?;
                minibatch.advance();
            }
            let layers = segment.first..segment.first + segment.layers.len();
            work.fitted(layers, (step + 1) as f64 / steps as f64);
            let is_first_epoch = step < train.rows.div_ceil(batch);
            if is_first_epoch && !segment.is_last {
                minibatch.store(rows, train)?;
            }
        }
        let fitted = (segment.first..).zip(trainings);
        fitted.map(|(index, training)| training.finish(backend, index)).collect()
    }

    /// Memory of the training of the decoders of `segment` on minibatches of `batch` samples.
    fn scratch(&self, segment: &Segment<'_, B>, batch: usize) -> Result<DecoderScratch<B>> {
        let (backend, decoders) = (&self.backend, segment.decoders.iter().map(Vec::as_slice));
        let by_products = decoders.clone().filter(|decoder| !is_dense(decoder));
        let dense = decoders.filter(|decoder| is_dense(decoder)).map(|decoder| decoder[0].kind);
        let [inputs, outputs] = [DecoderKind::inputs, DecoderKind::outputs]
            .map(|size| dense.clone().map(|kind| size(&kind)).max().unwrap_or(0));
        Ok(DecoderScratch {
            products: ProductScratch::new(
                backend,
                by_products,
                batch,
                self.params.params().precision,
            )?,
            rows: [backend.zeros(batch * inputs)?, backend.zeros(batch * outputs)?],
        })
    }
}

/// True for a decoder of one dense layer.
pub(super) fn is_dense(decoder: &[DecoderLayerSpec]) -> bool {
    device_decoder::is_dense(decoder.iter().map(|layer| layer.kind))
}

/// A minibatch between two layers, with [`Axes::UnitPixelSample`] where nothing else is said.
struct Minibatch<'a, B: Backend> {
    backend: &'a B,
    /// Most samples.
    batch: usize,
    /// Layers of the segment.
    layers: &'a [Layer],
    /// Samples one after the other, at the ends of the segment.
    rows: B::Buffer<f32>,
    /// Input of the current layer.
    x: B::Buffer<f32>,
    /// Its output.
    trace: Trace<B>,
    workspace: Workspace<B>,
    /// Order of the current epoch, counted from 0; `None` as stored.
    order: (usize, Option<B::Buffer<u32>>),
}

impl<'a, B: CascadeBackend> Minibatch<'a, B> {
    /// Memory for `batch` samples between `layers`.
    fn new(
        backend: &'a B,
        layers: &'a [Layer],
        batch: usize,
        precision: Precision,
    ) -> Result<Self> {
        let all = Batch::new(batch, Layout::UnitsMajor).precision(precision);
        let numbers = batch * layers.iter().map(Layer::widest).max().unwrap_or(0);
        Ok(Self {
            backend,
            batch,
            layers,
            rows: backend.zeros(numbers)?,
            x: backend.zeros(numbers)?,
            trace: Trace::new(backend, numbers)?,
            workspace: Workspace::of_batch(backend, layers, 1, all)?,
            order: (0, None),
        })
    }

    /// Runs the next layer from `x` to the trace's output.
    fn forward(
        &mut self,
        precision: Precision,
        samples: usize,
        layer: &DeviceLayer<B>,
    ) -> Result<()> {
        let Self { backend, x, trace, workspace, .. } = self;
        backend.copy(x, 0..samples * layer.inputs(), &mut trace.output, 0)?;
        let batch = Batch::new(samples, Layout::UnitsMajor).precision(precision);
        Ok(layer.forward_in_place(*backend, batch, trace, workspace)?)
    }

    /// The output becomes the next layer's input.
    const fn advance(&mut self) {
        swap(&mut self.x, &mut self.trace.output);
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
        let shape = self.layers[0].input_shape();
        let width = shape.numbers();
        if let Some(order) = &self.order.1 {
            let config = GatherConfig { cols: width, first: rows.start, count: rows.len() };
            self.backend.gather_rows(config, &train.input, order, &mut self.rows)?;
        } else {
            let range = rows.start * width..rows.end * width;
            self.backend.copy(&train.input, range, &mut self.rows, 0)?;
        }
        let axes = [Axes::SampleUnitPixel, Axes::UnitPixelSample];
        let order = reordered(shape, rows.len(), axes);
        self.backend.patches(&order, &self.rows, &mut self.x)?;
        Ok(rows)
    }

    /// Stores the minibatch, which has left the last layer, behind the segment.
    fn store(&mut self, rows: Range<usize>, train: &mut Activations<B>) -> Result<()> {
        let shape = self.layers[self.layers.len() - 1].output_shape();
        let axes = [Axes::UnitPixelSample, Axes::SampleUnitPixel];
        let order = reordered(shape, rows.len(), axes);
        self.backend.patches(&order, &self.x, &mut self.rows)?;
        let width = shape.numbers();
        let numbers = 0..rows.len() * width;
        Ok(self.backend.copy(&self.rows, numbers, &mut train.output, rows.start * width)?)
    }
}
