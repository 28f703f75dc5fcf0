//! Samples for the trainings.

use crate::error::{Error, Result};
use isobath_datasets::{Dataset, PixelScale, Samples};
use isobath_trainer::Labelled;
use ndarray::s;

use isobath_experiment::{Plan, TrainPlan};

/// Training samples and held-out samples. The held-out samples begin with the probe samples.
#[derive(Clone, Debug)]
pub struct TrainData {
    data: Dataset,
    probe: usize,
}

impl TrainData {
    /// Number of held-out samples to load for `plan`: probe samples plus test samples.
    pub fn held_out(plan: &Plan, train: &TrainPlan) -> usize {
        plan.file.data.probe() + train.test_samples
    }

    /// Splits the held-out samples of `data`, scaled by `scale`: the first `probe` are probe samples, the others test
    /// samples.
    ///
    /// # Errors
    /// When no test samples are left.
    pub fn new(mut data: Dataset, probe: usize, scale: Option<&PixelScale>) -> Result<Self> {
        if data.test.len() <= probe {
            return Err(Error::HeldOut { held_out: data.test.len(), probe });
        }
        if let Some(scale) = scale {
            scale.apply(&mut data);
        }
        Ok(Self { data, probe })
    }

    /// Training samples.
    pub fn train(&self) -> Labelled<'_> {
        labelled(&self.data.train, 0, self.data.train.len())
    }

    /// Probe samples: held out and disjoint from the test samples. Predictors use these.
    pub fn probe(&self) -> Labelled<'_> {
        labelled(&self.data.test, 0, self.probe)
    }

    /// Test samples, used to measure accuracy.
    pub fn test(&self) -> Labelled<'_> {
        labelled(&self.data.test, self.probe, self.data.test.len())
    }

    /// Hash of all samples and the number of probe samples.
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
    fn probe_and_test_samples_are_disjoint() {
        let request = LoadRequest {
            train: Some(5),
            test: Some(12),
            ..LoadRequest::new(DatasetName::Digits, "")
        };
        let data = isobath_datasets::load(&request).unwrap();
        let images = data.test.images.clone();
        let split = TrainData::new(data.clone(), 4, None).unwrap();
        assert_eq!(split.probe().samples, images.slice(s![..4, ..]));
        assert_eq!(split.test().samples, images.slice(s![4.., ..]));
        assert_eq!((split.train().labels.len(), split.test().labels.len()), (5, 8));
        assert!(TrainData::new(data, 12, None).is_err());
    }
}
