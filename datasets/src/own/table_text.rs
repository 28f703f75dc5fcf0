//! Samples as lines of text: CSV with commas, semicolons or tabs, with or without a header.

use std::path::Path;

use csv::{ReaderBuilder, StringRecord};

use super::{
    LabelColumn, OwnData, checked_shape,
    labels::Label,
    picture::MOST_NUMBERS,
    table::{Rows, Table},
};
use crate::dataset::Shape;
use crate::digest::FileDigests;
use crate::error::{Error, Result};
use crate::source::Source;

/// Names of a column of labels that need not be given.
const LABEL_NAMES: [&str; 4] = ["label", "class", "target", "y"];
/// Longest text, in bytes; it is in memory as a whole.
const LONGEST: u64 = 4 << 30;

/// Numbers and labels of a text.
#[derive(Clone, Debug, PartialEq)]
pub struct TextTable {
    /// Numbers of each sample.
    pub columns: usize,
    /// `[samples, columns]`, row-major.
    pub values: Vec<f32>,
    /// Labels, as written.
    pub labels: Vec<String>,
}

/// Parses CSV from memory; error messages use `name` as the name of the file.
///
/// `labels` is the column of labels; without it, one named label, class, target or y.
/// The first line is a header if a column other than that of the labels is no number there.
///
/// # Errors
/// [`Error::Unusable`] for an unknown column of labels, lines of different lengths, and what is not a number.
pub fn parse(bytes: &[u8], labels: Option<&LabelColumn>, name: &str) -> Result<TextTable> {
    let unusable = |found: String, advice: &str| Error::Unusable {
        file: name.to_owned(),
        found,
        advice: advice.to_owned(),
    };
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let mut reader =
        ReaderBuilder::new().has_headers(false).delimiter(delimiter(bytes)).from_reader(bytes);
    let mut table = TextTable { columns: 0, values: Vec::new(), labels: Vec::new() };
    let mut place = None;
    for (index, record) in reader.records().enumerate() {
        let record = record.map_err(|error| {
            unusable(error.to_string(), "every line needs as many columns as the first")
        })?;
        let Some(column) = place else {
            let column = label_column(&record, labels)
                .map_err(|(found, advice)| unusable(found, &advice))?;
            place = Some(column);
            table.columns = record.len() - 1;
            if !(1..=MOST_NUMBERS).contains(&table.columns) {
                return Err(unusable(
                    format!("{} columns", record.len()),
                    "a line must have a label and 1 to 16,777,216 numbers",
                ));
            }
            if !is_header(&record, column) {
                push(&mut table, &record, column, index)
                    .map_err(|found| unusable(found, ADVICE))?;
            }
            continue;
        };
        push(&mut table, &record, column, index).map_err(|found| unusable(found, ADVICE))?;
    }
    Ok(table)
}

/// Advice for a text that is not a number.
const ADVICE: &str =
    "all columns but the label must be finite numbers; remove or encode the others";

/// Separator of columns: the most frequent one of the first line.
fn delimiter(bytes: &[u8]) -> u8 {
    let line = bytes.split(|&byte| byte == b'\n').next().unwrap_or_default();
    let count = |separator: u8| line.split(|&byte| byte == separator).count();
    // Of equal ones the last is taken.
    [b'\t', b';', b','].into_iter().max_by_key(|&separator| count(separator)).unwrap_or(b',')
}

/// True if a column other than that of the labels is no number.
fn is_header(record: &StringRecord, column: usize) -> bool {
    let others = record.iter().enumerate().filter(|(index, _)| *index != column);
    others.map(|(_, text)| text.trim().parse::<f64>()).any(|number| number.is_err())
}

/// Place of the labels, given the first line; else what was found and what to do.
fn label_column(
    first: &StringRecord,
    labels: Option<&LabelColumn>,
) -> std::result::Result<usize, (String, String)> {
    let position = |name: &str| first.iter().position(|text| text.trim() == name);
    let columns = || {
        let named = first.iter().take(8).collect::<Vec<_>>().join(", ");
        let more = if first.len() > 8 { ", ..." } else { "" };
        format!("{} columns, with the first line `{named}{more}`", first.len())
    };
    let found = match labels {
        Some(LabelColumn::Index(index)) => {
            let length = first.len() as i64;
            let index = if *index < 0 { length.saturating_add(*index) } else { *index };
            usize::try_from(index).ok().filter(|&index| index < first.len())
        }
        Some(LabelColumn::Name(name)) => position(name),
        None => LABEL_NAMES.into_iter().find_map(position),
    };
    found.ok_or_else(|| match labels {
        Some(labels) => (
            columns(),
            format!("there is no column {labels}; `labels` is a name in the first line, or an index from 0 (-1 is the last)"),
        ),
        None => (
            columns(),
            "name the column of labels, as in `labels = \"species\"`, or `labels = -1` for the last".to_owned(),
        ),
    })
}

/// Adds line `index`, counted from 0, or says what is no number.
fn push(
    table: &mut TextTable,
    record: &StringRecord,
    column: usize,
    index: usize,
) -> std::result::Result<(), String> {
    for (place, text) in record.iter().enumerate() {
        let text = text.trim();
        if place == column {
            if text.is_empty() {
                return Err(format!("no label in line {}", index + 1));
            }
            table.labels.push(text.to_owned());
            continue;
        }
        let number = text.parse::<f32>().ok().filter(|number| number.is_finite());
        let number =
            number.ok_or_else(|| format!("`{text}` in column {place} of line {}", index + 1))?;
        table.values.push(number);
    }
    Ok(())
}

/// Labels as numbers, if all are, else as texts.
fn classes(labels: Vec<String>, file: &str) -> Result<Vec<Label>> {
    let numbers: Option<Vec<f64>> = labels.iter().map(|label| label.parse().ok()).collect();
    match numbers {
        Some(numbers) => numbers
            .into_iter()
            .enumerate()
            .map(|(i, value)| Label::number(value, i, file))
            .collect(),
        None => Ok(labels.into_iter().map(Label::Text).collect()),
    }
}

impl OwnData {
    /// The samples of a text, plain or gzipped.
    pub(super) fn text_table(&self, path: &Path) -> Result<Table> {
        let file = path.display().to_string();
        let bytes = Source::open(path)?.read_to_end(LONGEST)?;
        let TextTable { columns, mut values, labels } = parse(&bytes, self.labels.as_ref(), &file)?;
        let flat = Shape { channels: 1, height: 1, width: columns };
        let shape = match self.shape {
            Some(shape) => checked_shape(&file, shape.into(), columns)?,
            None => flat,
        };
        if let Some(divisor) = self.divide {
            values.iter_mut().for_each(|value| *value /= divisor);
        }
        let labels = classes(labels, &file)?;
        let digest = FileDigests::of(path)?.sha256;
        let rows = Box::new(TextRows { values: values.into_iter(), digest });
        Ok(Table { labels_file: file.clone(), file, shape, labels, rows })
    }
}

/// Values in memory.
struct TextRows {
    values: std::vec::IntoIter<f32>,
    digest: String,
}

impl Rows for TextRows {
    fn next(&mut self, values: &mut [f32]) -> Result<()> {
        values.iter_mut().zip(&mut self.values).for_each(|(value, number)| *value = number);
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<String> {
        Ok(self.digest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(text: &str, labels: Option<LabelColumn>) -> Result<TextTable> {
        parse(text.as_bytes(), labels.as_ref(), "t.csv")
    }

    #[track_caller]
    fn check(text: &str, labels: Option<LabelColumn>, values: &[f32], names: &[&str]) {
        let found = table(text, labels).unwrap();
        assert_eq!(found.values, values);
        assert_eq!(found.labels, names);
    }

    #[test]
    fn headers_and_separators_are_detected() {
        check("a,b,label\n1,2,cat\n3,4.5,dog\n", None, &[1.0, 2.0, 3.0, 4.5], &["cat", "dog"]);
        check("\u{feff}y;a\r\n0;1\r\n1;-2e1", None, &[1.0, -20.0], &["0", "1"]);
        check(
            "1\t2\t7\n3\t4\t8\n",
            Some(LabelColumn::Index(-1)),
            &[1.0, 2.0, 3.0, 4.0],
            &["7", "8"],
        );
        check("5,1\n6,2\n", Some(LabelColumn::Index(0)), &[1.0, 2.0], &["5", "6"]);
        let species = Some(LabelColumn::Name("species".to_owned()));
        check("x,species\n1,\"a, b\"\n2,c\n", species, &[1.0, 2.0], &["a, b", "c"]);
    }

    #[track_caller]
    fn refused(text: &str, labels: Option<LabelColumn>, parts: &[&str]) {
        let message = table(text, labels).unwrap_err().to_string();
        assert!(
            message.starts_with("t.csv") && parts.iter().all(|p| message.contains(p)),
            "{message}"
        );
    }

    #[test]
    fn texts_that_are_no_table_are_refused() {
        refused("a,b\n1,2\n", None, &["2 columns, with the first line `a, b`", "name the column"]);
        refused("a,b\n1,2\n", Some(LabelColumn::Index(2)), &["no column 2", "-1 is the last"]);
        refused("a,y\n1,0\nx,1\n", None, &["`x` in column 0 of line 3", "finite numbers"]);
        refused("a,y\n1,0\nNaN,1\n", None, &["`NaN` in column 0 of line 3"]);
        refused("a,y\n1,0\n1\n", None, &["as many columns as the first"]);
        refused("a,y\n1,\n", None, &["no label in line 2"]);
        refused("y\n1\n", None, &["1 columns"]);
        assert!(classes(vec!["0.5".to_owned(), "1".to_owned()], "t").is_err());
    }
}
