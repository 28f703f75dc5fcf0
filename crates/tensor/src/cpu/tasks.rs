//! Division of rows into tasks, which the threads take in turn.
//!
//! Tasks become smaller towards the end, so that no thread waits long for the last one. A thread that waits longer than a
//! few microseconds goes to sleep, and waking it takes longer than a small task does.

use std::{
    ops::Range,
    sync::{Mutex, PoisonError},
};

use rayon::prelude::*;

/// Limits of the number of rows of a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TaskRows {
    /// Most rows.
    pub(crate) most: usize,
    /// Fewest rows; all tasks but the last have a multiple of them.
    pub(crate) least: usize,
}

impl TaskRows {
    /// Tasks of `rows` rows each.
    pub(crate) const fn all(rows: usize) -> Self {
        Self { most: rows, least: rows }
    }

    /// The rows of each task: half of a thread's share of those of the `rows` that are left, within the limits.
    pub(crate) fn ranges(self, rows: usize) -> impl Iterator<Item = Range<usize>> + Send {
        let parts = 2 * rayon::current_num_threads();
        let mut first = 0;
        std::iter::from_fn(move || {
            let left = rows - first;
            let count = (left / parts).next_multiple_of(self.least).clamp(self.least, self.most);
            let range = first..first + count.min(left);
            first = range.end;
            (!range.is_empty()).then_some(range)
        })
    }
}

/// Rows of a matrix that no task has yet.
pub(crate) struct RowsLeft<'a> {
    numbers: &'a mut [f32],
    columns: usize,
}

impl<'a> RowsLeft<'a> {
    /// All rows.
    pub(crate) const fn new(numbers: &'a mut [f32], columns: usize) -> Self {
        Self { numbers, columns }
    }

    /// Takes the first `count`.
    pub(crate) fn take(&mut self, count: usize) -> &'a mut [f32] {
        self.numbers.split_off_mut(..count * self.columns).expect("there are as many rows")
    }
}

/// Works on all tasks in their order: each thread takes the next one as soon as it has finished its own.
pub(crate) fn for_each_task<T: Send>(
    tasks: impl Iterator<Item = T> + Send,
    work: impl Fn(T) + Send + Sync,
) {
    let tasks = Mutex::new(tasks);
    let next = || tasks.lock().unwrap_or_else(PoisonError::into_inner).next();
    let threads = (0..rayon::current_num_threads()).into_par_iter().with_max_len(1);
    threads.for_each(|_| std::iter::from_fn(next).for_each(&work));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(rows: usize, threads: usize) -> Vec<usize> {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let ranges: Vec<_> =
            pool.install(|| TaskRows { most: 48, least: 12 }.ranges(rows).collect());
        assert_eq!(ranges.first().map_or(0, |range| range.start), 0);
        assert!(ranges.is_sorted_by(|before, after| before.end == after.start));
        assert_eq!(ranges.last().map_or(0, |range| range.end), rows);
        ranges.into_iter().map(|range| range.len()).collect()
    }

    #[test]
    fn tasks_become_smaller_towards_the_end() {
        assert_eq!(counts(0, 2), []);
        assert_eq!(counts(7, 2), [7]);
        assert_eq!(counts(100, 1), [48, 36, 12, 4]);
        assert_eq!(counts(250, 2), [48, 48, 48, 36, 24, 12, 12, 12, 10]);
        assert_eq!(counts(100, 4), [12, 12, 12, 12, 12, 12, 12, 12, 4]);
    }

    #[test]
    fn every_task_is_done_once_and_finds_its_rows() {
        let mut numbers = vec![0.0; 3 * 130];
        let mut left = RowsLeft::new(&mut numbers, 3);
        let tasks = TaskRows { most: 16, least: 4 }.ranges(130);
        for_each_task(tasks.map(|range| (range.start, left.take(range.len()))), |(first, rows)| {
            rows.chunks_exact_mut(3).enumerate().for_each(|(i, row)| {
                row.iter_mut().for_each(|number| *number += (first + i) as f32);
            });
        });
        let expected: Vec<f32> = (0..130_u8).flat_map(|row| [f32::from(row); 3]).collect();
        assert_eq!(numbers, expected);
    }
}
