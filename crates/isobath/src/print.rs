//! Output that never stops the work: a reader that goes away is ignored, and control characters from files do not reach
//! the terminal.

use std::{
    fmt,
    io::{ErrorKind, Write},
    sync::atomic::{AtomicBool, Ordering},
};

/// Prints a line to standard output. Ignores a closed output.
macro_rules! println {
    ($($argument:tt)*) => {
        $crate::print::line(std::io::stdout().lock(), format_args!($($argument)*))
    };
}

/// Prints a line to standard error. Ignores a closed output.
macro_rules! eprintln {
    ($($argument:tt)*) => {
        $crate::print::line(std::io::stderr().lock(), format_args!($($argument)*))
    };
}

/// Command that starts this program. Builds for installation set it by the environment variable `ISOBATH_PROGRAM`.
pub(crate) const PROGRAM: &str = match option_env!("ISOBATH_PROGRAM") {
    Some(name) => name,
    None => CHECKOUT,
};

/// Command that starts this program from a checkout. Messages of all crates contain it.
const CHECKOUT: &str = "cargo xtask";

/// Writes `text` and a line feed to `output`.
pub(crate) fn line(mut output: impl Write, text: fmt::Arguments<'_>) {
    let text = renamed(printable(&text.to_string()), PROGRAM);
    let written = writeln!(output, "{text}").and_then(|()| output.flush());
    // A reader that left needs no lines; a full disk loses them.
    if written.is_err_and(|error| error.kind() != ErrorKind::BrokenPipe) {
        LOST_LINES.store(true, Ordering::Relaxed);
    }
}

/// True if a line could not be written, for another reason than a closed output.
pub(crate) fn lost_lines() -> bool {
    LOST_LINES.load(Ordering::Relaxed)
}

static LOST_LINES: AtomicBool = AtomicBool::new(false);

/// `text` with control characters other than line feeds and tabs replaced.
fn printable(text: &str) -> String {
    let is_plain = |c: char| !c.is_control() || matches!(c, '\n' | '\t');
    text.chars().map(|c| if is_plain(c) { c } else { char::REPLACEMENT_CHARACTER }).collect()
}

/// `text` with the program called `name` in its advice.
fn renamed(text: String, name: &str) -> String {
    if name == CHECKOUT { text } else { text.replace(CHECKOUT, name) }
}

/// `text` as one word of a shell command.
pub(crate) fn shell_word(text: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "_-./=:,+@%".contains(c);
    if !text.is_empty() && text.chars().all(is_plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_replaced() {
        assert_eq!(printable("a\u{1b}[31mb\r\n\tc\u{9b}"), "a\u{fffd}[31mb\u{fffd}\n\tc\u{fffd}");
    }

    #[test]
    fn advice_names_the_program_as_it_is_called() {
        let advice = || "no run; `cargo xtask list` lists all runs".to_owned();
        assert_eq!(renamed(advice(), "isobath"), "no run; `isobath list` lists all runs");
        assert_eq!(renamed(advice(), CHECKOUT), advice());
    }

    #[test]
    fn words_survive_a_shell() {
        assert_eq!(shell_word("experiments/a.toml"), "experiments/a.toml");
        assert_eq!(shell_word("a b$(touch x);y"), "'a b$(touch x);y'");
        assert_eq!(shell_word("it's"), "'it'\\''s'");
        assert_eq!(shell_word(""), "''");
    }

    #[test]
    fn closed_output_is_ignored() {
        struct Closed;
        impl Write for Closed {
            fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
                Err(std::io::ErrorKind::BrokenPipe.into())
            }
            fn flush(&mut self) -> std::io::Result<()> {
                Err(std::io::ErrorKind::BrokenPipe.into())
            }
        }
        line(Closed, format_args!("text"));
    }
}
