use crate::{Backend, Loss, Result, backend::expect_len};

/// Shape and place of a batch whose loss is asked for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LossConfig {
    /// The loss.
    pub loss: Loss,
    /// Classes, `K`.
    pub classes: usize,
    /// Samples.
    pub samples: usize,
    /// What the gradient is multiplied by; the tally is not.
    pub weight: f64,
    /// Where in the labels the batch begins.
    pub first: usize,
    /// Where in the tally the result goes.
    pub slot: usize,
}

/// Classification losses.
pub trait LossGradient: Backend {
    /// The loss of `outputs` `[classes, samples]` against `labels[first..first + samples]`.
    ///
    /// Writes the derivative of `weight` times the mean loss with respect to the outputs to `gradient` `[classes, samples]`, the mean loss
    /// to `tally[2 slot]` and the number of samples whose largest output (the first of several) is the label's to
    /// `tally[2 slot + 1]`. The tally stays on the device, so that a step need not wait for the host. A sample with a
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
        let LossConfig { loss, classes, samples, weight, first, slot } = config;
        check_loss(self, &config, outputs, labels, gradient, tally)?;
        let outputs = self.read(outputs, 0..classes * samples)?;
        let labels = self.read(labels, first..first + samples)?;
        let mut derivative = vec![0.0_f32; classes * samples];
        let (mut z, mut of_sample) = (vec![0.0; classes], vec![0.0; classes]);
        let (mut sum, mut right) = (0.0, 0.0);
        for (sample, label) in labels.into_iter().enumerate() {
            let places = || (sample..).step_by(samples);
            z.iter_mut().zip(places()).for_each(|(z, place)| *z = f64::from(outputs[place]));
            let label = label as usize;
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
        self.write(gradient, 0, &derivative)?;
        self.write(tally, 2 * slot, &[sum / samples.max(1) as f64, right])
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
    let LossConfig { classes, samples, first, slot, .. } = *config;
    expect_len(OP, "outputs", classes * samples, backend.len(outputs))?;
    expect_len(OP, "labels", first + samples, backend.len(labels))?;
    expect_len(OP, "gradient", classes * samples, backend.len(gradient))?;
    expect_len(OP, "tally", 2 * slot + 2, backend.len(tally))
}
