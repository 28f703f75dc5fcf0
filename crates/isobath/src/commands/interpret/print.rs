//! The answer on the terminal.

use isobath_report::interpretation::{Interpretation, sentences};

/// Layers in the table, at most; of more, the table shows the first and the last ones.
const MOST_ROWS: usize = 40;

/// Sentences and the table of errors by layer.
pub(super) fn lines(interpretation: &Interpretation) -> Vec<String> {
    let losses = interpretation.losses();
    let width = interpretation.layers.iter().map(|row| row.name.chars().count()).max().unwrap_or(0);
    let outputs = interpretation.layers.iter().map(|row| row.output.chars().count()).max();
    let outputs = outputs.unwrap_or(0).max("output".len());
    let width = width.max("kind".len());
    let mut table =
        vec![format!("layer  {:<width$}  {:<outputs$}   error     rise", "kind", "output")];
    for (index, row) in interpretation.layers.iter().enumerate() {
        table.push(format!(
            "{:>5}  {:<width$}  {:<outputs$}  {:>6.3}  {:>+7.3}",
            index + 1,
            row.name,
            row.output,
            row.error,
            losses[index].lost()
        ));
    }
    let rows = table.len() - 1;
    if rows > MOST_ROWS {
        let left = format!("{:>5}  {} more layers; the page has all", "...", rows - MOST_ROWS);
        table.splice(1 + MOST_ROWS / 2..=rows - MOST_ROWS / 2, [left]);
    }
    sentences(interpretation).into_iter().chain(table).collect()
}
