use isobath_predictors::ScoreInfo;

/// What a larger score of each quantity means, by name.
pub(super) struct Meanings;

impl Meanings {
    /// Of all predictors there are.
    pub(super) const fn new() -> Self {
        Self
    }

    /// Of one quantity; empty for an unknown one.
    #[expect(clippy::unused_self, reason = "callers hold the table")]
    pub(super) fn of(&self, name: &str) -> &'static str {
        ScoreInfo::find(name).map_or("", |quantity| quantity.meaning)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_have_their_own_meanings() {
        let meanings = Meanings::new();
        assert!(meanings.of("xi_c").contains("arXiv:1611.01232"));
        assert!(meanings.of("steps-equal-cost").contains("accuracy"));
        assert!(meanings.of("cascade relative saturation").contains("cut-off"));
        assert_eq!(meanings.of("another"), "");
    }
}
