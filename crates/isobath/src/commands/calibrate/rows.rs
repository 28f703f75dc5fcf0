//! The table of trainings: features of each network with its optimiser and budget, and the outcome.

use anyhow::{Context, Result};
use indicatif::{ProgressBar, ProgressStyle};
use isobath_experiment::{Plan, TrainCell, TrainPlan};
use isobath_network::Network;
use isobath_runner::TrainData;
use isobath_store::TrainingRecord;
use isobath_tensor::{BackendTask, FullBackend, Optimizer};
use isobath_trainer::Outcome;
use isobath_verdict::{Features, Measurement, Row, Samples, Trial, measure};

use crate::commands::{GlobalArgs, report, run};

/// Measures the networks of a run; a row for each training and each share of its budget.
pub(super) fn of_run(global: &GlobalArgs, run: &str) -> Result<Vec<Row>> {
    let (plan, record, _) = report::open(global, run, &[])?;
    let train = plan.train.as_ref().with_context(|| format!("{run} has no trainings"))?;
    let cells = run::load(global, &plan)?;
    let data = run::load_to_train(global, &plan, &cells)?.context("the plan has trainings")?;
    let mut groups: Vec<(&TrainCell, Vec<&TrainingRecord>)> = Vec::new();
    for training in &record.trainings {
        let Some(cell) = train.trainings.iter().find(|cell| cell.id == training.id) else {
            continue;
        };
        let same = groups.iter_mut().find(|(other, _)| {
            other.seed == cell.seed
                && other.id.point == cell.id.point
                && other.depth_index == cell.depth_index
        });
        match same {
            Some((_, trainings)) => trainings.push(training),
            None => groups.push((cell, vec![training])),
        }
    }
    let style = ProgressStyle::with_template("{prefix} {pos} of {len} networks · {eta} left")?;
    let bar =
        ProgressBar::new(groups.len() as u64).with_style(style).with_prefix(plan.file.name.clone());
    let mut rows = Vec::new();
    for (cell, trainings) in groups {
        let measurement = measure_cell(&plan, train, &data, cell)?;
        for training in trainings {
            rows.extend(rows_of(&plan, train, (&measurement, cell), training));
        }
        bar.inc(1);
    }
    bar.finish_and_clear();
    Ok(rows)
}

fn measure_cell(
    plan: &Plan,
    train: &TrainPlan,
    data: &TrainData,
    cell: &TrainCell,
) -> Result<Measurement> {
    struct Measure<'a> {
        network: &'a Network,
        samples: Samples<'a>,
        loss: isobath_tensor::Loss,
        seed: u64,
    }
    impl BackendTask for Measure<'_> {
        type Output = isobath_verdict::Result<Measurement>;

        fn run<B: FullBackend>(self, backend: B) -> Self::Output {
            measure(&backend, self.network, self.samples, self.loss, self.seed)
        }
    }
    let network =
        Network::random(train.network(cell).clone(), train.initialisation(cell), cell.seed);
    let samples = Samples { train: data.train(), held_out: data.probe() };
    let task = Measure { network: &network, samples, loss: train.section.loss, seed: cell.seed };
    let measured = train.section.backend.dispatch(task)?;
    measured.with_context(|| plan.describe(cell.id.point))
}

/// Rows of one training.
fn rows_of(
    plan: &Plan,
    train: &TrainPlan,
    (measurement, cell): (&Measurement, &TrainCell),
    training: &TrainingRecord,
) -> Vec<Row> {
    let params = train.recipes[training.id.recipe].params.params();
    let most =
        train.recipes[training.id.recipe].params.steps(train.train_samples.unwrap_or(usize::MAX));
    let every = params.evaluate_every.unwrap_or(most);
    let optimizer = match params.optimizer {
        Optimizer::Sgd { momentum, .. } if momentum > 0.0 => "momentum",
        Optimizer::Sgd { .. } => "sgd",
        Optimizer::RmsProp { .. } => "rmsprop",
        Optimizer::Adagrad { .. } => "adagrad",
        Optimizer::Adam { .. } => "adam",
    };
    let activation = plan.variant(cell.id.point).activation.name();
    let row = |share: f64| {
        let steps = ((most as f64 * share / every as f64).round() as usize * every).clamp(1, most);
        let length = Trial::length(steps).min(training.losses.len());
        let trial = Trial::of_losses(&training.losses[..length], params.diverged_above, length);
        Row {
            run: plan.file.name.clone(),
            family: format!("{} {activation}", plan.file.name),
            kind: plan.file.network.kind.name().to_owned(),
            optimizer: optimizer.to_owned(),
            features: Features::new(measurement, params, steps, trial.as_ref()),
            success: matches!(training.outcome, Outcome::Succeeded { step } if step <= steps),
        }
    };
    Row::BUDGETS.map(row).to_vec()
}
