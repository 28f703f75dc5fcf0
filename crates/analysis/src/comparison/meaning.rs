use isobath_predictors::{Settings, all};
use isobath_tensor::Reference;
use isobath_trainer::TrainParams;

/// Meaning of a larger score, by quantity name.
pub(super) struct Meanings(Vec<isobath_predictors::Quantity>);

impl Meanings {
    /// Meanings of all predictors.
    pub(super) fn new() -> Self {
        let settings = Settings { equal_cost: Some(0), ..Settings::new(TrainParams::default()) };
        let predictors = all(Reference, &settings);
        Self(predictors.iter().flat_map(|predictor| predictor.quantities()).collect())
    }

    /// Meaning of one quantity; empty for an unknown one.
    pub(super) fn of(&self, name: &str) -> &'static str {
        let known = self.0.iter().find(|quantity| quantity.name == name);
        match known {
            Some(quantity) => quantity.meaning,
            None if name.starts_with("cascade ") => {
                "share of the input that is preserved at the last hidden layer, or log2(cut-off / L), by reconstruction \
                 (arXiv:2406.12916)"
            }
            None => "",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_quantity_has_a_meaning() {
        let meanings = Meanings::new();
        assert!(meanings.of("xi_c").contains("arXiv:1611.01232"));
        assert!(meanings.of("steps-equal-cost").contains("accuracy"));
        assert!(meanings.of("cascade relative saturation").contains("cut-off"));
        assert_eq!(meanings.of("another"), "");
    }
}
