//! Classification losses and their gradients.

#[cfg(feature = "conformance")]
pub(super) mod conformance;
mod cpu;
#[cfg(feature = "cuda")]
pub(super) mod cuda;
mod kind;
mod reference;

pub use kind::{Loss, LossAndGradient};

use crate::{Backend, Result, backend::expect_len};

/// Shape and place of minibatches.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LossConfig {
    /// The loss.
    pub loss: Loss,
    /// Classes, `K`.
    pub classes: usize,
    /// Samples of a minibatch.
    pub samples: usize,
    /// Minibatches, each with outputs, labels and a loss of its own.
    pub count: usize,
    /// Factor of the gradient, not of the tally.
    pub weight: f64,
    /// Index of the first minibatch's first label; the others follow.
    pub first: usize,
    /// Index of the first result in the tally; the others follow.
    pub slot: usize,
}

/// Classification losses.
pub trait LossGradient: Backend {
    /// The losses of `outputs` `[count, classes, samples]` against `labels[first..first + count samples]`.
    ///
    /// For each minibatch, writes the derivative of `weight` times its mean loss with respect to its outputs to `gradient`
    /// `[count, classes, samples]`, the mean loss to `tally[2 slot]` and the number of samples whose largest output (the
    /// first of several) is the label's to `tally[2 slot + 1]`, the next minibatch's behind. The tally stays on the device, so that a step need not wait for the host. A sample with a
    /// label that is no class, or an output that is not a number, has the loss NaN.
    ///
    /// The default goes through host memory in f64; outputs are small.
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape) when a buffer is too short.
    fn loss_gradient(
        &self,
        config: LossConfig,
        outputs: &Self::Buffer<f32>,
        labels: &Self::Buffer<u32>,
        gradient: &mut Self::Buffer<f32>,
        tally: &mut Self::Buffer<f64>,
    ) -> Result<()> {
        let LossConfig { loss, classes, samples, count, weight, first, slot } = config;
        check_loss(self, &config, outputs, labels, gradient, tally)?;
        let size = classes * samples;
        let outputs = self.read(outputs, 0..count * size)?;
        let labels = self.read(labels, first..first + count * samples)?;
        let mut derivative = vec![0.0_f32; count * size];
        let (mut z, mut of_sample) = (vec![0.0; classes], vec![0.0; classes]);
        let mut results = Vec::with_capacity(2 * count);
        for index in 0..count {
            let (mut sum, mut right) = (0.0, 0.0);
            for sample in 0..samples {
                let places = || (index * size + sample..).step_by(samples);
                z.iter_mut().zip(places()).for_each(|(z, place)| *z = f64::from(outputs[place]));
                let label = labels[index * samples + sample] as usize;
                if label < classes && z.iter().all(|z| !z.is_nan()) {
                    right += f64::from(u8::from(first_largest(&z) == label));
                    sum += loss.of_sample(&mut z, label, &mut of_sample);
                } else {
                    of_sample.fill(f64::NAN);
                    sum = f64::NAN;
                }
                for (&gradient, place) in of_sample.iter().zip(places()) {
                    derivative[place] = (weight * gradient / samples as f64) as f32;
                }
            }
            results.extend([sum / samples.max(1) as f64, right]);
        }
        self.write(gradient, 0, &derivative)?;
        self.write(tally, 2 * slot, &results)
    }
}

fn first_largest(outputs: &[f64]) -> usize {
    (1..outputs.len()).fold(0, |best, i| if outputs[i] > outputs[best] { i } else { best })
}

pub(crate) fn check_loss<B: Backend>(
    backend: &B,
    config: &LossConfig,
    outputs: &B::Buffer<f32>,
    labels: &B::Buffer<u32>,
    gradient: &B::Buffer<f32>,
    tally: &B::Buffer<f64>,
) -> Result<()> {
    const OP: &str = "loss_gradient";
    let LossConfig { classes, samples, count, first, slot, .. } = *config;
    expect_len(OP, "outputs", count * classes * samples, backend.len(outputs))?;
    expect_len(OP, "labels", first + count * samples, backend.len(labels))?;
    expect_len(OP, "gradient", count * classes * samples, backend.len(gradient))?;
    expect_len(OP, "tally", 2 * (slot + count), backend.len(tally))
}
