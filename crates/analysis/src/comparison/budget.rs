//! The outcomes that a smaller budget would have had.

use super::Error;
use isobath_store::RunRecord;

/// Judges every training of `run` by its first `steps` steps: it succeeds if an evaluation among them reached the run's
/// accuracy, and its accuracy is the best until then. The learning curves must have evaluations that early.
///
/// # Errors
/// [`Error::NoTrainings`], and [`Error::Budget`] if no training has an evaluation within `steps`, or none lasted that
/// long.
pub fn limit_budget(run: &mut RunRecord, steps: usize) -> Result<(), Error> {
    let Some(success) = run.success.filter(|_| !run.trainings.is_empty()) else {
        return Err(Error::no_trainings(run));
    };
    let evaluated = || run.trainings.iter().flat_map(|one| &one.evaluations).map(|one| one.step);
    let [first, last] = [evaluated().min().unwrap_or(0), evaluated().max().unwrap_or(0)];
    if steps < first || steps > last {
        return Err(Error::Budget { run: run.name.clone(), steps, first, last });
    }
    for training in &mut run.trainings {
        let early = training.evaluations.iter().filter(|evaluation| evaluation.step <= steps);
        training.accuracy = early.map(|evaluation| evaluation.test_accuracy).fold(0.0, f64::max);
        training.succeeded = training.accuracy >= success;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use isobath_trainer::Evaluation;

    use super::{super::synthetic, *};

    #[test]
    fn successes_after_the_budget_are_failures() {
        let mut run = synthetic::run();
        for (index, training) in run.trainings.iter_mut().enumerate() {
            let at = |step, test_accuracy| Evaluation {
                step,
                train_accuracy: test_accuracy,
                test_loss: 1.0,
                test_accuracy,
                gradient_norms: None,
            };
            // Every second one succeeds at step 100 already.
            let early = if index % 2 == 0 { 0.9 } else { 0.5 };
            training.evaluations = vec![at(100, early), at(1000, 0.9)];
        }
        let succeeded = |run: &RunRecord| run.trainings.iter().filter(|one| one.succeeded).count();
        let all = run.trainings.len();
        let mut generous = run.clone();
        limit_budget(&mut generous, 1000).unwrap();
        assert_eq!(succeeded(&generous), all);
        limit_budget(&mut run, 999).unwrap();
        assert_eq!(succeeded(&run), all / 2);
        assert!((run.trainings[1].accuracy - 0.5).abs() < 1e-12);
        for steps in [50, 2000] {
            let error = limit_budget(&mut run, steps).unwrap_err().to_string();
            assert!(error.contains("from 100 to 1000"), "{error}");
        }
    }
}
