use ndarray::ArrayView2;
use network::{Layer, Network};

use crate::{Error, Result};

/// What is to be trained, and on what.
#[derive(Clone, Copy, Debug)]
pub struct Job<'a> {
    /// The network at its initialisation.
    pub network: &'a Network,
    /// Samples to learn from.
    pub train: Labelled<'a>,
    /// Samples on which accuracy is measured; not among the training samples, or the result is flattered.
    pub test: Labelled<'a>,
    /// Decides the order of the training samples.
    pub seed: u64,
}

/// Samples with their classes.
#[derive(Clone, Copy, Debug)]
pub struct Labelled<'a> {
    /// `[n, w_0]`
    pub samples: ArrayView2<'a, f32>,
    /// `n` classes, each below the network's number of outputs.
    pub labels: &'a [u8],
}

/// How much there is to do.
#[derive(Clone, Copy, Debug)]
pub struct Extent<'a> {
    /// The network's layers.
    pub layers: &'a [Layer],
    /// Training samples.
    pub train: usize,
    /// Test samples.
    pub test: usize,
}

impl Job<'_> {
    /// How much there is to do.
    pub fn extent(&self) -> Extent<'_> {
        let layers = self.network.spec().layers();
        Extent { layers, train: self.train.labels.len(), test: self.test.labels.len() }
    }

    /// Checks that samples and labels fit the network.
    ///
    /// # Errors
    /// One that says which sample does not.
    pub fn check(&self) -> Result<()> {
        let widths = self.network.spec().widths();
        let shape = [widths[0], widths[widths.len() - 1]];
        self.train.check("training", shape)?;
        self.test.check("test", shape)
    }
}

impl Labelled<'_> {
    fn check(&self, what: &'static str, [expected, classes]: [usize; 2]) -> Result<()> {
        let (samples, actual) = self.samples.dim();
        let labels = self.labels.len();
        if samples == 0 {
            return Err(Error::NoSamples { what });
        }
        if u32::try_from(samples).is_err() {
            return Err(Error::TooManySamples { what, samples });
        }
        if actual != expected {
            return Err(Error::SampleWidth { what, expected, actual });
        }
        if labels != samples {
            return Err(Error::LabelCount { what, samples, labels });
        }
        if let Some(sample) = self.labels.iter().position(|&label| usize::from(label) >= classes) {
            return Err(Error::Label { what, sample, label: self.labels[sample], classes });
        }
        let wrong = self.samples.indexed_iter().find(|(_, value)| !value.is_finite());
        match wrong {
            Some(((sample, _), &value)) => Err(Error::NotFinite { what, sample, value }),
            None => Ok(()),
        }
    }
}
