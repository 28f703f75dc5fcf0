//! Labels as files have them, and the classes that they come to.

use std::collections::BTreeMap;
use std::fmt;

use crate::error::{Error, Result};

/// Most classes; labels are bytes in memory.
const MOST_CLASSES: usize = 256;

/// Advice for a number that is no label.
pub(crate) const WHOLE_LABELS: &str =
    "labels must be whole numbers, one for each class; targets of a regression are not supported";

/// True for a number that can be a label. Numbers above 1e15 have no digit behind the point, and are no labels either.
pub(crate) fn is_whole(number: f64) -> bool {
    number.abs() <= 1e15 && number.trunc().total_cmp(&number).is_eq()
}

/// Label of a sample. Numbers come before texts.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Label {
    Number(i64),
    Text(String),
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => number.fmt(f),
            Self::Text(text) => f.write_str(text),
        }
    }
}

impl Label {
    /// Label of sample `index` of `file` that is a number.
    ///
    /// # Errors
    /// [`Error::Unusable`] if it is not whole.
    pub(crate) fn number(value: f64, index: usize, file: &str) -> Result<Self> {
        if !is_whole(value) {
            return Err(Error::Unusable {
                file: file.to_owned(),
                found: format!("{value} as label of sample {index}"),
                advice: WHOLE_LABELS.to_owned(),
            });
        }
        Ok(Self::Number(value as i64))
    }
}

/// The classes of a dataset: its distinct labels, in order.
pub(crate) struct Classes(Vec<Label>);

impl Classes {
    /// Classes of `labels`, which are those of `file`.
    ///
    /// # Errors
    /// [`Error::Unusable`] if there are fewer than two classes, more than 256, or as many as samples.
    pub(crate) fn of(labels: &[Label], file: &str) -> Result<Self> {
        let mut counts: BTreeMap<&Label, usize> = BTreeMap::new();
        for label in labels {
            *counts.entry(label).or_default() += 1;
        }
        let unusable = |found: String, advice: &str| {
            Err(Error::Unusable { file: file.to_owned(), found, advice: advice.to_owned() })
        };
        let n_classes = counts.len();
        match (labels.len(), n_classes) {
            (0, _) => unusable("no samples".to_owned(), "check that it is the right file"),
            (_, 1) => unusable(
                format!("only one class, `{}`", labels[0]),
                "two or more are needed; check that these are the labels",
            ),
            (samples, classes) if classes > 2 && classes == samples => unusable(
                format!("a class of its own for each of the {samples} samples"),
                "check that these are the labels, and not numbers of samples or targets of a regression",
            ),
            (_, MOST_CLASSES..) if n_classes > MOST_CLASSES => unusable(
                format!("{n_classes} classes"),
                "at most 256 are supported; check that these are the labels",
            ),
            _ => Ok(Self(counts.into_keys().cloned().collect())),
        }
    }

    /// The classes 0 to `count - 1`, some of which may have none of the `labels`, which are those of `file`.
    ///
    /// # Errors
    /// [`Error::Setting`] for a number of classes below 2 or above 256, [`Error::Unusable`] for a label that is none of them.
    pub(crate) fn numbered(count: usize, labels: &[Label], file: &str) -> Result<Self> {
        if !(2..=MOST_CLASSES).contains(&count) {
            return Err(Error::Setting {
                setting: format!("classes = {count}"),
                problem: format!("must be 2 to {MOST_CLASSES}"),
            });
        }
        let classes = Self((0..count as i64).map(Label::Number).collect());
        let stray = labels.iter().position(|label| classes.0.binary_search(label).is_err());
        match stray {
            None => Ok(classes),
            Some(sample) => Err(Error::Unusable {
                file: file.to_owned(),
                found: format!("the label `{}` of sample {sample}", labels[sample]),
                advice: format!("labels must be 0 to {}, since classes = {count}", count - 1),
            }),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn names(&self) -> Vec<String> {
        self.0.iter().map(Label::to_string).collect()
    }

    /// Indices of the classes of `labels`, which are those of `file`.
    ///
    /// # Errors
    /// [`Error::Unusable`] for a label that is no class.
    pub(crate) fn indices(&self, labels: &[Label], file: &str) -> Result<Vec<u8>> {
        let index = |(sample, label): (usize, &Label)| {
            self.0.binary_search(label).map(|index| index as u8).map_err(|_| Error::Unusable {
                file: file.to_owned(),
                found: format!("the label `{label}` of test sample {sample}"),
                advice: format!("the training samples have only {}", self.names().join(", ")),
            })
        };
        labels.iter().enumerate().map(index).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(labels: &[i64]) -> Vec<Label> {
        labels.iter().map(|&label| Label::Number(label)).collect()
    }

    #[test]
    fn classes_are_the_distinct_labels_in_order() {
        let labels = numbers(&[10, 2, 2, -1, 10]);
        let classes = Classes::of(&labels, "y").unwrap();
        assert_eq!(classes.names(), ["-1", "2", "10"]);
        assert_eq!(classes.indices(&labels, "y").unwrap(), [2, 1, 1, 0, 2]);
        let message = classes.indices(&numbers(&[2, 3]), "y").unwrap_err().to_string();
        assert!(message.contains("the label `3` of test sample 1"), "{message}");
    }

    #[test]
    fn numbered_classes_may_have_no_sample() {
        let labels = numbers(&[2, 0]);
        let classes = Classes::numbered(4, &labels, "y").unwrap();
        assert_eq!(classes.len(), 4);
        assert_eq!(classes.indices(&labels, "y").unwrap(), [2, 0]);
        let refused = |count| Classes::numbered(count, &labels, "y").err().unwrap().to_string();
        assert!(refused(2).contains("the label `2` of sample 0"), "{}", refused(2));
        assert!(refused(1).contains("classes = 1"), "{}", refused(1));
    }

    #[track_caller]
    fn refused(labels: &[i64], expected: &str) {
        let message = Classes::of(&numbers(labels), "y.npy").err().unwrap().to_string();
        assert!(message.starts_with("y.npy") && message.contains(expected), "{message}");
    }

    #[test]
    fn labels_that_make_no_classes_are_refused() {
        refused(&[], "no samples");
        refused(&[7, 7], "only one class, `7`");
        refused(&(0..100).collect::<Vec<_>>(), "a class of its own for each of the 100 samples");
        refused(&(0..300).chain(0..300).collect::<Vec<_>>(), "300 classes");
        assert!(
            Label::number(0.5, 3, "y")
                .unwrap_err()
                .to_string()
                .contains("0.5 as label of sample 3")
        );
        assert!(Label::number(f64::NAN, 0, "y").is_err());
        assert_eq!(Label::number(-3.0, 0, "y").unwrap(), Label::Number(-3));
    }
}
