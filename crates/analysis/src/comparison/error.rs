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
    /// The run's trainings have not started.
    #[error("{run} has not trained its networks yet; finish it with: {command}")]
    NotTrained {
        /// The run.
        run: String,
        /// Command that continues the run.
        command: String,
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
    /// The learning curves do not show this budget.
    #[error(
        "{run} was evaluated after steps from {first} to {last}; give a budget in this range instead of {steps}"
    )]
    Budget {
        /// The run.
        run: String,
        /// Wanted number of steps.
        steps: usize,
        /// Step of the first evaluation.
        first: usize,
        /// Step of the last evaluation.
        last: usize,
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

impl Error {
    /// Error for a run without trainings, by whether its experiment file asks for them.
    pub(super) fn no_trainings(run: &isobath_store::RunRecord) -> Self {
        let name = run.name.clone();
        match run.success {
            Some(_) => Self::NotTrained { run: name, command: run.command.clone() },
            None => Self::NoTrainings { run: name },
        }
    }
}
