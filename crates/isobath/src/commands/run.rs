use std::{num::NonZero, path::PathBuf, time::Instant};

use anyhow::{Context, Result};
use clap::Args;
use indicatif::{HumanDuration, ProgressBar};
use isobath_datasets::{Dataset, DatasetSource, LoadRequest, OwnRequest, Provenance, Scale};
use isobath_tensor::BackendSpec;

use crate::print::{PROGRAM, shell_word};

use super::{GlobalArgs, Usage, exit, report::with_files, theory};
use crate::signals;
use isobath_experiment as experiment;
use isobath_experiment::{DataSection, ExperimentFile, Override, Plan};
use isobath_report as report;
use isobath_report::count;
use isobath_runner as run;
use isobath_runner::{
    CellSamples, Memory, Outcome, PredictOutcome, RunOptions, TrainData, TrainOutcome,
};
use isobath_store::Shard;
use isobath_store::{RunFolder, Store};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Experiment file
    file: PathBuf,
    #[command(flatten)]
    settings: Settings,
    /// Resume this run; fail if it does not exist
    #[arg(long, conflicts_with = "fresh")]
    resume: bool,
    /// Discard earlier results of this run
    #[arg(long)]
    fresh: bool,
    /// Compute only part K of N of the work, into a file of its own; other processes, on any host, compute the other parts
    #[arg(long, value_name = "K/N")]
    shard: Option<Shard>,
    /// Print JSON instead of sentences: cut-offs of each point, files
    #[arg(long)]
    json: bool,
    /// Report progress on standard error as text, or as one JSON object per line
    #[arg(long, value_enum, default_value = "text", value_name = "FORMAT")]
    progress: ProgressFormat,
    /// Number of cells to compute concurrently [default: limited by threads and memory]; results do not depend on it
    #[arg(long, value_name = "N")]
    at_once: Option<NonZero<usize>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum ProgressFormat {
    Text,
    Json,
}

impl Arguments {
    /// Arguments of `run FILE` without options.
    pub(super) fn of(file: PathBuf) -> Self {
        Self {
            file,
            settings: Settings { overrides: Vec::new(), backend: None },
            resume: false,
            fresh: false,
            shard: None,
            json: false,
            progress: ProgressFormat::Text,
            at_once: None,
        }
    }
}

/// Settings that override the file.
#[derive(Debug, Args)]
pub(super) struct Settings {
    /// Override a key of the file, for example grid.seeds=5
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub(super) overrides: Vec<Override>,
    /// Run all stages on this backend: cpu, reference or cuda:N
    #[arg(long)]
    backend: Option<BackendSpec>,
}

impl Settings {
    /// Plans `file` with these settings.
    pub(super) fn plan(&self, file: &std::path::Path) -> Result<Plan> {
        Ok(Plan::new(self.on_backend(experiment::read(file, &self.overrides)?))?)
    }

    /// `file` with all stages on the given backend.
    pub(super) fn on_backend(&self, mut file: ExperimentFile) -> ExperimentFile {
        if let Some(backend) = self.backend {
            file.cascade.backend = backend;
            file.entropy.backend = backend;
            if let Some(train) = &mut file.train {
                train.backend = backend;
            }
        }
        file
    }

    /// These settings as words of a command, each after a space.
    pub(super) fn words(&self) -> String {
        let settings = self.overrides.iter();
        let settings = settings.map(|one| format!(" --set {}", shell_word(&one.to_string())));
        let backend = self.backend.iter().map(|backend| format!(" --backend {backend}"));
        settings.chain(backend).collect()
    }
}

impl Arguments {
    /// Rejects options that apply only to cells.
    fn reject_cell_options(&self) -> Result<()> {
        let Self { resume, shard, at_once, settings: Settings { backend, .. }, .. } = self;
        let given = [
            (*resume, "--resume"),
            (shard.is_some(), "--shard"),
            (at_once.is_some(), "--at-once"),
            (backend.is_some(), "--backend"),
        ];
        match given.iter().find(|(is_given, _)| *is_given) {
            None => Ok(()),
            Some((_, name)) => Err(Usage(format!(
                "{} draws a figure of theory, which has no cells; omit {name}",
                self.file.display()
            ))
            .into()),
        }
    }
}

pub(super) fn main(global: &GlobalArgs, arguments: &Arguments) -> Result<u8> {
    if let Some(figure) = theory::read(&arguments.file, &arguments.settings.overrides)? {
        arguments.reject_cell_options()?;
        return theory::run(global, &figure);
    }
    signals::stop_on_signals()?;
    if arguments.progress == ProgressFormat::Json {
        isobath_runner::report_progress_as_json();
    }
    let start = Instant::now();
    let plan = arguments.settings.plan(&arguments.file)?;
    plan.check_backends()?;
    let path = global.runs.join(plan.run_name());
    if arguments.resume && !Store::has_run(&path) {
        anyhow::bail!("nothing to resume in {}; omit --resume to start a new run", path.display());
    }
    check_memory(&plan)?;
    note_skipped(&plan)?;
    let data = load(global, &plan)?;
    let train_data = load_to_train(global, &plan, &data)?;
    let folder = RunFolder::lock_with_notice(path, arguments.shard, &note)?;
    if !arguments.fresh {
        folder.store()?.notes().iter().cloned().for_each(note);
    }
    eprintln!(
        "{}: {} of {}, {}, {}",
        plan.file.name,
        count(plan.cells.len(), "cell"),
        count(plan.layers, "layer"),
        count(data.train_samples(), "training sample"),
        plan.file.cascade.backend
    );
    let Arguments { fresh, shard, at_once, .. } = *arguments;
    let options = RunOptions { fresh, shard, at_once };
    let outcome = run::run(&plan, &data, &folder, &options)?;
    print_cells(&outcome, start);
    if outcome.left > 0 {
        let left = count(outcome.left, "cell");
        eprintln!("interrupted with {left} left; rerun the command to resume");
        return Ok(signals::exit_code());
    }
    if let Some(data) = &train_data {
        let start = Instant::now();
        let outcome = run::train(&plan, data, &folder, &options)?;
        print_trainings(&outcome, start);
        if outcome.left > 0 {
            eprintln!("interrupted before all trainings finished; rerun the command to resume");
            return Ok(signals::exit_code());
        }
        if shard.is_some() {
            eprintln!("predictors run after all shards finish; rerun without --shard");
        } else if !predict(&plan, data, &folder, &options)? {
            return Ok(signals::exit_code());
        }
    }
    let store = folder.store()?;
    note_programs(&store)?;
    if store.keys()?.is_empty() {
        println!("this shard has no cells, because the experiment has fewer cells than shards");
        return Ok(exit::DONE);
    }
    let record = isobath_analysis::gather(&plan, &store, &command(global, arguments))?;
    let written = report::write(&record, folder.path(), &plan.file.report.formats)
        .context("stage `report`")?;
    if arguments.json {
        println!("{}", with_files(report::json(&record), folder.path(), &written));
        return Ok(code(&record));
    }
    for sentence in report::verdict_sentences(&record) {
        println!("{sentence}");
    }
    if record.cells.len() < record.cells_planned {
        println!(
            "{} of {} are computed; other shards compute the rest, and the last one writes the whole report",
            record.cells.len(),
            count(record.cells_planned, "cell")
        );
    }
    let first = written.first().map_or(folder.path(), PathBuf::as_path);
    println!("report: {}", first.display());
    Ok(code(&record))
}

/// Prints a note on standard error.
pub(super) fn note(text: String) {
    eprintln!("note: {text}");
}

/// Says so if several programs computed the results of a run.
pub(super) fn note_programs(store: &Store) -> Result<()> {
    let programs = store.programs()?;
    if programs.len() > 1 {
        note(format!(
            "{} program versions or instruction sets computed these results: {}",
            programs.len(),
            programs.join(", ")
        ));
    }
    Ok(())
}

/// Exit code of a finished run.
fn code(record: &isobath_store::RunRecord) -> u8 {
    if record.cells.iter().all(|cell| cell.failure.is_some()) { exit::FAILED } else { exit::DONE }
}

/// Checks that samples and one network at a time fit into memory, before anything is loaded.
pub(super) fn check_memory(plan: &Plan) -> Result<()> {
    let trainings = plan.train.as_ref().and_then(|train| Memory::of_trainings(plan, train));
    for memory in Memory::of(plan).into_iter().chain(trainings) {
        memory.check()?;
    }
    Ok(())
}

/// Runs the predictors; `false` after an interrupt.
fn predict(
    plan: &Plan,
    data: &TrainData,
    folder: &RunFolder,
    options: &RunOptions,
) -> Result<bool> {
    let start = Instant::now();
    let PredictOutcome { found, adopted, computed, left } =
        run::predict(plan, data, folder, options)?;
    let networks = count(computed, "initialisation");
    let done = format!("predictors evaluated on {networks} in {}", HumanDuration(start.elapsed()));
    eprintln!("{}", [vec![done], reused(found, adopted)].concat().join(", "));
    if left > 0 {
        eprintln!("interrupted before all predictors finished; rerun the command to resume");
    }
    Ok(left == 0)
}

fn print_cells(outcome: &Outcome, start: Instant) {
    let Outcome { found, adopted, computed, .. } = *outcome;
    let cells = count(computed, "cell");
    let done = format!("{cells} computed in {}", HumanDuration(start.elapsed()));
    eprintln!("{}", [vec![done], reused(found, adopted)].concat().join(", "));
}

fn print_trainings(outcome: &TrainOutcome, start: Instant) {
    let TrainOutcome { lattice, found, adopted, computed, left } = *outcome;
    let trainings = count(computed, "training");
    let mut parts = vec![format!("{trainings} done in {}", HumanDuration(start.elapsed()))];
    parts.extend(reused(found, adopted));
    let saved = lattice.saturating_sub(found + adopted + computed);
    if left == 0 && saved > 0 {
        parts.push(format!("{saved} of the grid's {lattice} not needed"));
    }
    eprintln!("{}", parts.join(", "));
}

/// Describes results that were not computed now.
fn reused(found: usize, adopted: usize) -> Vec<String> {
    let mut parts = Vec::new();
    if found > 0 {
        parts.push(format!("{found} already stored"));
    }
    if adopted > 0 {
        parts.push(format!("{adopted} reused from other runs"));
    }
    parts
}

/// Options for folders other than the defaults.
pub(super) fn folders(global: &GlobalArgs) -> String {
    let options = [("data", &global.data), ("runs", &global.runs)];
    let given = options.iter().filter(|(name, folder)| folder.as_os_str() != *name);
    let option = |(name, folder): &(&str, &PathBuf)| {
        format!(" --{name} {}", shell_word(&folder.to_string_lossy()))
    };
    given.map(option).collect()
}

/// Command that reproduces this run.
fn command(global: &GlobalArgs, arguments: &Arguments) -> String {
    let file = shell_word(&arguments.file.to_string_lossy());
    format!("{PROGRAM} run {file}{}{}", arguments.settings.words(), folders(global))
}

/// Loads the samples of a plan.
pub(super) fn load(global: &GlobalArgs, plan: &Plan) -> Result<CellSamples> {
    CellSamples::load(plan, |train, probe, seed| load_samples(global, plan, train, probe, seed))
}

/// Loads the samples for training, if the plan trains networks.
pub(super) fn load_to_train(
    global: &GlobalArgs,
    plan: &Plan,
    cells: &CellSamples,
) -> Result<Option<TrainData>> {
    let Some(train) = &plan.train else { return Ok(None) };
    let held_out = TrainData::held_out(plan, train);
    let data = load_samples(global, plan, train.train_samples, held_out, plan.file.seed)?;
    Ok(Some(TrainData::new(data, plan.file.data.probe(), cells.scale())?))
}

/// Notes the files in the user's own folder of images that are not read.
pub(super) fn note_skipped(plan: &Plan) -> Result<()> {
    if let DatasetSource::Own(own) = &plan.file.data.dataset {
        let skipped = own.skipped()?;
        if !skipped.is_empty() {
            eprintln!("note: {}: not read: {skipped}; only PNG and JPEG images are", own.name());
        }
    }
    Ok(())
}

/// Loads samples of a plan, reduced to its size of images and not yet scaled.
pub(super) fn load_samples(
    global: &GlobalArgs,
    plan: &Plan,
    train: Option<usize>,
    held_out: usize,
    seed: u64,
) -> Result<Dataset> {
    let section = &plan.file.data;
    let spinner = ProgressBar::new_spinner().with_message(format!("loading {}", section.dataset));
    spinner.enable_steady_tick(std::time::Duration::from_millis(200));
    let (test, grayscale) = (Some(held_out), section.grayscale);
    let loaded = match &section.dataset {
        DatasetSource::Named(name) => {
            let folder = section.folder.clone().unwrap_or_else(|| global.data.clone());
            isobath_datasets::load(&LoadRequest {
                name: *name,
                folder,
                train,
                test,
                grayscale,
                seed,
            })
        }
        DatasetSource::Own(own) => own.load(&OwnRequest { train, test, grayscale, seed }),
    };
    let mut data = loaded.map_err(anyhow::Error::from);
    if global.offline && data.as_ref().is_err_and(is_missing) {
        data = data.context(
            "--offline opens no connection; fetch the dataset on a machine with one, and copy the folder of datasets",
        );
    }
    let mut data = data?;
    if let Some(size) = section.size {
        data.shrink(size)?;
    }
    spinner.finish_and_clear();
    check_scale(section, &data)?;
    if data.provenance == Provenance::Unverified {
        eprintln!("note: the files of {} differ from the published ones", section.dataset);
    }
    Ok(data)
}

/// Rejects a scale that supposes values from 0 to 1 where the user's own data have others.
fn check_scale(section: &DataSection, data: &Dataset) -> Result<()> {
    if !matches!(section.scale, Scale::Symmetric) {
        return Ok(());
    }
    let is_unit = |x: &f32| (0.0..=1.0).contains(x);
    let mut values = data.train.images.iter().chain(&data.test.images);
    if let Some(value) = values.find(|value| !is_unit(value)) {
        anyhow::bail!(
            "{}: found {value}, but scale = \"symmetric\" maps values from 0 to 1 to -1 to 1; use \
             scale = \"standardize\", or set `divide` in the table of dataset",
            section.dataset
        );
    }
    Ok(())
}

/// True if a dataset has to be fetched first.
fn is_missing(error: &anyhow::Error) -> bool {
    matches!(error.downcast_ref(), Some(isobath_datasets::Error::Missing { .. }))
}
