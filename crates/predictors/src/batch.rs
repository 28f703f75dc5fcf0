use isobath_trainer::epoch_order;
use ndarray::{Array2, Axis};

use crate::{Error, Result, Subject};

/// Training samples of a prediction.
#[derive(Debug)]
pub(crate) struct Batch {
    /// `[w_0, n]`
    pub(crate) samples: Array2<f32>,
    /// `n` classes, each below the network's number of outputs.
    pub(crate) labels: Vec<u8>,
}

impl Batch {
    /// The first `n` training samples that training would see, or all where there are fewer.
    ///
    /// # Errors
    /// When there are fewer than `least`, or samples or labels do not fit the network.
    pub(crate) fn new(subject: &Subject<'_>, n: usize, least: usize) -> Result<Self> {
        let widths = subject.network.spec().widths();
        let (expected, classes) = (widths[0], widths[widths.len() - 1]);
        let (samples, actual) = subject.train.samples.dim();
        if n.min(samples) < least {
            return Err(Error::TooFewSamples { samples: n.min(samples), least });
        }
        if actual != expected {
            return Err(Error::SampleWidth { expected, actual });
        }
        let order = epoch_order(subject.seed, 0, samples);
        let rows: Vec<usize> = order.into_iter().take(n).map(|row| row as usize).collect();
        let labels: Vec<u8> = rows.iter().map(|&row| subject.train.labels[row]).collect();
        if let Some(&label) = labels.iter().find(|&&label| usize::from(label) >= classes) {
            return Err(Error::Label { label, classes });
        }
        let samples = subject.train.samples.select(Axis(0), &rows).reversed_axes();
        Ok(Self { samples: samples.as_standard_layout().into_owned(), labels })
    }

    /// Number of samples.
    pub(crate) fn len(&self) -> usize {
        self.labels.len()
    }
}
