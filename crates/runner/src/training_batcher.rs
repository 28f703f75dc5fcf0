//! Collects compatible trainings from several threads and runs them in batches.

use std::{
    collections::HashMap,
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
};

use crate::error::{Error, Result};

/// Batches items from several threads.
///
/// Threads wait until every active thread has submitted an item. One thread then runs all compatible items as one batch.
/// A thread is active from the start until it [leaves](Self::leave). With a batch size of 1, no thread waits.
pub(super) struct TrainingBatcher<P, O> {
    /// Maximum batch size.
    most: usize,
    state: Mutex<State<P, O>>,
    changed: Condvar,
}

struct State<P, O> {
    /// Active threads without a submitted item.
    active: usize,
    /// Number of the next item.
    next: u64,
    waiting: Vec<(u64, P)>,
    outcomes: HashMap<u64, Result<O>>,
}

/// Callback for finished outcomes, each with its item's index in the batch.
pub(super) type ResultSink<'a, O> = dyn FnMut(Vec<(usize, O)>) + 'a;

impl<P, O> TrainingBatcher<P, O> {
    /// Creates a batcher for `threads` active threads and batches of at most `most` items.
    pub(super) fn new(threads: usize, most: usize) -> Self {
        let state =
            State { active: threads, next: 0, waiting: Vec::new(), outcomes: HashMap::new() };
        Self { most, state: Mutex::new(state), changed: Condvar::new() }
    }

    /// Marks one thread as inactive: it submits no more items.
    pub(super) fn leave(&self) {
        self.state().active -= 1;
        self.changed.notify_all();
    }

    /// Submits `item` and returns its outcome. `work` runs it in a batch with other `compatible` items.
    ///
    /// # Errors
    /// When `work` fails: one item gets its error, the other unfinished ones [`isobath_trainer::Error::Cancelled`].
    pub(super) fn submit(
        &self,
        item: P,
        compatible: impl Fn(&P, &P) -> bool,
        work: impl FnOnce(&[P], &mut ResultSink<'_, O>) -> Result<()>,
    ) -> Result<O> {
        let mut state = self.state();
        let number = state.next;
        state.next += 1;
        state.waiting.push((number, item));
        state.active -= 1;
        self.changed.notify_all();
        loop {
            if let Some(outcome) = state.outcomes.remove(&number) {
                return outcome;
            }
            let position = state.waiting.iter().position(|(other, _)| *other == number);
            if let Some(position) = position
                && (state.active == 0 || self.most == 1)
            {
                let batch = state.take_batch(position, self.most, compatible);
                drop(state);
                return self.run_batch(batch, work);
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Runs a batch and returns the outcome of its first item.
    fn run_batch(
        &self,
        items: Vec<(u64, P)>,
        work: impl FnOnce(&[P], &mut ResultSink<'_, O>) -> Result<()>,
    ) -> Result<O> {
        let (numbers, items): (Vec<u64>, Vec<P>) = items.into_iter().unzip();
        let own = numbers[0];
        let mut batch = Batch { batcher: self, left: numbers.clone(), leader: own };
        let done = work(&items, &mut |outcomes| {
            batch.deliver(outcomes.into_iter().map(|(index, o)| (numbers[index], Ok(o))));
        });
        if let (Err(error), Some(&first)) = (done, batch.left.first()) {
            batch.deliver([(first, Err(error))]);
        }
        drop(batch);
        self.state().outcomes.remove(&own).unwrap_or_else(cancelled)
    }

    fn state(&self) -> MutexGuard<'_, State<P, O>> {
        // A panic cannot leave the state inconsistent.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<P, O> State<P, O> {
    /// Removes the item at `position` and at most `most - 1` compatible ones from the queue.
    fn take_batch(
        &mut self,
        position: usize,
        most: usize,
        compatible: impl Fn(&P, &P) -> bool,
    ) -> Vec<(u64, P)> {
        let mut batch = vec![self.waiting.remove(position)];
        for item in std::mem::take(&mut self.waiting) {
            let joins = batch.len() < most && compatible(&batch[0].1, &item.1);
            (if joins { &mut batch } else { &mut self.waiting }).push(item);
        }
        batch
    }
}

/// A running batch.
struct Batch<'m, P, O> {
    batcher: &'m TrainingBatcher<P, O>,
    /// Items without an outcome.
    left: Vec<u64>,
    /// The item whose thread runs the batch.
    leader: u64,
}

impl<P, O> Batch<'_, P, O> {
    /// Delivers all outcomes at once, so that no thread starts a new batch without the others.
    fn deliver(&mut self, outcomes: impl IntoIterator<Item = (u64, Result<O>)>) {
        let mut state = self.batcher.state();
        for (number, outcome) in outcomes {
            self.left.retain(|&left| left != number);
            state.outcomes.insert(number, outcome);
            // The leader is still running the batch.
            state.active += usize::from(number != self.leader);
        }
        drop(state);
        self.batcher.changed.notify_all();
    }
}

/// Cancels unfinished items, so that no thread waits forever after an error or a panic.
impl<P, O> Drop for Batch<'_, P, O> {
    fn drop(&mut self) {
        let left = std::mem::take(&mut self.left);
        self.deliver(left.into_iter().map(|number| (number, cancelled())));
        self.batcher.state().active += 1;
    }
}

fn cancelled<O>() -> Result<O> {
    Err(Error::from(isobath_trainer::Error::Cancelled))
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    /// Kind and number of an item.
    type BatchItem = (usize, usize);

    /// All batches and the outcome of each item.
    type Done = (Vec<Vec<BatchItem>>, Vec<Result<usize>>);

    /// Runs `threads` threads that submit `rounds` items each, of two kinds.
    fn batches(
        threads: usize,
        most: usize,
        rounds: usize,
        work: impl Fn(&[BatchItem], &mut ResultSink<'_, usize>) -> Result<()> + Sync,
    ) -> Done {
        let batcher = TrainingBatcher::new(threads, most);
        let (done, outcomes) = (Mutex::new(Vec::new()), Mutex::new(Vec::new()));
        std::thread::scope(|scope| {
            for thread in 0..threads {
                let (batcher, done, outcomes, work) = (&batcher, &done, &outcomes, &work);
                scope.spawn(move || {
                    for round in 0..rounds {
                        let item = (thread % 2, thread + round * threads);
                        let outcome = batcher.submit(
                            item,
                            |a, b| a.0 == b.0,
                            |items, deliver| {
                                done.lock().unwrap().push(items.to_vec());
                                work(items, deliver)
                            },
                        );
                        outcomes.lock().unwrap().push(outcome);
                    }
                    batcher.leave();
                });
            }
        });
        (done.into_inner().unwrap(), outcomes.into_inner().unwrap())
    }

    /// Delivers each item's own number one at a time, last item first.
    #[expect(clippy::unnecessary_wraps, reason = "work may fail")]
    fn one_by_one(items: &[BatchItem], deliver: &mut ResultSink<'_, usize>) -> Result<()> {
        for (index, (_, number)) in items.iter().enumerate().rev() {
            deliver(vec![(index, *number)]);
        }
        Ok(())
    }

    #[expect(clippy::unnecessary_wraps, reason = "work may fail")]
    fn all_at_once(items: &[BatchItem], deliver: &mut ResultSink<'_, usize>) -> Result<()> {
        deliver(items.iter().map(|(_, number)| *number).enumerate().collect());
        Ok(())
    }

    fn numbers(outcomes: Vec<Result<usize>>) -> Vec<usize> {
        let mut numbers: Vec<usize> = outcomes.into_iter().map(Result::unwrap).collect();
        numbers.sort_unstable();
        numbers
    }

    #[test]
    fn compatible_items_run_in_one_batch() {
        let (batches, outcomes) = batches(8, 64, 1, all_at_once);
        assert_eq!(numbers(outcomes), (0..8).collect::<Vec<_>>());
        assert_eq!(batches.iter().map(Vec::len).collect::<Vec<_>>(), [4, 4]);
        for batch in batches {
            assert!(batch.iter().all(|item| item.0 == batch[0].0), "{batch:?}");
        }
    }

    #[test]
    fn batches_respect_the_maximum_size() {
        let (batches, outcomes) = batches(8, 3, 1, all_at_once);
        assert_eq!(numbers(outcomes), (0..8).collect::<Vec<_>>());
        let mut sizes: Vec<usize> = batches.iter().map(Vec::len).collect();
        sizes.sort_unstable();
        assert_eq!(sizes, [1, 1, 3, 3]);
    }

    #[test]
    fn every_item_runs_once_for_any_delivery_order() {
        for work in [one_by_one, all_at_once] {
            let (batches, outcomes) = batches(7, 64, 50, work);
            assert_eq!(numbers(outcomes), (0..350).collect::<Vec<_>>());
            assert_eq!(batches.iter().map(Vec::len).sum::<usize>(), 350);
        }
    }

    #[test]
    fn failure_goes_to_one_item_and_cancels_the_others() {
        let (_, outcomes) = batches(4, 64, 1, |items, deliver| {
            deliver(vec![(0, items[0].1)]);
            Err(Error::OtherGrid)
        });
        let mut errors: Vec<String> =
            outcomes.iter().filter_map(|o| Some(o.as_ref().err()?.to_string())).collect();
        errors.sort_unstable();
        assert_eq!(errors, [Error::OtherGrid.to_string(), Error::OtherGrid.to_string()]);
        let (_, outcomes) = batches(8, 64, 1, |_, _| Err(Error::OtherGrid));
        let failed = |o: &&Result<usize>| o.as_ref().unwrap_err().to_string() != "cancelled";
        assert_eq!(outcomes.iter().filter(failed).count(), 2);
        assert_eq!(outcomes.len(), 8);
    }

    #[test]
    fn batcher_does_not_wait_for_inactive_threads() {
        let batcher = TrainingBatcher::<usize, usize>::new(2, 64);
        let submitted = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            scope.spawn(|| batcher.leave());
            let outcome = batcher.submit(
                5,
                |_, _| true,
                |items, deliver| {
                    submitted.fetch_add(items.len(), Ordering::Relaxed);
                    deliver(vec![(0, 6)]);
                    Ok(())
                },
            );
            assert_eq!(outcome.unwrap(), 6);
        });
        assert_eq!(submitted.into_inner(), 1);
    }
}
