use isobath_architecture::{Activation, Layer};
use isobath_meanfield::Theory;
use isobath_trainer::TrainerBackend;

use crate::{
    CostClass, Evidence, Prediction, Predictor, PredictorId, PredictorInfo, PredictorOutput,
    Result, Scope, ScoreId, ScoreInfo, Settings, Subject, descriptor::no_other_scores,
};

const ID: PredictorId = PredictorId::new("mean-field");

/// Score of the depth scale of correlations, `xi_c`.
pub const XI_C: ScoreId = ScoreId::fixed("xi_c");

/// Descriptor.
pub(crate) const INFO: PredictorInfo = PredictorInfo {
    id: ID,
    label: "mean-field theory",
    evidence: Evidence::Theory,
    scope: Scope::Family,
    cost: CostClass::Free,
    source: "Schoenholz et al., arXiv:1611.01232",
    scores: &[
        ScoreInfo::fixed(
            ID,
            ["xi_c", "ξ_c"],
            "log2 layers",
            "log2(xi_c / L): deeper networks than the depth scale of correlations are untrainable \
                 (Schoenholz et al., arXiv:1611.01232)",
        ),
        ScoreInfo::fixed(
            ID,
            ["6 xi_c", "6 ξ_c"],
            "log2 layers",
            "log2(6 xi_c / L), the rule of thumb with its factor as published (Schoenholz et al., \
                 arXiv:1611.01232)",
        ),
        ScoreInfo::fixed(
            ID,
            ["chi_1", "χ₁"],
            "1",
            "-|chi_1 - 1|: the nearer to the critical line the better, whatever the depth (Poole et al., \
                 arXiv:1606.05340)",
        ),
    ],
    parse: no_other_scores,
};

/// Predictors of this kind.
pub(crate) fn build<B: TrainerBackend>(_: &B, _: &Settings) -> Vec<Box<dyn Predictor>> {
    vec![Box::new(MeanField)]
}

/// Theory of infinitely wide networks, from the activation and the variances alone.
///
/// Every score is negative infinity where the theory has no stable length.
#[derive(Clone, Copy, Debug)]
pub(crate) struct MeanField;

/// Networks are trainable down to so many `xi_c`.
const RULE_OF_THUMB: f64 = 6.0;

impl Predictor for MeanField {
    fn info(&self) -> &'static PredictorInfo {
        &INFO
    }

    fn predict(&self, subject: &Subject<'_>) -> Result<PredictorOutput> {
        let variances = subject.variances;
        let theory = plain_activation(subject.network.spec().layers()).and_then(|activation| {
            Theory::new(activation, variances.sigma_w2(), variances.sigma_b2()).ok()
        });
        let point = theory.and_then(|theory| theory.fixed_point().ok());
        let (xi_c, distance) =
            point.map_or((0.0, f64::NEG_INFINITY), |point| (point.xi_c, -point.distance.abs()));
        let predictions = vec![
            Prediction::Depth(xi_c),
            Prediction::Depth(RULE_OF_THUMB * xi_c),
            Prediction::Score(distance),
        ];
        Ok(PredictorOutput { predictions, flops: 0 })
    }
}

/// Activation of the hidden layers, which the first layer has where there are any. Uniform modes of a convolution follow
/// the theory of dense layers (Xiao et al., arXiv:1806.05393); residual blocks do not.
pub(crate) fn plain_activation(layers: &[Layer]) -> Option<Activation> {
    let of_layer = |layer: &Layer| match layer {
        Layer::Dense(layer) => Some(layer.activation),
        Layer::Conv2d(layer) => Some(layer.activation),
        Layer::Pool(_) | Layer::Residual(_) => None,
    };
    let has_blocks = layers.iter().any(|layer| matches!(layer, Layer::Residual(_)));
    layers.iter().find_map(of_layer).filter(|_| !has_blocks)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Case;

    #[test]
    fn depth_scales_are_those_of_the_theory() {
        // xi_c = 7.834 at sigma_w2 = 1.3, as reference/meanfield.json has it.
        let scores = Case::tanh(20, 1.3).scores(&MeanField);
        assert!((scores[0] - (7.834_f64 / 20.0).log2()).abs() < 1e-3, "{scores:?}");
        assert!((scores[1] - scores[0] - 6.0_f64.log2()).abs() < 1e-12);
    }

    #[test]
    fn the_critical_line_scores_highest() {
        let distance = |sigma_w2| Case::tanh(20, sigma_w2).scores(&MeanField)[2];
        assert!(distance(1.76) > distance(1.5) && distance(1.76) > distance(2.0));
    }

    #[test]
    fn networks_without_a_stable_length_score_negative_infinity() {
        let case = Case { activation: Activation::Relu, ..Case::tanh(5, 2.5) };
        assert_eq!(case.scores(&MeanField), [f64::NEG_INFINITY; 3]);
    }
}
