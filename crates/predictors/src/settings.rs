use isobath_trainer::TrainParams;

/// Settings of all predictors.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// Number of training samples for activations and gradients, at least 2.
    pub samples: usize,
    /// Number of training samples for input-output Jacobians; each costs as much as one sample per class.
    pub jacobian_samples: usize,
    /// Settings of the training to predict.
    pub train: TrainParams,
    /// Lengths of the trial trainings, in steps.
    pub steps: Vec<usize>,
    /// Floating-point operations of one more trial training, for a comparison at equal cost.
    pub equal_cost: Option<u64>,
}

impl Settings {
    /// 64 samples, Jacobians at 8, trials of 10 and of 100 steps.
    pub fn new(train: TrainParams) -> Self {
        Self { samples: 64, jacobian_samples: 8, train, steps: vec![10, 100], equal_cost: None }
    }
}
