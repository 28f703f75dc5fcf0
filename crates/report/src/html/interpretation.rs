//! Page of an interpretation.

use std::path::Path;

use maud::{Markup, PreEscaped, html};

use super::{document, evidence, figure, tables::scrolling};
use crate::{
    Error, Result,
    figures::{ErrorProfile, Figure, Layout, PictureTable, draw},
    interpretation::{Interpretation, LayerRow, sentences, tables},
    numbers::short,
};

/// Renders the page, with links to the `files` beside it.
///
/// # Errors
/// If a figure cannot be drawn.
pub(crate) fn page(interpretation: &Interpretation, files: &[&Path]) -> Result<String> {
    let Interpretation { name, facts, command, .. } = interpretation;
    let tables = tables(interpretation);
    let pictures = tables.iter().map(pictures).collect::<Result<Vec<_>>>()?;
    let profile = figure::figure(&ErrorProfile { interpretation })?;
    Ok(document(
        &format!("{name}: interpretation \u{2013} Isobath"),
        &html! {
            header {
                h1 { (name) ": what its layers keep of the input" }
                div.answer { @for sentence in sentences(interpretation) { p { (sentence) } } }
                dl { @for (name, value) in facts { dt { (name) } dd { (value) } } }
            }
            section aria-label="Profile" {
                (profile)
                (layers(interpretation))
            }
            section {
                h2 { "Pictures" }
                @if pictures.is_empty() { p { (without_pictures(interpretation)) } }
                @for part in &pictures { (part) }
            }
            (evidence::commands(&[("Command", command)], files))
        },
    ))
}

/// Reason why there are no pictures.
fn without_pictures(interpretation: &Interpretation) -> String {
    let [channels, height, width] = interpretation.shape;
    format!(
        "There are no pictures: the samples are no images, and {} numbers are too many for bars.",
        channels * height * width
    )
}

fn pictures(table: &PictureTable) -> Result<Markup> {
    let drawing = draw(table, Layout::Wide).map_err(Error::part(table.stem.as_str()))?;
    let label = format!("{}. {}", table.title, table.caption);
    Ok(html! {
        figure.pictures id=(table.stem()) {
            div tabindex="0" role="img" aria-label=(label) {
                (PreEscaped(drawing.to_inline("table-of-pictures")))
            }
            figcaption { (table.caption) }
        }
    })
}

fn layers(interpretation: &Interpretation) -> Markup {
    let losses = interpretation.losses();
    let has_linear = interpretation.layers.iter().any(|layer| layer.linear.is_some());
    let row = |index: usize, layer: &LayerRow| {
        let lost = losses[index].lost();
        let interval =
            layer.interval.map(|[low, high]| format!("{} to {}", short(low), short(high)));
        html! {
            tr {
                th scope="row" { (index + 1) }
                td.word { (layer.name) }
                td { (layer.output) }
                td { (short(layer.error)) }
                td { (interval.unwrap_or_else(|| "\u{2013}".into())) }
                td { (short(lost)) }
                td.share { div.bar style={ "width:" (format!("{:.2}", 100.0 * lost.clamp(0.0, 1.0))) "%" } {} }
                @if has_linear {
                    td { (layer.linear.map_or_else(|| "\u{2013}".into(), short)) }
                }
            }
        }
    };
    html! {
        (scrolling("Layers", html! {
            table {
                thead { tr {
                    th scope="col" { "layer" }
                    th.word scope="col" { "kind" }
                    th scope="col" { "output" }
                    th scope="col" { "error behind it" }
                    th scope="col" { "95% interval" }
                    th scope="col" { "rise of the error" }
                    th.word scope="col" { "rise" }
                    @if has_linear { th scope="col" { "one linear decoder" } }
                } }
                tbody { @for (index, layer) in interpretation.layers.iter().enumerate() { (row(index, layer)) } }
            }
        }))
    }
}
