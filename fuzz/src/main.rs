//! Feeds random damaged input to every parser and reports panics and slow inputs.
//!
//! ```text
//! cargo xtask fuzz                               # a minute in all
//! cargo xtask fuzz --inputs 2000000              # this number for the fastest parsers, fewer for slow ones
//! cargo xtask fuzz --seed 2                      # other inputs
//! cargo xtask fuzz toml --seed 2 --replay 17     # one input again
//! ```
//!
//! Input `i` of a parser depends on nothing but the seed and `i`.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "printing is what a command does")]

mod mutate;
mod run;
mod targets;

use std::process::ExitCode;

use targets::{TARGETS, Target};

/// Command-line options.
struct Options {
    target: Option<String>,
    /// Seed of all inputs.
    seed: u64,
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
        let names = TARGETS.map(|target| target.name).join(", ");
        eprintln!("error: no such parser; the parsers are {names}");
        return ExitCode::from(2);
    }
    if let Some(index) = options.replay {
        chosen.into_iter().for_each(|target| run::replay(target, options.seed, index));
        return ExitCode::SUCCESS;
    }
    // A panic is reported with its input.
    std::panic::set_hook(Box::new(|_| {}));
    println!("seed {}", options.seed);
    let failures: u64 = chosen.into_iter().map(|target| run::run(target, &options)).sum();
    if failures == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn options(mut arguments: impl Iterator<Item = String>) -> Result<Options, String> {
    let mut options = Options { target: None, seed: 1, inputs: None, seconds: 12.0, replay: None };
    while let Some(argument) = arguments.next() {
        let mut number = || {
            let text = arguments.next().ok_or_else(|| format!("{argument} needs a number"))?;
            text.parse::<u64>().map_err(|_| format!("{argument} {text} is not a whole number"))
        };
        match argument.as_str() {
            "--seed" => options.seed = number()?,
            "--inputs" => options.inputs = Some(number()?),
            "--seconds" => options.seconds = number()? as f64,
            "--replay" => options.replay = Some(number()?),
            name if !name.starts_with('-') => options.target = Some(name.to_owned()),
            _ => return Err(format!("unknown option {argument}")),
        }
    }
    Ok(options)
}
