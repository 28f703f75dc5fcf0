//! Runs one parser on many inputs.

use std::{
    panic::catch_unwind,
    process::exit,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
        mpsc::{Receiver, RecvTimeoutError, channel},
    },
    thread,
    time::{Duration, Instant},
};

use isobath_tensor::random::StreamRng;

use crate::{Options, mutate, targets::Target};

/// Time after which an input is reported as slow.
const SLOW: Duration = Duration::from_secs(5);

/// Time after which an input counts as a hang, which ends the program.
const HANG: Duration = Duration::from_secs(60);

/// Failures after which a parser gets no further inputs: a few are enough to start with.
const MOST_FAILURES: u64 = 5;

/// Input that a thread is parsing, and the time at which it started.
type Current = Mutex<Option<(u64, Instant)>>;

/// Runs one parser. Returns the number of failures.
pub(crate) fn run(target: &Target, options: &Options) -> u64 {
    let corpus = (target.corpus)();
    let most = options.inputs.map_or(u64::MAX, |inputs| inputs.div_ceil(target.slower_by));
    let limit = options.inputs.map_or(Duration::from_secs_f64(options.seconds), |_| Duration::MAX);
    let (next, failures, start) = (AtomicU64::new(0), AtomicU64::new(0), Instant::now());
    let stop = AtomicBool::new(false);
    let work = |current: &Current| {
        while !stop.load(Ordering::Relaxed) && start.elapsed() < limit {
            let index = next.fetch_add(1, Ordering::Relaxed);
            if index >= most {
                break;
            }
            set(current, Some((index, Instant::now())));
            if let Some(failure) = failure(target, &input(&corpus, options.seed, index)) {
                report(target, options.seed, index, &failure);
                let count = failures.fetch_add(1, Ordering::Relaxed) + 1;
                stop.store(count >= MOST_FAILURES, Ordering::Relaxed);
            }
            set(current, None);
        }
    };
    let threads = thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let current: Vec<Current> = (0..threads).map(|_| Mutex::new(None)).collect();
    thread::scope(|scope| {
        let (running, finished) = channel::<()>();
        for current in &current {
            let running = running.clone();
            scope.spawn(move || {
                work(current);
                drop(running);
            });
        }
        drop(running);
        watch(target, options.seed, &current, &finished);
    });
    let (done, failures) = (next.into_inner().min(most), failures.into_inner());
    let seconds = start.elapsed().as_secs_f64();
    println!("{}: {done} inputs, {failures} failures, {seconds:.0} s", target.name);
    failures
}

/// Prints input `index` and parses it; a panic ends the program with its message.
pub(crate) fn replay(target: &Target, seed: u64, index: u64) {
    let input = input(&(target.corpus)(), seed, index);
    println!("{}", String::from_utf8_lossy(&input));
    (target.parse)(&input);
}

/// Waits for all threads to finish. Ends the program with a report if an input hangs.
fn watch(target: &Target, seed: u64, current: &[Current], finished: &Receiver<()>) {
    while finished.recv_timeout(Duration::from_secs(1)) == Err(RecvTimeoutError::Timeout) {
        for thread in current {
            let current = *thread.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some((index, _)) = current.filter(|(_, start)| start.elapsed() > HANG) {
                report(target, seed, index, "does not end");
                exit(1);
            }
        }
    }
}

fn set(current: &Current, value: Option<(u64, Instant)>) {
    *current.lock().unwrap_or_else(PoisonError::into_inner) = value;
}

fn report(target: &Target, seed: u64, index: u64, failure: &str) {
    let name = target.name;
    eprintln!(
        "{name}: seed {seed}, input {index} {failure}; repeat with `cargo xtask fuzz {name} --seed {seed} --replay {index}`"
    );
}

/// Input `index`: a valid one with random changes.
fn input(corpus: &[Vec<u8>], seed: u64, index: u64) -> Vec<u8> {
    let mut random = StreamRng::new(seed, index);
    let mut bytes = corpus[random.below(corpus.len() as u64) as usize].clone();
    mutate::mutate(&mut random, &mut bytes, corpus);
    bytes
}

/// The way in which the parser failed, if it did.
fn failure(target: &Target, input: &[u8]) -> Option<String> {
    let start = Instant::now();
    if let Err(panic) = catch_unwind(|| (target.parse)(input)) {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or_default();
        return Some(format!("panicked: {text}"));
    }
    let taken = start.elapsed();
    (taken > SLOW).then(|| format!("took {:.1} s", taken.as_secs_f64()))
}
