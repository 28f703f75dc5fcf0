//! Samples for the ground truth.

use crate::error::{Error, Result};
use isobath_datasets::{Dataset, Samples};
use isobath_trainer::Labelled;
use ndarray::s;

use isobath_experiment::{Plan, TrainPlan};

/// Samples to learn from and held-out ones, the probe samples first among these.
#[derive(Clone, Debug)]
pub struct TrainData {
    data: Dataset,
    probe: usize,
}

impl TrainData {
    /// Held-out samples to load for `plan`: the probe samples, and those that accuracy is measured on.
    pub fn held_out(plan: &Plan, train: &TrainPlan) -> usize {
        plan.file.data.probe + train.test_samples
    }

    /// The samples of `data`, of which the first `probe` held-out ones are probe samples.
    ///
    /// # Errors
    /// When no held-out samples are left to measure accuracy on.
    pub fn new(data: Dataset, probe: usize) -> Result<Self> {
        if data.test.len() <= probe {
            return Err(Error::HeldOut { held_out: data.test.len(), probe });
        }
        Ok(Self { data, probe })
    }

    /// Samples to learn from.
    pub fn train(&self) -> Labelled<'_> {
        labelled(&self.data.train, 0, self.data.train.len())
    }

    /// Samples that predictors may look at: held out, and not among those that accuracy is measured on.
    pub fn probe(&self) -> Labelled<'_> {
        labelled(&self.data.test, 0, self.probe)
    }

    /// Samples that accuracy is measured on.
    pub fn test(&self) -> Labelled<'_> {
        labelled(&self.data.test, self.probe, self.data.test.len())
    }

    /// The hash of all samples, and the number of those that accuracy is not measured on.
    pub fn fingerprint(&self) -> (&str, usize) {
        (&self.data.fingerprint, self.probe)
    }
}

fn labelled(samples: &Samples, from: usize, to: usize) -> Labelled<'_> {
    Labelled { samples: samples.images.slice(s![from..to, ..]), labels: &samples.labels[from..to] }
}

#[cfg(test)]
mod tests {
    use isobath_datasets::{DatasetName, LoadRequest};

    use super::*;

    #[test]
    fn accuracy_is_not_measured_on_probe_samples() {
        let request = LoadRequest {
            train: Some(5),
            test: Some(12),
            ..LoadRequest::new(DatasetName::Digits, "")
        };
        let data = isobath_datasets::load(&request).unwrap();
        let images = data.test.images.clone();
        let split = TrainData::new(data.clone(), 4).unwrap();
        assert_eq!(split.probe().samples, images.slice(s![..4, ..]));
        assert_eq!(split.test().samples, images.slice(s![4.., ..]));
        assert_eq!((split.train().labels.len(), split.test().labels.len()), (5, 8));
        assert!(TrainData::new(data, 12).is_err());
    }
}
