use crate::{Findings, Judgement, Predictor, Quantity, Result, Subject};

/// What is known without looking: depth, number of parameters, variance of the weights. Whatever does not beat these
/// has no claim to have seen anything.
#[derive(Clone, Copy, Debug)]
pub struct Trivial;

impl Predictor for Trivial {
    fn quantities(&self) -> Vec<Quantity> {
        vec![
            Quantity::new("depth", "minus the depth: shallower networks are easier to train"),
            Quantity::new(
                "parameters",
                "minus the number of weights and biases: smaller is easier",
            ),
            Quantity::new(
                "sigma_w2",
                "the variance of the weights: larger ones carry signals deeper",
            ),
        ]
    }

    fn judge(&self, subject: &Subject<'_>) -> Result<Findings> {
        let spec = subject.network.spec();
        let scores =
            [-(spec.depth() as f64), -(spec.parameters() as f64), subject.variances.sigma_w2()];
        Ok(Findings { judgements: scores.map(Judgement::Score).to_vec(), flops: 0 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Case;

    #[test]
    fn counts_are_the_networks() {
        let case = Case::tanh(3, 1.5);
        // 12 to 9 to 9 to 4, with biases.
        let parameters = f64::from((12 + 1) * 9 + (9 + 1) * 9 + (9 + 1) * 4);
        assert_eq!(case.scores(&Trivial), [-3.0, -parameters, 1.5]);
    }
}
