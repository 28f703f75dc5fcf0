//! How to do it again: the command, the experiment file, the machine, the files beside the page.

use std::path::Path;

use maud::{Markup, html};

use isobath_store::RunRecord;

/// The last section.
pub(super) fn again(run: &RunRecord, files: &[&Path]) -> Markup {
    html! {
        section {
            h2 { "Again" }
            @if !run.command.is_empty() { (copied("Command", &run.command)) }
            @if !run.experiment_toml.is_empty() {
                details { summary { "Experiment file" } (copied("Experiment file", &run.experiment_toml)) }
            }
            @if !run.environment.is_empty() {
                details {
                    summary { "Environment" }
                    dl { @for (name, value) in &run.environment { dt { (name) } dd { (value) } } }
                }
            }
            @if !files.is_empty() {
                h3 { "Files" }
                ul.files { @for file in files { li { a href=(link(file)) { (link(file)) } } } }
            }
        }
    }
}

/// Text in a box with a button that copies it.
fn copied(label: &str, text: &str) -> Markup {
    html! {
        div.copied {
            button type="button" aria-label={ "Copy: " (label) } { "Copy" }
            pre tabindex="0" aria-label=(label) { code { (text) } }
        }
    }
}

fn link(file: &Path) -> String {
    let parts: Vec<_> = file.iter().map(|part| part.to_string_lossy()).collect();
    parts.join("/")
}
