//! The table of trainings as CSV.

use std::{fmt::Write, fs, path::Path};

use anyhow::{Context, Result, bail};
use isobath_verdict::{Features, Row};

/// Columns before the features.
const HEAD: [&str; 4] = ["run", "family", "kind", "optimizer"];

fn header() -> String {
    [&HEAD[..], &Features::NAMES, &["success"]].concat().join(",")
}

pub(super) fn write(path: &Path, rows: &[Row]) -> Result<()> {
    let mut text = header();
    for Row { run, family, kind, optimizer, features, success } in rows {
        write!(text, "\n{run},{family},{kind},{optimizer}")?;
        for number in features.0 {
            write!(text, ",{number:.5}")?;
        }
        write!(text, ",{}", u8::from(*success))?;
    }
    text.push('\n');
    fs::write(path, text).with_context(|| path.display().to_string())
}

pub(super) fn read(path: &Path) -> Result<Vec<Row>> {
    let text = fs::read_to_string(path).with_context(|| path.display().to_string())?;
    let mut lines = text.lines();
    if lines.next() != Some(header().as_str()) {
        bail!("{}: expected the columns {}", path.display(), header());
    }
    let numbered = lines.enumerate();
    numbered.map(|(index, line)| row(line).with_context(|| at(path, index + 2))).collect()
}

fn at(path: &Path, line: usize) -> String {
    format!("{}, line {line}", path.display())
}

fn row(line: &str) -> Result<Row> {
    let cells: Vec<&str> = line.split(',').collect();
    let columns = HEAD.len() + Features::COUNT + 1;
    if cells.len() != columns {
        bail!("{} cells in place of {columns}", cells.len());
    }
    let mut features = [0.0; Features::COUNT];
    for (feature, cell) in features.iter_mut().zip(&cells[HEAD.len()..]) {
        let number: f64 = cell.parse().with_context(|| format!("`{cell}` is not a number"))?;
        if !number.is_finite() {
            bail!("`{cell}` is not finite");
        }
        *feature = number;
    }
    let text = |index: usize| cells[index].to_owned();
    let success = match cells[columns - 1] {
        "1" => true,
        "0" => false,
        other => bail!("success is `{other}`, which is neither 0 nor 1"),
    };
    Ok(Row {
        run: text(0),
        family: text(1),
        kind: text(2),
        optimizer: text(3),
        features: Features(features),
        success,
    })
}
