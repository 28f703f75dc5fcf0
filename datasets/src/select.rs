//! Random selection and order of the samples of a file.

use std::fmt;

use crate::dataset::Split;
use crate::error::{Error, Result};
use crate::rng::Stream;

/// Row in memory of each sample of the file, if it is selected.
///
/// The selected samples are a prefix of a seeded random permutation of all samples.
/// A smaller selection is therefore a prefix of a larger one, and every prefix is a random sample.
pub(crate) struct Selection {
    slots: Vec<Option<u32>>,
    n_kept: usize,
}

impl Selection {
    /// Selects `requested` of `available` samples, or all.
    ///
    /// # Errors
    /// [`Error::TooFew`] if `requested` exceeds `available`.
    pub(crate) fn new(
        name: impl fmt::Display,
        split: Split,
        seed: u64,
        available: usize,
        requested: Option<usize>,
    ) -> Result<Self> {
        let n_kept = requested.unwrap_or(available);
        if n_kept > available {
            return Err(Error::TooFew {
                name: name.to_string(),
                split,
                requested: n_kept,
                available,
            });
        }
        let mut slots = vec![None; available];
        for (slot, index) in
            permutation(seed, split, available).into_iter().take(n_kept).enumerate()
        {
            slots[index as usize] = Some(slot as u32);
        }
        Ok(Self { slots, n_kept })
    }

    /// Selects none of `available` samples.
    pub(crate) fn none(available: usize) -> Self {
        Self { slots: vec![None; available], n_kept: 0 }
    }

    /// Number of samples in the file.
    pub(crate) fn available(&self) -> usize {
        self.slots.len()
    }

    /// Number of selected samples.
    pub(crate) fn len(&self) -> usize {
        self.n_kept
    }

    /// Row of sample `index` of the file.
    pub(crate) fn slot(&self, index: usize) -> Option<usize> {
        self.slots[index].map(|slot| slot as usize)
    }
}

/// Fisher-Yates shuffle of `0..n`.
fn permutation(seed: u64, split: Split, n: usize) -> Vec<u32> {
    let mut random = Stream::new(seed, split.order(), 0);
    let mut order: Vec<u32> = (0..n as u32).collect();
    for i in 0..n {
        order.swap(i, i + random.below((n - i) as u32) as usize);
    }
    order
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::name::DatasetName;

    fn selection(seed: u64, available: usize, requested: Option<usize>) -> Vec<Option<usize>> {
        let selection =
            Selection::new(DatasetName::Mnist, Split::Train, seed, available, requested).unwrap();
        (0..available).map(|index| selection.slot(index)).collect()
    }

    #[test]
    fn every_slot_is_filled_once() {
        let mut slots: Vec<usize> = selection(1, 1000, Some(300)).into_iter().flatten().collect();
        slots.sort_unstable();
        assert_eq!(slots, (0..300).collect::<Vec<_>>());
    }

    #[test]
    fn smaller_selections_are_prefixes_of_larger_ones() {
        let small = selection(5, 1000, Some(10));
        let all = selection(5, 1000, None);
        for (few, many) in small.into_iter().zip(all) {
            assert_eq!(few, many.filter(|slot| *slot < 10));
        }
    }

    #[test]
    fn the_seed_determines_the_selection() {
        assert_eq!(selection(5, 100, None), selection(5, 100, None));
        assert_ne!(selection(5, 100, None), selection(6, 100, None));
    }

    #[test]
    fn permutations_stay_the_same_across_platforms_and_versions() {
        assert_eq!(permutation(1, Split::Train, 8), [7, 0, 5, 6, 3, 1, 4, 2]);
    }

    #[test]
    fn requests_beyond_the_available_samples_are_errors() {
        let error = Selection::new(DatasetName::Mnist, Split::Test, 1, 3, Some(4)).err().unwrap();
        assert_eq!(
            error.to_string(),
            "mnist: 4 test samples were requested, but only 3 are available"
        );
    }
}
