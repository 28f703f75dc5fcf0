use serde::{Deserialize, Serialize};

use crate::{Evaluation, Outcome, TrainParams, TrainValidParams, params::Hopeless};

/// History of a training in host memory: everything that determines its next step but the numbers on the device.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Progress {
    /// The loss of each step. A checkpoint keeps them apart, as numbers instead of text.
    #[serde(skip)]
    pub(crate) losses: Vec<f64>,
    pub(crate) evaluations: Vec<Evaluation>,
    /// Training samples since the last evaluation.
    pub(crate) seen: u64,
    /// Number of them that the network classified correctly.
    pub(crate) right: u64,
}

/// Steps at which a training stops, evaluates and ends.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Timetable {
    /// Most steps.
    pub(crate) steps: usize,
    /// Steps between evaluations.
    pub(crate) evaluate_every: usize,
}

impl Timetable {
    /// Most steps between looks at the losses. A device is not kept waiting more often than this.
    pub(crate) const WINDOW: usize = 64;

    pub(crate) fn new(params: &TrainValidParams, samples: usize) -> Self {
        Self { steps: params.steps(samples), evaluate_every: params.evaluate_every(samples) }
    }

    /// Next step at which the loop stops.
    pub(crate) fn next_stop(&self, step: usize) -> usize {
        let evaluation = (step / self.evaluate_every + 1).saturating_mul(self.evaluate_every);
        (step + Self::WINDOW).min(evaluation).min(self.steps)
    }

    /// True when the network is evaluated after `step` steps.
    pub(crate) const fn is_evaluation(&self, step: usize) -> bool {
        step == self.steps || step.is_multiple_of(self.evaluate_every)
    }
}

impl Progress {
    /// Steps done.
    pub(crate) const fn step(&self) -> usize {
        self.losses.len()
    }

    /// Records the results of some steps up to the first that diverged: pairs of mean loss and correct samples.
    pub(crate) fn take_steps(&mut self, results: &[f64], limit: f64) {
        for result in results.chunks_exact(2) {
            self.losses.push(result[0]);
            self.right += result[1] as u64;
            if is_diverged(result[0], limit) {
                return;
            }
        }
    }

    /// Records an evaluation and resets the counters.
    pub(crate) fn take_evaluation(&mut self, evaluation: Evaluation) {
        self.evaluations.push(evaluation);
        (self.seen, self.right) = (0, 0);
    }

    /// Outcome, once the training has ended.
    pub(crate) fn outcome(&self, params: &TrainParams, timetable: &Timetable) -> Option<Outcome> {
        let step = self.step();
        let latest = self.evaluations.last().filter(|latest| latest.step == step);
        let limit = params.diverged_above;
        let diverged = self.losses.last().is_some_and(|&loss| is_diverged(loss, limit))
            || latest.is_some_and(|latest| !latest.test_loss.is_finite());
        let succeeded = latest
            .zip(params.success)
            .is_some_and(|(latest, success)| latest.test_accuracy >= success.accuracy);
        let hopeless =
            latest.is_some() && params.hopeless.is_some_and(|rule| self.is_hopeless(rule));
        if diverged {
            Some(Outcome::Diverged { step })
        } else if succeeded {
            Some(Outcome::Succeeded { step })
        } else if step == timetable.steps {
            Some(Outcome::Exhausted { step })
        } else if hopeless {
            Some(Outcome::Hopeless { step })
        } else {
            None
        }
    }

    fn is_hopeless(&self, Hopeless { after, accuracy }: Hopeless) -> bool {
        self.evaluations.len() >= after
            && self.evaluations.iter().all(|evaluation| evaluation.test_accuracy <= accuracy)
    }
}

/// True when a loss is no number or beyond the limit.
fn is_diverged(loss: f64, limit: f64) -> bool {
    !loss.is_finite() || loss > limit
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::params::Success;

    const TIMETABLE: Timetable = Timetable { steps: 200, evaluate_every: 90 };

    #[test]
    fn stops_are_windows_evaluations_and_the_end() {
        let mut stops = vec![0];
        while let Some(&step) = stops.last().filter(|&&step| step < 200) {
            stops.push(TIMETABLE.next_stop(step));
        }
        assert_eq!(stops, [0, 64, 90, 154, 180, 200]);
        let evaluations: Vec<_> =
            stops.into_iter().filter(|&s| TIMETABLE.is_evaluation(s)).collect();
        assert_eq!(evaluations, [0, 90, 180, 200]);
    }

    fn after(step: usize, accuracies: &[f64]) -> Progress {
        let evaluation = |(index, &test_accuracy): (usize, &f64)| Evaluation {
            step: if index + 1 == accuracies.len() { step } else { index },
            train_accuracy: 0.0,
            test_loss: 1.0,
            test_accuracy,
            gradient_norms: None,
        };
        Progress {
            losses: vec![1.0; step],
            evaluations: accuracies.iter().enumerate().map(evaluation).collect(),
            ..Progress::default()
        }
    }

    #[track_caller]
    fn check(progress: &Progress, expected: Option<Outcome>) {
        let params = TrainParams {
            success: Some(Success { accuracy: 0.8 }),
            hopeless: Some(Hopeless { after: 3, accuracy: 0.2 }),
            ..TrainParams::default()
        };
        assert_eq!(progress.outcome(&params, &TIMETABLE), expected);
    }

    #[test]
    fn outcomes() {
        let step = 90;
        check(&after(step, &[0.1, 0.1]), None);
        check(&after(step, &[0.1, 0.8]), Some(Outcome::Succeeded { step }));
        check(&after(step, &[0.1, 0.2, 0.1]), Some(Outcome::Hopeless { step }));
        check(&after(step, &[0.1, 0.21, 0.1]), None);
        check(&after(200, &[0.1, 0.1, 0.1]), Some(Outcome::Exhausted { step: 200 }));
        check(&after(200, &[0.9]), Some(Outcome::Succeeded { step: 200 }));
    }

    #[test]
    fn old_evaluations_decide_nothing() {
        let mut progress = after(90, &[0.9]);
        progress.losses.push(1.0);
        check(&progress, None);
    }

    #[test]
    fn steps_after_divergence_are_dropped() {
        for loss in [f64::NAN, f64::INFINITY, 7.0] {
            let mut progress = Progress::default();
            progress.take_steps(&[1.0, 5.0, loss, 3.0, 1.0, 4.0], 6.0);
            assert_eq!((progress.step(), progress.right), (2, 8));
            let params = TrainParams { diverged_above: 6.0, ..TrainParams::default() };
            let outcome = progress.outcome(&params, &TIMETABLE);
            assert_eq!(outcome, Some(Outcome::Diverged { step: 2 }));
        }
    }
}
