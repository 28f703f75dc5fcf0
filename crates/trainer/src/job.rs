use std::fmt;

use isobath_architecture::Layer;
use isobath_network::Network;
use ndarray::{ArrayView1, ArrayView2};

use crate::{Checkpoints, Error, Observer, Result};

/// Task of a training: network, samples and seed.
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

/// One of several trainings that are done together.
#[derive(Clone, Copy)]
pub struct Entry<'a, 'd> {
    /// Task.
    pub job: &'a Job<'d>,
    /// Observer of this training.
    pub observer: &'a dyn Observer,
    /// Checkpoints, if any.
    pub checkpoints: Option<&'a Checkpoints>,
}

impl fmt::Debug for Entry<'_, '_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { job, checkpoints, .. } = self;
        f.debug_struct("Entry")
            .field("job", job)
            .field("checkpoints", checkpoints)
            .finish_non_exhaustive()
    }
}

/// Amount of work.
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
    /// Amount of work.
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

    /// Checks that `other` can be trained beside this one.
    ///
    /// # Errors
    /// [`Error::Unlike`] when its network has another shape or its samples are not the same memory.
    pub(crate) fn check_alike(&self, other: &Self) -> Result<()> {
        let (own, others) = (self.network.spec(), other.network.spec());
        let unlike = if own.layers() != others.layers() {
            Some("shape")
        } else if !self.train.is_same(&other.train) {
            Some("set of training samples")
        } else if !self.test.is_same(&other.test) {
            Some("set of test samples")
        } else {
            None
        };
        unlike.map_or(Ok(()), |what| Err(Error::Unlike { what }))
    }
}

impl Labelled<'_> {
    fn is_same(&self, other: &Self) -> bool {
        std::ptr::eq(self.samples.as_ptr(), other.samples.as_ptr())
            && self.samples.dim() == other.samples.dim()
            && self.samples.strides() == other.samples.strides()
            && std::ptr::eq(self.labels, other.labels)
    }

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
        let is_finite = |row: ArrayView1<'_, f32>| match row.as_slice() {
            // Without an early end, so that vector instructions can do it.
            Some(row) => row.iter().fold(true, |all, x| all & x.is_finite()),
            None => row.iter().all(|x| x.is_finite()),
        };
        if self.samples.rows().into_iter().all(is_finite) {
            return Ok(());
        }
        let wrong = self.samples.indexed_iter().find(|(_, value)| !value.is_finite());
        match wrong {
            Some(((sample, _), &value)) => Err(Error::NotFinite { what, sample, value }),
            None => Ok(()),
        }
    }
}
