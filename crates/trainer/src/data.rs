use ndarray::ArrayView2;
use tensor::{Backend, GatherConfig};

use crate::{Job, Result, TrainerBackend, epoch_order};

/// Samples on the device.
#[derive(Debug)]
pub(crate) struct Data<B: Backend> {
    train: B::Buffer<f32>,
    pub(crate) test: B::Buffer<f32>,
    pub(crate) test_labels: B::Buffer<u32>,
    /// The epoch that `order` and `labels` are of.
    epoch: Option<u64>,
    order: B::Buffer<u32>,
    /// The training labels in that order.
    pub(crate) labels: B::Buffer<u32>,
}

impl<B: TrainerBackend> Data<B> {
    pub(crate) fn new(backend: &B, job: &Job<'_>) -> Result<Self> {
        let samples = job.train.labels.len();
        let test_labels: Vec<u32> = job.test.labels.iter().copied().map(u32::from).collect();
        Ok(Self {
            train: upload(backend, job.train.samples)?,
            test: upload(backend, job.test.samples)?,
            test_labels: backend.upload(&test_labels)?,
            epoch: None,
            order: backend.zeros(samples)?,
            labels: backend.zeros(samples)?,
        })
    }

    /// Makes [`gather`](Self::gather) go by the order of `epoch`.
    pub(crate) fn enter(&mut self, backend: &B, job: &Job<'_>, epoch: u64) -> Result<()> {
        if self.epoch != Some(epoch) {
            let order = epoch_order(job.seed, epoch, job.train.labels.len());
            let label = |&sample: &u32| u32::from(job.train.labels[sample as usize]);
            backend.write(&mut self.labels, 0, &order.iter().map(label).collect::<Vec<u32>>())?;
            backend.write(&mut self.order, 0, &order)?;
            self.epoch = Some(epoch);
        }
        Ok(())
    }

    /// The training samples at places `first..` of the epoch's order.
    pub(crate) fn gather(
        &self,
        backend: &B,
        config: GatherConfig,
        out: &mut B::Buffer<f32>,
    ) -> Result<()> {
        Ok(backend.gather_rows(config, &self.train, &self.order, out)?)
    }
}

fn upload<B: Backend>(backend: &B, samples: ArrayView2<'_, f32>) -> Result<B::Buffer<f32>> {
    Ok(match samples.as_slice() {
        Some(numbers) => backend.upload(numbers)?,
        None => backend.upload(&samples.iter().copied().collect::<Vec<f32>>())?,
    })
}
