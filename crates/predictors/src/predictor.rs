use isobath_architecture::Variances;
use isobath_network::Network;
use isobath_trainer::Labelled;

use crate::{PredictorInfo, Result, ScoreInfo};

/// A network before its training, with the data that predictors may read.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// The network at its initialisation.
    pub network: &'a Network,
    /// Variances of its random parameters.
    pub variances: Variances,
    /// The samples it would be trained on.
    pub train: Labelled<'a>,
    /// Samples held out from training, on which trial trainings are measured. They should not be those that decide
    /// whether a training succeeded.
    pub held_out: Labelled<'a>,
    /// The cell's seed, which determines every draw of a predictor.
    pub seed: u64,
}

/// Value of one score.
#[derive(Clone, Debug, PartialEq)]
pub enum Prediction {
    /// Networks of this family are trainable down to this many layers; infinite where there is no limit. A network of
    /// `L` layers has the score `log2(depth / L)`.
    Depth(f64),
    /// The score of this network. A larger one means trainable; never NaN.
    Score(f64),
    /// The scores of networks of 1, 2, ... layers that begin as this one does.
    Profile(Vec<f64>),
}

impl Prediction {
    /// The score of the network of `depth` layers, counted from 1. A larger one means trainable; never NaN.
    ///
    /// # Panics
    /// When a profile ends before `depth`.
    pub fn score(&self, depth: usize) -> f64 {
        let score = match self {
            Self::Depth(limit) => (limit / depth as f64).log2(),
            Self::Score(score) => *score,
            Self::Profile(scores) => scores[depth - 1],
        };
        defined(score)
    }

    /// The largest trainable depth, where the prediction gives one.
    pub const fn depth(&self) -> Option<f64> {
        match self {
            Self::Depth(limit) => Some(*limit),
            Self::Score(_) | Self::Profile(_) => None,
        }
    }
}

/// Replaces NaN by negative infinity: an undefined score does not speak for the network.
pub(crate) const fn defined(score: f64) -> f64 {
    if score.is_nan() { f64::NEG_INFINITY } else { score }
}

/// Networks covered by one prediction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// One network.
    Network,
    /// All networks that differ in depth alone and share their first layers; the deepest one is read. Networks whose
    /// widths depend on the depth share no layers and are predicted one by one.
    Family,
}

/// Result of a prediction.
#[derive(Clone, Debug, PartialEq)]
pub struct PredictorOutput {
    /// One for each of the predictor's scores, in their order.
    pub predictions: Vec<Prediction>,
    /// Floating-point operations of the matrix products it took.
    pub flops: u64,
}

/// Method of predicting whether a network will train.
pub trait Predictor: Send + Sync {
    /// Description.
    fn info(&self) -> &'static PredictorInfo;

    /// Descriptions of its scores.
    fn scores(&self) -> Vec<ScoreInfo> {
        self.info().scores.to_vec()
    }

    /// Predicts for a network.
    ///
    /// # Errors
    /// When the device fails. An undefined score is no error; it is negative infinity.
    fn predict(&self, subject: &Subject<'_>) -> Result<PredictorOutput>;
}

#[cfg(test)]
mod tests {
    #![expect(clippy::float_cmp, reason = "whole numbers and infinities")]

    use super::*;

    #[test]
    fn depth_scores_are_octaves() {
        let prediction = Prediction::Depth(12.0);
        assert_eq!([3, 12, 48].map(|depth| prediction.score(depth)), [2.0, 0.0, -2.0]);
        assert_eq!(prediction.depth(), Some(12.0));
    }

    #[test]
    fn unlimited_and_zero_depths_give_infinite_scores() {
        assert_eq!(Prediction::Depth(f64::INFINITY).score(9), f64::INFINITY);
        assert_eq!(Prediction::Depth(0.0).score(9), f64::NEG_INFINITY);
    }

    #[test]
    fn undefined_scores_are_negative_infinity() {
        assert_eq!(Prediction::Score(f64::NAN).score(9), f64::NEG_INFINITY);
        assert_eq!(Prediction::Depth(f64::NAN).score(9), f64::NEG_INFINITY);
        assert_eq!(Prediction::Profile(vec![1.0, f64::NAN]).score(2), f64::NEG_INFINITY);
    }
}
