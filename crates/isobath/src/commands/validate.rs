use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use indicatif::{HumanBytes, HumanDuration};
use isobath_datasets::{State, Status};
use serde_json::{Value, json};

use super::{
    GlobalArgs, exit, initialisation,
    run::{self, Settings},
    stages, theory,
};
use isobath_experiment::{GridPoint, NetworkKind, Plan, Search, TrainPlan, Variant};
use isobath_report::count;
use isobath_runner::{
    Estimate, Memory, TrainEstimate, estimate, estimate_predictors, estimate_trainings,
    stored_bytes_per_cell,
};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Experiment file
    file: PathBuf,
    #[command(flatten)]
    settings: Settings,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn main(global: &GlobalArgs, arguments: &Arguments) -> Result<u8> {
    if let Some(figure) = theory::read(&arguments.file, &arguments.settings.overrides)? {
        return Ok(theory::validate(&figure));
    }
    let plan = arguments.settings.plan(&arguments.file)?;
    if arguments.json {
        println!("{}", numbers(&plan)?);
        return Ok(exit::DONE);
    }
    println!("{}", plan.resolved_toml());
    let estimate = estimate(&plan)?;
    let cells = plan.cells.len();
    println!("# run folder   {}", plan.run_name());
    let dataset = &plan.file.data.dataset;
    let is_missing = |status: &Status| {
        Some(status.name) == dataset.named()
            && !matches!(status.state, State::BuiltIn | State::Present)
    };
    if plan.file.data.folder.is_none()
        && isobath_datasets::list(&global.data).iter().any(is_missing)
    {
        println!(
            "# data         {dataset} is missing; fetch it with `cargo xtask data fetch {dataset}`"
        );
    }
    run::note_skipped(&plan)?;
    for (index, variant) in plan.variants.iter().enumerate() {
        print_network(variant);
        print_theory(&plan, index, variant);
    }
    println!(
        "# cells        {cells} = {} x {}",
        points(&plan),
        count(plan.file.grid.seeds, "seed")
    );
    println!(
        "# work         {:.3e} FLOP = {cells} x {:.3e}",
        estimate.flops_per_cell as f64 * cells as f64,
        estimate.flops_per_cell as f64
    );
    if let Some(memory) = Memory::of(&plan) {
        let at_once = estimate.at_once;
        let total = memory.describe(at_once);
        println!("# memory       {total} with {} concurrently", count(at_once, "cell"));
        if let Err(error) = memory.check() {
            println!("# note         {error}");
        }
    }
    println!("# store        about {} per cell", HumanBytes(stored_bytes_per_cell(&plan)));
    match &estimate.speed {
        Ok(speed) => println!(
            "# time         about {} at {:.1} GFLOP/s (measured now on {}); entropies take {:.2} s per cell",
            duration(estimate.seconds(speed, cells)),
            speed.flops_per_second / 1e9,
            plan.file.cascade.backend,
            speed.entropy_seconds
        ),
        Err(missing) => println!("# time         unknown: {missing}"),
    }
    if let Some(steps) = few_steps(&plan) {
        println!(
            "# decoders     {} each; fewer than {ENOUGH_STEPS} often do not converge: use more `train` samples, more `epochs` or a \
             smaller `batch`",
            count(steps, "step")
        );
    }
    if plan.file.cascade.stop.is_some() {
        println!(
            "# stop         work and time of the last budget; all budgets together take at most twice as much"
        );
    }
    if let Some(train) = &plan.train {
        let trainings = print_trainings(&plan, train)?;
        print_predictors(&plan, train, &estimate, &trainings)?;
    }
    Ok(exit::DONE)
}

/// Layers of a network, as a table unless it is a multilayer perceptron, and the variances of its initialisation.
fn print_network(variant: &Variant) {
    let Variant { name, network, section, .. } = variant;
    let name = if name.is_empty() { String::new() } else { format!("{name}: ") };
    let (weight_layers, parameters) = (network.weight_layers(), network.parameters());
    let start =
        format!("# network      {name}{weight_layers} weight layers, {parameters} parameters");
    match section.kind {
        NetworkKind::Mlp => println!("{start}, widths {}", abbreviated(&network.widths())),
        NetworkKind::Cnn | NetworkKind::Resnet | NetworkKind::Layers => {
            println!("{start}");
            let (depth, unit) = (network.stages(), section.kind.depth_counts());
            println!("# depth        {depth}; it counts {unit}");
            stages::lines(variant).iter().for_each(|line| println!("#              {line}"));
        }
    }
    for line in initialisation::lines(variant) {
        println!("# init         {line}");
    }
}

/// Says which part of a network has depth scales in theory, unless all of it has or its weights have a mean.
fn print_theory(plan: &Plan, index: usize, variant: &Variant) {
    let Some(gap) = variant.theory_gap().filter(|_| !variant.scheme.has_mean()) else { return };
    let mut points = plan.points.iter().filter(|point| point.variant == index);
    match points.find_map(|&point| plan.deep_part(point)) {
        Some(deep) => println!(
            "# theory       depth scales of stages {} to {}, counted from stage {}",
            deep.first,
            deep.first + deep.count - 1,
            deep.first
        ),
        None => println!(
            "# theory       no depth scale in charts: {gap}; the report and `cargo xtask meanfield network FILE` show theory \
             stage by stage"
        ),
    }
}

/// Steps with which decoders of common widths have converged.
const ENOUGH_STEPS: usize = 400;

/// Steps of each decoder, if they are likely too few.
fn few_steps(plan: &Plan) -> Option<usize> {
    let is_gradient = plan.cascade.params().method == isobath_cascade::Method::Gradient;
    let steps = plan.cascade.steps(plan.train_samples()?);
    (is_gradient && steps < ENOUGH_STEPS).then_some(steps)
}

/// Size and estimated cost of `plan`.
fn numbers(plan: &Plan) -> Result<Value> {
    let estimate = estimate(plan)?;
    let seconds =
        estimate.speed.as_ref().ok().map(|speed| estimate.seconds(speed, plan.cells.len()));
    let [trainings, predictors] = match &plan.train {
        Some(train) => training_numbers(plan, train, &estimate)?,
        None => [Value::Null, Value::Null],
    };
    let memory = Memory::of(plan).map(|memory| memory.total(estimate.at_once));
    Ok(json!({
        "name": plan.file.name,
        "run_folder": plan.run_name(),
        "experiment": plan.file,
        "networks": plan.variants.iter().map(network_json).collect::<Vec<_>>(),
        "cells": plan.cells.len(),
        "flops_per_cell": estimate.flops_per_cell,
        "cells_at_once": estimate.at_once,
        "seconds": seconds,
        "memory_bytes": memory,
        "stored_bytes_per_cell": stored_bytes_per_cell(plan),
        "trainings": trainings,
        "predictors": predictors,
    }))
}

/// Cost of the trainings, and of the predictors.
fn training_numbers(plan: &Plan, train: &TrainPlan, cascades: &Estimate) -> Result<[Value; 2]> {
    let trainings = estimate_trainings(plan, train)?;
    let predictors = estimate_predictors(plan, train, cascades, &trainings)?;
    let seconds = trainings.flops_per_second.ok().map(|speed| trainings.flops / speed);
    Ok([
        json!({
            "planned": trainings.lattice, "expected": trainings.trainings,
            "most_flops": trainings.flops, "most_seconds": seconds,
        }),
        json!({
            "networks": predictors.networks, "flops": predictors.flops,
            "seconds": predictors.seconds.ok(),
        }),
    ])
}

/// The number of grid points as a product, `2 networks x 5 sigma_w2 x 1 sigma_b2`, if it is one.
fn points(plan: &Plan) -> String {
    let variants = plan.variants.len();
    let of_first = || plan.points.iter().filter(|point| point.variant == 0);
    let bits = |of: fn(&GridPoint) -> f64| {
        of_first().map(|point| of(point).to_bits()).collect::<std::collections::HashSet<_>>().len()
    };
    let factors = [variants, bits(|point| point.sigma_w2), bits(|point| point.sigma_b2)];
    if factors.iter().product::<usize>() != plan.points.len()
        || plan.variants.iter().any(|variant| !variant.scheme.uses_grid())
    {
        return count(plan.points.len(), "point");
    }
    let networks = match variants {
        1 => String::new(),
        several => format!("{} x ", count(several, "network")),
    };
    format!("{networks}{} sigma_w2 x {} sigma_b2", factors[1], factors[2])
}

fn network_json(variant: &Variant) -> Value {
    let Variant { name, network, section, .. } = variant;
    let variances = initialisation::variances(variant);
    json!({
        "name": name, "parameters": network.parameters(), "widths": network.widths(),
        "init": variant.scheme.to_string(), "variances": variances,
        "depth": network.stages(), "weight_layers": network.weight_layers(),
        "depth_counts": section.kind.depth_counts(), "stages": stages::json(variant),
    })
}

fn print_trainings(plan: &Plan, train: &TrainPlan) -> Result<TrainEstimate> {
    let estimate = estimate_trainings(plan, train)?;
    let TrainEstimate { lattice, trainings, flops, at_once, .. } = estimate;
    let searched = match train.section.search {
        Search::Grid => "all trained".to_owned(),
        Search::Bisect => format!("about {trainings} trained by bisection"),
        Search::Staircase => format!("about {trainings} trained by the staircase search"),
    };
    println!(
        "# trainings    {lattice} = {} x {} x {} x {}; {searched}",
        points(plan),
        count(train.depths.len(), "depth"),
        count(train.section.seeds.unwrap_or(1), "seed"),
        count(train.recipes.len(), "recipe")
    );
    println!(
        "# to train     {} and {} samples, {} of {}",
        train.train_samples.unwrap_or(0),
        train.test_samples,
        count(train.section.epochs, "epoch"),
        count(train.recipes[0].params.steps_per_epoch(train.train_samples.unwrap_or(1)), "step")
    );
    println!("# work         at most {flops:.3e} FLOP (no early stopping)");
    if let Some(memory) = Memory::of_trainings(plan, train) {
        let total = memory.describe(at_once);
        println!("# memory       {total} with {} concurrently", count(at_once, "training"));
    }
    match &estimate.flops_per_second {
        Ok(flops_per_second) => println!(
            "# time         at most about {} at {:.1} GFLOP/s (measured now on {})",
            duration(flops / flops_per_second),
            flops_per_second / 1e9,
            train.section.backend
        ),
        Err(missing) => println!("# time         unknown: {missing}"),
    }
    Ok(estimate)
}

/// Cost of the predictors, and of the whole run.
fn print_predictors(
    plan: &Plan,
    train: &TrainPlan,
    cascades: &Estimate,
    trainings: &TrainEstimate,
) -> Result<()> {
    let predictors = estimate_predictors(plan, train, cascades, trainings)?;
    let networks = count(predictors.networks, "network");
    println!("# predictors   {networks}; {:.3e} FLOP of trial trainings", predictors.flops);
    match predictors.seconds {
        Ok(seconds) => {
            println!("# time         about {} for all predictors", duration(seconds));
            if let (Ok(speed), Ok(rate)) = (&cascades.speed, &trainings.flops_per_second) {
                let cascades = cascades.seconds(speed, plan.cells.len());
                let total = cascades + trainings.flops / rate + seconds;
                println!(
                    "# run          at most about {} for cascades, trainings and predictors",
                    duration(total)
                );
            }
        }
        Err(missing) => println!("# time         unknown: {missing}"),
    }
    Ok(())
}

/// `seconds` in words.
fn duration(seconds: f64) -> HumanDuration {
    HumanDuration(std::time::Duration::from_secs_f64(seconds))
}

/// First and last few widths.
fn abbreviated(widths: &[usize]) -> String {
    let join =
        |widths: &[usize]| widths.iter().map(usize::to_string).collect::<Vec<_>>().join(", ");
    if widths.len() <= 8 {
        return join(widths);
    }
    format!("{}, ..., {}", join(&widths[..3]), join(&widths[widths.len() - 3..]))
}
