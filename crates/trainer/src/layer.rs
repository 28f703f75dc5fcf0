use isobath_network::{DeviceLayer, Network, ParameterArray, ParameterName};
use isobath_tensor::{Backend, Optimizer};

use crate::{Result, TrainerBackend, moments::Moments};

/// A layer of some networks in training: the network's layer with its optimiser state.
#[derive(Debug)]
pub(crate) struct TrainedLayer<B: Backend> {
    pub(crate) layer: DeviceLayer<B>,
    /// Optimiser state, in the order of the layer's arrays.
    pub(crate) moments: Vec<Moments<B>>,
}

impl<B: TrainerBackend> TrainedLayer<B> {
    /// Layer `index`, counted from 0, of networks of the same shape at their initialisations.
    pub(crate) fn new(
        backend: &B,
        networks: &[&Network],
        index: usize,
        optimizer: &Optimizer,
    ) -> Result<Self> {
        let layer = DeviceLayer::upload(backend, networks, index)?;
        let moments = layer
            .arrays()
            .map(|(_, array)| Moments::zeros(backend, array.size(), networks.len(), optimizer))
            .collect::<isobath_tensor::Result<_>>()?;
        Ok(Self { layer, moments })
    }

    /// Keeps the given networks and drops the others.
    pub(crate) fn keep(&mut self, backend: &B, networks: &[usize]) -> Result<()> {
        self.layer.keep(backend, networks)?;
        for moments in &mut self.moments {
            moments.keep(backend, networks)?;
        }
        Ok(())
    }

    /// Arrays of parameters with their optimiser state.
    pub(crate) fn parameters(
        &self,
    ) -> impl Iterator<Item = (ParameterName, &ParameterArray<B>, &Moments<B>)> {
        let arrays = self.layer.arrays().zip(&self.moments);
        arrays.map(|((name, array), moments)| (name, array, moments))
    }

    /// Arrays of parameters with their optimiser state, mutable.
    pub(crate) fn parameters_mut(
        &mut self,
    ) -> impl Iterator<Item = (ParameterName, &mut ParameterArray<B>, &mut Moments<B>)> {
        let arrays = self.layer.arrays_mut().zip(&mut self.moments);
        arrays.map(|((name, array), moments)| (name, array, moments))
    }
}
