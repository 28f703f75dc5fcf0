use isobath_trainer::{
    Decay, Job, Schedule, Silent, TrainParams, TrainValidParams, Trainer, TrainerBackend,
};

use crate::{
    CostClass, Evidence, Prediction, Predictor, PredictorId, PredictorInfo, PredictorOutput,
    Result, Scope, ScoreId, ScoreInfo, Settings, Subject,
};

const ID: PredictorId = PredictorId::new("trial");

/// Maximum number of steps of a trial, the trainer's own limit.
const MAX_STEPS: usize = 1_000_000_000;

/// Descriptor.
pub(crate) const INFO: PredictorInfo = PredictorInfo {
    id: ID,
    label: "short training",
    evidence: Evidence::Training,
    scope: Scope::Network,
    cost: CostClass::Training,
    source: "none: the first steps of the training itself",
    scores: &[],
    parse,
};

/// Start of the stored names: `steps-100`, `steps-100-loss`, `steps-equal-cost`.
const PREFIX: &str = "steps-";
/// End of the names of losses.
const LOSS: &str = "-loss";
/// Place of the steps in the name of a trial that costs as much as the cascade.
const EQUAL_COST: &str = "equal-cost";

/// Accuracies after short trainings, the most comparable with a cascade first.
pub const LEADING_TRIALS: [ScoreId; 3] =
    [ScoreId::fixed("steps-equal-cost"), ScoreId::fixed("steps-100"), ScoreId::fixed("steps-10")];

/// Predictors of this kind: one for each length.
pub(crate) fn build<B: TrainerBackend>(
    backend: &B,
    settings: &Settings,
) -> Vec<Box<dyn Predictor>> {
    let lengths = settings.steps.iter().map(|&steps| Length::Steps(steps));
    let lengths = lengths.chain(settings.equal_cost.map(Length::Flops));
    let trial = |length| Trial::new(backend.clone(), settings.train.clone(), length);
    lengths.map(|length| Box::new(trial(length)) as Box<dyn Predictor>).collect()
}

fn accuracy_score(name: String) -> ScoreInfo {
    let meaning = "accuracy on held-out samples after the first steps of the training";
    ScoreInfo::computed(ID, name, "1", meaning)
}

fn loss_score(name: String) -> ScoreInfo {
    let meaning = "minus the loss on held-out samples after the first steps of the training";
    ScoreInfo::computed(ID, name, "nats", meaning)
}

fn parse(name: &str) -> Option<ScoreInfo> {
    let length = name.strip_prefix(PREFIX)?;
    let steps = length.strip_suffix(LOSS).unwrap_or(length);
    if steps != EQUAL_COST && steps.parse::<usize>().is_err() {
        return None;
    }
    Some(if length == steps { accuracy_score(name.into()) } else { loss_score(name.into()) })
}

/// Length of a trial training.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Length {
    /// So many steps.
    Steps(usize),
    /// As many steps as these floating-point operations allow, the evaluation at the end included; at least one.
    Flops(u64),
}

/// The first steps of the real training, which a predictor has to beat at equal cost.
///
/// It gives both accuracy and loss. Accuracy decides success and does not depend on the scale of the outputs; but after
/// a few steps it may still be at chance for all networks, while the loss has begun to fall. The loss, in turn,
/// penalises chaotic networks for the scale of their outputs.
#[derive(Clone, Debug)]
pub(crate) struct Trial<B> {
    backend: B,
    train: TrainParams,
    length: Length,
}

impl<B: TrainerBackend> Trial<B> {
    /// A trial with the settings of the real training, which it neither ends early nor lets decay: a cosine over
    /// thousands of steps is nearly constant over its first ones.
    pub(crate) fn new(backend: B, train: TrainParams, length: Length) -> Self {
        let schedule = Schedule { decay: Decay::Constant, ..train.schedule };
        let endless = TrainParams {
            epochs: isobath_trainer::MAX_EPOCHS,
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
                1 + usize::try_from(more).unwrap_or(MAX_STEPS - 1).min(MAX_STEPS - 1)
            }
        };
        Ok(of(steps)?)
    }
}

impl<B: TrainerBackend> Predictor for Trial<B> {
    fn info(&self) -> &'static PredictorInfo {
        &INFO
    }

    fn scores(&self) -> Vec<ScoreInfo> {
        let name = match self.length {
            Length::Steps(steps) => format!("{PREFIX}{steps}"),
            Length::Flops(_) => format!("{PREFIX}{EQUAL_COST}"),
        };
        let loss = format!("{name}{LOSS}");
        vec![accuracy_score(name), loss_score(loss)]
    }

    fn predict(&self, subject: &Subject<'_>) -> Result<PredictorOutput> {
        let Subject { network, train, held_out, seed, .. } = *subject;
        let job = Job { network, train, test: held_out, seed };
        let trainer = Trainer::new(self.backend.clone(), self.settings(&job)?);
        let training = trainer.train(&job, &Silent)?;
        let scores = training.evaluations.last().map_or([f64::NEG_INFINITY; 2], |evaluation| {
            [evaluation.test_accuracy, crate::predictor::defined(-evaluation.test_loss)]
        });
        let predictions = scores.map(Prediction::Score).to_vec();
        Ok(PredictorOutput { predictions, flops: training.flops })
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
        case.with_subject(case.depth, |subject| trial.predict(subject).unwrap().flops)
    }

    #[test]
    fn longer_trials_reach_lower_losses() {
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
    fn budgets_are_used_to_within_one_step() {
        let case = Case::tanh(3, 1.5);
        let step = flops(&case, Length::Steps(2)) - flops(&case, Length::Steps(1));
        for steps in [1, 7, 33] {
            let budget = flops(&case, Length::Steps(steps)) + step / 2;
            assert_eq!(flops(&case, Length::Flops(budget)), flops(&case, Length::Steps(steps)));
        }
        assert_eq!(flops(&case, Length::Flops(0)), flops(&case, Length::Steps(1)));
    }

    #[test]
    fn diverged_trials_score_negative_infinity() {
        let train = TrainParams { optimizer: Optimizer::sgd(1e30), ..params() };
        let scores = Case::tanh(3, 1.5).scores(&Trial::new(Cpu::new(), train, Length::Steps(5)));
        assert_eq!(scores, [f64::NEG_INFINITY; 2]);
    }
}
