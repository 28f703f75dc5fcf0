mod script;
mod send;

use std::{
    num::NonZero,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};
use clap::Args;

use super::{
    GlobalArgs, Usage, exit,
    run::{Settings, folders, load, load_to_train},
    theory,
};
use crate::{
    print::{PROGRAM, shell_word},
    slurm::{self, Submissions},
};
use isobath_experiment::Plan;
use isobath_runner::{ShardWork, WorkKeys, shard_work};
use isobath_store::Store;
use script::Scripts;

/// Compute an experiment on a cluster.
///
/// Checks the experiment file, the samples and the program, writes batch scripts into the run's folder and sends them: an
/// array of tasks, each of which computes one shard, and a job that merges their results, runs the predictors and writes
/// the report when they have ended. Called again, it sends only shards with missing cells or trainings.
#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is an option of the command line")]
pub(super) struct Arguments {
    /// Experiment file
    file: PathBuf,
    #[command(flatten)]
    settings: Settings,
    /// Send to Slurm, the only scheduler so far; docs/cluster.md has scripts for others
    #[arg(long, required = true)]
    slurm: bool,
    /// Number of shards
    #[arg(long, value_name = "N")]
    tasks: NonZero<usize>,
    /// Number of tasks that run at the same time [default: all]
    #[arg(long, value_name = "K")]
    at_most: Option<NonZero<usize>>,
    /// Time limit of each task, in Slurm's notation, such as 4:00:00
    #[arg(long, value_name = "T")]
    time: Option<String>,
    /// Partition
    #[arg(long, value_name = "P")]
    partition: Option<String>,
    /// Further options of sbatch, such as "--cpus-per-task=8 --mem=16G"
    #[arg(long, value_name = "OPTIONS", allow_hyphen_values = true)]
    sbatch: Vec<String>,
    /// Let Slurm start a task again after preemption or a failure of its node
    #[arg(long)]
    requeue: bool,
    /// Send although jobs of this run are queued or running
    #[arg(long)]
    force: bool,
    /// Print the scripts; send and write nothing
    #[arg(long)]
    dry_run: bool,
}

/// Options of sbatch that `submit` sets.
const RESERVED: [&str; 6] = ["--array", "-a", "--dependency", "-d", "--wrap", "--parsable"];

impl Arguments {
    /// Lines of options for the scripts.
    fn options(&self) -> Result<Vec<String>> {
        let named = [("time", &self.time), ("partition", &self.partition)];
        let named = named.into_iter().filter_map(|(name, value)| Some((name, value.as_ref()?)));
        let mut lines: Vec<String> =
            named.map(|(name, value)| format!("--{name}={}", shell_word(value))).collect();
        lines.extend(self.sbatch.iter().map(|options| options.trim().to_owned()));
        for line in &lines {
            if !line.starts_with('-') || line.contains(['\n', '\r']) {
                return Err(Usage(format!(
                    "{line:?} is no option of sbatch; write for example --sbatch \"--mem=16G\""
                ))
                .into());
            }
            let name = |word: &str| word.split('=').next().unwrap_or_default().to_owned();
            let reserved =
                line.split_whitespace().map(name).find(|it| RESERVED.contains(&it.as_str()));
            if let Some(name) = reserved {
                return Err(
                    Usage(format!("submit sets {name} itself; use --tasks and --at-most")).into()
                );
            }
        }
        Ok(lines)
    }

    /// This call as a command that sends what is missing.
    fn command(&self, global: &GlobalArgs) -> String {
        let Self { file, settings, tasks, at_most, time, partition, sbatch, requeue, .. } = self;
        let at_most = at_most.map(|tasks| tasks.to_string());
        let options = [("at-most", &at_most), ("time", time), ("partition", partition)];
        let options =
            options.into_iter().filter_map(|(name, value)| Some((name, value.as_deref()?)));
        let options = options.chain(sbatch.iter().map(|line| ("sbatch", line.as_str())));
        let options: Vec<String> =
            options.map(|(name, value)| format!(" --{name} {}", shell_word(value))).collect();
        format!(
            "{PROGRAM} submit {}{} --slurm --tasks {tasks}{}{}{}",
            shell_word(&file.to_string_lossy()),
            settings.words(),
            options.concat(),
            if *requeue { " --requeue" } else { "" },
            folders(global)
        )
    }
}

pub(super) fn main(global: &GlobalArgs, arguments: &Arguments) -> Result<u8> {
    if theory::read(&arguments.file, &arguments.settings.overrides)?.is_some() {
        let file = arguments.file.display();
        return Err(Usage(format!(
            "{file} draws a figure of theory; use `run`, which takes seconds"
        ))
        .into());
    }
    let options = arguments.options()?;
    let plan = arguments.settings.plan(&arguments.file)?;
    let program = program()?;
    let path = global.runs.join(plan.run_name());
    if !arguments.dry_run && !slurm::is_installed() {
        bail!("{}", without_slurm(global, arguments, &program, &path));
    }
    let data = load(global, &plan)?;
    let train_data = load_to_train(global, &plan, &data)?;
    let keys = WorkKeys::new(&plan, &data, train_data.as_ref());
    let run = std::path::absolute(&path)?;
    let logs = run.join(Submissions::FOLDER).join("logs");
    let scripts = Scripts {
        name: &plan.file.name,
        program: &program,
        place: &std::env::current_dir()?,
        data: &std::path::absolute(&global.data)?,
        run: &run,
        logs: &logs,
        tasks: arguments.tasks.get(),
        at_most: arguments.at_most.map(NonZero::get),
        is_requeued: arguments.requeue,
        options: &options,
    };
    if arguments.dry_run {
        return dry_run(&plan, &keys, &scripts);
    }
    send::send(global, arguments, &plan, &keys, &scripts)
}

/// Absolute path of this program.
fn program() -> Result<PathBuf> {
    let program = std::env::current_exe().context("cannot find the path of this program")?;
    if !program.is_file() {
        bail!("{} was replaced while it ran; run the command again", program.display());
    }
    Ok(program)
}

/// Explains how to compute the run without Slurm.
fn without_slurm(global: &GlobalArgs, arguments: &Arguments, program: &Path, run: &Path) -> String {
    let [program, file, run] =
        [program, &arguments.file, run].map(|path| shell_word(&path.to_string_lossy()));
    let (tasks, settings, folders) = (arguments.tasks, arguments.settings.words(), folders(global));
    format!(
        "there is no `sbatch` on the PATH, so nothing was sent. Call `submit` on a machine of a Slurm cluster, or compute \
         the shards here, two at a time:\n  \
         seq {tasks} | xargs -P 2 -I{{}} {program} run {file}{settings} --shard {{}}/{tasks} --threads 1{folders}\n  \
         {program} merge {run} --report{folders}"
    )
}

/// Prints the scripts.
fn dry_run(plan: &Plan, keys: &WorkKeys, scripts: &Scripts<'_>) -> Result<u8> {
    let store = Store::has_run(scripts.run).then(|| Store::open_run(scripts.run)).transpose()?;
    let work = shard_work(plan, keys, store.as_ref(), scripts.tasks)?;
    let missing = missing(&work);
    let folder = scripts.run.join(Submissions::FOLDER);
    if !missing.is_empty() {
        eprintln!("{}:", folder.join(ARRAY).display());
        println!("{}", scripts.array(&missing));
    }
    eprintln!("{}:", folder.join(REPORT).display());
    println!("{}", scripts.report());
    Ok(exit::DONE)
}

/// Names of the scripts in the folder of submissions.
const ARRAY: &str = "shards.sh";
const REPORT: &str = "report.sh";

/// Shards with missing work.
fn missing(work: &[ShardWork]) -> Vec<usize> {
    (1..=work.len()).filter(|shard| !work[shard - 1].is_done()).collect()
}
