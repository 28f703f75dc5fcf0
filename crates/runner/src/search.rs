//! Search strategies: train the whole grid, or only the networks needed to find the trainability frontier.

use isobath_experiment::{Plan, Search, TrainCell, TrainPlan};

/// An independent part of the search. Within a task, each training may depend on the outcomes of earlier ones.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Task<'a> {
    /// One training.
    Single(&'a TrainCell),
    /// Bisection over depth for one initialisation of one grid point.
    Bisect {
        /// Cells by increasing depth.
        column: &'a [TrainCell],
        /// Extra depths trained on each side of the frontier.
        refine: usize,
    },
    /// Staircase search for one initialisation at all points that share a network and a `sigma_b2`.
    ///
    /// Each side holds columns of increasing depth. It starts at the column nearest to the critical point and ends at the
    /// largest or the smallest `sigma_w2`.
    Staircase { sides: [Vec<&'a [TrainCell]>; 2] },
}

/// Returns the search tasks of a plan.
pub(super) fn tasks<'a>(plan: &Plan, train: &'a TrainPlan) -> Vec<Task<'a>> {
    let columns = train.trainings.chunks(train.depths.len());
    match train.section.search {
        Search::Grid => train.trainings.iter().map(Task::Single).collect(),
        Search::Bisect => {
            let refine = train.section.refine;
            columns.map(|column| Task::Bisect { column, refine }).collect()
        }
        Search::Staircase => {
            let columns: Vec<_> = columns.collect();
            let seeds = train.section.seeds.unwrap_or(1);
            let slices = columns.chunk_by(|a, b| {
                let [a, b] = [a, b].map(|column| column[0].id);
                a.recipe == b.recipe && a.point.shares_slice(&b.point)
            });
            slices.flat_map(|slice| (0..seeds).map(|seed| staircase(plan, slice, seed))).collect()
        }
    }
}

/// Builds the staircase task of initialisation `seed` from the columns of one network and `sigma_b2`.
fn staircase<'a>(plan: &Plan, slice: &[&'a [TrainCell]], seed: usize) -> Task<'a> {
    let has_seed = |column: &&&[TrainCell]| column[0].id.seed_index == seed;
    let mut stairs: Vec<&[TrainCell]> = slice.iter().filter(has_seed).copied().collect();
    stairs.sort_by(|a, b| a[0].id.point.sigma_w2.total_cmp(&b[0].id.point.sigma_w2));
    let critical = stairs.first().and_then(|first| {
        let point = first[0].id.point;
        let variant = plan.variant(point);
        let has_theory = variant.theory_gap().is_none();
        let critical = || isobath_meanfield::critical_sigma_w2(variant.activation, point.sigma_b2);
        has_theory.then(critical)?.ok()
    });
    let distance =
        |index: &usize| (stairs[*index][0].id.point.sigma_w2 - critical.unwrap_or(0.0)).abs();
    let start =
        (0..stairs.len()).min_by(|a, b| distance(a).total_cmp(&distance(b))).unwrap_or_default();
    let up = stairs[start..].to_vec();
    stairs.truncate(start + 1);
    stairs.reverse();
    Task::Staircase { sides: [up, stairs] }
}

impl<'a> Task<'a> {
    /// Runs the search. `succeeds` trains a cell and returns true on success.
    ///
    /// # Errors
    /// The first error of `succeeds`.
    pub(super) fn run<E>(
        &self,
        mut succeeds: impl FnMut(&'a TrainCell) -> Result<bool, E>,
    ) -> Result<(), E> {
        match self {
            Self::Single(cell) => succeeds(cell).map(drop),
            Self::Bisect { column, refine } => {
                bisect(column.len(), *refine, |i| succeeds(&column[i]))
            }
            Self::Staircase { sides } => {
                for side in sides {
                    descend(side, &mut succeeds)?;
                }
                Ok(())
            }
        }
    }

    /// All cells that the task may train.
    pub(super) fn cells(&self) -> Vec<&'a TrainCell> {
        match self {
            Self::Single(cell) => vec![cell],
            Self::Bisect { column, .. } => column.iter().collect(),
            // Both sides start with the column nearest to the critical point.
            Self::Staircase { sides: [up, down] } => {
                up.iter().chain(&down[1..]).copied().flatten().collect()
            }
        }
    }

    /// Depth and recipe index of the first network to train.
    pub(super) fn first_network(&self) -> (usize, usize) {
        let first = match self {
            Self::Single(cell) => cell,
            Self::Bisect { column, .. } => &column[column.len() / 2],
            Self::Staircase { sides } => &sides[0][0][sides[0][0].len() - 1],
        };
        (first.id.depth, first.id.recipe)
    }

    /// Maximum number of trainings.
    pub(super) fn lattice(&self) -> usize {
        match self {
            Self::Single(_) => 1,
            Self::Bisect { column, .. } => column.len(),
            Self::Staircase { .. } => self.cells().len(),
        }
    }

    /// Approximate number of trainings: the maximum for a bisection, the minimum of a full descent for a staircase.
    pub(super) fn expected(&self) -> usize {
        match self {
            Self::Single(_) => 1,
            Self::Bisect { column, refine } => {
                let search = (column.len() + 1).next_power_of_two().ilog2() as usize;
                (search + 2 * refine).min(column.len())
            }
            Self::Staircase { sides } => {
                sides.iter().map(|side| side.len() + side[0].len()).sum::<usize>() - 1
            }
        }
    }
}

/// Binary search for the greatest trainable one of `count` increasing depths. Then tests its neighbours.
fn bisect<E>(
    count: usize,
    refine: usize,
    mut succeeds: impl FnMut(usize) -> Result<bool, E>,
) -> Result<(), E> {
    // Depths below `low` are trainable, depths from `high` on are not.
    let (mut low, mut high) = (0, count);
    while low < high {
        let middle = low.midpoint(high);
        if succeeds(middle)? {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    // The last success is at `low - 1`, the first failure at `low`.
    for index in low.saturating_sub(1 + refine)..(low + 1 + refine).min(count) {
        succeeds(index)?;
    }
    Ok(())
}

/// Searches one side of the staircase.
fn descend<'a, E>(
    columns: &[&'a [TrainCell]],
    mut succeeds: impl FnMut(&'a TrainCell) -> Result<bool, E>,
) -> Result<(), E> {
    let mut depth = columns.first().map_or(0, |column| column.len());
    for column in columns {
        while depth > 0 && !succeeds(&column[depth - 1])? {
            depth -= 1;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;
    use isobath_experiment::read_text;

    /// Indices that a bisection of ten depths visits, if exactly those in `trainable` succeed.
    fn visited(trainable: &[usize], refine: usize) -> Vec<usize> {
        let mut visited = Vec::new();
        let outcome = bisect(10, refine, |index| {
            visited.push(index);
            Ok::<_, Infallible>(trainable.contains(&index))
        });
        let Ok(()) = outcome;
        visited.sort_unstable();
        visited.dedup();
        visited
    }

    #[test]
    fn bisection_finds_every_frontier_and_tests_its_neighbours() {
        for frontier in 0..=10 {
            let trainable: Vec<usize> = (0..frontier).collect();
            for refine in 0..3 {
                let visited = visited(&trainable, refine);
                let around = frontier.saturating_sub(1 + refine)..(frontier + 1 + refine).min(10);
                assert!(
                    around.clone().all(|index| visited.contains(&index)),
                    "{frontier} {refine}"
                );
                assert!(visited.len() <= 4 + 2 * refine, "{visited:?}");
            }
        }
    }

    #[test]
    fn bisection_refinement_finds_an_island_beside_the_frontier() {
        // Depths 5, 2 and 1 lead to the frontier after 1. Only the refinement tests the island at 3.
        assert!(!visited(&[0, 1, 3], 0).contains(&3));
        assert!(visited(&[0, 1, 3], 1).contains(&3));
    }

    fn plan(search: &str) -> Plan {
        let text = format!(
            "name = \"x\"\n[data]\ndataset = \"digits\"\nprobe = 10\n[network]\ndepth = 9\nwidth = 20\n\
             [grid]\nsigma_w2 = [2.5, 0.5, 1.7, 1.1]\nsigma_b2 = [0.0, 0.05]\nseeds = 2\n\
             [train]\ndepths = [3, 6, 9]\nsuccess = {{ accuracy = 0.8 }}\nsearch = \"{search}\"\n\
             optimizer = [{{ kind = \"sgd\", lr = 0.1 }}, {{ kind = \"adam\" }}]"
        );
        Plan::new(read_text(&text, "test", &[]).unwrap()).unwrap()
    }

    /// Cells visited by each task of a search, if networks of up to `reach(sigma_w2)` layers are trainable.
    fn trained(search: &str, reach: impl Fn(f64) -> usize) -> Vec<Vec<(f64, usize)>> {
        let plan = plan(search);
        let train = plan.train.as_ref().unwrap();
        let run = |task: Task<'_>| {
            let mut visited = Vec::new();
            let outcome = task.run(|cell| {
                visited.push((cell.id.point.sigma_w2, cell.id.depth));
                Ok::<_, Infallible>(cell.id.depth <= reach(cell.id.point.sigma_w2))
            });
            let Ok(()) = outcome;
            assert!(visited.iter().all(|_| task.lattice() >= 1 && task.expected() >= 1));
            visited
        };
        tasks(&plan, train).into_iter().map(run).collect()
    }

    #[test]
    fn grid_search_trains_every_cell() {
        let all = trained("grid", |_| 0);
        assert_eq!(all.len(), 2 * 2 * 4 * 2 * 3);
        assert!(all.iter().all(|task| task.len() == 1));
    }

    #[test]
    fn bisection_has_one_task_per_initialisation() {
        let all = trained("bisect", |_| 6);
        assert_eq!(all.len(), 2 * 2 * 4 * 2);
        assert!(all.iter().flatten().all(|(_, depth)| [3, 6, 9].contains(depth)));
    }

    #[test]
    fn staircase_starts_at_the_critical_point_and_only_descends() {
        let reach = |sigma_w2: f64| match sigma_w2 {
            2.5 | 0.5 => 9,
            1.1 => 3,
            _ => 6,
        };
        let all = trained("staircase", reach);
        assert_eq!(all.len(), 2 * 2 * 2);
        let expected =
            [(1.7, 9), (1.7, 6), (2.5, 6), (1.7, 9), (1.7, 6), (1.1, 6), (1.1, 3), (0.5, 3)];
        // The critical `sigma_w2` is 1 for `sigma_b2 = 0` and 1.76 for `sigma_b2 = 0.05`.
        assert_eq!(all[2], expected);
        assert_eq!(all[0][..2], [(1.1, 9), (1.1, 6)]);
    }
}
