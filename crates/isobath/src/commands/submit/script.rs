//! Text of batch scripts.

use std::path::Path;

use crate::print::shell_word;

/// Settings shared by the batch scripts of a submission.
#[derive(Clone, Debug)]
pub(super) struct Scripts<'a> {
    /// Name of the experiment.
    pub(super) name: &'a str,
    /// The program, an absolute path.
    pub(super) program: &'a Path,
    /// Folder in which `submit` was called; relative paths in the experiment file start there.
    pub(super) place: &'a Path,
    /// Folder of datasets, an absolute path.
    pub(super) data: &'a Path,
    /// Folder of the run, an absolute path.
    pub(super) run: &'a Path,
    /// Folder of logs, an absolute path.
    pub(super) logs: &'a Path,
    /// Number of shards.
    pub(super) tasks: usize,
    /// Number of tasks that run at the same time; all if `None`.
    pub(super) at_most: Option<usize>,
    /// True if Slurm may start a task again after preemption or a failure of its node.
    pub(super) is_requeued: bool,
    /// Further options of `sbatch`, one per line.
    pub(super) options: &'a [String],
}

/// Seconds between the warning and the end of a job. Slurm may send it up to a minute earlier. A task needs 30 of them.
const WARNING: usize = 60;

impl Scripts<'_> {
    /// Script of the array that computes `shards`.
    pub(super) fn array(&self, shards: &[usize]) -> String {
        let limit = self.at_most.map(|tasks| format!("%{tasks}")).unwrap_or_default();
        let header = self.header("", "%a.log", Some(&format!("{}{limit}", ranges(shards))));
        let tasks = self.tasks;
        format!(
            "{header}\n\
             # Computes one shard of the run. Rerunning it computes what is missing.\n\
             {}\
             exec \"$program\" --threads \"$threads\" --offline --data \"$data\" --runs \"${{run%/*}}\" \\\n    \
             run \"$run/experiment.toml\" --shard \"$SLURM_ARRAY_TASK_ID/{tasks}\"\n",
            self.variables()
        )
    }

    /// Script of the job that merges the shards, runs the predictors and writes the report.
    pub(super) fn report(&self) -> String {
        format!(
            "{}\n\
             # Merges the shards. If nothing is missing, runs the predictors; then writes the report.\n\
             {}\
             exec \"$program\" --threads \"$threads\" --offline --data \"$data\" --runs \"${{run%/*}}\" \\\n    \
             merge \"$run\" --report\n",
            self.header("-report", "report.log", None),
            self.variables()
        )
    }

    /// Shebang and options.
    fn header(&self, suffix: &str, log: &str, array: Option<&str>) -> String {
        let requeue = if self.is_requeued { "--requeue" } else { "--no-requeue" };
        // Slurm replaces patterns such as %j.
        let logs = self.logs.to_string_lossy().replace('%', "%%");
        let mut lines =
            vec![format!("--job-name={}", shell_word(&format!("{}{suffix}", self.name)))];
        lines.extend(array.map(|array| format!("--array={array}")));
        lines.push(format!("--output={}", shell_word(&format!("{logs}/{log}"))));
        lines.push("--open-mode=append".to_owned());
        lines.push(format!("--signal=B:USR1@{WARNING}"));
        lines.push(requeue.to_owned());
        lines.extend(self.options.iter().cloned());
        format!("#!/bin/sh\n#SBATCH {}\n", lines.join("\n#SBATCH "))
    }

    /// Variables, checks and the folder of the command.
    fn variables(&self) -> String {
        let [program, place, data, run] = [self.program, self.place, self.data, self.run]
            .map(|path| shell_word(&path.to_string_lossy()));
        format!(
            "set -eu\n\
             program={program}\n\
             data={data}\n\
             run={run}\n\
             threads=${{SLURM_CPUS_PER_TASK:-${{SLURM_CPUS_ON_NODE:-1}}}}\n\
             cd {place}\n\
             if ! [ -x \"$program\" ]; then\n    \
             echo \"error: $program is not on $(uname -n); install it where all nodes see it\" >&2\n    \
             exit 1\n\
             fi\n\
             # `exec`, so that Slurm's signals reach the program: it then stores what it has and exits with 75.\n"
        )
    }
}

/// Sorted numbers as ranges: `1-3,7`.
pub(super) fn ranges(numbers: &[usize]) -> String {
    let follows = |one: &usize, next: &usize| one + 1 == *next;
    let range = |chunk: &[usize]| match chunk {
        [one] => one.to_string(),
        _ => format!("{}-{}", chunk[0], chunk[chunk.len() - 1]),
    };
    numbers.chunk_by(follows).map(range).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scripts(options: &[String]) -> Scripts<'_> {
        Scripts {
            name: "tiny",
            program: Path::new("/opt/my tools/isobath"),
            place: Path::new("/home/me"),
            data: Path::new("/home/me/data"),
            run: Path::new("/home/me/it's/tiny-1"),
            logs: Path::new("/home/me/100%/logs"),
            tasks: 8,
            at_most: Some(2),
            is_requeued: false,
            options,
        }
    }

    #[test]
    fn ranges_are_short() {
        assert_eq!(ranges(&[1, 2, 3, 5, 7, 8]), "1-3,5,7-8");
        assert_eq!(ranges(&[4]), "4");
        assert_eq!(ranges(&[]), "");
    }

    #[test]
    fn the_array_has_its_options_before_any_command() {
        let options = ["--time=1:00:00".to_owned(), "--mem=4G --account=x".to_owned()];
        let script = scripts(&options).array(&[1, 2, 5]);
        let header: Vec<&str> = script.lines().take_while(|line| line.starts_with('#')).collect();
        let expected = [
            "#!/bin/sh",
            "#SBATCH --job-name=tiny",
            "#SBATCH --array=1-2,5%2",
            "#SBATCH --output=/home/me/100%%/logs/%a.log",
            "#SBATCH --open-mode=append",
            "#SBATCH --signal=B:USR1@60",
            "#SBATCH --no-requeue",
            "#SBATCH --time=1:00:00",
            "#SBATCH --mem=4G --account=x",
        ];
        assert_eq!(header, expected);
    }

    /// Runs a script with a program that prints its arguments.
    fn arguments(script: &str, variables: &[(&str, &str)]) -> String {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::Builder::new().prefix("it's a place ").tempdir().unwrap();
        let program = folder.path().join("program");
        std::fs::write(&program, "#!/bin/sh\nprintf '[%s]' \"$@\"\n").unwrap();
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
        let word = |path: &Path| shell_word(&path.to_string_lossy());
        let script = script
            .replace("program='/opt/my tools/isobath'", &format!("program={}", word(&program)))
            .replace("cd /home/me\n", &format!("cd {}\n", word(folder.path())));
        let output = std::process::Command::new("sh")
            .args(["-c", &script])
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .envs(variables.iter().copied())
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    #[test]
    fn arguments_survive_the_shell() {
        let task = ("SLURM_ARRAY_TASK_ID", "3");
        let common = "[--offline][--data][/home/me/data][--runs][/home/me/it's]";
        let run = "[run][/home/me/it's/tiny-1/experiment.toml][--shard][3/8]";
        let script = scripts(&[]).array(&[3]);
        assert_eq!(arguments(&script, &[task]), format!("[--threads][1]{common}{run}"));
        let cores = [task, ("SLURM_CPUS_ON_NODE", "64"), ("SLURM_CPUS_PER_TASK", "4")];
        assert_eq!(arguments(&script, &cores), format!("[--threads][4]{common}{run}"));
        let merge = "[merge][/home/me/it's/tiny-1][--report]";
        let report = scripts(&[]).report();
        assert_eq!(arguments(&report, &cores[1..2]), format!("[--threads][64]{common}{merge}"));
    }

    #[test]
    fn a_missing_program_is_named() {
        let output = std::process::Command::new("sh")
            .args(["-c", &scripts(&[]).report().replace("cd /home/me", "cd /")])
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(1));
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(error.contains("error: /opt/my tools/isobath is not on "), "{error}");
    }
}
