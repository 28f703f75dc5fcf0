//! Calibration of the verdict on the trainings of runs.

mod figure;
mod rows;
mod table;

use std::{fs, path::PathBuf};

use anyhow::{Context, Result};
use isobath_verdict::{Calibration, Row, Scores, Skill, feature_skills};

use super::{GlobalArgs, Usage, exit};

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Runs with trainings: their folders, or prefixes of their names. Their networks are measured now
    #[arg(value_name = "RUN", required_unless_present = "from")]
    measured: Vec<String>,
    /// Write the features and the outcome of each training to this table
    #[arg(long, value_name = "FILE.csv")]
    table: Option<PathBuf>,
    /// Fit to the trainings of this table too, which an earlier calibration wrote
    #[arg(long, value_name = "FILE.csv")]
    from: Vec<PathBuf>,
    /// Draw the reliability of the probabilities into this folder, as `reliability.svg` and `reliability.png`
    #[arg(long, value_name = "FOLDER")]
    figures: Option<PathBuf>,
    /// Fit nothing: print how well the built-in model predicts the trainings of each run, which should have no part in it
    #[arg(long, conflicts_with_all = ["out", "figures"])]
    evaluate: bool,
    /// Write the model to this file
    #[arg(long, value_name = "FILE.toml", default_value = "calibration.toml")]
    out: PathBuf,
}

pub(super) fn main(global: &GlobalArgs, arguments: &Arguments) -> Result<u8> {
    let mut rows = Vec::new();
    for path in &arguments.from {
        rows.extend(table::read(path)?);
    }
    for run in &arguments.measured {
        rows.extend(rows::of_run(global, run)?);
    }
    if let Some(path) = &arguments.table {
        table::write(path, &rows)?;
    }
    if arguments.evaluate {
        evaluate(&rows);
        return Ok(exit::DONE);
    }
    let successes = rows.iter().filter(|row| row.success).count();
    if successes == 0 || successes == rows.len() {
        let all = if successes == 0 { "failed" } else { "succeeded" };
        let text = format!("all of {} outcomes {all}; add runs with others", rows.len());
        return Err(Usage(text).into());
    }
    eprintln!("fitting to {} outcomes, {successes} of which are successes", rows.len());
    let calibration = Calibration::fit(&rows);
    let text = toml::to_string(&calibration).context("the model as TOML")?;
    fs::write(&arguments.out, text).with_context(|| arguments.out.display().to_string())?;
    let [tried, untried] = [&calibration.tried, &calibration.untried].map(|model| &model.skill);
    print(tried);
    println!("skill without the first steps of the training, on families left out:");
    print_scores(untried);
    print_features(&rows);
    if let Some(folder) = &arguments.figures {
        let skills = [("all features", tried), ("without first steps", untried)];
        for file in figure::write(&skills, folder)? {
            println!("figure: {}", file.display());
        }
    }
    println!("{} trainings; model: {}", calibration.trainings, arguments.out.display());
    Ok(exit::DONE)
}

/// The built-in models on the trainings of each run, with their whole budget.
fn evaluate(rows: &[Row]) {
    let built_in = Calibration::built_in();
    let mut runs: Vec<&str> = rows.iter().map(|row| row.run.as_str()).collect();
    runs.dedup();
    for run in runs {
        let of_run = rows.iter().filter(|row| row.run == run);
        // The rows of one training stand together, that of its whole budget last.
        let whole: Vec<Row> =
            of_run.skip(Row::BUDGETS.len() - 1).step_by(Row::BUDGETS.len()).cloned().collect();
        let succeeded = whole.iter().filter(|row| row.success).count();
        println!("{run}: {succeeded} of {} trainings succeed", whole.len());
        for (name, model) in
            [("with the first steps", &built_in.tried), ("without them", &built_in.untried)]
        {
            let Scores { auc, auc_at_equal_depth, brier } = model.scores(&whole);
            println!("{name}:");
            print_three([auc, auc_at_equal_depth, brier]);
        }
    }
}

fn print(skill: &Skill) {
    println!("skill on {} families of networks, each left out of the fit:", skill.families);
    print_scores(skill);
    println!("skill on experiments left out of the fit (AUC, Brier score):");
    for (name, [auc, brier]) in &skill.by_experiment {
        let auc = if auc.is_nan() { "-".to_owned() } else { format!("{auc:.3}") };
        println!("  {name:30} {auc:>5} {brier:.3}");
    }
    println!("reliability: probability, share that succeeded with its interval, outcomes");
    for [predicted, observed, low, high, count] in &skill.reliability {
        println!("  {predicted:.2} {observed:.2} ({low:.2} to {high:.2}) {count}");
    }
}

fn print_scores(skill: &Skill) {
    print_three([skill.auc, skill.auc_at_equal_depth, skill.brier]);
}

fn print_three([auc, auc_at_equal_depth, brier]: [[f64; 3]; 3]) {
    let with = |[value, low, high]: [f64; 3]| format!("{value:.3} ({low:.3} to {high:.3})");
    println!("  AUC                 {}", with(auc));
    println!("  AUC at equal depth  {}", with(auc_at_equal_depth));
    println!("  Brier score         {}", with(brier));
}

fn print_features(rows: &[Row]) {
    println!(
        "each feature alone: AUC, AUC at equal experiment, depth and budget; - where smaller is better"
    );
    for feature in feature_skills(rows) {
        let sign = if feature.is_reversed { '-' } else { '+' };
        let [auc, within] = [feature.auc, feature.auc_at_equal_depth];
        println!("  {sign} {:18} {auc:.3} {within:.3}", feature.name);
    }
}
