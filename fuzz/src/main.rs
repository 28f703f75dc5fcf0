//! Feeds random damaged input to every parser and reports panics and slow inputs.
//!
//! ```text
//! cargo xtask fuzz                      # a minute in all
//! cargo xtask fuzz --inputs 2000000     # so many for each parser
//! cargo xtask fuzz toml --replay 17     # one input again
//! ```
//!
//! Input `i` of a parser depends on nothing but `i`.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "printing is what a command does")]

mod mutate;
mod targets;

use std::{
    panic::catch_unwind,
    process::ExitCode,
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    thread,
    time::{Duration, Instant},
};

use isobath_tensor::random::StreamRng;
use targets::{TARGETS, Target};

/// Time after which an input counts as a hang.
const SLOW: Duration = Duration::from_secs(5);

/// Command-line options.
struct Options {
    target: Option<String>,
    /// Inputs for each parser; a fraction for the slow ones.
    inputs: Option<u64>,
    /// Seconds for each parser.
    seconds: f64,
    replay: Option<u64>,
}

fn main() -> ExitCode {
    let options = match options(std::env::args().skip(1)) {
        Ok(options) => options,
        Err(message) => {
            eprintln!("error: {message}");
            return ExitCode::from(2);
        }
    };
    let chosen = |target: &&Target| options.target.as_ref().is_none_or(|name| name == target.name);
    let chosen: Vec<&Target> = TARGETS.iter().filter(chosen).collect();
    if chosen.is_empty() {
        eprintln!("error: no such parser; there are toml, idx, cifar, safetensors and store");
        return ExitCode::from(2);
    }
    if options.replay.is_none() {
        // A panic is reported with its input.
        std::panic::set_hook(Box::new(|_| {}));
    }
    let failures: u64 = chosen.into_iter().map(|target| run(target, &options)).sum();
    if failures == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn options(mut arguments: impl Iterator<Item = String>) -> Result<Options, String> {
    let mut options = Options { target: None, inputs: None, seconds: 12.0, replay: None };
    while let Some(argument) = arguments.next() {
        let mut number = || {
            let text = arguments.next().ok_or_else(|| format!("{argument} needs a number"))?;
            text.parse::<u64>().map_err(|_| format!("{argument} {text} is not a whole number"))
        };
        match argument.as_str() {
            "--inputs" => options.inputs = Some(number()?),
            "--seconds" => options.seconds = number()? as f64,
            "--replay" => options.replay = Some(number()?),
            name if !name.starts_with('-') => options.target = Some(name.to_owned()),
            _ => return Err(format!("unknown option {argument}")),
        }
    }
    Ok(options)
}

/// Runs one parser. Returns the number of failures.
fn run(target: &Target, options: &Options) -> u64 {
    let seeds = (target.seeds)();
    if let Some(index) = options.replay {
        let input = input(&seeds, index);
        println!("{}", String::from_utf8_lossy(&input));
        (target.parse)(&input);
        return 0;
    }
    let most = options.inputs.map_or(u64::MAX, |inputs| inputs.div_ceil(target.slower_by));
    let limit = options.inputs.map_or(Duration::from_secs_f64(options.seconds), |_| Duration::MAX);
    let (next, failures, start) = (AtomicU64::new(0), AtomicU64::new(0), Instant::now());
    let stop = AtomicBool::new(false);
    let work = || {
        while !stop.load(Ordering::Relaxed) && start.elapsed() < limit {
            let index = next.fetch_add(1, Ordering::Relaxed);
            if index >= most {
                break;
            }
            if let Some(failure) = failure(target, &seeds, index) {
                eprintln!(
                    "{}: input {index} {failure}; repeat with {} --replay {index}",
                    target.name, target.name
                );
                // A few are enough to start with.
                stop.store(failures.fetch_add(1, Ordering::Relaxed) >= 4, Ordering::Relaxed);
            }
        }
    };
    let threads = thread::available_parallelism().map_or(1, std::num::NonZero::get);
    thread::scope(|scope| (0..threads).for_each(|_| drop(scope.spawn(work))));
    let (done, failures) = (next.into_inner().min(most), failures.into_inner());
    println!(
        "{}: {done} inputs, {failures} failures, {:.0} s",
        target.name,
        start.elapsed().as_secs_f64()
    );
    failures
}

/// Input `index`: a valid one with random changes.
fn input(seeds: &[Vec<u8>], index: u64) -> Vec<u8> {
    let mut random = StreamRng::new(index, 0);
    let mut bytes = seeds[random.below(seeds.len() as u64) as usize].clone();
    mutate::mutate(&mut random, &mut bytes, seeds);
    bytes
}

/// The way in which the parser failed, if it did.
fn failure(target: &Target, seeds: &[Vec<u8>], index: u64) -> Option<String> {
    let input = input(seeds, index);
    let start = Instant::now();
    if let Err(panic) = catch_unwind(|| (target.parse)(&input)) {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or_default();
        return Some(format!("panicked: {text}"));
    }
    let taken = start.elapsed();
    (taken > SLOW).then(|| format!("took {:.1} s", taken.as_secs_f64()))
}
