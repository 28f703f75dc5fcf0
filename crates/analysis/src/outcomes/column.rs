//! Columns of a table of outcomes, and the headers by which they are found.

use std::{fmt, str::FromStr};

/// A column with a meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Column {
    /// Name of the grid that a row belongs to; without it, all rows are one grid.
    Grid,
    /// Variance of the weights times the fan-in.
    SigmaW2,
    /// Variance of the biases.
    SigmaB2,
    /// Depth in weight layers.
    Depth,
    /// Units of a hidden layer.
    Width,
    /// Law of the weights: gaussian or orthogonal; gaussian without it.
    Weights,
    /// Activation of the hidden layers.
    Activation,
    /// Probability that dropout keeps an activation; without it, there is no dropout.
    Keep,
    /// Label of the initialisation.
    Seed,
    /// Accuracy after training, from 0 to 1; `nan` for a training that diverged.
    Accuracy,
    /// Success of the training: 1, 0, true, false, yes or no.
    Success,
}

impl Column {
    /// Every column.
    pub const ALL: [Self; 11] = [
        Self::Grid,
        Self::SigmaW2,
        Self::SigmaB2,
        Self::Depth,
        Self::Width,
        Self::Weights,
        Self::Activation,
        Self::Keep,
        Self::Seed,
        Self::Accuracy,
        Self::Success,
    ];

    /// Headers that name the column, the preferred one first. Case does not matter.
    pub const fn headers(self) -> &'static [&'static str] {
        match self {
            Self::Grid => &["grid"],
            Self::SigmaW2 => &["sigma_w2", "weight_variance"],
            Self::SigmaB2 => &["sigma_b2", "bias_variance"],
            Self::Depth => &["depth", "layers"],
            Self::Width => &["width"],
            Self::Weights => &["weights"],
            Self::Activation => &["activation"],
            Self::Keep => &["keep", "keep_prob", "keep_probability"],
            Self::Seed => &["seed"],
            Self::Accuracy => &[
                "accuracy",
                "train_accuracy",
                "test_accuracy",
                "validation_accuracy",
                "val_accuracy",
            ],
            Self::Success => &["success", "succeeded"],
        }
    }

    /// Preferred header.
    pub const fn name(self) -> &'static str {
        self.headers()[0]
    }
}

impl fmt::Display for Column {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The header that one table uses for a column; as text, `accuracy=train_acc`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ColumnHeader {
    /// The column.
    pub column: Column,
    /// Its header in the table.
    pub header: String,
}

/// A text that assigns no header to a column.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` names no column; use COLUMN=HEADER, where COLUMN is one of {}", names())]
pub struct ParseColumnError {
    text: String,
}

fn names() -> String {
    Column::ALL.map(Column::name).join(", ")
}

impl FromStr for ColumnHeader {
    type Err = ParseColumnError;

    fn from_str(text: &str) -> Result<Self, ParseColumnError> {
        let parsed = text.split_once('=').and_then(|(name, header)| {
            let column = Column::ALL.into_iter().find(|column| column.name() == name.trim())?;
            let header = header.trim().to_owned();
            (!header.is_empty()).then_some(Self { column, header })
        });
        parsed.ok_or_else(|| ParseColumnError { text: text.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_name_one_column_each() {
        let all: Vec<_> = Column::ALL.iter().flat_map(|column| column.headers()).collect();
        let distinct: std::collections::BTreeSet<_> = all.iter().collect();
        assert_eq!(all.len(), distinct.len());
    }

    #[test]
    fn columns_are_assigned_by_name() {
        let parsed: ColumnHeader = "accuracy = train acc".parse().unwrap();
        assert_eq!((parsed.column, parsed.header.as_str()), (Column::Accuracy, "train acc"));
        for wrong in ["accuracy", "accuracy=", "loss=x", "=x"] {
            let error = wrong.parse::<ColumnHeader>().unwrap_err().to_string();
            assert!(error.contains("sigma_w2"), "{error}");
        }
    }
}
