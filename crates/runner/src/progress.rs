//! Progress: bars with an estimate of the time left on a terminal, a plain line now and then elsewhere.

use std::{
    io::{IsTerminal, Write},
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use indicatif::{HumanDuration, ProgressBar, ProgressDrawTarget, ProgressStyle};

static INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// Makes every run of this process stop after the layer at hand. Returns whether that was requested before.
pub fn request_stop() -> bool {
    INTERRUPTED.swap(true, Ordering::SeqCst)
}

/// Progress of a run, in units of layers.
#[derive(Debug)]
pub struct Progress {
    bar: Option<ProgressBar>,
    total: u64,
    done: AtomicU64,
    start: Instant,
    line: Mutex<Line>,
}

/// The plain line.
#[derive(Debug)]
struct Line {
    text: String,
    last: Option<Instant>,
}

/// From one plain line to the next.
const LINE_EVERY: Duration = Duration::from_secs(10);

impl Progress {
    /// Progress over `layers` layers, those of all cells to compute.
    ///
    /// # Panics
    /// Never: the bar's template is valid.
    pub fn new(layers: u64) -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::with_draw_target(Some(layers), ProgressDrawTarget::stderr());
            let template = "{bar:30} {percent:>3}% {msg} · {elapsed} · {eta} left";
            bar.set_style(ProgressStyle::with_template(template).expect("the template is valid"));
            bar.enable_steady_tick(Duration::from_millis(500));
            bar
        });
        let line = Mutex::new(Line { text: String::new(), last: None });
        Self { bar, total: layers, done: AtomicU64::new(0), start: Instant::now(), line }
    }

    /// What is being worked on.
    pub fn message(&self, text: String) {
        match &self.bar {
            Some(bar) => bar.set_message(text),
            None => {
                if let Ok(mut line) = self.line.lock() {
                    line.text = text;
                }
            }
        }
    }

    /// Counts layers that are done.
    pub fn advance(&self, layers: u64) {
        if layers == 0 {
            return;
        }
        let done = self.done.fetch_add(layers, Ordering::Relaxed) + layers;
        match &self.bar {
            Some(bar) => bar.set_position(done),
            None => self.print_line(done),
        }
    }

    fn print_line(&self, done: u64) {
        let Ok(mut line) = self.line.lock() else { return };
        let now = Instant::now();
        if line.last.is_some_and(|last| now - last < LINE_EVERY) && done < self.total {
            return;
        }
        line.last = Some(now);
        let elapsed = now - self.start;
        let left = elapsed.mul_f64((self.total - done.min(self.total)) as f64 / done.max(1) as f64);
        let percent = 100 * done / self.total.max(1);
        let (elapsed, left) = (HumanDuration(elapsed), HumanDuration(left));
        // Nothing to do if standard error is closed: the work goes on.
        let _ =
            writeln!(std::io::stderr(), "{percent:>3}% {} · {elapsed} · {left} left", line.text);
    }

    /// Takes the bar away.
    pub fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }

    /// Whether a stop was requested.
    pub fn interrupted(&self) -> bool {
        INTERRUPTED.load(Ordering::SeqCst)
    }
}
