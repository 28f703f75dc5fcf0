use isobath_trainer::{
    Decay, Job, Schedule, Silent, TrainParams, TrainValidParams, Trainer, TrainerBackend,
};

use crate::{Findings, Judgement, Predictor, Quantity, Result, Subject};

/// How long a trial training is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Length {
    /// So many steps.
    Steps(usize),
    /// As many steps as these floating-point operations allow, the evaluation at the end included; at least one.
    Flops(u64),
}

/// The first steps of the real training: what any predictor has to beat at the same cost.
///
/// Both scores are given. Accuracy is what decides success, and does not depend on the scale of the outputs; but after
/// a few steps it may stand at chance for good and bad networks alike, where the loss has begun to move. The loss, on
/// the other hand, holds the scale of the outputs against chaotic networks.
#[derive(Clone, Debug)]
pub struct Trial<B> {
    backend: B,
    train: TrainParams,
    length: Length,
}

impl<B: TrainerBackend> Trial<B> {
    /// A trial with the settings of the real training, which it neither ends early nor lets decay: a cosine over
    /// thousands of steps is nearly constant over its first ones.
    pub fn new(backend: B, train: TrainParams, length: Length) -> Self {
        let schedule = Schedule { decay: Decay::Constant, ..train.schedule };
        let endless = TrainParams {
            epochs: usize::MAX,
            success: None,
            hopeless: None,
            gradient_norms: false,
            schedule,
            ..train
        };
        Self { backend, train: endless, length }
    }

    fn settings(&self, job: &Job<'_>) -> Result<TrainValidParams> {
        let of = |steps: usize| {
            let most = Some(steps);
            TrainParams { max_steps: most, evaluate_every: most, ..self.train.clone() }.check()
        };
        let cost = |steps: usize| {
            let trainer = Trainer::new(self.backend.clone(), of(steps)?);
            Ok::<u64, isobath_trainer::Error>(trainer.flops(&job.extent()))
        };
        let steps = match self.length {
            Length::Steps(steps) => steps,
            Length::Flops(budget) => {
                let (one, two) = (cost(1)?, cost(2)?);
                let more = budget.saturating_sub(one) / (two - one).max(1);
                1 + usize::try_from(more).unwrap_or(usize::MAX - 1).min(usize::MAX - 1)
            }
        };
        Ok(of(steps)?)
    }
}

impl<B: TrainerBackend> Predictor for Trial<B> {
    fn quantities(&self) -> Vec<Quantity> {
        let name = match self.length {
            Length::Steps(steps) => format!("steps-{steps}"),
            Length::Flops(_) => "steps-equal-cost".to_owned(),
        };
        let loss = format!("{name}-loss");
        vec![
            Quantity::new(
                name,
                "accuracy on held-out samples after the first steps of the training",
            ),
            Quantity::new(
                loss,
                "minus the loss on held-out samples after the first steps of the training",
            ),
        ]
    }

    fn judge(&self, subject: &Subject<'_>) -> Result<Findings> {
        let Subject { network, train, held_out, seed, .. } = *subject;
        let job = Job { network, train, test: held_out, seed };
        let trainer = Trainer::new(self.backend.clone(), self.settings(&job)?);
        let training = trainer.train(&job, &Silent)?;
        let scores = training.evaluations.last().map_or([f64::NEG_INFINITY; 2], |evaluation| {
            [evaluation.test_accuracy, crate::predictor::defined(-evaluation.test_loss)]
        });
        let judgements = scores.map(Judgement::Score).to_vec();
        Ok(Findings { judgements, flops: training.flops })
    }
}

#[cfg(test)]
mod tests {
    use isobath_tensor::{Cpu, Optimizer};

    use super::*;
    use crate::testing::Case;

    fn params() -> TrainParams {
        TrainParams { batch: 8, optimizer: Optimizer::sgd(0.05), ..TrainParams::default() }
    }

    fn flops(case: &Case, length: Length) -> u64 {
        let trial = Trial::new(Cpu::new(), params(), length);
        case.with_subject(case.depth, |subject| trial.judge(subject).unwrap().flops)
    }

    #[test]
    fn longer_trials_have_learnt_more() {
        let case = Case::tanh(3, 1.5);
        let loss = |steps| case.scores(&Trial::new(Cpu::new(), params(), Length::Steps(steps)))[1];
        assert!(
            loss(1) < loss(20) && loss(20) < loss(100),
            "{} {} {}",
            loss(1),
            loss(20),
            loss(100)
        );
    }

    #[test]
    fn a_budget_is_used_up_to_less_than_a_step() {
        let case = Case::tanh(3, 1.5);
        let step = flops(&case, Length::Steps(2)) - flops(&case, Length::Steps(1));
        for steps in [1, 7, 33] {
            let budget = flops(&case, Length::Steps(steps)) + step / 2;
            assert_eq!(flops(&case, Length::Flops(budget)), flops(&case, Length::Steps(steps)));
        }
        assert_eq!(flops(&case, Length::Flops(0)), flops(&case, Length::Steps(1)));
    }

    #[test]
    fn a_trial_that_diverges_says_no() {
        let train = TrainParams { optimizer: Optimizer::sgd(1e30), ..params() };
        let scores = Case::tanh(3, 1.5).scores(&Trial::new(Cpu::new(), train, Length::Steps(5)));
        assert_eq!(scores, [f64::NEG_INFINITY; 2]);
    }
}
