//! The page: the answer, the chart, the evidence, the tables and the reproduction section, in one file that opens
//! offline.

pub(super) mod comparison;
mod evidence;
mod figure;
mod gallery;
mod glossary;
pub(super) mod interpretation;
mod tables;
mod trained;
pub(super) mod verdict;
mod words;

use std::path::Path;

use crate::Result;
use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::{
    figures::{Figure, PageSection},
    sentences::verdict_sentences,
    vocabulary::count,
};
use isobath_store::RunRecord;
use words::symbols;

const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

/// The policy forbids the browser to load anything.
const POLICY: &str =
    "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'";

/// Renders the page of `run`, with `figures` drawn into it and links to the `files` beside it.
///
/// # Errors
/// If a figure cannot be drawn.
pub(super) fn page(
    run: &RunRecord,
    figures: &[Box<dyn Figure + '_>],
    files: &[&Path],
) -> Result<String> {
    let title = format!("{} \u{2013} Isobath", run.name);
    Ok(document(
        &title,
        &html! {
            (head(run))
            section aria-label="Chart" { (placed(figures, PageSection::Chart)?) }
            section {
                h2 { "Evidence" }
                (placed(figures, PageSection::Evidence)?)
                (gallery::gallery(run)?)
            }
            (tables::tables(run))
            (glossary::glossary(run))
            (evidence::reproduction(run, files))
        },
    ))
}

/// Whole document with the shared style and script.
fn document(title: &str, main: &Markup) -> String {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta http-equiv="Content-Security-Policy" content=(POLICY);
                title { (title) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                main { (main) }
                script { (PreEscaped(SCRIPT)) }
            }
        }
    };
    page.into_string()
}

/// Name, verdict sentences and facts of the run.
fn head(run: &RunRecord) -> Markup {
    html! {
        header {
            h1 { (run.name) }
            @if !run.description.is_empty() { p.about { (run.description) } }
            div.answer {
                @for sentence in verdict_sentences(run) { p { (symbols(&sentence)) } }
            }
            p.facts {
                (run.networks()) " · " (run.dataset) " · "
                (run.train_samples) " training and " (run.probe_samples) " probe samples · "
                (run.cells.len()) " of " (run.cells_planned) " cells"
                @if !run.trainings.is_empty() { " · " (count(run.trainings.len(), "training")) }
            }
        }
    }
}

fn placed(figures: &[Box<dyn Figure + '_>], place: PageSection) -> Result<Markup> {
    let shown = figures.iter().filter(|figure| figure.place() == place);
    let drawn = shown.map(|figure| figure::figure(figure.as_ref())).collect::<Result<Vec<_>>>()?;
    Ok(html! { @for figure in &drawn { (figure) } })
}
