//! Isobath's program: TOML file in, chart out.
//!
//! A run goes through four stages that know nothing of each other: [`experiment`] turns a file into a checked plan of
//! cells, [`run`] computes the cells that are not in the run's store yet, [`record`] is what the store gives back, and
//! [`report`] draws it. [`cli`] is what a user types.

pub mod certificate;
pub mod cli;
pub mod compare;
pub mod environment;
pub mod experiment;
#[cfg(feature = "parquet")]
pub mod export;
pub mod frontier;
mod pool;
pub mod record;
pub mod report;
pub mod run;
pub mod verdicts;

/// Bytes as hexadecimal digits.
fn hex(bytes: &[u8]) -> String {
    const DIGITS: [char; 16] =
        ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f'];
    bytes
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 15])
        .map(|digit| DIGITS[usize::from(digit)])
        .collect()
}

/// `1 seed`, `3 seeds`.
fn count(number: usize, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}
