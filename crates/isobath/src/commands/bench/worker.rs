//! `PyTorch` in a process of its own for all measurements, since it takes longer to start than to measure.

use std::{
    io::{BufRead, BufReader, Write},
    process::{Child, ChildStdin, ChildStdout, Stdio},
};

use anyhow::{Context, Result, bail};

use super::external::Python;

/// A process that waits for work, one request per line, and answers each with a time.
pub(super) struct PyTorch {
    process: Child,
    requests: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl PyTorch {
    /// Starts `script` with as many threads as this process.
    ///
    /// # Errors
    /// If the process cannot be started.
    pub(super) fn start(python: &Python, script: &str) -> Result<Self> {
        let threads = rayon::current_num_threads().to_string();
        let mut command = python.command();
        command.args(["-c", script, &threads]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = command.spawn().context("cannot start PyTorch's process")?;
        let requests = process.stdin.take().context("PyTorch's process has no input")?;
        let answers = process.stdout.take().context("PyTorch's process has no output")?;
        Ok(Self { process, requests, answers: BufReader::new(answers) })
    }

    /// Seconds of a step of the requested work.
    ///
    /// # Errors
    /// If the process has ended, or answers with no time.
    pub(super) fn measure(&mut self, request: &str) -> Result<f64> {
        writeln!(self.requests, "{request}").context("PyTorch's process ended early")?;
        let mut answer = String::new();
        self.answers.read_line(&mut answer).context("PyTorch's process gave no answer")?;
        match answer.trim().parse() {
            Ok(seconds) => Ok(seconds),
            Err(_) => bail!("PyTorch's process ended without a time; its error is above"),
        }
    }
}

impl Drop for PyTorch {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
