/// Reason why predictors cannot be compared.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The run has no trainings.
    #[error(
        "{run} has no trainings to compare predictors with; add a [train] section to its experiment file and run it \
         again"
    )]
    NoTrainings {
        /// The run.
        run: String,
    },
    /// The recipe does not exist.
    #[error("there is no recipe {name:?}; the recipes are {known}")]
    UnknownRecipe {
        /// Requested name.
        name: String,
        /// Existing recipes.
        known: String,
    },
    /// The run has no scores.
    #[error("{run} has trainings but no predictors' scores; run it again to compute them")]
    NoScores {
        /// The run.
        run: String,
    },
    /// All trainings have the same outcome.
    #[error(
        "all {networks} trainings of {run} with {recipe} {ended}, so predictors cannot be compared; choose depths and \
         variances of which only some are trainable, or another success.accuracy"
    )]
    OneClass {
        /// The run.
        run: String,
        /// The recipe.
        recipe: String,
        /// Number of trainings.
        networks: usize,
        /// `succeeded` or `failed`.
        ended: &'static str,
    },
}
