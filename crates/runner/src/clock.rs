//! Cost accounting for cells that share the machine.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

/// Divides elapsed time among running cells: while `n` cells run, each is charged `1 / n` of the time.
///
/// The charges of all cells add up to the time during which at least one cell ran.
#[derive(Debug)]
pub(super) struct SharedClock(Mutex<State>);

#[derive(Debug)]
struct State {
    last: Instant,
    /// Number of running cells.
    running: u32,
    /// Charge of a cell that has run since the start of the clock.
    charged: Duration,
}

/// Handle of a running cell. The cell ends when the handle is dropped.
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

    /// Starts a cell.
    pub(super) fn start(&self) -> CostShare<'_> {
        let now = Instant::now();
        let mut state = self.state();
        state.advance(now);
        state.running += 1;
        CostShare { clock: self, start: now, charged: state.charged }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A panic cannot leave the state inconsistent.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl CostShare<'_> {
    /// Charged fraction of the time since the cell started, in `[0, 1]`.
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
        // Another thread may read the time earlier than this one and take the lock later.
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
    fn elapsed_time_is_divided_among_running_cells() {
        let start = Instant::now();
        let at = |seconds: f64| start + Duration::from_secs_f64(seconds);
        let mut state = State { last: start, running: 0, charged: Duration::ZERO };
        // No cell for 1 s, one cell for 2 s, two for 4 s, one for 1 s.
        for (seconds, running) in [(1.0, 1), (3.0, 2), (7.0, 1)] {
            state.advance(at(seconds));
            state.running = running;
        }
        state.advance(at(8.0));
        assert_eq!(state.charged, Duration::from_secs(2 + 2 + 1));
        // A time before the last one changes nothing.
        state.advance(at(7.5));
        assert_eq!((state.charged, state.last), (Duration::from_secs(5), at(8.0)));
    }

    #[test]
    fn single_cell_is_charged_all_its_time() {
        let clock = SharedClock::new();
        let cost_share = clock.start();
        std::thread::sleep(Duration::from_millis(2));
        assert!((cost_share.share() - 1.0).abs() < 1e-6);
        drop(cost_share);
        assert_eq!(clock.state().running, 0);
    }
}
