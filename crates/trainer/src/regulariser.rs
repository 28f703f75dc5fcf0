use isobath_network::ParameterArray;
use isobath_tensor::{Backend, Optimizer};

use crate::{Result, TrainerBackend, moments::Moments, params::BatchEntropyParams};

/// Layer-wise batch-entropy regularisation in a training.
///
/// The loss becomes `C (1 + R)`, `R = mean_l beta (H_l - max(alpha_min, |alpha_l|))^2` over the hidden layers, with `C`
/// the loss proper and the targets `alpha_l` trained along (Peer et al., arXiv:2208.01134).
#[derive(Debug)]
pub(crate) struct Regulariser<B: Backend> {
    settings: BatchEntropyParams,
    /// One for each hidden layer.
    pub(crate) targets: ParameterArray<B>,
    pub(crate) moments: Moments<B>,
    gradient: B::Buffer<f32>,
    /// `H_l - max(alpha_min, |alpha_l|)` of the minibatch at hand.
    gaps: Vec<f64>,
}

impl<B: TrainerBackend> Regulariser<B> {
    pub(crate) fn new(
        backend: &B,
        settings: BatchEntropyParams,
        layers: usize,
        optimizer: &Optimizer,
    ) -> Result<Self> {
        let mut targets = ParameterArray::zeros(backend, layers, 1)?;
        let moments = Moments::zeros(backend, layers, 1, optimizer)?;
        backend.write(&mut targets.values, 0, &vec![settings.alpha as f32; layers])?;
        let gradient = backend.zeros(layers)?;
        Ok(Self { settings, targets, moments, gradient, gaps: vec![0.0; layers] })
    }

    /// Measures what the hidden layers gave, `[w_l, samples]` each, and returns `1 + R`.
    pub(crate) fn measure<'a>(
        &mut self,
        backend: &B,
        samples: usize,
        layers: impl Iterator<Item = (usize, &'a B::Buffer<f32>)>,
    ) -> Result<f64> {
        let targets = backend.download(&self.targets.values)?;
        for ((gap, target), (width, h)) in self.gaps.iter_mut().zip(targets).zip(layers) {
            let target = f64::from(target).abs().max(self.settings.alpha_min);
            *gap = backend.batch_entropy([width, samples], h)? - target;
        }
        let squares: f64 = self.gaps.iter().map(|gap| gap * gap).sum();
        Ok(1.0 + self.settings.beta * squares / self.gaps.len() as f64)
    }

    /// The derivative of the whole loss with respect to `H_l` of hidden layer `index`, given the `loss` proper.
    pub(crate) fn entropy_slope(&self, index: usize, loss: f64) -> f64 {
        2.0 * loss * self.settings.beta * self.gaps[index] / self.gaps.len() as f64
    }

    /// Takes `step` with the targets.
    pub(crate) fn update(
        &mut self,
        backend: &B,
        step: &B::Step,
        loss: f64,
        idle: &mut [B::Buffer<f32>; 2],
    ) -> isobath_tensor::Result<()> {
        let targets = backend.download(&self.targets.values)?;
        let slope = |(index, target): (usize, f32)| {
            let target = f64::from(target);
            let moves = target.abs() > self.settings.alpha_min;
            if moves { (-self.entropy_slope(index, loss) * target.signum()) as f32 } else { 0.0 }
        };
        let gradient: Vec<f32> = targets.into_iter().enumerate().map(slope).collect();
        backend.write(&mut self.gradient, 0, &gradient)?;
        self.moments.step(backend, step, &mut self.targets.values, &self.gradient, idle)
    }
}
