/// Why predictors cannot be compared.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Nothing was trained.
    #[error(
        "{run} has no trainings to hold predictors against; add a [train] section to its experiment file and run it \
         again"
    )]
    NoTrainings {
        /// The run.
        run: String,
    },
    /// There is no such recipe.
    #[error("there is no recipe {name:?}; the recipes are {known}")]
    UnknownRecipe {
        /// What was asked for.
        name: String,
        /// What there is.
        known: String,
    },
    /// Nothing was predicted.
    #[error("{run} has trainings but no predictors' scores; run it again to compute them")]
    NoScores {
        /// The run.
        run: String,
    },
    /// All trainings ended alike.
    #[error(
        "all {networks} trainings of {run} by {recipe} {ended}, so that no predictor can be right or wrong; choose \
         depths and variances of which some are trainable, or another success.accuracy"
    )]
    OneClass {
        /// The run.
        run: String,
        /// The recipe.
        recipe: String,
        /// How many.
        networks: usize,
        /// `succeeded` or `failed`.
        ended: &'static str,
    },
}
