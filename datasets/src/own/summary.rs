//! Description of the user's own data, for users.

use super::{Extent, OwnData, OwnRequest};
use crate::dataset::Samples;
use crate::error::Result;

/// Statistics of a dataset.
#[derive(Clone, Debug, PartialEq)]
pub struct Summary {
    /// Numbers of samples and classes, and the extent of a sample.
    pub extent: Extent,
    /// Name of each class, with its numbers of training and of held-out samples.
    pub classes: Vec<(String, [usize; 2])>,
    /// Smallest and largest number of the training samples.
    pub range: [f32; 2],
    /// Mean of all numbers of the training samples.
    pub mean: f64,
    /// Standard deviation of all numbers of the training samples, biased.
    pub std: f64,
}

impl OwnData {
    /// Reads all data and describes them.
    ///
    /// # Errors
    /// Those of [`OwnData::load`].
    pub fn summarize(&self) -> Result<Summary> {
        let extent = self.extent()?;
        let data = self.load(&OwnRequest::default())?;
        let counts = |samples: &Samples, class: usize| {
            samples.labels.iter().filter(|&&label| usize::from(label) == class).count()
        };
        let classes = data.classes.iter().enumerate().map(|(class, name)| {
            (name.clone(), [&data.train, &data.test].map(|samples| counts(samples, class)))
        });
        let images = &data.train.images;
        let count = images.len() as f64;
        let mean = images.iter().map(|&x| f64::from(x)).sum::<f64>() / count;
        let variance = images.iter().map(|&x| (f64::from(x) - mean).powi(2)).sum::<f64>() / count;
        let wider = |[low, high]: [f32; 2], x: &f32| [low.min(*x), high.max(*x)];
        let range = images.iter().fold([f32::INFINITY, f32::NEG_INFINITY], wider);
        Ok(Summary { extent, classes: classes.collect(), range, mean, std: variance.sqrt() })
    }
}
