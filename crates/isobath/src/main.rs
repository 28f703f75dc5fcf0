//! `isobath`: predicts, before training, whether a deep network will train, and how deep it may be.
//!
//! The command line and glue; the work is done by the other crates.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "printing is what a command does")]

mod commands;

use std::process::ExitCode;

fn main() -> ExitCode {
    commands::main()
}
