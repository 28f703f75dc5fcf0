//! Trainings that are asked for at the same time and are alike are done together.

use std::{
    collections::HashMap,
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
};

use crate::error::{Error, Result};

/// Where threads that each want a piece of work done wait for each other: once none of them could bring another piece, those
/// that are alike are done by the thread of one.
///
/// A thread is expected at the batcher from the beginning until it [leaves](Self::leave). Where pieces are not done together
/// at all, none waits.
pub(super) struct TrainingBatcher<P, O> {
    /// Pieces done together, at most.
    most: usize,
    state: Mutex<State<P, O>>,
    changed: Condvar,
}

struct State<P, O> {
    /// Threads that may still bring something.
    expected: usize,
    /// The number of the next piece.
    next: u64,
    waiting: Vec<(u64, P)>,
    outcomes: HashMap<u64, Result<O>>,
}

/// Takes outcomes, each with its piece's index, as soon as they are there.
pub(super) type ResultSink<'a, O> = dyn FnMut(Vec<(usize, O)>) + 'a;

impl<P, O> TrainingBatcher<P, O> {
    /// Of so many threads, and at most `most` pieces done together.
    pub(super) fn new(threads: usize, most: usize) -> Self {
        let state =
            State { expected: threads, next: 0, waiting: Vec::new(), outcomes: HashMap::new() };
        Self { most, state: Mutex::new(state), changed: Condvar::new() }
    }

    /// A thread brings nothing any more.
    pub(super) fn leave(&self) {
        self.state().expected -= 1;
        self.changed.notify_all();
    }

    /// The outcome of `piece`, done by `work` with others that are `alike`.
    ///
    /// # Errors
    /// When the work fails: with its error for one of the pieces, and [`isobath_trainer::Error::Cancelled`] for the others.
    pub(super) fn ask(
        &self,
        piece: P,
        alike: impl Fn(&P, &P) -> bool,
        work: impl FnOnce(&[P], &mut ResultSink<'_, O>) -> Result<()>,
    ) -> Result<O> {
        let mut state = self.state();
        let number = state.next;
        state.next += 1;
        state.waiting.push((number, piece));
        state.expected -= 1;
        self.changed.notify_all();
        loop {
            if let Some(outcome) = state.outcomes.remove(&number) {
                return outcome;
            }
            let place = state.waiting.iter().position(|(other, _)| *other == number);
            if let Some(place) = place
                && (state.expected == 0 || self.most == 1)
            {
                let group = state.take_alike(place, self.most, alike);
                drop(state);
                return self.lead(group, work);
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Does the pieces, and gives back the first's outcome.
    fn lead(
        &self,
        pieces: Vec<(u64, P)>,
        work: impl FnOnce(&[P], &mut ResultSink<'_, O>) -> Result<()>,
    ) -> Result<O> {
        let (numbers, pieces): (Vec<u64>, Vec<P>) = pieces.into_iter().unzip();
        let own = numbers[0];
        let mut group = Group { batcher: self, left: numbers.clone(), leader: own };
        let done = work(&pieces, &mut |outcomes| {
            group.deliver(outcomes.into_iter().map(|(index, o)| (numbers[index], Ok(o))));
        });
        if let (Err(error), Some(&first)) = (done, group.left.first()) {
            group.deliver([(first, Err(error))]);
        }
        drop(group);
        self.state().outcomes.remove(&own).unwrap_or_else(cancelled)
    }

    fn state(&self) -> MutexGuard<'_, State<P, O>> {
        // Nothing in here can be left half done.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<P, O> State<P, O> {
    /// Takes the piece at `place` and those like it that wait, no more than `most` together.
    fn take_alike(
        &mut self,
        place: usize,
        most: usize,
        alike: impl Fn(&P, &P) -> bool,
    ) -> Vec<(u64, P)> {
        let mut group = vec![self.waiting.remove(place)];
        for piece in std::mem::take(&mut self.waiting) {
            let joins = group.len() < most && alike(&group[0].1, &piece.1);
            (if joins { &mut group } else { &mut self.waiting }).push(piece);
        }
        group
    }
}

/// Pieces being done.
struct Group<'m, P, O> {
    batcher: &'m TrainingBatcher<P, O>,
    /// Those without an outcome.
    left: Vec<u64>,
    /// The one whose thread does them.
    leader: u64,
}

impl<P, O> Group<'_, P, O> {
    /// Gives threads their outcomes, all at the same moment, so that none starts something without the others.
    fn deliver(&mut self, outcomes: impl IntoIterator<Item = (u64, Result<O>)>) {
        let mut state = self.batcher.state();
        for (number, outcome) in outcomes {
            self.left.retain(|&left| left != number);
            state.outcomes.insert(number, outcome);
            // The leader is still at it.
            state.expected += usize::from(number != self.leader);
        }
        drop(state);
        self.batcher.changed.notify_all();
    }
}

/// Whatever happened, nobody waits for ever.
impl<P, O> Drop for Group<'_, P, O> {
    fn drop(&mut self) {
        let left = std::mem::take(&mut self.left);
        self.deliver(left.into_iter().map(|number| (number, cancelled())));
        self.batcher.state().expected += 1;
    }
}

fn cancelled<O>() -> Result<O> {
    Err(Error::from(isobath_trainer::Error::Cancelled))
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    /// A kind and a number.
    type BatchItem = (usize, usize);

    /// What groups were done, and what came of each piece.
    type Done = (Vec<Vec<BatchItem>>, Vec<Result<usize>>);

    /// Has `threads` threads bring pieces of two kinds, `rounds` each.
    fn groups(
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
                        let piece = (thread % 2, thread + round * threads);
                        let outcome = batcher.ask(
                            piece,
                            |a, b| a.0 == b.0,
                            |pieces, deliver| {
                                done.lock().unwrap().push(pieces.to_vec());
                                work(pieces, deliver)
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

    /// Hands over each piece's own number, the last pieces first, one at a time.
    #[expect(clippy::unnecessary_wraps, reason = "work may fail")]
    fn one_by_one(pieces: &[BatchItem], deliver: &mut ResultSink<'_, usize>) -> Result<()> {
        for (index, (_, number)) in pieces.iter().enumerate().rev() {
            deliver(vec![(index, *number)]);
        }
        Ok(())
    }

    #[expect(clippy::unnecessary_wraps, reason = "work may fail")]
    fn all_at_once(pieces: &[BatchItem], deliver: &mut ResultSink<'_, usize>) -> Result<()> {
        deliver(pieces.iter().map(|(_, number)| *number).enumerate().collect());
        Ok(())
    }

    fn numbers(outcomes: Vec<Result<usize>>) -> Vec<usize> {
        let mut numbers: Vec<usize> = outcomes.into_iter().map(Result::unwrap).collect();
        numbers.sort_unstable();
        numbers
    }

    #[test]
    fn what_is_alike_is_done_together() {
        let (groups, outcomes) = groups(8, 64, 1, all_at_once);
        assert_eq!(numbers(outcomes), (0..8).collect::<Vec<_>>());
        assert_eq!(groups.iter().map(Vec::len).collect::<Vec<_>>(), [4, 4]);
        for group in groups {
            assert!(group.iter().all(|piece| piece.0 == group[0].0), "{group:?}");
        }
    }

    #[test]
    fn no_more_than_the_most_are_done_together() {
        let (groups, outcomes) = groups(8, 3, 1, all_at_once);
        assert_eq!(numbers(outcomes), (0..8).collect::<Vec<_>>());
        let mut sizes: Vec<usize> = groups.iter().map(Vec::len).collect();
        sizes.sort_unstable();
        assert_eq!(sizes, [1, 1, 3, 3]);
    }

    #[test]
    fn every_piece_is_done_once_in_whatever_order_outcomes_come() {
        for work in [one_by_one, all_at_once] {
            let (groups, outcomes) = groups(7, 64, 50, work);
            assert_eq!(numbers(outcomes), (0..350).collect::<Vec<_>>());
            assert_eq!(groups.iter().map(Vec::len).sum::<usize>(), 350);
        }
    }

    #[test]
    fn one_hears_of_a_failure_and_the_others_are_cancelled() {
        let (_, outcomes) = groups(4, 64, 1, |pieces, deliver| {
            deliver(vec![(0, pieces[0].1)]);
            Err(Error::OtherGrid)
        });
        let mut errors: Vec<String> =
            outcomes.iter().filter_map(|o| Some(o.as_ref().err()?.to_string())).collect();
        errors.sort_unstable();
        assert_eq!(errors, ["the device failed"; 2], "one of each group had an outcome");
        let (_, outcomes) = groups(8, 64, 1, |_, _| Err(Error::OtherGrid));
        let failed = |o: &&Result<usize>| o.as_ref().unwrap_err().to_string() != "cancelled";
        assert_eq!(outcomes.iter().filter(failed).count(), 2);
        assert_eq!(outcomes.len(), 8);
    }

    #[test]
    fn a_thread_that_leaves_is_not_waited_for() {
        let batcher = TrainingBatcher::<usize, usize>::new(2, 64);
        let asked = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            scope.spawn(|| batcher.leave());
            let outcome = batcher.ask(
                5,
                |_, _| true,
                |pieces, deliver| {
                    asked.fetch_add(pieces.len(), Ordering::Relaxed);
                    deliver(vec![(0, 6)]);
                    Ok(())
                },
            );
            assert_eq!(outcome.unwrap(), 6);
        });
        assert_eq!(asked.into_inner(), 1);
    }
}
