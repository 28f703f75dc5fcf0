//! `isobath` predicts, before training, whether a deep network will train and how deep it can be.
//!
//! This crate contains the command line only; the other crates do the work.

#[macro_use]
mod print;
mod commands;
mod date;
mod signals;
mod slurm;

use std::process::ExitCode;

fn main() -> ExitCode {
    commands::main()
}
