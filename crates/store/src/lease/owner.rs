//! Text of a lock file: the process that holds a lease.

use std::{
    fs,
    sync::atomic::{AtomicU64, Ordering},
    time::{SystemTime, UNIX_EPOCH},
};

use serde::{Deserialize, Serialize};

/// The process that holds a lease.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Owner {
    pub(super) host: String,
    /// Boot and process namespace: process numbers of one machine are comparable.
    machine: String,
    pub(super) pid: u32,
    /// Start of the process in ticks since boot, because numbers of processes are reused.
    start: Option<u64>,
    task: String,
    /// Seconds since 1970, different for each lease. Nothing compares it with a clock.
    since: u64,
    /// Different for each lease of a process.
    number: u64,
    /// Number of heartbeats so far.
    pub(super) beat: u64,
}

impl Owner {
    /// This process, as the owner of a new lease for `task`.
    pub(super) fn this_process(task: &str) -> Self {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let pid = std::process::id();
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self {
            host: host(),
            machine: machine(),
            pid,
            start: process_start(pid),
            task: task.to_owned(),
            since: since.as_secs(),
            number: NUMBER.fetch_add(1, Ordering::Relaxed),
            beat: 0,
        }
    }

    /// The work for which the process took the lease.
    pub(super) fn task(&self) -> &str {
        &self.task
    }

    /// True if both describe one lease, whatever its heartbeat.
    pub(super) fn is_same_lease(&self, other: &Self) -> bool {
        Self { beat: 0, ..self.clone() } == Self { beat: 0, ..other.clone() }
    }

    /// True if the process runs, `None` if this machine cannot tell.
    pub(super) fn is_alive(&self) -> Option<bool> {
        (self.machine == machine() && self.start.is_some())
            .then(|| process_start(self.pid) == self.start)
    }
}

impl std::fmt::Display for Owner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "process {} on {}, `{}`", self.pid, self.host, self.task)
    }
}

fn host() -> String {
    let name = fs::read_to_string("/proc/sys/kernel/hostname").ok();
    let name = name.or_else(|| std::env::var("HOSTNAME").ok());
    name.map_or_else(|| "unknown".to_owned(), |name| name.trim().to_owned())
}

/// Identity of this boot of this machine and of the process namespace.
fn machine() -> String {
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    let namespace = fs::read_link("/proc/self/ns/pid").unwrap_or_default();
    format!("{} {} {}", host(), boot.trim(), namespace.display())
}

/// Start of a process in ticks since boot; `None` if there is no such process or the system does not tell.
fn process_start(pid: u32) -> Option<u64> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name in parentheses may contain spaces. The state follows it, and the start is the 20th word from there.
    let mut words = text.rsplit_once(')')?.1.split_whitespace();
    let state = words.next()?;
    // A zombie has ended.
    if matches!(state, "Z" | "X") { None } else { words.nth(18)?.parse().ok() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_os = "linux")]
    fn processes_are_known_by_their_number_and_start() {
        let this = Owner::this_process("run");
        assert_eq!(this.is_alive(), Some(true));
        let reused = Owner { start: this.start.map(|start| start + 1), ..this.clone() };
        assert_eq!(reused.is_alive(), Some(false));
        let elsewhere = Owner { machine: "another".to_owned(), ..this.clone() };
        assert_eq!(elsewhere.is_alive(), None);
        let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        let child_owner = Owner { pid: child.id(), start: process_start(child.id()), ..this };
        assert_eq!(child_owner.is_alive(), Some(true));
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(child_owner.is_alive(), Some(false));
    }

    #[test]
    fn leases_of_one_process_differ() {
        let (one, two) = (Owner::this_process("run"), Owner::this_process("run"));
        assert!(!one.is_same_lease(&two));
        assert!(one.is_same_lease(&Owner { beat: 7, ..one.clone() }));
    }
}
