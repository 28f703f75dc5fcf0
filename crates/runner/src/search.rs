//! Which networks are trained: every one, or those that lead to the frontier of what can be.

use isobath_experiment::{Plan, Search, TrainCell, TrainPlan};

/// A part of the ground truth in which the next training depends on the outcome of the one before. Parts are independent
/// of each other.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Task<'a> {
    /// One training.
    Single(&'a TrainCell),
    /// One initialisation of one point at all depths, rising.
    Bisect {
        column: &'a [TrainCell],
        /// Depths trained on either side of the frontier.
        refine: usize,
    },
    /// One initialisation at all points that share a `sigma_b2`: columns of depths, rising, from the critical point on to
    /// the end of a side, and the same for the other side.
    Staircase { sides: [Vec<&'a [TrainCell]>; 2] },
}

/// The tasks of a plan.
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
            let slices = columns.chunks(plan.sigma_w2.len() * seeds);
            slices.flat_map(|slice| (0..seeds).map(|seed| staircase(plan, slice, seed))).collect()
        }
    }
}

/// The staircase of one initialisation through the columns of one `sigma_b2`.
fn staircase<'a>(plan: &Plan, slice: &[&'a [TrainCell]], seed: usize) -> Task<'a> {
    let is_its = |column: &&&[TrainCell]| column[0].id.seed_index == seed;
    let mut stairs: Vec<&[TrainCell]> = slice.iter().filter(is_its).copied().collect();
    stairs.sort_by(|a, b| a[0].id.point.sigma_w2.total_cmp(&b[0].id.point.sigma_w2));
    let activation = plan.file.network.activation;
    let critical = stairs.first().and_then(|first| {
        isobath_meanfield::critical_sigma_w2(activation, first[0].id.point.sigma_b2).ok()
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
    /// Goes through the task's trainings; `ask` says whether one succeeds.
    ///
    /// # Errors
    /// With the first of `ask`'s errors.
    pub(super) fn run<E>(
        &self,
        mut ask: impl FnMut(&'a TrainCell) -> Result<bool, E>,
    ) -> Result<(), E> {
        match self {
            Self::Single(cell) => ask(cell).map(drop),
            Self::Bisect { column, refine } => bisect(column.len(), *refine, |i| ask(&column[i])),
            Self::Staircase { sides } => {
                for side in sides {
                    descend(side, &mut ask)?;
                }
                Ok(())
            }
        }
    }

    /// All trainings that it may ask for.
    pub(super) fn cells(&self) -> Vec<&'a TrainCell> {
        match self {
            Self::Single(cell) => vec![cell],
            Self::Bisect { column, .. } => column.iter().collect(),
            // The critical point is on both sides.
            Self::Staircase { sides: [up, down] } => {
                up.iter().chain(&down[1..]).copied().flatten().collect()
            }
        }
    }

    /// Which network it begins with, by depth and recipe.
    pub(super) fn network(&self) -> (usize, usize) {
        let first = match self {
            Self::Single(cell) => cell,
            Self::Bisect { column, .. } => &column[column.len() / 2],
            Self::Staircase { sides } => &sides[0][0][sides[0][0].len() - 1],
        };
        (first.id.depth, first.id.recipe)
    }

    /// Trainings there may be.
    pub(super) fn lattice(&self) -> usize {
        match self {
            Self::Single(_) => 1,
            Self::Bisect { column, .. } => column.len(),
            Self::Staircase { .. } => self.cells().len(),
        }
    }

    /// About how many trainings it takes: the most for a bisection, the least for a staircase to the bottom.
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

/// Binary search for the greatest of `count` rising depths that can be trained, then its neighbours.
fn bisect<E>(
    count: usize,
    refine: usize,
    mut ask: impl FnMut(usize) -> Result<bool, E>,
) -> Result<(), E> {
    // Depths below `low` can be trained, those from `high` on cannot.
    let (mut low, mut high) = (0, count);
    while low < high {
        let middle = low.midpoint(high);
        if ask(middle)? {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    // The last success is below `low`, the first failure at it.
    for index in low.saturating_sub(1 + refine)..(low + 1 + refine).min(count) {
        ask(index)?;
    }
    Ok(())
}

/// One side of the staircase.
fn descend<'a, E>(
    columns: &[&'a [TrainCell]],
    mut ask: impl FnMut(&'a TrainCell) -> Result<bool, E>,
) -> Result<(), E> {
    let mut depth = columns.first().map_or(0, |column| column.len());
    for column in columns {
        while depth > 0 && !ask(&column[depth - 1])? {
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

    /// Which of ten depths a bisection asks for, where those of `trainable` succeed.
    fn asked(trainable: &[usize], refine: usize) -> Vec<usize> {
        let mut asked = Vec::new();
        let outcome = bisect(10, refine, |index| {
            asked.push(index);
            Ok::<_, Infallible>(trainable.contains(&index))
        });
        let Ok(()) = outcome;
        asked.sort_unstable();
        asked.dedup();
        asked
    }

    #[test]
    fn bisection_finds_every_frontier_and_looks_around() {
        for frontier in 0..=10 {
            let trainable: Vec<usize> = (0..frontier).collect();
            for refine in 0..3 {
                let asked = asked(&trainable, refine);
                let around = frontier.saturating_sub(1 + refine)..(frontier + 1 + refine).min(10);
                assert!(around.clone().all(|index| asked.contains(&index)), "{frontier} {refine}");
                assert!(asked.len() <= 4 + 2 * refine, "{asked:?}");
            }
        }
    }

    #[test]
    fn bisection_sees_an_island_beside_the_frontier() {
        // Depths 5, 2 and 1 lead to the frontier after 1; the island at 3 is seen by looking around alone.
        assert!(!asked(&[0, 1, 3], 0).contains(&3));
        assert!(asked(&[0, 1, 3], 1).contains(&3));
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

    /// Everything that the tasks of a search ask for, where networks of up to `reach(sigma_w2)` layers can be trained.
    fn trained(search: &str, reach: impl Fn(f64) -> usize) -> Vec<Vec<(f64, usize)>> {
        let plan = plan(search);
        let train = plan.train.as_ref().unwrap();
        let run = |task: Task<'_>| {
            let mut asked = Vec::new();
            let outcome = task.run(|cell| {
                asked.push((cell.id.point.sigma_w2, cell.id.depth));
                Ok::<_, Infallible>(cell.id.depth <= reach(cell.id.point.sigma_w2))
            });
            let Ok(()) = outcome;
            assert!(asked.iter().all(|_| task.lattice() >= 1 && task.expected() >= 1));
            asked
        };
        tasks(&plan, train).into_iter().map(run).collect()
    }

    #[test]
    fn a_grid_is_everything() {
        let all = trained("grid", |_| 0);
        assert_eq!(all.len(), 2 * 2 * 4 * 2 * 3);
        assert!(all.iter().all(|task| task.len() == 1));
    }

    #[test]
    fn every_initialisation_is_searched_by_itself() {
        let all = trained("bisect", |_| 6);
        assert_eq!(all.len(), 2 * 2 * 4 * 2);
        assert!(all.iter().flatten().all(|(_, depth)| [3, 6, 9].contains(depth)));
    }

    #[test]
    fn a_staircase_starts_at_the_critical_point_and_never_goes_up_again() {
        let reach = |sigma_w2: f64| match sigma_w2 {
            2.5 | 0.5 => 9,
            1.1 => 3,
            _ => 6,
        };
        let all = trained("staircase", reach);
        assert_eq!(all.len(), 2 * 2 * 2);
        let expected =
            [(1.7, 9), (1.7, 6), (2.5, 6), (1.7, 9), (1.7, 6), (1.1, 6), (1.1, 3), (0.5, 3)];
        // The critical variance without biases is 1, with them 1.76.
        assert_eq!(all[2], expected);
        assert_eq!(all[0][..2], [(1.1, 9), (1.1, 6)]);
    }
}
