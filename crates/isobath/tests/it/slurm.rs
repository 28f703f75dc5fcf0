//! A run on a real Slurm: a controller and two nodes on this machine.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a test")]

use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Command, Output},
    thread::sleep,
    time::{Duration, Instant},
};

use serde_json::Value;

use crate::common::{Place, TINIEST};

/// A Slurm for this test; stopped on drop.
struct Slurm {
    script: PathBuf,
    folder: tempfile::TempDir,
}

impl Slurm {
    /// Starts Slurm, or returns the reason why that is impossible here.
    fn start() -> Result<Self, String> {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/slurm-ci.sh");
        if !script.is_file() {
            return Err(format!("{} does not exist", script.display()));
        }
        let folder = tempfile::tempdir().unwrap();
        // The authentication service requires that every user can reach its socket.
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let slurm = Self { script, folder };
        let output = slurm.command("timeout").arg("400").arg(&slurm.script).arg("up").output();
        let output = output.unwrap();
        let error = || String::from_utf8_lossy(&output.stderr).trim().to_owned();
        if output.status.success() { Ok(slurm) } else { Err(error()) }
    }

    /// Command in Slurm's environment.
    fn command(&self, program: &str) -> Command {
        let port = 20_000 + std::process::id() % 20_000;
        let folder = self.folder.path().join("slurm");
        let mut command = Command::new(program);
        command
            .env("SLURM_CONF", folder.join("slurm.conf"))
            .env("SLURM_CI_DIR", &folder)
            .env("SLURM_CI_PORT", port.to_string());
        command
    }

    /// Sends a signal to the process of a task.
    fn signal(&self, signal: &str, job: &str, task: u64) {
        let arguments = ["--batch", &format!("--signal={signal}"), &format!("{job}_{task}")];
        // It exits with 229 if the task ends because of the signal.
        self.command("scancel").args(arguments).output().unwrap();
    }
}

impl Drop for Slurm {
    fn drop(&mut self) {
        // A failure cannot be reported from here. Tasks of a failed test still run.
        let all = ["--full", "--signal=KILL", "--state=RUNNING", "--me"];
        let _ = self.command("timeout").args(["10", "scancel"]).args(all).output();
        let _ = self.command("sh").args(["-c", "exec \"$0\" down"]).arg(&self.script).output();
    }
}

/// A run on Slurm.
struct Run<'a> {
    slurm: &'a Slurm,
    place: &'a Place,
}

impl Run<'_> {
    fn output(&self, arguments: &[&str]) -> Output {
        let environment = self.slurm.command("");
        let environment = environment.get_envs().map(|(name, value)| (name, value.unwrap()));
        self.place.isobath(arguments).envs(environment).output().unwrap()
    }

    fn submit(&self) -> String {
        let output =
            self.output(&["submit", "tiny.toml", "--slurm", "--tasks", "8", "--time", "10"]);
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// Exit code and JSON of `status`.
    fn status(&self) -> (i32, Value) {
        let output = self.output(&["status", "tiny", "--json"]);
        let value = serde_json::from_slice(&output.stdout);
        (output.status.code().unwrap(), value.unwrap_or_else(|_| panic!("{output:?}")))
    }

    /// The first state for which `is_reached` holds.
    fn wait(&self, is_reached: impl Fn(&Value) -> bool) -> (i32, Value) {
        let start = Instant::now();
        loop {
            let (code, status) = self.status();
            if is_reached(&status) {
                return (code, status);
            }
            assert!(start.elapsed() < Duration::from_secs(240), "{status:#}");
            sleep(Duration::from_millis(100));
        }
    }
}

/// Shards whose process computes now.
fn computing(status: &Value) -> Vec<u64> {
    let has_process = |(_, shard): &(u64, &Value)| shard["host"].is_string();
    (1..).zip(status["shards"].as_array().unwrap()).filter(has_process).map(|(k, _)| k).collect()
}

fn shard(status: &Value, number: u64) -> &Value {
    &status["shards"][number as usize - 1]
}

/// Exported tables without columns of seconds.
fn tables(place: &Place) -> BTreeMap<String, Vec<Vec<String>>> {
    place.succeed(&["export", "tiny", "--to", "tables"]);
    let files = fs::read_dir(place.path().join("tables/csv")).unwrap().flatten();
    files.map(|file| (file.file_name().into_string().unwrap(), table(&file.path()))).collect()
}

fn table(path: &Path) -> Vec<Vec<String>> {
    let text = fs::read_to_string(path).unwrap();
    let header: Vec<&str> = text.lines().next().unwrap().split(',').collect();
    let row = |line: &str| {
        let columns = line.split(',').zip(&header);
        columns.filter(|(_, name)| !name.contains("seconds")).map(|(it, _)| it.to_owned()).collect()
    };
    text.lines().map(row).collect()
}

/// Eight cells, each with one training that takes a second or two.
fn experiment() -> Place {
    let text = TINIEST
        .replace("[1.0, 2.0]", "[0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 3.5, 4.0]")
        .replace("depths = [2, 3]", "depths = [3]")
        .replace("max_steps = 10", "epochs = 2000\nstop_at_success = false");
    Place::with(&text)
}

#[test]
fn killed_and_preempted_tasks_of_an_array_lose_nothing() {
    let slurm = match Slurm::start() {
        Ok(slurm) => slurm,
        Err(reason) => {
            println!("skipped: no Slurm can be started here: {reason}");
            return;
        }
    };
    let place = experiment();
    let run = Run { slurm: &slurm, place: &place };
    let text = run.submit();
    let job = text.strip_prefix("job ").unwrap().split(':').next().unwrap().to_owned();

    let (code, status) = run.wait(|status| computing(status).len() == 2);
    assert_eq!((code, &status["active"]), (75, &true.into()));
    let tasks = computing(&status);
    let waiting = status["shards"].as_array().unwrap().iter();
    assert!(waiting.filter(|shard| shard["state"] == "queued").count() >= 4, "{status:#}");
    let error = run.output(&["submit", "tiny.toml", "--slurm", "--tasks", "8"]);
    let error = String::from_utf8(error.stderr).unwrap();
    assert!(error.contains(&format!("job {job} of this run is ")), "{error}");

    slurm.signal("KILL", &job, tasks[0]);
    slurm.signal("TERM", &job, tasks[1]);
    let is_failed = |status: &Value, task| shard(status, task)["state"] == "failed";
    let (code, status) = run.wait(|now| tasks.iter().all(|&task| is_failed(now, task)));
    assert_eq!(code, 75, "{status:#}");
    let reason = |task| shard(&status, task)["reason"].as_str().unwrap().to_owned();
    assert!(reason(tasks[0]).contains("killed on "), "{status:#}");
    assert!(reason(tasks[1]).contains("stopped early"), "{status:#}");

    // The report of an incomplete run fails, and names what is missing.
    let (code, status) = run.wait(|status| status["active"] == false);
    assert_eq!((code, &status["complete"]), (1, &false.into()), "{status:#}");
    let states =
        status["shards"].as_array().unwrap().iter().map(|one| one["state"].as_str().unwrap());
    assert_eq!(states.filter(|state| *state == "done").count(), 6, "{status:#}");
    assert!(status["resubmit"].as_str().unwrap().starts_with("cargo xtask submit tiny.toml"));

    let text = run.submit();
    let numbers = format!("shards {},{} of 8", tasks[0].min(tasks[1]), tasks[0].max(tasks[1]));
    assert!(text.contains(&numbers.replace("1,2 ", "1-2 ")), "{text}");
    let (code, status) = run.wait(|status| status["active"] == false);
    assert_eq!((code, &status["complete"]), (0, &true.into()), "{status:#}");
    assert!(place.run_folder().join("csv").is_dir());

    let whole = experiment();
    whole.succeed(&["run", "tiny.toml"]);
    let (found, expected) = (tables(&place), tables(&whole));
    assert!(found.len() > 3 && found == expected, "{found:?} differ from {expected:?}");
}
