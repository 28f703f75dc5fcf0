use isobath_trainer::TrainParams;

/// What predictors look at, and how networks would be trained.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// Training samples whose activations and gradients are looked at; at least 2.
    pub samples: usize,
    /// Training samples at which input-output Jacobians are taken, each as dear as one sample for every class.
    pub jacobian_samples: usize,
    /// How the networks would be trained.
    pub train: TrainParams,
    /// Lengths of the trial trainings, in steps.
    pub steps: Vec<usize>,
    /// Floating-point operations for one more trial training, where it is to cost as much as something else.
    pub equal_cost: Option<u64>,
}

impl Settings {
    /// 64 samples, Jacobians at 8, trials of 10 and of 100 steps.
    pub fn new(train: TrainParams) -> Self {
        Self { samples: 64, jacobian_samples: 8, train, steps: vec![10, 100], equal_cost: None }
    }
}
