//! Samples as lines of text: CSV with commas, semicolons or tabs, with or without a header.

use std::path::Path;

use csv::{ReaderBuilder, StringRecord};

use super::{
    LabelColumn, OwnData, checked_shape,
    encoding::{Foreign, line_at, utf8},
    labels::{Label, WHOLE_LABELS, is_whole},
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
/// [`Error::Unusable`] for another encoding than UTF-8, an unknown column of labels, lines of different lengths, texts over
/// several lines, numbers as labels that are not whole, and what is not a number.
pub fn parse(bytes: &[u8], labels: Option<&LabelColumn>, name: &str) -> Result<TextTable> {
    let unusable = |found, advice| Error::Unusable { file: name.to_owned(), found, advice };
    utf8(bytes).map_err(|Foreign { found, advice }| unusable(found, advice))?;
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    Parser::new(bytes).table(labels).map_err(|Refusal { found, advice }| unusable(found, advice))
}

/// Content that cannot be used, with the remedy.
type Refusal = Foreign;

/// Advice for a text that is not a number.
const NUMBERS: &str =
    "all columns but the label must be finite numbers; remove or encode the others";
/// Advice for a line without a label.
const MISSING: &str = "every line needs a label; fill it in or remove the line";
/// Advice for lines of different lengths.
const LENGTHS: &str = "every line needs as many columns as the first; look for a missing or additional separator or quotation mark";
/// Advice for a text with a line break.
const QUOTES: &str =
    "close the quotation mark or remove it; texts over several lines are not supported";
/// Most characters of a text that a message shows.
const MOST_SHOWN: usize = 40;

/// A text without line breaks, cut if it is long, in quotes.
fn shown(text: &str) -> String {
    let start: String = text.chars().take(MOST_SHOWN).collect();
    let more = if start.len() < text.len() { "..." } else { "" };
    format!("`{}{more}`", start.escape_debug())
}

/// Reads a table from bytes in UTF-8.
struct Parser<'a> {
    bytes: &'a [u8],
    /// Names of the columns, if there is a header.
    names: Option<StringRecord>,
    table: TextTable,
    /// The first label that is a number and not whole, unless some label is no number.
    fraction: Option<Refusal>,
    has_texts: bool,
}

impl<'a> Parser<'a> {
    const fn new(bytes: &'a [u8]) -> Self {
        let table = TextTable { columns: 0, values: Vec::new(), labels: Vec::new() };
        Self { bytes, names: None, table, fraction: None, has_texts: false }
    }

    fn table(mut self, labels: Option<&LabelColumn>) -> Result<TextTable, Refusal> {
        let mut reader = ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .delimiter(delimiter(self.bytes))
            .from_reader(self.bytes);
        let mut place = None;
        for record in reader.records() {
            let record = record.map_err(|error| refusal(error.to_string(), LENGTHS))?;
            self.check_breaks(&record)?;
            match place {
                Some(column) => self.push(&record, column)?,
                None => place = Some(self.begin(record, labels)?),
            }
        }
        match self.fraction.filter(|_| !self.has_texts) {
            Some(fraction) => Err(fraction),
            None => Ok(self.table),
        }
    }

    /// Reads the first line, a header or a sample, and returns the column of labels.
    fn begin(
        &mut self,
        first: StringRecord,
        labels: Option<&LabelColumn>,
    ) -> Result<usize, Refusal> {
        let column = label_column(&first, labels)?;
        self.table.columns = first.len() - 1;
        if !(1..=MOST_NUMBERS).contains(&self.table.columns) {
            let found = format!("{} columns", first.len());
            return Err(refusal(found, "a line must have a label and 1 to 16,777,216 numbers"));
        }
        if is_header(&first, column) {
            self.names = Some(first);
        } else {
            self.push(&first, column)?;
        }
        Ok(column)
    }

    /// Refuses a text with a line break: mostly, a quotation mark is not closed.
    fn check_breaks(&self, record: &StringRecord) -> Result<(), Refusal> {
        let broken = record.iter().position(|text| text.contains(['\n', '\r']));
        broken.map_or(Ok(()), |place| {
            let first = record[place].lines().next().unwrap_or_default();
            let text = shown(first);
            let found = format!(
                "a text over several lines that starts with {text} in {}",
                self.at(place, record)
            );
            Err(refusal(found, QUOTES))
        })
    }

    /// Adds a line.
    fn push(&mut self, record: &StringRecord, column: usize) -> Result<(), Refusal> {
        let columns = self.table.columns + 1;
        if record.len() != columns {
            let found =
                format!("{} columns in line {}, not {columns}", record.len(), self.line(record));
            return Err(refusal(found, LENGTHS));
        }
        for (place, text) in record.iter().enumerate() {
            let text = text.trim();
            if place == column {
                self.push_label(text, place, record)?;
                continue;
            }
            let number = text.parse::<f32>().ok().filter(|number| number.is_finite());
            let number = number.ok_or_else(|| match text {
                "" => refusal(format!("no number in {}", self.at(place, record)), NUMBERS),
                _ => refusal(format!("{} in {}", shown(text), self.at(place, record)), NUMBERS),
            })?;
            self.table.values.push(number);
        }
        Ok(())
    }

    fn push_label(
        &mut self,
        text: &str,
        place: usize,
        record: &StringRecord,
    ) -> Result<(), Refusal> {
        if text.is_empty() {
            return Err(refusal(format!("no label in {}", self.at(place, record)), MISSING));
        }
        match text.parse::<f64>() {
            Err(_) => self.has_texts = true,
            Ok(number) if !is_whole(number) && self.fraction.is_none() => {
                let found = format!("{} as label in {}", shown(text), self.at(place, record));
                self.fraction = Some(refusal(found, WHOLE_LABELS));
            }
            Ok(_) => {}
        }
        self.table.labels.push(text.to_owned());
        Ok(())
    }

    /// Line and column of a text, in words.
    fn at(&self, place: usize, record: &StringRecord) -> String {
        let line = self.line(record);
        match self.names.as_ref().and_then(|names| names.get(place)) {
            Some(name) => format!("column {} (index {place}) of line {line}", shown(name.trim())),
            None => format!("the column of index {place} of line {line}"),
        }
    }

    /// Line on which a record starts, from 1; empty lines before it count.
    fn line(&self, record: &StringRecord) -> usize {
        let start = record.position().map_or(0, |position| position.byte() as usize);
        let is_break = |byte: &&u8| matches!(**byte, b'\n' | b'\r');
        let breaks = self.bytes[start..].iter().take_while(is_break).count();
        line_at(self.bytes, start + breaks)
    }
}

fn refusal(found: String, advice: &str) -> Refusal {
    Refusal { found, advice: advice.to_owned() }
}

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

/// Place of the labels, given the first line.
fn label_column(first: &StringRecord, labels: Option<&LabelColumn>) -> Result<usize, Refusal> {
    let position = |name: &str| first.iter().position(|text| text.trim() == name);
    let columns = || {
        let named =
            first.iter().take(8).map(|text| shown(text.trim())).collect::<Vec<_>>().join(", ");
        let more = if first.len() > 8 { ", ..." } else { "" };
        format!("{} columns, with the first line {named}{more}", first.len())
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
    found.ok_or_else(|| {
        let advice = match labels {
            Some(labels) => format!(
                "there is no column {labels}; `labels` is a name in the first line, or an index from 0 (-1 is the last)"
            ),
            None => {
                "name the column of labels, as in `labels = \"species\"`, or `labels = -1` for the last".to_owned()
            }
        };
        Refusal { found: columns(), advice }
    })
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
        refused(
            "a,b\n1,2\n",
            None,
            &["2 columns, with the first line `a`, `b`", "name the column"],
        );
        refused("a,b\n1,2\n", Some(LabelColumn::Index(2)), &["no column 2", "-1 is the last"]);
        refused(
            "a,y\n1,0\nx,1\n",
            None,
            &["`x` in column `a` (index 0) of line 3", "finite numbers"],
        );
        refused("a,y\n1,0\nNaN,1\n", None, &["`NaN` in column `a` (index 0) of line 3"]);
        refused("a,y\n1,0\n1\n", None, &["as many columns as the first"]);
        refused("y\n1\n", None, &["1 columns"]);
    }

    #[test]
    fn labels_that_are_missing_or_not_whole_have_line_and_column() {
        refused("a,y\n1,\n", None, &["no label in column `y` (index 1) of line 2", "fill it in"]);
        let last = || Some(LabelColumn::Index(-1));
        refused("1,0\n\n\n2,0.5\n", last(), &["`0.5` as label in the column of index 1 of line 4"]);
        refused("1,0\r\n2,nan\r\n", last(), &["`nan` as label in the column of index 1 of line 2"]);
        // With texts as labels, a number may be the name of a class.
        check("1,0.5\n2,cat\n", last(), &[1.0, 2.0], &["0.5", "cat"]);
    }

    #[test]
    fn an_unclosed_quotation_mark_does_not_print_the_file() {
        let rest = "3,4,1\n".repeat(1000);
        for start in
            ["a,b,y\n1,2,\"1\n", "a,b,y\n1,2,0\n\"1,2,1\n", "a,\"b,y\n1,2,0\n", "\"a,b,y\n"]
        {
            let message = table(&format!("{start}{rest}"), None).unwrap_err().to_string();
            assert!(message.contains("over several lines") && message.len() < 250, "{message}");
        }
        refused(
            &format!("a,b,y\n1,2,\"1\n{rest}"),
            None,
            &["starts with `1` in column `y`", "of line 2"],
        );
        let long = format!("a,y\n{},0\n", "x".repeat(9999));
        assert!(table(&long, None).unwrap_err().to_string().len() < 250);
    }

    #[test]
    fn other_encodings_are_refused() {
        let message = parse(b"a,y\n1,\xe9\n", None, "t.csv").unwrap_err().to_string();
        assert!(
            message.starts_with("t.csv: found") && message.contains("iconv -f LATIN1"),
            "{message}"
        );
    }
}
