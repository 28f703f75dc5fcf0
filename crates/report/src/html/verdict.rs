//! Page of a verdict on a single network.

use crate::Result;
use maud::{Markup, html};

use super::{document, figure, tables::scrolling, words::symbols};
use crate::{
    figures::LayerPanels,
    verdict::{Alternative, Reason, Training, VerdictReport},
    vocabulary::{capitalised, count},
};

/// Renders the page.
///
/// # Errors
/// If the figure cannot be drawn.
pub(crate) fn page(report: &VerdictReport) -> Result<String> {
    let panels = LayerPanels::of(&report.profile, &report.reasons);
    let drawn = if panels.is_empty() { None } else { Some(figure::figure(&panels)?) };
    let left_out = panels.left_out();
    Ok(document(
        &format!("{}: verdict \u{2013} Isobath", report.name),
        &html! {
            header {
                h1 { (report.name) }
                div.answer {
                    p { (symbols(&sentence(&report.sentence))) }
                    @if let Some(probability) = report.probability { (gauge(probability)) }
                }
                p.facts { (report.facts.join(" · ")) }
                p.facts { (sentence(&report.basis)) }
            }
            (reasons(&report.reasons_title, &report.reasons))
            (alternatives(report))
            (trainings(&report.trainings))
            section {
                h2 { "Layer by layer" }
                @if let Some(figure) = &drawn { (figure) }
                @for words in &left_out { p.facts { (words) } }
            }
            section {
                h2 { "Reproduction" }
                div.copied {
                    button type="button" { "Copy" }
                    pre { code { (report.command) } }
                }
            }
        },
    ))
}

/// `text` with a capital letter and a full stop.
fn sentence(text: &str) -> String {
    let text = capitalised(text);
    if text.ends_with('.') { text } else { format!("{text}.") }
}

fn percent(share: f64) -> String {
    format!("{:.1}%", 100.0 * share.clamp(0.0, 1.0))
}

/// The probability as a mark on a scale from 0 to 1, with its interval as a band.
fn gauge([p, low, high]: [f64; 3]) -> Markup {
    let band = format!("left:{};width:{}", percent(low), percent(high - low));
    let mark = format!("left:{}", percent(p));
    let label = format!("Probability {p:.2}, interval {low:.2} to {high:.2}");
    html! {
        div.gauge role="img" aria-label=(label) {
            div.scale {
                div.band style=(band) {}
                div.mark style=(mark) {}
            }
            div.ends { span { "0" } span { "0.5" } span { "1" } }
        }
    }
}

fn reasons(title: &str, reasons: &[Reason]) -> Markup {
    html! {
        section {
            h2 { (capitalised(title)) }
            @if reasons.is_empty() {
                p { "Nothing unusual was found at initialisation." }
            } @else {
                ol { @for reason in reasons { li { (sentence(&reason.sentence)) } } }
            }
        }
    }
}

fn alternatives(report: &VerdictReport) -> Markup {
    let Some(alternatives) = &report.alternatives else { return html! {} };
    let row = |alternative: &Alternative| {
        let [p, low, high] = alternative.probability;
        html! {
            tr {
                th.word scope="row" { (capitalised(&alternative.change)) }
                td { (format!("{p:.2}")) }
                td { (format!("{low:.2} to {high:.2}")) }
                td.word.options { code { (alternative.options) } }
            }
        }
    };
    html! {
        section {
            h2 { "Alternatives" }
            @if !alternatives.is_empty() {
                (scrolling("Alternatives", html! {
                    table {
                        thead { tr {
                            th.word scope="col" { "change" }
                            th scope="col" { "P" }
                            th scope="col" { "interval" }
                            th.word scope="col" { "options" }
                        } }
                        tbody { @for alternative in alternatives { (row(alternative)) } }
                    }
                }))
            }
            @for words in &report.advice { p { (sentence(words)) } }
        }
    }
}

fn trainings(trainings: &[Training]) -> Markup {
    let row = |training: &Training| {
        html! {
            tr {
                th.word scope="row" { (capitalised(&training.network)) }
                td { (training.predicted.map_or("not known".to_owned(), |p| format!("{p:.2}"))) }
                td.word { (training.result) }
                td.share {
                    @if let Some(accuracy) = training.accuracy {
                        div.bar style=(format!("width:{}", percent(accuracy))) {}
                    }
                }
            }
        }
    };
    html! {
        @if !trainings.is_empty() {
            section {
                h2 { "Verified" }
                p { "The file's whole budget of training was spent on " (count(trainings.len(), "network")) "." }
                (scrolling("Verified", html! {
                    table {
                        thead { tr {
                            th.word scope="col" { "network" }
                            th scope="col" { "predicted P" }
                            th.word scope="col" { "result" }
                            th.word scope="col" { "accuracy from 0 to 1" }
                        } }
                        tbody { @for training in trainings { (row(training)) } }
                    }
                }))
            }
        }
    }
}
