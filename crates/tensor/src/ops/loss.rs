use crate::{Backend, Loss, Result, backend::expect_len};

/// Shape and place of a batch whose loss is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LossConfig {
    /// The loss.
    pub loss: Loss,
    /// Samples.
    pub rows: usize,
    /// Classes, `K`.
    pub classes: usize,
    /// Where in the labels the batch begins.
    pub first: usize,
    /// Where in the tally the result goes.
    pub slot: usize,
}

/// Classification losses.
pub trait LossGradient: Backend {
    /// The loss of `outputs` `[rows, classes]` against `labels[first..first + rows]`.
    ///
    /// Writes the derivative of the mean loss with respect to the outputs to `gradient` `[rows, classes]`, the mean loss
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
        let LossConfig { loss, rows, classes, first, slot } = config;
        check_loss(self, &config, outputs, labels, gradient, tally)?;
        let outputs = self.read(outputs, 0..rows * classes)?;
        let labels = self.read(labels, first..first + rows)?;
        let mut derivative = vec![0.0_f32; rows * classes];
        let (mut z, mut sample) = (vec![0.0; classes], vec![0.0; classes]);
        let (mut sum, mut right) = (0.0, 0.0);
        let samples = outputs.chunks_exact(classes.max(1)).zip(labels);
        for ((output, label), derivative) in
            samples.zip(derivative.chunks_exact_mut(classes.max(1)))
        {
            let label = label as usize;
            z.iter_mut().zip(output).for_each(|(z, &output)| *z = f64::from(output));
            if label < classes && z.iter().all(|z| !z.is_nan()) {
                right += f64::from(u8::from(first_largest(output) == label));
                sum += loss.of_sample(&mut z, label, &mut sample);
            } else {
                sample.fill(f64::NAN);
                sum = f64::NAN;
            }
            for (derivative, &sample) in derivative.iter_mut().zip(&sample) {
                *derivative = (sample / rows as f64) as f32;
            }
        }
        self.write(gradient, 0, &derivative)?;
        self.write(tally, 2 * slot, &[sum / rows.max(1) as f64, right])
    }
}

fn first_largest(outputs: &[f32]) -> usize {
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
    let LossConfig { rows, classes, first, slot, .. } = *config;
    expect_len(OP, "outputs", rows * classes, backend.len(outputs))?;
    expect_len(OP, "labels", first + rows, backend.len(labels))?;
    expect_len(OP, "gradient", rows * classes, backend.len(gradient))?;
    expect_len(OP, "tally", 2 * slot + 2, backend.len(tally))
}
