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
    /// Noises of ridge cascades, standard deviations on each activation; none for no ridge cascades.
    pub ridge_noise: Vec<f64>,
}

impl Settings {
    /// 64 samples, Jacobians at 8, trials of 10 and of 100 steps, no ridge cascades.
    pub fn new(train: TrainParams) -> Self {
        let (samples, jacobian_samples, steps) = (64, 8, vec![10, 100]);
        let (equal_cost, ridge_noise) = (None, Vec::new());
        Self { samples, jacobian_samples, train, steps, equal_cost, ridge_noise }
    }
}
