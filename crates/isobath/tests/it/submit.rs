//! Submission to a cluster whose commands are shell scripts, and the state of such a run.
#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a test")]

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::Path,
    process::{Command, Output},
};

use serde_json::Value;

use crate::common::{Place, TINIEST};

/// A folder with an experiment and with scripts in place of Slurm's commands: `sbatch` numbers its calls and writes down
/// their arguments, `squeue` prints the file `queue`.
struct Cluster {
    place: Place,
}

impl Cluster {
    fn new() -> Self {
        let cluster = Self { place: Place::with(TINIEST) };
        fs::create_dir(cluster.path().join("bin")).unwrap();
        cluster.script(
            "sbatch",
            "echo \"$@\" >>\"$CLUSTER/sent\"; echo \"$(($(wc -l <\"$CLUSTER/sent\") + 100))\"",
        );
        cluster.script(
            "squeue",
            "cat \"$CLUSTER/queue\" 2>/dev/null || { echo 'slurm_load_jobs error: Invalid job id specified' >&2; exit 1; }",
        );
        cluster.script("sacct", "echo 'Slurm accounting storage is disabled' >&2; exit 1");
        cluster
    }

    fn path(&self) -> &Path {
        self.place.path()
    }

    fn script(&self, name: &str, text: &str) {
        let path = self.path().join("bin").join(name);
        fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    fn queue(&self, lines: &str) {
        fs::write(self.path().join("queue"), lines).unwrap();
    }

    fn sent(&self) -> String {
        fs::read_to_string(self.path().join("sent")).unwrap_or_default()
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.place.isobath(arguments);
        let path = format!("{}:/usr/bin:/bin", self.path().join("bin").display());
        command.env("PATH", path).env("CLUSTER", self.path());
        command
    }

    /// Standard output of a call that exits with `code`, or standard error if it is not 0 or 75.
    #[track_caller]
    fn run(&self, code: i32, arguments: &[&str]) -> String {
        check(self.command(arguments).output().unwrap(), code)
    }

    fn submit(&self, code: i32, more: &[&str]) -> String {
        let submit = ["submit", "tiny.toml", "--slurm", "--tasks", "2"];
        self.run(code, &[&submit[..], more].concat())
    }

    /// Runs a script that was sent, as a task of an array.
    fn start(&self, script: &str, task: usize) -> Output {
        let script = self.place.run_folder().join("submit").join(script);
        let task = ("SLURM_ARRAY_TASK_ID", task.to_string());
        Command::new("sh").arg(script).envs([task]).current_dir("/").output().unwrap()
    }

    fn status(&self, code: i32) -> Value {
        let output = self.command(&["status", "tiny", "--json"]).output().unwrap();
        assert_eq!(output.status.code(), Some(code), "{output:?}");
        serde_json::from_slice(&output.stdout).unwrap()
    }

    fn states(&self, code: i32) -> Vec<String> {
        let status = self.status(code);
        let shards = status["shards"].as_array().unwrap().iter();
        shards.map(|shard| shard["state"].as_str().unwrap().to_owned()).collect()
    }
}

#[track_caller]
fn check(output: Output, code: i32) -> String {
    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(code), "{error}");
    assert!(!error.contains("panicked"), "{error}");
    if matches!(code, 0 | 75) { String::from_utf8(output.stdout).unwrap() } else { error }
}

#[test]
fn a_dry_run_prints_the_scripts_and_writes_nothing() {
    let cluster = Cluster::new();
    let options = ["--at-most", "1", "--time", "1:00:00", "--partition", "long", "--requeue"];
    let more = ["--sbatch", "--cpus-per-task=8 --mem=4G", "--dry-run"];
    let text = cluster.submit(0, &[&options[..], &more].concat());
    for part in [
        "#SBATCH --array=1-2%1\n",
        "#SBATCH --time=1:00:00\n",
        "#SBATCH --partition=long\n",
        "#SBATCH --requeue\n",
        "#SBATCH --cpus-per-task=8 --mem=4G\n",
        "--shard \"$SLURM_ARRAY_TASK_ID/2\"\n",
        "merge \"$run\" --report\n",
    ] {
        assert!(text.contains(part), "{part:?} is not in: {text}");
    }
    assert!(cluster.sent().is_empty() && !cluster.path().join("runs").exists());
}

#[test]
fn without_slurm_the_shown_commands_compute_the_run() {
    let cluster = Cluster::new();
    fs::remove_file(cluster.path().join("bin/sbatch")).unwrap();
    let bin = cluster.path().join("bin");
    let mut command = cluster.command(&["submit", "tiny.toml", "--slurm", "--tasks", "2"]);
    let error = check(command.env("PATH", &bin).output().unwrap(), 1);
    assert!(error.contains("there is no `sbatch` on the PATH"), "{error}");
    assert!(!cluster.path().join("runs").exists());
    let (_, lines) = error.split_once('\n').unwrap();
    assert!(lines.contains("xargs -P 2"), "{error}");
    let output =
        Command::new("sh").args(["-ec", lines]).current_dir(cluster.path()).output().unwrap();
    let text = check(output, 0);
    assert!(text.contains("2 files merged: ") && text.contains("report: "), "{text}");
    assert_eq!(cluster.status(0)["complete"], true);
}

#[test]
fn shards_with_missing_work_are_sent_until_the_run_is_complete() {
    let cluster = Cluster::new();
    let text = cluster.submit(0, &[]);
    assert!(text.contains("job 101: shards 1-2 of 2, 2 cells and 4 trainings missing"), "{text}");
    let sent = cluster.sent();
    let lines: Vec<&str> = sent.lines().collect();
    assert!(lines.len() == 2 && lines[0].ends_with("submit/shards.sh"), "{sent}");
    assert!(
        lines[1].contains("--dependency=afterany:101") && lines[1].ends_with("submit/report.sh")
    );
    assert_eq!(cluster.states(1), ["missing", "missing"]);

    cluster.queue("101|1|RUNNING\n101|2|PENDING\n102|N/A|PENDING\n");
    assert_eq!(cluster.states(75), ["running", "queued"]);
    let error = cluster.submit(1, &[]);
    assert!(
        error.contains("job 101 of this run is running; ") && error.contains("--force"),
        "{error}"
    );
    assert_eq!(cluster.sent(), sent);

    check(cluster.start("shards.sh", 1), 0);
    cluster.queue("101|1|COMPLETED\n101|2|NODE_FAIL\n102|N/A|FAILED\n");
    let error = check(cluster.start("report.sh", 0), 1);
    assert!(error.contains("1 cell and 2 trainings are missing"), "{error}");
    assert_eq!(cluster.states(1), ["done", "failed"]);
    let output = cluster.command(&["status", "tiny"]).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    for part in [
        "1 of 2",
        "1 done, 1 failed",
        "job 102 (merge and report): failed",
        "to compute what is missing: ",
    ] {
        assert!(text.contains(part), "{part:?} is not in: {text}");
    }
    let status = cluster.status(1);
    assert_eq!(status["shards"][1]["reason"], "node fail, ended before it began to compute");
    let resubmit = status["resubmit"].as_str().unwrap().to_owned();
    assert_eq!(resubmit, "cargo xtask submit tiny.toml --slurm --tasks 2");

    let text = cluster.submit(0, &[]);
    assert!(text.contains("job 103: shards 2 of 2, 1 cell and 2 trainings missing"), "{text}");
    check(cluster.start("shards.sh", 2), 0);
    cluster.queue("103|2|COMPLETED\n104|N/A|PENDING\n");
    // The predictors are missing.
    let status = cluster.status(75);
    assert_eq!((&status["complete"], &status["predictors_done"]), (&false.into(), &false.into()));
    let text = check(cluster.start("report.sh", 0), 0);
    assert!(text.contains("report: "), "{text}");
    cluster.queue("");
    assert_eq!(cluster.status(0)["complete"], true);
    let sent = cluster.sent();
    assert!(cluster.submit(0, &[]).contains("nothing is missing"));
    assert_eq!(cluster.sent(), sent);
}

#[test]
fn results_that_are_not_merged_need_only_the_last_job() {
    let cluster = Cluster::new();
    for shard in ["1/2", "2/2"] {
        cluster.run(0, &["run", "tiny.toml", "--shard", shard]);
    }
    cluster.submit(0, &[]);
    let sent = cluster.sent();
    assert!(sent.lines().count() == 1 && sent.trim().ends_with("report.sh"), "{sent}");
    assert!(!sent.contains("--dependency"), "{sent}");
    check(cluster.start("report.sh", 0), 0);
    assert_eq!(cluster.states(0), ["done", "done"]);
}

#[test]
fn force_sends_although_jobs_are_active() {
    let cluster = Cluster::new();
    cluster.submit(0, &[]);
    cluster.queue("101|1|PENDING\n");
    cluster.submit(0, &["--force"]);
    assert_eq!(cluster.sent().lines().count(), 4);
    cluster.script("squeue", "echo 'Unable to contact slurm controller' >&2; exit 1");
    let error = cluster.submit(1, &[]);
    assert!(error.contains("cannot tell whether jobs of this run are queued"), "{error}");
    // The state of results does not need Slurm.
    assert_eq!(cluster.states(1), ["missing", "missing"]);
}

#[test]
fn what_slurm_rejects_is_not_recorded() {
    let cluster = Cluster::new();
    cluster.script("sbatch", "echo 'sbatch: error: invalid partition specified: x' >&2; exit 1");
    let error = cluster.submit(1, &["--partition", "x"]);
    assert!(error.contains("rejected") && error.contains("invalid partition specified"), "{error}");
    assert!(!cluster.place.run_folder().join("submit/jobs.json").exists());
}

#[test]
fn nothing_that_cannot_run_is_sent() {
    let cluster = Cluster::new();
    let reject = |code, more: &[&str], part: &str| {
        let error = cluster.submit(code, more);
        assert!(error.contains(part), "{part:?} is not in: {error}");
    };
    reject(2, &["--set", "network.width=0"], "width");
    reject(1, &["--set", "data.dataset=mnist"], "data fetch mnist");
    reject(2, &["--sbatch", "mem=4G"], "no option of sbatch");
    reject(2, &["--sbatch", "--array=1-3"], "submit sets --array itself");
    reject(2, &["--time", "1\n2"], "no option of sbatch");
    let theory = "name = \"x\"\ndescription = \"\"\n[theory]\n";
    fs::write(cluster.path().join("tiny.toml"), theory).unwrap();
    cluster.submit(2, &[]);
    assert!(cluster.sent().is_empty() && !cluster.path().join("runs").exists());
}
