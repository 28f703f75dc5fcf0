//! Numbers that a probability is made from.

use isobath_predictors::{Budget, Forecast, Split};
use isobath_tensor::Optimizer;
use isobath_trainer::TrainParams;
use serde::{Deserialize, Serialize};

use crate::{Measurement, measurement::gain, trial::Trial};

/// Features of a network together with its training. Each is finite; see [`Features::NAMES`].
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Features(pub [f64; Features::COUNT]);

impl Features {
    /// Number of features.
    pub const COUNT: usize = 20;

    /// Names of the features, in order.
    pub const NAMES: [&'static str; Self::COUNT] = [
        "ln_depth",
        "ln_width",
        "ln_lr_steps",
        "ln_steps",
        "adaptive",
        "forecast",
        "ln_progress",
        "ln_sharpness",
        "alignment",
        "no_kernel",
        "information",
        "gradient_slope",
        "gradient_range",
        "ln_growth",
        "ln_distance",
        "ln_rank",
        "dead",
        "saturated",
        "trial_drop",
        "trial_level",
    ];

    /// Features of the first steps of the training.
    pub const OF_TRIAL: [&'static str; 2] = ["trial_drop", "trial_level"];

    /// The feature of a name, if there is one.
    pub fn get(&self, name: &str) -> Option<f64> {
        Self::NAMES.iter().position(|other| *other == name).map(|index| self.0[index])
    }

    /// Features of a network under a training of so many steps.
    pub fn new(
        measurement: &Measurement,
        params: &TrainParams,
        steps: usize,
        trial: Option<&Trial>,
    ) -> Self {
        let size = measurement.size;
        let rate = rate(params.optimizer);
        let forecast = forecast(measurement, params, steps);
        let profile = &measurement.profile;
        // Pooling layers have no gradients to lose.
        let with_weights = profile.layers.iter().filter(|layer| layer.parameters > 0);
        let weighted = with_weights.clone().count();
        let gradients = with_weights.map(|layer| layer.ln_gradient);
        let finite: Vec<f64> = gradients.filter(|ln| ln.is_finite()).collect();
        let ends = finite.first().zip(finite.last());
        let lost_gradients = profile.overflow.is_some() || finite.len() < weighted;
        let highest = finite.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let lowest = finite.iter().copied().fold(f64::INFINITY, f64::min);
        let growth = match profile.layers.last() {
            Some(last) if profile.overflow.is_none() => {
                (last.mean_square / profile.input_mean_square).ln()
            }
            _ => LIMIT,
        };
        let last = profile.hidden().last();
        let share = |count: usize, of: usize| count as f64 / of.max(1) as f64;
        let dead = profile.hidden().iter().map(|layer| share(layer.dead, layer.units));
        let saturated = profile.hidden().iter().map(|layer| layer.saturated);
        let ln_classes = (size.classes as f64).ln();
        let values = [
            (size.depth as f64).ln(),
            (size.width as f64).ln(),
            (rate.effective * steps as f64).ln(),
            (steps as f64).ln(),
            f64::from(u8::from(rate.is_adaptive)),
            forecast.map_or(0.0, |forecast| {
                gain(size.classes, measurement.linear_accuracy, forecast.accuracy)
            }),
            forecast.map_or(-LIMIT, |forecast| forecast.ln_progress),
            forecast.map_or(LIMIT, |forecast| forecast.ln_sharpness),
            forecast.map_or(0.0, |forecast| forecast.alignment),
            f64::from(u8::from(measurement.kernel.is_none())),
            measurement
                .information
                .as_ref()
                .map_or(1.0, |errors| errors.last().map_or(0.0, |error| error.clamp(0.0, 1.0))),
            if lost_gradients { -LIMIT } else { ends.map_or(0.0, |(first, last)| first - last) },
            if lost_gradients { LIMIT } else { highest - lowest },
            growth,
            last.map_or(0.0, |layer| layer.ln_distance),
            last.map_or(0.0, |layer| layer.rank.ln()),
            dead.fold(0.0, f64::max),
            saturated.fold(0.0, f64::max),
            trial.map_or(0.0, |trial| trial.drop / ln_classes),
            trial.map_or(1.0, |trial| trial.level / ln_classes),
        ];
        Self(values.map(bounded))
    }
}

/// Bound of all features.
const LIMIT: f64 = 30.0;

fn bounded(value: f64) -> f64 {
    if value.is_nan() { -LIMIT } else { value.clamp(-LIMIT, LIMIT) }
}

/// Speed of an optimiser.
struct Speed {
    /// Learning rate, divided by one minus the momentum.
    effective: f64,
    /// True if gradients are normalised.
    is_adaptive: bool,
}

fn rate(optimizer: Optimizer) -> Speed {
    let (lr, momentum, is_adaptive) = match optimizer {
        Optimizer::Sgd { lr, momentum, .. } => (lr, momentum, false),
        Optimizer::RmsProp { lr, .. }
        | Optimizer::Adagrad { lr, .. }
        | Optimizer::Adam { lr, .. } => (lr, 0.0, true),
    };
    Speed { effective: f64::from(lr) / (1.0 - f64::from(momentum)), is_adaptive }
}

/// Forecast of a training by the linearised network.
pub(crate) fn forecast(
    measurement: &Measurement,
    params: &TrainParams,
    steps: usize,
) -> Option<Forecast> {
    let budget =
        Budget { optimizer: params.optimizer, steps, batch: params.batch, loss: params.loss };
    let split = Split { labels: &measurement.labels, train: measurement.kernel_train };
    budget.forecast(measurement.kernel.as_ref()?, split)
}
