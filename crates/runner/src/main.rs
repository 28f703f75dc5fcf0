//! `isobath`: predicts, before training, whether a deep network will train, and how deep it may be.

use std::process::ExitCode;

fn main() -> ExitCode {
    isobath_runner::cli::main()
}
