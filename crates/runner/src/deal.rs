//! Parts of a run that its shards compute.
//!
//! Cells and searches are dealt out by their estimated cost in floating-point operations: the most expensive first, each to
//! the shard with the least work so far. The parts are a function of the plan and the number of shards, so that every
//! host deals alike. A search stays whole, because each of its trainings depends on earlier ones.

use crate::{
    estimate::cell_flops,
    search::{Task, tasks},
    train_estimate::task_flops,
};
use isobath_experiment::{Plan, TrainPlan};
use isobath_store::Shard;

/// Indices into the plan's cells of those that `shard` computes, increasing; all cells without a shard.
pub fn cells_of(plan: &Plan, shard: Option<Shard>) -> Vec<usize> {
    let of_variant = cell_flops(plan);
    let costs: Vec<u64> = plan.cells.iter().map(|cell| of_variant[cell.id.point.variant]).collect();
    part(&costs, shard)
}

/// The searches that `shard` runs.
pub(super) fn tasks_of<'a>(
    plan: &Plan,
    train: &'a TrainPlan,
    shard: Option<Shard>,
) -> Vec<Task<'a>> {
    let mut tasks: Vec<_> = tasks(plan, train).into_iter().map(Some).collect();
    let costs: Vec<u64> = tasks.iter().flatten().map(|task| task_flops(train, task)).collect();
    part(&costs, shard).into_iter().filter_map(|index| tasks[index].take()).collect()
}

/// Increasing indices of the costs that belong to `shard`.
fn part(costs: &[u64], shard: Option<Shard>) -> Vec<usize> {
    let Some(Shard { index, count }) = shard else { return (0..costs.len()).collect() };
    let owners = deal(costs, count);
    (0..costs.len()).filter(|&item| owners[item] == index - 1).collect()
}

/// Shard of each cost, from 0.
pub(super) fn deal(costs: &[u64], shards: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..costs.len()).collect();
    // A stable sort: equal costs keep their order.
    order.sort_by_key(|&item| std::cmp::Reverse(costs[item]));
    let mut loads = vec![0_u128; shards];
    let mut owners = vec![0; costs.len()];
    for item in order {
        let least = (0..shards).min_by_key(|&shard| loads[shard]).unwrap_or_default();
        owners[item] = least;
        // Every item counts, also one without products.
        loads[least] += u128::from(costs[item].max(1));
    }
    owners
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_costs_are_dealt_in_turn() {
        assert_eq!(deal(&[5; 7], 3), [0, 1, 2, 0, 1, 2, 0]);
        assert_eq!(deal(&[0; 4], 2), [0, 1, 0, 1]);
    }

    #[test]
    fn expensive_items_are_spread() {
        // By turns, the first of two shards would get 100 + 60 + 1.
        assert_eq!(deal(&[100, 60, 60, 1, 1, 1], 2), [0, 1, 1, 0, 0, 0]);
    }

    #[test]
    fn parts_are_disjoint_and_complete() {
        let costs: Vec<u64> = (0..50).map(|item| item * item % 17).collect();
        let parts = (1..=7).flat_map(|index| part(&costs, Some(Shard { index, count: 7 })));
        let mut all: Vec<usize> = parts.collect();
        all.sort_unstable();
        assert_eq!(all, part(&costs, None));
        assert_eq!(all, (0..50).collect::<Vec<_>>());
    }

    #[test]
    fn more_shards_than_items_leave_some_empty() {
        assert!(part(&[3, 3], Some(Shard { index: 3, count: 5 })).is_empty());
    }
}
