//! A synthetic run with trainings and scores, for tests.

use isobath_trainer::Outcome;

use isobath_experiment::TrainingId;
use isobath_store::{
    RunRecord, ScoreRecord, TrainingRecord,
    synthetic::{self, Options},
};

/// Networks of the synthetic run are trainable up to about this many `xi_c`.
pub const FACTOR: f64 = 4.0;

/// Trained depths.
pub const DEPTHS: [usize; 6] = [2, 4, 8, 12, 18, 26];

/// A run of two recipes: with the first, networks are trainable up to about 4 `xi_c`; with the second, none is.
pub fn run() -> RunRecord {
    let sigma_w2 = (1..=14).map(|step| 0.4 + 0.2 * f64::from(step)).collect();
    let mut run = synthetic::run(&Options { sigma_w2, seeds: 3, ..Options::default() });
    run.success = Some(0.8);
    run.recipes = vec!["sgd".into(), "hopeless".into()];
    run.train_depths = DEPTHS.to_vec();
    for index in 0..run.cells.len() {
        let cell = run.cells[index].cell;
        let theory = run.theory.iter().find(|theory| theory.point == cell.point);
        let xi_c = theory.and_then(|theory| theory.xi_c).unwrap_or(f64::INFINITY);
        for depth in DEPTHS {
            let id =
                TrainingId { point: cell.point, seed_index: cell.seed_index, depth, recipe: 0 };
            let luck = 0.35 * synthetic::noise(cell.index, depth + 100);
            let ease = (FACTOR * xi_c / depth as f64).log2() + luck;
            let accuracy = 0.1 + 0.85 / (1.0 + (-6.0 * ease - 1.55).exp());
            run.trainings.push(training(id, accuracy));
            run.trainings.push(training(TrainingId { recipe: 1, ..id }, 0.1));
            let mut score =
                |quantity: &str, score: f64, predicted_depth: Option<f64>, seconds: f64| {
                    let TrainingId { point, seed_index, depth, .. } = id;
                    let (quantity, flops) = (quantity.to_owned(), 1e9 * seconds);
                    run.scores.push(ScoreRecord {
                        point,
                        seed_index,
                        depth,
                        quantity,
                        score,
                        predicted_depth,
                        seconds,
                        flops,
                    });
                };
            let octaves = (xi_c / depth as f64).log2();
            score("xi_c", octaves, Some(xi_c), 0.0);
            score("6 xi_c", octaves + 6.0_f64.log2(), Some(6.0 * xi_c), 0.0);
            score("depth", -(depth as f64), None, 0.0);
            score("sigma_w2", id.point.sigma_w2, None, 0.0);
            score("truth", accuracy, None, 1.0);
            score("opposite", -accuracy, None, 1.0);
            let cut_off = (5.0 * xi_c * (1.0 + 0.2 * synthetic::noise(cell.index, 7))).round();
            let cut_off = if cut_off > 30.0 { f64::INFINITY } else { cut_off };
            score(
                "cascade relative saturation",
                (cut_off / depth as f64).log2(),
                Some(cut_off),
                0.75,
            );
            score("steps-100", accuracy + synthetic::noise(cell.index, depth) * 0.3, None, 0.2);
        }
    }
    run
}

fn training(id: TrainingId, accuracy: f64) -> TrainingRecord {
    let succeeded = accuracy >= 0.8;
    let step = 100;
    let outcome = if succeeded { Outcome::Succeeded { step } } else { Outcome::Exhausted { step } };
    TrainingRecord {
        id,
        outcome,
        accuracy,
        succeeded,
        evaluations: Vec::new(),
        losses: Vec::new(),
        seconds: 2.0,
        flops: 2_000_000_000,
    }
}
