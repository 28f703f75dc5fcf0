use isobath_predictors::{Evidence, ScoreInfo};

/// Data behind a score, by its stored name. An unknown predictor reads the network.
pub(crate) fn evidence(score: &str) -> Evidence {
    ScoreInfo::find(score).map_or(Evidence::Initialisation, |info| info.predictor_info().evidence)
}

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

    #[test]
    fn scores_know_their_evidence() {
        let expected = [
            ("6 xi_c", Evidence::Theory),
            ("sigma_w2", Evidence::Description),
            ("cascade gram", Evidence::Cascade),
            ("steps-10-loss", Evidence::Training),
            ("naswot", Evidence::Initialisation),
        ];
        for (score, kind) in expected {
            assert_eq!(evidence(score), kind, "{score}");
        }
    }
}
