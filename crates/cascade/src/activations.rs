use isobath_network::{DeviceLayer, ForwardBackend};
use isobath_tensor::{Backend, Precision};
use ndarray::{ArrayView2, Axis};

use crate::{Job, Result};

/// Samples copied at a time where they do not lie in one piece.
const CHUNK: usize = 1024;

/// Input and output of the current layer, or segment of layers, on the device.
#[derive(Debug)]
pub(crate) struct Activations<B: Backend> {
    /// Number of samples.
    pub(crate) rows: usize,
    /// `[rows, w_{l-1}]`
    pub(crate) input: B::Buffer<f32>,
    /// `[rows, w_l]`
    pub(crate) output: B::Buffer<f32>,
}

impl<B: Backend> Activations<B> {
    /// Room for so many numbers of the input and the output of each of `samples`, which are in place.
    pub(crate) fn new(backend: &B, samples: ArrayView2<'_, f32>, room: [usize; 2]) -> Result<Self> {
        let mut activations = Self::empty(backend, samples.nrows(), room)?;
        if let Some(numbers) = samples.as_slice() {
            backend.write(&mut activations.input, 0, numbers)?;
            return Ok(activations);
        }
        for (index, chunk) in samples.axis_chunks_iter(Axis(0), CHUNK).enumerate() {
            let numbers: Vec<f32> = chunk.iter().copied().collect();
            backend.write(&mut activations.input, index * CHUNK * samples.ncols(), &numbers)?;
        }
        Ok(activations)
    }

    /// As [`new`](Self::new), for the job's first `samples` training samples.
    pub(crate) fn of_training(
        backend: &B,
        job: &Job<'_>,
        samples: usize,
        room: [usize; 2],
    ) -> Result<Self> {
        let Some(order) = job.order else {
            return Self::new(backend, job.train.slice(ndarray::s![..samples, ..]), room);
        };
        let mut activations = Self::empty(backend, samples, room)?;
        for (index, rows) in order[..samples].chunks(CHUNK).enumerate() {
            let numbers: Vec<f32> =
                rows.iter().flat_map(|&row| job.train.row(row as usize)).copied().collect();
            backend.write(&mut activations.input, index * CHUNK * job.train.ncols(), &numbers)?;
        }
        Ok(activations)
    }

    /// Room for so many numbers of the input and the output of `rows` samples.
    pub(crate) fn empty(backend: &B, rows: usize, [inputs, outputs]: [usize; 2]) -> Result<Self> {
        let (input, output) = (backend.zeros(rows * inputs)?, backend.zeros(rows * outputs)?);
        Ok(Self { rows, input, output })
    }

    /// The output becomes the next layer's input.
    pub(crate) const fn advance(&mut self) {
        std::mem::swap(&mut self.input, &mut self.output);
    }
}

impl<B: ForwardBackend> Activations<B> {
    /// Runs `layer` from the input to the output.
    pub(crate) fn forward(
        &mut self,
        backend: &B,
        precision: Precision,
        layer: &DeviceLayer<B>,
    ) -> Result<()> {
        Ok(layer.forward(backend, precision, self.rows, &self.input, &mut self.output)?)
    }
}
