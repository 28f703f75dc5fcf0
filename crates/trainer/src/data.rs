use isobath_tensor::{Backend, GatherConfig};
use ndarray::ArrayView2;

use crate::{Labelled, Result, TrainerBackend, epoch_order};

/// The training samples on the device, in the order in which some networks see them.
#[derive(Debug)]
pub(crate) struct Data<'a, B: Backend> {
    /// On the host.
    classes: &'a [u8],
    samples: B::Buffer<f32>,
    /// The epoch that `order` and `labels` are of.
    epoch: Option<u64>,
    /// For each step the samples in every network's minibatch, one network's after the other's.
    order: B::Buffer<u32>,
    /// Their labels.
    pub(crate) labels: B::Buffer<u32>,
}

impl<'a, B: TrainerBackend> Data<'a, B> {
    /// For up to `networks` networks.
    pub(crate) fn new(backend: &B, train: Labelled<'a>, networks: usize) -> Result<Self> {
        let classes = train.labels;
        Ok(Self {
            classes,
            samples: upload(backend, train.samples)?,
            epoch: None,
            order: backend.zeros(networks * classes.len())?,
            labels: backend.zeros(networks * classes.len())?,
        })
    }

    /// Discards the order, after networks left.
    pub(crate) const fn forget_order(&mut self) {
        self.epoch = None;
    }

    /// Makes [`gather`](Self::gather) go by the orders of `epoch`, each network's by its seed.
    pub(crate) fn enter(
        &mut self,
        backend: &B,
        batch: usize,
        seeds: impl Iterator<Item = u64>,
        epoch: u64,
    ) -> Result<()> {
        if self.epoch == Some(epoch) {
            return Ok(());
        }
        let samples = self.classes.len();
        let orders: Vec<Vec<u32>> = seeds.map(|seed| epoch_order(seed, epoch, samples)).collect();
        let steps = (0..samples).step_by(batch).map(|first| first..samples.min(first + batch));
        let order: Vec<u32> = steps
            .flat_map(|step| orders.iter().flat_map(move |order| &order[step.clone()]))
            .copied()
            .collect();
        let label = |&sample: &u32| u32::from(self.classes[sample as usize]);
        backend.write(&mut self.labels, 0, &order.iter().map(label).collect::<Vec<u32>>())?;
        backend.write(&mut self.order, 0, &order)?;
        self.epoch = Some(epoch);
        Ok(())
    }

    /// The training samples at places `first..` of the networks' order.
    pub(crate) fn gather(
        &self,
        backend: &B,
        config: GatherConfig,
        out: &mut B::Buffer<f32>,
    ) -> Result<()> {
        Ok(backend.gather_rows(config, &self.samples, &self.order, out)?)
    }
}

/// Samples, row by row.
pub(crate) fn upload<B: Backend>(
    backend: &B,
    samples: ArrayView2<'_, f32>,
) -> Result<B::Buffer<f32>> {
    Ok(match samples.as_slice() {
        Some(numbers) => backend.upload(numbers)?,
        None => backend.upload(&samples.iter().copied().collect::<Vec<f32>>())?,
    })
}
