//! Samples for the cells of a plan.

use std::borrow::Cow;

use isobath_datasets::{Dataset, PixelScale};
use isobath_experiment::Plan;
use isobath_tensor::random::StreamRng;
use ndarray::ArrayView2;

/// Samples for the cells: a set of its own for each seed index, so that the spread over seeds includes the choice of
/// samples, or one set for all if the plan shares them.
#[derive(Clone, Debug)]
pub struct CellSamples {
    sets: Vec<Set>,
    scale: Option<PixelScale>,
}

#[derive(Clone, Debug)]
struct Set {
    data: Dataset,
    /// Order of the first set's training samples, if every set has all of them.
    order: Option<Vec<u32>>,
}

/// Samples for one seed index.
#[derive(Clone, Debug)]
pub struct SeedSamples<'a> {
    /// Training samples, `[n, w_0]`.
    pub train: ArrayView2<'a, f32>,
    /// Order of the training samples; as stored if `None`.
    pub order: Option<&'a [u32]>,
    /// Probe samples, `[n, w_0]`.
    pub probe: ArrayView2<'a, f32>,
    /// Hash of all samples and their order.
    pub fingerprint: Cow<'a, str>,
}

impl CellSamples {
    /// Loads the samples of `plan` by `load`, which gets the number of training samples (all if `None`), the number of
    /// probe samples and the seed of their selection.
    ///
    /// # Errors
    /// The errors of `load`.
    pub fn load<E>(
        plan: &Plan,
        load: impl Fn(Option<usize>, usize, u64) -> Result<Dataset, E>,
    ) -> Result<Self, E> {
        let section = &plan.file.data;
        let mut first = load(section.train, section.probe(), plan.file.seed)?;
        let scale = section.scale.fit(&first);
        let apply = |data: &mut Dataset| {
            if let Some(scale) = &scale {
                scale.apply(data);
            }
        };
        apply(&mut first);
        let mut sets = vec![Set { data: first, order: None }];
        for seed_index in 1..plan.sample_sets() {
            let seed = seed_of(plan.file.seed, seed_index);
            let set = if plan.uses_all_training_samples() {
                let mut data = load(Some(0), section.probe(), seed)?;
                apply(&mut data);
                let order = StreamRng::new(seed, 0).permutation(sets[0].data.train.len());
                Set { data, order: Some(order) }
            } else {
                let mut data = load(section.train, section.probe(), seed)?;
                apply(&mut data);
                Set { data, order: None }
            };
            sets.push(set);
        }
        Ok(Self { sets, scale })
    }

    /// Uses `data` for all seed indices.
    pub fn shared(data: Dataset) -> Self {
        Self { sets: vec![Set { data, order: None }], scale: None }
    }

    /// Scale of the pixels, with the statistics of the first set's training samples; `None` for the default.
    pub const fn scale(&self) -> Option<&PixelScale> {
        self.scale.as_ref()
    }

    /// Number of training samples of each cell.
    pub fn train_samples(&self) -> usize {
        self.sets[0].data.train.len()
    }

    /// Samples for `seed_index`.
    pub fn of(&self, seed_index: usize) -> SeedSamples<'_> {
        let first = &self.sets[0];
        let set = self.sets.get(seed_index).unwrap_or(first);
        let (train, fingerprint) = match set.order {
            Some(_) => {
                let parts = [&first.data.fingerprint, &set.data.fingerprint];
                (&first.data.train, format!("{} reordered, {}", parts[0], parts[1]).into())
            }
            None => (&set.data.train, Cow::Borrowed(set.data.fingerprint.as_str())),
        };
        SeedSamples {
            train: train.images.view(),
            order: set.order.as_deref(),
            probe: set.data.test.images.view(),
            fingerprint,
        }
    }
}

/// Seed of the selection of samples for `seed_index`; the experiment's own for index 0.
fn seed_of(seed: u64, seed_index: usize) -> u64 {
    seed.wrapping_add((seed_index as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15))
}

#[cfg(test)]
mod tests {
    use isobath_datasets::LoadRequest;
    use isobath_experiment::read_text;

    use super::*;

    fn samples(grid: &str) -> CellSamples {
        let text = format!(
            "name = \"x\"\n[data]\ndataset = \"digits\"\ntrain = 8\nprobe = 4\n\
             [network]\ndepth = 4\nwidth = 9\n[grid]\nsigma_w2 = 1.5\nsigma_b2 = 0.05\n{grid}"
        );
        let plan = Plan::new(read_text(&text, "test", &[]).unwrap()).unwrap();
        let load = |train, test, seed| {
            let request = LoadRequest::new(plan.file.data.dataset.named().unwrap(), "");
            isobath_datasets::load(&LoadRequest { train, test: Some(test), seed, ..request })
        };
        CellSamples::load(&plan, load).unwrap()
    }

    #[test]
    fn seeds_have_samples_of_their_own() {
        let (one, three) = (samples("seeds = 1"), samples("seeds = 3"));
        assert_eq!(one.of(0).fingerprint, three.of(0).fingerprint);
        assert_eq!(one.of(0).probe, three.of(0).probe);
        assert_ne!(three.of(0).probe, three.of(1).probe);
        assert_ne!(three.of(1).train, three.of(2).train);
        assert_ne!(three.of(1).fingerprint, three.of(2).fingerprint);
    }

    #[test]
    fn shared_samples_are_the_same_for_all_seeds() {
        let shared = samples("seeds = 3\nshared_samples = true");
        assert_eq!(shared.of(0).probe, shared.of(2).probe);
        assert_eq!(shared.of(0).fingerprint, shared.of(2).fingerprint);
    }
}
