//! Frontier at every point of the phase diagram, from the trainings of a run.

use std::collections::BTreeMap;

use isobath_experiment::GridPoint;
use isobath_scoring::{OutcomesByDepth, TrainedFrontier};
use isobath_store::TrainingRecord;

/// Frontier of one recipe at one point.
#[derive(Clone, Debug, PartialEq)]
pub struct PointFrontier {
    /// Point of the phase diagram.
    pub point: GridPoint,
    /// Index of the run's recipe, from 0.
    pub recipe: usize,
    /// Number of trainings.
    pub trainings: usize,
    /// Frontier over all initialisations.
    pub trained: TrainedFrontier,
}

/// Computes the frontiers of `trainings`, sorted by recipe, then by point.
pub fn frontiers(trainings: &[TrainingRecord]) -> Vec<PointFrontier> {
    let mut families: BTreeMap<_, BTreeMap<usize, OutcomesByDepth>> = BTreeMap::new();
    for record in trainings {
        let seeds = families.entry((record.id.recipe, record.id.point)).or_default();
        let depths = seeds.entry(record.id.seed_index).or_default();
        depths.insert(record.id.depth, record.succeeded);
    }
    let frontier =
        |((recipe, point), seeds): ((usize, GridPoint), BTreeMap<usize, OutcomesByDepth>)| {
            let trainings = seeds.values().map(BTreeMap::len).sum();
            Some(PointFrontier { point, recipe, trainings, trained: TrainedFrontier::new(&seeds)? })
        };
    families.into_iter().filter_map(frontier).collect()
}

#[cfg(test)]
mod tests {
    use isobath_experiment::TrainingId;
    use isobath_trainer::Outcome;

    use super::*;

    fn training(sigma_w2: f64, depth: usize) -> TrainingRecord {
        let point = GridPoint::new(sigma_w2, 0.05);
        TrainingRecord {
            id: TrainingId { point, seed_index: 0, depth, recipe: 0 },
            outcome: Outcome::Exhausted { step: 1 },
            accuracy: 1.0,
            succeeded: true,
            evaluations: Vec::new(),
            losses: Vec::new(),
            seconds: 1.0,
            flops: 1,
        }
    }

    #[test]
    fn points_are_sorted_and_count_trainings() {
        let all = [training(2.0, 10), training(0.5, 10), training(2.0, 20)];
        let found = frontiers(&all);
        let order: Vec<_> = found.iter().map(|one| (one.point.sigma_w2, one.trainings)).collect();
        assert_eq!(order, [(0.5, 1), (2.0, 2)]);
        assert!(frontiers(&[]).is_empty());
    }
}
