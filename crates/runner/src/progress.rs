//! Progress display: a bar with the estimated remaining time on a terminal, otherwise a plain line every few seconds.

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

/// Requests that every run of this process stops after its current layer. Returns true if a stop was already requested.
pub fn request_stop() -> bool {
    INTERRUPTED.swap(true, Ordering::SeqCst)
}

static JSON: AtomicBool = AtomicBool::new(false);

/// Makes every later [`Progress`] of this process print one JSON object per line instead of a bar or text.
pub fn report_progress_as_json() {
    JSON.store(true, Ordering::SeqCst);
}

/// Progress of a run, counted in layers.
#[derive(Debug)]
pub struct Progress {
    bar: Option<ProgressBar>,
    total: u64,
    done: AtomicU64,
    start: Instant,
    line: Mutex<Line>,
}

/// State of the plain progress line.
#[derive(Debug)]
struct Line {
    text: String,
    last: Option<Instant>,
}

/// Interval between two plain lines.
const LINE_EVERY: Duration = Duration::from_secs(10);

impl Progress {
    /// Starts the display for a total of `layers` layers.
    ///
    /// # Panics
    /// Never; the bar's template is valid.
    pub fn new(layers: u64) -> Self {
        let is_bar = std::io::stderr().is_terminal() && !JSON.load(Ordering::SeqCst);
        let bar = is_bar.then(|| {
            let bar = ProgressBar::with_draw_target(Some(layers), ProgressDrawTarget::stderr());
            let template = "{bar:30} {percent:>3}% {msg} · {elapsed} · {eta} left";
            bar.set_style(ProgressStyle::with_template(template).expect("the template is valid"));
            bar.enable_steady_tick(Duration::from_millis(500));
            bar
        });
        let line = Mutex::new(Line { text: String::new(), last: None });
        Self { bar, total: layers, done: AtomicU64::new(0), start: Instant::now(), line }
    }

    /// Sets the description of the current work.
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

    /// Adds `layers` finished layers.
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
        if JSON.load(Ordering::SeqCst) {
            let object = serde_json::json!({
                "done": done, "total": self.total, "message": line.text,
                "elapsed_seconds": elapsed.as_secs_f64(), "left_seconds": left.as_secs_f64(),
            });
            let _ = writeln!(std::io::stderr(), "{object}");
            return;
        }
        let percent = 100 * done / self.total.max(1);
        let (elapsed, left) = (HumanDuration(elapsed), HumanDuration(left));
        // A closed standard error must not stop the work.
        let _ =
            writeln!(std::io::stderr(), "{percent:>3}% {} · {elapsed} · {left} left", line.text);
    }

    /// Removes the bar.
    pub fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }

    /// True if a stop was requested.
    pub fn interrupted(&self) -> bool {
        INTERRUPTED.load(Ordering::SeqCst)
    }
}
