//! Reproduction section: the command, the experiment file, the environment and the files beside the page.

use std::path::Path;

use maud::{Markup, html};

use isobath_store::RunRecord;

/// Renders the reproduction section, the last of the page.
pub(super) fn reproduction(run: &RunRecord, files: &[&Path]) -> Markup {
    html! {
        section {
            h2 { "Reproduce" }
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
            (list(files))
        }
    }
}

/// Renders a reproduction section of named commands.
pub(super) fn commands(commands: &[(&str, &str)], files: &[&Path]) -> Markup {
    html! {
        section {
            h2 { "Reproduce" }
            @for (label, command) in commands { (copied(label, command)) }
            (list(files))
        }
    }
}

/// Links to the files beside the page, if there are any.
fn list(files: &[&Path]) -> Markup {
    html! {
        @if !files.is_empty() {
            h3 { "Files" }
            ul.files { @for file in files { li { a href=(link(file)) { (link(file)) } } } }
        }
    }
}

/// Text box with a copy button.
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
