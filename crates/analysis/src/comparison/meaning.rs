use isobath_predictors::ScoreInfo;

/// Meaning of a larger score with its source, by the stored name; empty for an unknown one.
pub(super) fn meaning(score: &str) -> &'static str {
    ScoreInfo::find(score).map_or("", |info| info.meaning)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_score_has_its_own_meaning() {
        assert!(meaning("xi_c").contains("arXiv:1611.01232"));
        assert!(meaning("steps-equal-cost").contains("accuracy"));
        assert!(meaning("cascade relative saturation").contains("cut-off"));
        assert_eq!(meaning("another"), "");
    }
}
