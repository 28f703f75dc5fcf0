//! Progress of a cascade, counted in floating-point operations.

use std::{cell::Cell, ops::Range};

use crate::Observer;

/// Reports to an observer the share of the work that is done.
pub(crate) struct Work<'a> {
    observer: &'a dyn Observer,
    /// Floating-point operations of the decoders of the layers so far, from none to all.
    fits: Vec<f64>,
    /// Operations of each decoder in the chain of reconstructions.
    chain: Vec<f64>,
    fitted: Cell<f64>,
    chained: Cell<f64>,
}

impl<'a> Work<'a> {
    /// No work is done. `fits` and `chain` are the operations of each layer's decoder: to find it, and to reconstruct with it.
    pub(crate) fn new(observer: &'a dyn Observer, fits: Vec<u64>, chain: Vec<u64>) -> Self {
        let mut sum = 0.0;
        let sums = fits.into_iter().map(|operations| {
            sum += operations as f64;
            sum
        });
        Self {
            observer,
            fits: [0.0].into_iter().chain(sums).collect(),
            chain: chain.into_iter().map(|operations| operations as f64).collect(),
            fitted: Cell::new(0.0),
            chained: Cell::new(0.0),
        }
    }

    /// True if the observer cancels.
    pub(crate) fn is_cancelled(&self) -> bool {
        self.observer.cancelled()
    }

    /// This share of the work on the decoders of `layers` is done, and all work on those before.
    pub(crate) fn fitted(&self, layers: Range<usize>, share: f64) {
        let [before, behind] = [layers.start, layers.end].map(|layer| self.fits[layer]);
        self.fitted.set(before + share * (behind - before));
        self.report();
    }

    /// The decoder of layer `index`, counted from 0, is applied.
    pub(crate) fn chained(&self, index: usize) {
        self.chained.set(self.chained.get() + self.chain[index]);
        self.report();
    }

    fn report(&self) {
        let total = self.fits[self.fits.len() - 1] + self.chain.iter().sum::<f64>();
        // A chain that is asked for early is another one.
        let share = (self.fitted.get() + self.chained.get()) / total;
        self.observer.progress(if share < 1.0 { share } else { 1.0 });
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    #[test]
    fn shares_are_of_all_operations() {
        struct Listener(Mutex<Vec<f64>>);
        impl Observer for Listener {
            fn progress(&self, share: f64) {
                self.0.lock().unwrap().push(share);
            }
        }
        let listener = Listener(Mutex::default());
        let work = Work::new(&listener, vec![10, 30, 40], vec![0, 5, 15]);
        work.fitted(0..1, 1.0);
        work.fitted(1..3, 0.5);
        work.fitted(1..3, 1.0);
        (0..3).rev().for_each(|index| work.chained(index));
        assert_eq!(*listener.0.lock().unwrap(), [0.1, 0.45, 0.8, 0.95, 1.0, 1.0]);
    }
}
