//! Signals that end a run in good order.
//!
//! SIGINT, SIGTERM, SIGUSR1 and SIGUSR2 let nothing new begin; trainings in progress write checkpoints, and cells in
//! progress stop after their current layer. A process that is still there after 25 s ends at once: schedulers kill
//! after 30 s, and stored results and complete checkpoints are safe at any moment. A second Ctrl-C does the same.

use std::sync::atomic::{AtomicU8, Ordering};

use crate::commands::exit;

/// Exit code for the first signal; 0 before.
static CODE: AtomicU8 = AtomicU8::new(0);

/// Exit code of a run that stopped early: 130 after Ctrl-C, 75 after the signals of schedulers.
pub(crate) fn exit_code() -> u8 {
    match CODE.load(Ordering::SeqCst) {
        0 => exit::INTERRUPTED,
        code => code,
    }
}

/// Makes the signals stop the runs of this process.
///
/// # Errors
/// When the system refuses the handler or the thread that waits for signals.
#[cfg(unix)]
pub(crate) fn stop_on_signals() -> anyhow::Result<()> {
    use signal_hook::consts::{SIGINT, SIGTERM, SIGUSR1, SIGUSR2};

    let mut signals = signal_hook::iterator::Signals::new([SIGINT, SIGTERM, SIGUSR1, SIGUSR2])?;
    let wait = move || {
        for signal in signals.forever() {
            let is_interrupt = signal == SIGINT;
            let code = if is_interrupt { exit::INTERRUPTED } else { exit::TRY_AGAIN };
            let first = CODE.compare_exchange(0, code, Ordering::SeqCst, Ordering::SeqCst);
            if first.is_err() && is_interrupt {
                std::process::exit(code.into());
            }
            if first.is_ok() {
                isobath_runner::request_stop();
                std::thread::spawn(leave_after_grace);
            }
        }
    };
    std::thread::Builder::new().name("signals".to_owned()).spawn(wait)?;
    Ok(())
}

/// Signals keep their default on other systems.
#[cfg(not(unix))]
pub(crate) fn stop_on_signals() -> anyhow::Result<()> {
    Ok(())
}

/// Ends the process if it does not end by itself.
#[cfg(unix)]
fn leave_after_grace() {
    /// Five seconds are left for a loaded machine.
    const GRACE: std::time::Duration = std::time::Duration::from_secs(25);
    std::thread::sleep(GRACE);
    eprintln!("the work in progress did not stop in time and is lost; rerun the command to resume");
    std::process::exit(exit_code().into());
}
