//! Time as a cost, where several cells share the machine.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

/// Shares the time that passes among the cells under way: while `n` of them are, each is charged an `n`-th of it. So what
/// all cells are charged adds up to the time that some cell was under way, however many were at once.
#[derive(Debug)]
pub(super) struct SharedClock(Mutex<State>);

#[derive(Debug)]
struct State {
    last: Instant,
    /// Cells under way.
    running: u32,
    /// What a cell under way from the beginning on has been charged.
    charged: Duration,
}

/// A cell under way.
#[derive(Debug)]
pub(super) struct CostShare<'a> {
    clock: &'a SharedClock,
    start: Instant,
    charged: Duration,
}

impl SharedClock {
    pub(super) fn new() -> Self {
        Self(Mutex::new(State { last: Instant::now(), running: 0, charged: Duration::ZERO }))
    }

    /// A cell begins.
    pub(super) fn start(&self) -> CostShare<'_> {
        let now = Instant::now();
        let mut state = self.state();
        state.advance(now);
        state.running += 1;
        CostShare { clock: self, start: now, charged: state.charged }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing in here can be left half done.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl CostShare<'_> {
    /// Which share of the time since its beginning the cell is charged, 0 to 1.
    pub(super) fn share(&self) -> f64 {
        let now = Instant::now();
        let mut state = self.clock.state();
        state.advance(now);
        let charged = state.charged.saturating_sub(self.charged).as_secs_f64();
        let passed = now.saturating_duration_since(self.start).as_secs_f64();
        if passed > 0.0 { (charged / passed).min(1.0) } else { 1.0 }
    }
}

impl Drop for CostShare<'_> {
    fn drop(&mut self) {
        let mut state = self.clock.state();
        state.advance(Instant::now());
        state.running -= 1;
    }
}

impl State {
    fn advance(&mut self, now: Instant) {
        // Another thread may have looked at the time before and taken the lock after this one.
        let passed = now.saturating_duration_since(self.last);
        self.last = self.last.max(now);
        if self.running > 0 {
            self.charged += passed / self.running;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_is_shared_among_the_cells_under_way() {
        let start = Instant::now();
        let at = |seconds: f64| start + Duration::from_secs_f64(seconds);
        let mut state = State { last: start, running: 0, charged: Duration::ZERO };
        // Nobody for 1 s, one cell for 2 s, two for 4 s, one for 1 s.
        for (seconds, running) in [(1.0, 1), (3.0, 2), (7.0, 1)] {
            state.advance(at(seconds));
            state.running = running;
        }
        state.advance(at(8.0));
        assert_eq!(state.charged, Duration::from_secs(2 + 2 + 1));
        // A late look at the clock takes nothing back.
        state.advance(at(7.5));
        assert_eq!((state.charged, state.last), (Duration::from_secs(5), at(8.0)));
    }

    #[test]
    fn a_cell_alone_is_charged_all_its_time() {
        let clock = SharedClock::new();
        let charge = clock.start();
        std::thread::sleep(Duration::from_millis(2));
        assert!((charge.share() - 1.0).abs() < 1e-6);
        drop(charge);
        assert_eq!(clock.state().running, 0);
    }
}
