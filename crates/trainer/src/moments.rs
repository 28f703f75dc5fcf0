use isobath_network::ParameterArray;
use isobath_tensor::{Backend, Optimize, Optimizer};

/// Optimiser state of one array of parameters: its first and second moment, where the optimiser keeps them.
#[derive(Debug)]
pub(crate) struct Moments<B: Backend>(pub(crate) [Option<ParameterArray<B>>; 2]);

impl<B: Optimize> Moments<B> {
    /// Zeros, `size` for each network.
    pub(crate) fn zeros(
        backend: &B,
        size: usize,
        networks: usize,
        optimizer: &Optimizer,
    ) -> isobath_tensor::Result<Self> {
        let moment =
            |kept: bool| kept.then(|| ParameterArray::zeros(backend, size, networks)).transpose();
        let [first, second] = optimizer.moments();
        Ok(Self([moment(first)?, moment(second)?]))
    }

    /// Keeps the given networks and drops the others.
    pub(crate) fn keep(&mut self, backend: &B, networks: &[usize]) -> isobath_tensor::Result<()> {
        self.0.iter_mut().flatten().try_for_each(|moment| moment.keep(backend, networks))
    }

    /// Takes `step` with `values` along `gradient`. The `idle` memory replaces moments that are not kept.
    pub(crate) fn step(
        &mut self,
        backend: &B,
        step: &B::Step,
        values: &mut B::Buffer<f32>,
        gradient: &B::Buffer<f32>,
        [first_idle, second_idle]: &mut [B::Buffer<f32>; 2],
    ) -> isobath_tensor::Result<()> {
        let [first, second] = &mut self.0;
        let first = first.as_mut().map_or(first_idle, |moment| &mut moment.values);
        let second = second.as_mut().map_or(second_idle, |moment| &mut moment.values);
        backend.optimizer_step(step, values, gradient, first, second)
    }
}
