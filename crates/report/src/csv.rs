//! Results of a run as CSV tables, in full precision.

use crate::Result;
use isobath_trainer::{Evaluation, Outcome};
use serde::Serialize;

use isobath_analysis::frontier::frontiers;
use isobath_experiment::GridPoint;
use isobath_scoring::Side;
use isobath_store::{CellRecord, RunRecord, StageRecord, TrainingRecord};

/// First columns of every row about a cell.
#[derive(Serialize)]
struct CellColumns {
    cell: usize,
    network: usize,
    sigma_w2: f64,
    sigma_b2: f64,
    seed: usize,
}

/// Tables of `run`: file names and contents.
///
/// # Errors
/// If a table cannot be written.
pub(super) fn tables(run: &RunRecord) -> Result<Vec<(&'static str, String)>> {
    let mut tables = vec![
        ("networks.csv", networks(run)?),
        ("profiles.csv", profiles(run)?),
        ("cutoffs.csv", cutoffs(run)?),
        ("costs.csv", costs(run)?),
        ("theory.csv", theory(run)?),
    ];
    if !run.stages.is_empty() {
        tables.push(("theory_stages.csv", theory_stages(run)?));
    }
    if !run.trainings.is_empty() {
        tables.extend([
            ("trainings.csv", trainings(run)?),
            ("learning_curves.csv", learning_curves(run)?),
            ("frontier.csv", frontier(run)?),
            ("scores.csv", scores(run)?),
        ]);
    }
    Ok(tables)
}

/// The networks that the other tables refer to by index.
fn networks(run: &RunRecord) -> Result<String> {
    let rows = run.variants.iter().enumerate();
    let rows = rows.map(|(index, variant)| (index, &variant.name, &variant.description));
    table(&["network", "name", "description"], rows)
}

fn trainings(run: &RunRecord) -> Result<String> {
    let header = [
        "network",
        "sigma_w2",
        "sigma_b2",
        "seed",
        "depth",
        "recipe",
        "outcome",
        "step",
        "accuracy",
        "succeeded",
        "seconds",
        "flops",
    ];
    let rows = run.trainings.iter().map(|training| {
        let TrainingRecord { id, outcome, accuracy, succeeded, seconds, flops, .. } = training;
        let (kind, step) = match *outcome {
            Outcome::Succeeded { step } => ("succeeded", step),
            Outcome::Exhausted { step } => ("exhausted", step),
            Outcome::Hopeless { step } => ("hopeless", step),
            Outcome::Diverged { step } => ("diverged", step),
        };
        let place = (columns(id.point), id.seed_index, id.depth);
        (place, &run.recipes[id.recipe], kind, step, accuracy, succeeded, seconds, flops)
    });
    table(&header, rows)
}

/// Each evaluation of each training: the mean loss of the minibatches since the one before, and what was measured then.
fn learning_curves(run: &RunRecord) -> Result<String> {
    let header = [
        "network",
        "sigma_w2",
        "sigma_b2",
        "seed",
        "depth",
        "recipe",
        "step",
        "train_loss",
        "train_accuracy",
        "test_loss",
        "test_accuracy",
    ];
    let rows = run.trainings.iter().flat_map(|training| {
        let TrainingRecord { id, evaluations, losses, .. } = training;
        let mut done = 0;
        evaluations.iter().map(move |evaluation| {
            let Evaluation { step, train_accuracy, test_loss, test_accuracy, .. } = *evaluation;
            let losses = losses.get(done..step).filter(|losses| !losses.is_empty());
            let train_loss = losses.map(|x| x.iter().sum::<f64>() / x.len() as f64);
            done = step;
            let place = (columns(id.point), id.seed_index, id.depth, &run.recipes[id.recipe]);
            (place, step, train_loss, train_accuracy, test_loss, test_accuracy)
        })
    });
    table(&header, rows)
}

fn frontier(run: &RunRecord) -> Result<String> {
    let header = [
        "network",
        "sigma_w2",
        "sigma_b2",
        "recipe",
        "seeds",
        "trainings",
        "depth",
        "censored",
        "low",
        "high",
        "interval_low",
        "interval_high",
        "mixed_from",
        "mixed_to",
        "reversals",
    ];
    let rows = frontiers(&run.trainings).into_iter().map(|found| {
        let censored = match found.trained.censored {
            Some(Side::Shallower) => "shallower",
            Some(Side::Deeper) => "deeper",
            None => "",
        };
        let (interval, mixed) = (found.trained.interval.unzip(), found.trained.mixed.unzip());
        let place = (columns(found.point), run.recipes[found.recipe].clone());
        let counts = (found.trained.seeds.len(), found.trainings);
        (
            place,
            counts,
            found.trained.deepest_success,
            censored,
            found.trained.range,
            interval,
            mixed,
            found.trained.reversals(),
        )
    });
    table(&header, rows)
}

fn scores(run: &RunRecord) -> Result<String> {
    let header = [
        "network",
        "sigma_w2",
        "sigma_b2",
        "seed",
        "depth",
        "quantity",
        "score",
        "predicted_depth",
        "seconds",
        "flops",
    ];
    let rows = run.scores.iter().map(|score| {
        let place = (columns(score.point), score.seed_index, score.depth);
        (place, &score.quantity, score.score, score.predicted_depth, score.seconds, score.flops)
    });
    table(&header, rows)
}

fn profiles(run: &RunRecord) -> Result<String> {
    let header = [
        "cell",
        "network",
        "sigma_w2",
        "sigma_b2",
        "seed",
        "estimator",
        "depth",
        "value",
        "low",
        "high",
        "floored",
    ];
    let profiles = run
        .cells
        .iter()
        .flat_map(|record| record.profiles.iter().map(move |profile| (record, profile)));
    let rows = profiles.flat_map(|(record, profile)| {
        profile.layers.iter().zip(1..).map(move |(layer, depth): (_, usize)| {
            let (low, high) = layer.interval.unzip();
            (
                cell(record),
                profile.estimator.to_string(),
                depth,
                layer.value,
                low,
                high,
                layer.floored,
            )
        })
    });
    table(&header, rows)
}

fn cutoffs(run: &RunRecord) -> Result<String> {
    let header = [
        "cell",
        "network",
        "sigma_w2",
        "sigma_b2",
        "seed",
        "estimator",
        "rule",
        "depth",
        "beyond",
        "lower_bound",
        "low",
        "high",
        "half_steps",
        "note",
    ];
    let cutoffs = run
        .cells
        .iter()
        .flat_map(|record| record.cutoffs.iter().map(move |cutoff| (record, cutoff)));
    let rows = cutoffs.map(|(record, cutoff)| {
        let (low, high) = cutoff.interval.unzip();
        let depth = (cutoff.depth, cutoff.beyond, cutoff.is_lower_bound, low, high, cutoff.half);
        (cell(record), cutoff.estimator.to_string(), cutoff.rule.to_string(), depth, &cutoff.note)
    });
    table(&header, rows)
}

fn costs(run: &RunRecord) -> Result<String> {
    let header = [
        "cell",
        "network",
        "sigma_w2",
        "sigma_b2",
        "seed",
        "cascade_seconds",
        "entropy_seconds",
        "flops",
        "backend",
        "decoder_steps",
        "failure",
    ];
    let rows = run.cells.iter().map(|record| {
        let cost = &record.cost;
        let steps: usize = record.fits.iter().map(|fit| fit.steps).sum();
        let seconds = (cost.cascade_seconds, cost.entropy_seconds);
        (cell(record), seconds, cost.flops, &cost.backend, steps, &record.failure)
    });
    table(&header, rows)
}

fn theory(run: &RunRecord) -> Result<String> {
    let header =
        ["network", "sigma_w2", "sigma_b2", "xi_c", "chi_1", "critical_sigma_w2", "first_stage"];
    let rows = run.theory.iter().map(|theory| {
        let critical = run.curves(theory.point).and_then(|curves| curves.critical);
        (columns(theory.point), theory.xi_c, theory.chi_1, critical, theory.first_stage)
    });
    table(&header, rows)
}

/// Theory stage by stage. A point whose theory ends before the readout has fewer rows than stages.
fn theory_stages(run: &RunRecord) -> Result<String> {
    let header =
        ["network", "sigma_w2", "sigma_b2", "stage", "ln_q", "c", "ln_gradient", "sampling_error"];
    let stages = run
        .stages
        .iter()
        .flat_map(|found| found.stages.iter().map(move |stage| (found.point, stage)));
    let rows = stages.map(|(point, stage)| {
        let StageRecord { stage, ln_q, c, ln_gradient, sampling_error } = *stage;
        (columns(point), stage, ln_q, c, ln_gradient, sampling_error)
    });
    table(&header, rows)
}

/// Index of the network in the run's list, and the variances.
fn columns(point: GridPoint) -> (usize, f64, f64) {
    (point.variant, point.sigma_w2, point.sigma_b2)
}

fn cell(record: &CellRecord) -> CellColumns {
    let cell = record.cell;
    CellColumns {
        cell: cell.index,
        network: cell.point.variant,
        sigma_w2: cell.point.sigma_w2,
        sigma_b2: cell.point.sigma_b2,
        seed: cell.seed_index,
    }
}

/// A table with a header line.
///
/// # Errors
/// If a row cannot be written.
pub(crate) fn table<R: Serialize>(
    header: &[&str],
    rows: impl Iterator<Item = R>,
) -> Result<String> {
    let mut writer = ::csv::WriterBuilder::new().has_headers(false).from_writer(Vec::new());
    writer.write_record(header)?;
    for row in rows {
        writer.serialize(row)?;
    }
    let bytes = writer.into_inner().map_err(|error| csv::Error::from(error.into_error()))?;
    Ok(String::from_utf8(bytes).expect("text in, text out"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use isobath_entropy::{EstimatorSpec, cutoff::CutoffRule};
    use isobath_store::{
        StagesRecord,
        synthetic::{Options, run},
    };

    fn small() -> RunRecord {
        let options = Options {
            sigma_w2: vec![0.5, 1.75],
            layers: 2,
            estimators: vec![EstimatorSpec::RELATIVE],
            rules: vec![CutoffRule::default()],
            fail_every: 2,
            ..Options::default()
        };
        let mut run = run(&options);
        run.cells[0].profiles[0].layers[0].value = 0.1 + 0.2;
        run.cells[0].profiles[0].layers[0].interval = None;
        run.cells[0].profiles[0].layers[1].value = 1.25;
        run.cells[0].profiles[0].layers[1].interval = Some((1.0, 1.5));
        run.cells[0].cutoffs[0].note = Some("a \"note\", quoted".into());
        run.theory[0].xi_c = Some(1.5);
        run.theory[0].chi_1 = Some(0.5);
        run.theory[1].xi_c = None;
        run.theory[1].chi_1 = None;
        run
    }

    #[track_caller]
    fn check(name: &str, expected: &str) {
        let tables = tables(&small()).unwrap();
        let (_, table) = tables.iter().find(|(other, _)| *other == name).unwrap();
        assert_eq!(table, expected);
    }

    #[test]
    fn profiles_have_full_precision_and_empty_missing_intervals() {
        check(
            "profiles.csv",
            "cell,network,sigma_w2,sigma_b2,seed,estimator,depth,value,low,high,floored\n\
             0,0,0.5,0.05,0,relative,1,0.30000000000000004,,,1\n\
             0,0,0.5,0.05,0,relative,2,1.25,1.0,1.5,2\n",
        );
    }

    #[test]
    fn notes_are_quoted() {
        check(
            "cutoffs.csv",
            "cell,network,sigma_w2,sigma_b2,seed,estimator,rule,depth,beyond,lower_bound,low,high,half_steps,note\n\
             0,0,0.5,0.05,0,relative,saturation,,true,false,,,,\"a \"\"note\"\", quoted\"\n",
        );
    }

    #[test]
    fn failures_appear_in_costs() {
        check(
            "costs.csv",
            "cell,network,sigma_w2,sigma_b2,seed,cascade_seconds,entropy_seconds,flops,backend,decoder_steps,failure\n\
             0,0,0.5,0.05,0,4.5,0.125,4400000000,cpu (avx512),1876,\n\
             1,0,1.75,0.05,0,0.25,0.125,4400000000,cpu (avx512),0,the decoder of layer 3 diverged at step 17 (loss <nan>)\n",
        );
    }

    #[test]
    fn trainings_and_their_frontier() {
        let mut run = small();
        isobath_store::synthetic::train(&mut run, &[10, 20], &[(0.5, &[10, 20])]);
        let tables = tables(&run).unwrap();
        let find = |name: &str| &tables.iter().find(|(other, _)| *other == name).unwrap().1;
        let trainings: Vec<_> = find("trainings.csv").lines().collect();
        assert_eq!(trainings.len(), 1 + 4);
        assert_eq!(trainings[2], "0,0.5,0.05,0,20,sgd 0.1,exhausted,200,0.125,false,10.0,20000000");
        assert_eq!(
            find("frontier.csv"),
            "network,sigma_w2,sigma_b2,recipe,seeds,trainings,depth,censored,low,high,interval_low,interval_high,mixed_from,\
             mixed_to,reversals\n0,0.5,0.05,sgd 0.1,2,4,15.0,deeper,10.0,20.0,,,20,20,0\n",
        );
    }

    #[test]
    fn losses_are_means_between_evaluations() {
        let mut run = small();
        isobath_store::synthetic::train(&mut run, &[10], &[(0.5, &[10])]);
        run.trainings.truncate(1);
        run.trainings[0].losses = vec![4.0, 2.0, 1.0];
        let evaluation = |step| Evaluation {
            step,
            train_accuracy: 0.25,
            test_loss: 2.5,
            test_accuracy: 0.5,
            gradient_norms: None,
        };
        run.trainings[0].evaluations = [2, 3].map(evaluation).to_vec();
        let tables = tables(&run).unwrap();
        let curves = tables.iter().find(|(name, _)| *name == "learning_curves.csv").unwrap();
        let rows: Vec<_> = curves.1.lines().skip(1).collect();
        let place = "0,0.5,0.05,0,10,sgd 0.1";
        assert_eq!(
            rows,
            [format!("{place},2,3.0,0.25,2.5,0.5"), format!("{place},3,1.0,0.25,2.5,0.5")]
        );
    }

    #[test]
    fn theory_by_stage_has_a_table_where_there_is_any() {
        let mut run = small();
        assert!(tables(&run).unwrap().iter().all(|(name, _)| *name != "theory_stages.csv"));
        let stage = StageRecord {
            stage: 1,
            ln_q: -0.5,
            c: None,
            ln_gradient: 2.0,
            sampling_error: Some(0.01),
        };
        let point = GridPoint::new(0.5, 0.05);
        run.stages.push(StagesRecord { point, stages: vec![stage], unknown: None });
        let tables = tables(&run).unwrap();
        let (_, table) = tables.iter().find(|(name, _)| *name == "theory_stages.csv").unwrap();
        assert_eq!(
            table,
            "network,sigma_w2,sigma_b2,stage,ln_q,c,ln_gradient,sampling_error\n0,0.5,0.05,1,-0.5,,2.0,0.01\n"
        );
    }

    #[test]
    fn infinite_depths_are_empty() {
        check(
            "theory.csv",
            "network,sigma_w2,sigma_b2,xi_c,chi_1,critical_sigma_w2,first_stage\n\
             0,0.5,0.05,1.5,0.5,1.76,1\n0,1.75,0.05,,,1.76,1\n",
        );
    }
}
