//! Cascades of ridge decoders as predictors, over several noises.
//!
//! Gradient descent at rate `eta` for `t` steps learns a mode of eigenvalue `lambda` by `1 - (1 - eta lambda)^t`, about
//! `lambda / (lambda + 1 / (eta t))`: as ridge regression with a noise of variance `1 / (eta t)` does (Ali, Kolter and
//! Tibshirani, arXiv:1810.10082). A noise may be given, be that of the training's own budget, or be chosen on other networks.

use std::{fmt, str::FromStr};

use isobath_architecture::Layer;
use isobath_cascade::{CascadeBackend, InitialDecoders, Job, RidgeLadder, Rung};
use isobath_entropy::{
    EstimatorSpec, Profile,
    cutoff::{self, CutoffRule, Depth},
};
use isobath_tensor::Optimizer;
use isobath_trainer::{Schedule, TrainParams, TrainerBackend};
use ndarray::{Array2, ArrayView2, Axis, s};

use crate::{
    CostClass, Evidence, Prediction, Predictor, PredictorId, PredictorInfo, PredictorOutput,
    Result, Scope, ScoreInfo, Settings, Subject,
};

const ID: PredictorId = PredictorId::new("ridge-cascade");
/// Start of the stored names of its scores.
const PREFIX: &str = "ridge ";
/// Training samples of the decoders.
const SAMPLES: usize = 500;
/// Share of the variance that is lost at the cut-off.
const LOST: f64 = 0.95;
/// Cut-off rule: the depth at which the share is lost.
const RULE: CutoffRule = CutoffRule::Threshold { error: LOST, interpolate: true };

/// Reconstruction by ridge decoders.
pub const RIDGE_CASCADE: PredictorInfo = PredictorInfo {
    id: ID,
    label: "cascade of ridge decoders",
    evidence: Evidence::Cascade,
    scope: Scope::Family,
    cost: CostClass::Training,
    source: "Thurn, Jefferson and Erdmenger, arXiv:2406.12916; Ali, Kolter and Tibshirani, arXiv:1810.10082",
    scores: &[],
    parse,
};

/// Descriptor, as the list of predictors reads it.
pub(crate) const INFO: PredictorInfo = RIDGE_CASCADE;

/// Noise of ridge decoders in the name of a score: `0.03`, `budget`, `chosen`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum RidgeNoise {
    /// This standard deviation.
    Given(f64),
    /// That of the training's budget, `1 / sqrt(learning rate * steps)`.
    Budget,
    /// The one that errs least on other networks.
    Chosen,
}

impl fmt::Display for RidgeNoise {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Given(noise) => write!(f, "{noise}"),
            Self::Budget => f.write_str("budget"),
            Self::Chosen => f.write_str("chosen"),
        }
    }
}

impl FromStr for RidgeNoise {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match text {
            "budget" => Ok(Self::Budget),
            "chosen" => Ok(Self::Chosen),
            _ => {
                let noise = text.parse().ok().filter(|noise: &f64| *noise >= 0.0);
                noise.filter(|noise| noise.is_finite()).map(Self::Given).ok_or(())
            }
        }
    }
}

/// Score of a cut-off of a cascade of ridge decoders: the cut-off against the depth.
pub fn ridge_depth_score(
    noise: RidgeNoise,
    estimator: EstimatorSpec,
    rule: CutoffRule,
) -> ScoreInfo {
    let meaning = match noise {
        RidgeNoise::Given(_) => {
            "log2(cut-off / L) of the reconstruction by ridge decoders that assume this noise (arXiv:2406.12916)"
        }
        RidgeNoise::Budget => {
            "log2(cut-off / L) of the reconstruction by ridge decoders whose noise is 1 / sqrt(learning rate * steps), with \
             the steps of the training (arXiv:1810.10082); of gradient descent only"
        }
        RidgeNoise::Chosen => {
            "log2(cut-off / L) of the reconstruction by ridge decoders with the noise that errs least on other grids"
        }
    };
    ScoreInfo::computed(ID, format!("{PREFIX}{noise} {estimator} {rule}"), "log2 layers", meaning)
}

/// Noise, estimator and rule of a score by its stored name; `None` for scores of other predictors.
pub fn parse_ridge_score(name: &str) -> Option<(RidgeNoise, EstimatorSpec, CutoffRule)> {
    let (noise, rest) = name.strip_prefix(PREFIX)?.split_once(' ')?;
    let (estimator, rule) = rest.split_once(' ')?;
    Some((noise.parse().ok()?, estimator.parse().ok()?, rule.parse().ok()?))
}

fn parse(name: &str) -> Option<ScoreInfo> {
    let (noise, estimator, rule) = parse_ridge_score(name)?;
    Some(ridge_depth_score(noise, estimator, rule))
}

/// Predictors of this kind: one for all noises, if there are any.
pub(crate) fn build<B: TrainerBackend + CascadeBackend>(
    backend: &B,
    settings: &Settings,
) -> Vec<Box<dyn Predictor>> {
    if settings.ridge_noise.is_empty() {
        return Vec::new();
    }
    let (noises, train) = (settings.ridge_noise.clone(), settings.train.clone());
    vec![Box::new(RidgeCascades { backend: backend.clone(), noises, train })]
}

/// Depths of 95% loss by ridge decoders of several noises, and of the noise of the training's budget where gradient descent
/// trains at a constant rate; momentum `m` multiplies the rate by `1 / (1 - m)`.
///
/// Each depth is that of the first layer from which at least 95% of the variance of held-out samples is lost. It is undefined
/// for networks with layers that are not dense, whose decoders read patches.
#[derive(Clone, Debug)]
pub(crate) struct RidgeCascades<B> {
    backend: B,
    noises: Vec<f64>,
    train: TrainParams,
}

impl<B> RidgeCascades<B> {
    /// Names of the noises, the budget's last.
    fn names(&self) -> Vec<RidgeNoise> {
        let given = self.noises.iter().copied().map(RidgeNoise::Given);
        given.chain(rate(&self.train).map(|_| RidgeNoise::Budget)).collect()
    }
}

impl<B: TrainerBackend + CascadeBackend> Predictor for RidgeCascades<B> {
    fn info(&self) -> &'static PredictorInfo {
        &RIDGE_CASCADE
    }

    fn scores(&self) -> Vec<ScoreInfo> {
        let score = |noise| ridge_depth_score(noise, EstimatorSpec::RECONSTRUCTION_ERROR, RULE);
        self.names().into_iter().map(score).collect()
    }

    fn predict(&self, subject: &Subject<'_>) -> Result<PredictorOutput> {
        let hidden = subject.network.spec().depth() - 1;
        let is_dense = |layer: &Layer| matches!(layer, Layer::Dense(_));
        if hidden == 0 || !subject.network.spec().layers().iter().all(is_dense) {
            // A network without hidden layers loses nothing before its readout.
            let depth = if hidden == 0 { f64::INFINITY } else { f64::NAN };
            let predictions = vec![Prediction::Depth(depth); self.names().len()];
            return Ok(PredictorOutput { predictions, flops: 0 });
        }
        let steps = self.train.clone().check()?.steps(subject.train.labels.len());
        let budget = rate(&self.train).map(|rate| (rate * steps as f64).sqrt().recip());
        let noises = self.noises.iter().copied().chain(budget).collect();
        let ladder = RidgeLadder::new(self.backend.clone(), noises, SAMPLES)?;
        let probe = subject.held_out.samples;
        let job = Job {
            network: subject.network,
            layers: hidden,
            train: subject.train.samples.slice(s![..subject.train.labels.len().min(SAMPLES), ..]),
            order: None,
            probe,
            initial: InitialDecoders::Drawn { seed: subject.seed },
        };
        // The cut-off lies before the first layer that has lost enough, so nothing behind it is needed.
        let output = ladder.run(&job, &|reconstruction| error(probe, reconstruction) > LOST)?;
        let depth = |rung: &Rung| Prediction::Depth(depth(rung, probe));
        let predictions = output.rungs.iter().map(depth).collect();
        Ok(PredictorOutput { predictions, flops: output.flops })
    }
}

/// Depth of 95% loss; infinite where less is lost in the last layer, NaN where a decoder could not be found or numbers are not
/// finite.
fn depth(rung: &Rung, probe: ArrayView2<'_, f32>) -> f64 {
    let Ok(reconstructions) = &rung.reconstructions else { return f64::NAN };
    let errors = reconstructions.iter().map(|reconstruction| (error(probe, reconstruction), 0));
    let profile = Profile::from_layers(EstimatorSpec::RECONSTRUCTION_ERROR, errors);
    match cutoff::find(&RULE, &profile).map(|cutoff| cutoff.depth) {
        Ok(Depth::Layer(depth)) => depth,
        Ok(Depth::Beyond(_)) => f64::INFINITY,
        Ok(Depth::Undetermined) | Err(_) => f64::NAN,
    }
}

/// Learning rate of gradient descent at a constant rate, momentum included; `None` for others.
fn rate(train: &TrainParams) -> Option<f64> {
    let Optimizer::Sgd { lr, momentum, .. } = train.optimizer else { return None };
    let is_constant = train.schedule == Schedule::default();
    (is_constant && lr > 0.0 && momentum < 1.0).then(|| f64::from(lr) / f64::from(1.0 - momentum))
}

/// `1 - R^2` of a reconstruction of `probe`, `[n, w_0]`; NaN for equal samples.
fn error(probe: ArrayView2<'_, f32>, reconstruction: &Array2<f32>) -> f64 {
    let probe = probe.mapv(f64::from);
    let Some(mean) = probe.mean_axis(Axis(0)) else { return f64::NAN };
    let square = |x: Array2<f64>| x.mapv(|x| x * x).sum();
    square(&probe - &reconstruction.mapv(f64::from)) / square(&probe - &mean)
}

#[cfg(test)]
mod tests {
    use isobath_tensor::Cpu;

    use super::*;
    use crate::testing::{Case, SAMPLES as ALL};

    fn predictor(optimizer: Optimizer, noises: &[f64]) -> RidgeCascades<Cpu> {
        let train = TrainParams { batch: 10, epochs: 5, optimizer, ..TrainParams::default() };
        RidgeCascades { backend: Cpu::new(), noises: noises.to_vec(), train }
    }

    fn depths(case: &Case, predictor: &RidgeCascades<Cpu>) -> Vec<f64> {
        let output = case.with_subject(case.depth, |subject| predictor.predict(subject).unwrap());
        assert_eq!(output.predictions.len(), predictor.scores().len());
        output.predictions.iter().map(|prediction| prediction.depth().unwrap()).collect()
    }

    #[test]
    fn more_noise_loses_the_input_earlier() {
        let found =
            depths(&Case::tanh(30, 1.3), &predictor(Optimizer::adam(0.1), &[0.001, 0.1, 1.0]));
        assert!(found[0] > found[1] && found[1] > found[2] && found[2] > 0.0, "{found:?}");
    }

    /// 40 samples in batches of 10 for 5 epochs are 20 steps, so a rate of 5 is a noise of 0.1.
    #[test]
    fn the_budget_of_gradient_descent_is_a_noise() {
        assert_eq!(ALL, 40);
        for optimizer in
            [Optimizer::sgd(5.0), Optimizer::Sgd { lr: 2.5, momentum: 0.5, weight_decay: 0.0 }]
        {
            let found = depths(&Case::tanh(30, 1.3), &predictor(optimizer, &[0.1]));
            assert!((found[0] / found[1] - 1.0).abs() < 1e-6, "{found:?}");
        }
        assert_eq!(predictor(Optimizer::adam(5.0), &[0.1]).scores().len(), 1);
    }

    #[test]
    fn networks_without_hidden_layers_lose_nothing() {
        let found = depths(&Case::tanh(1, 1.5), &predictor(Optimizer::adam(0.1), &[0.1]));
        assert_eq!(found, [f64::INFINITY]);
    }

    #[test]
    fn names_say_the_noise() {
        let names: Vec<String> = predictor(Optimizer::sgd(0.1), &[0.03])
            .scores()
            .iter()
            .map(|score| score.id.to_string())
            .collect();
        let rest = "reconstruction-error threshold-0.95-interpolated";
        assert_eq!(names, [format!("ridge 0.03 {rest}"), format!("ridge budget {rest}")]);
    }
}
