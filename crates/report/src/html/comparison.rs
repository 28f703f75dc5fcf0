//! The page of a comparison: who is right about trainability, by how much, at what cost.

use std::path::Path;

use crate::Result;
use maud::{Markup, html};

use super::{
    document, evidence, placed,
    tables::{scrolling, time},
    words::symbols,
};
use isobath_analysis::comparison::{Comparison, Family, PredictorSummary};
use isobath_store::RunRecord;

use crate::{
    comparison::{estimate, frontier, sentences},
    figures::{Figure, PageSection, share},
    numbers::{short, variance},
    vocabulary::symbol,
};

/// One recipe's verdicts and the figures drawn of them.
pub(crate) struct Section<'a> {
    pub(crate) verdicts: &'a Comparison,
    pub(crate) figures: Vec<Box<dyn Figure + 'a>>,
}

/// The page, with links to the `files` written beside it.
///
/// # Errors
/// When a figure cannot be drawn.
pub(crate) fn page(run: &RunRecord, sections: &[Section<'_>], files: &[&Path]) -> Result<String> {
    let parts = sections.iter().map(|part| section(run, part)).collect::<Result<Vec<_>>>()?;
    let command = format!("cargo xtask compare {}", run.name);
    Ok(document(
        &format!("{}: who is right \u{2013} Isobath", run.name),
        &html! {
            header {
                h1 { (run.name) ": who is right about trainability" }
                @if !run.description.is_empty() { p.about { (run.description) } }
                @for part in sections {
                    div.answer {
                        @for sentence in sentences(run, part.verdicts) {
                            p { (symbols(&symbol(&sentence).replace("<=", "\u{2264}"))) }
                        }
                    }
                }
                p.facts { (run.network) " · " (run.dataset) }
            }
            @for part in &parts { (part) }
            (evidence::again(&RunRecord { command, ..run.clone() }, files))
        },
    ))
}

fn section(run: &RunRecord, Section { verdicts, figures }: &Section<'_>) -> Result<Markup> {
    Ok(html! {
        section {
            h2 { "Trained by " (verdicts.recipe) }
            (placed(figures, PageSection::Chart)?)
            (predictors(verdicts))
            (named_depths(verdicts))
            (placed(figures, PageSection::Evidence)?)
            (frontiers(verdicts))
            (costs(verdicts))
            (audit(verdicts))
            (meanings(run, verdicts))
        }
    })
}

fn head(words: &[&str]) -> Markup {
    html! { thead { tr { @for word in words { th scope="col" { (symbols(word)) } } } } }
}

fn name(summary: &PredictorSummary) -> Markup {
    html! { th.word scope="row" title=(summary.meaning) { (symbols(&symbol(&summary.predictor))) } }
}

fn predictors(verdicts: &Comparison) -> Markup {
    let row = |summary: &PredictorSummary| {
        let edge = summary.calibrated.as_ref();
        html! {
            tr {
                (name(summary))
                td { (estimate(summary.auc, 3)) }
                td { (estimate(summary.auc_above_theory, 3)) }
                td { (estimate(summary.auc_above_depth, 3)) }
                td { (estimate(summary.auc_at_depth, 3)) }
                td { (estimate(summary.auc_at_depth_above_theory, 3)) }
                td { (estimate(summary.spearman, 2)) }
                td { (estimate(summary.kendall, 2)) }
                td { (estimate(summary.brier, 3)) }
                td { (summary.brier_between.map_or("-".to_owned(), |brier| format!("{brier:.3}"))) }
                td { (estimate(edge.map(|edge| edge.mae_layers), 1)) }
                td { (estimate(edge.map(|edge| edge.bias_layers), 1)) }
                td { (estimate(edge.map(|edge| edge.octaves), 2)) }
            }
        }
    };
    html! {
        h3 { "Predictors" }
        p {
            "At equal depth only networks of one depth are compared, which shows what a score knows beyond the depth. "
            "Rank correlations are with the highest accuracy of each training. The Brier score is that of a "
            "probability calibrated on " (verdicts.calibrated_on)
            "; \u{201c}between\u{201d} shares variances out in turn instead. Frontiers are those of the calibrated "
            "score. In brackets: 95% bootstrap intervals, by cell, of frontiers by variance."
        }
        (scrolling("Predictors", html! {
            table {
                (head(&[
                    "predictor",
                    "AUC",
                    "above ξ_c",
                    "above depth",
                    "AUC at equal depth",
                    "above ξ_c there",
                    "Spearman",
                    "Kendall",
                    "Brier",
                    "Brier between",
                    "frontier missed by (layers)",
                    "too deep by (layers)",
                    "octaves",
                ]))
                tbody { @for summary in &verdicts.summaries { (row(summary)) } }
            }
        }))
    }
}

fn named_depths(verdicts: &Comparison) -> Markup {
    let named =
        |summary: &&PredictorSummary| summary.published.is_some() || summary.coefficient.is_some();
    let row = |summary: &PredictorSummary| {
        let edge = summary.published.as_ref();
        let ends = edge.map(|edge| format!("{} of {}", edge.clamped, edge.counted));
        html! {
            tr {
                (name(summary))
                td { (estimate(summary.coefficient.map(|coefficient| coefficient.a), 2)) }
                td { (summary.coefficient.map_or("-".to_owned(), |c| short(c.per_octave))) }
                td { (estimate(edge.map(|edge| edge.mae_layers), 1)) }
                td { (estimate(edge.map(|edge| edge.bias_layers), 1)) }
                td { (estimate(edge.map(|edge| edge.octaves), 2)) }
                td { (ends.unwrap_or("-".to_owned())) }
            }
        }
    };
    html! {
        @if verdicts.summaries.iter().any(|summary| named(&summary)) {
            h3 { "Depths as they are named" }
            p {
                "Networks are trainable while their depth is at most a times the one that is named: a makes success as "
                "likely as failure, by a logistic regression on all networks; the slope is by how much the log-odds of "
                "success fall with every octave of depth. The errors are those of the depths as "
                "they are named, without calibration."
            }
            (scrolling("Depths as they are named", html! {
                table {
                    (head(&[
                        "predictor", "a", "slope", "frontier missed by (layers)", "too deep by (layers)",
                        "octaves", "beyond the grid",
                    ]))
                    tbody { @for summary in verdicts.summaries.iter().filter(named) { (row(summary)) } }
                }
            }))
        }
    }
}

fn frontiers(verdicts: &Comparison) -> Markup {
    let leading: Vec<&str> = verdicts.leading.names().collect();
    let row = |family: &Family| {
        let predicted = |name: &&str| {
            let found = family.predicted.iter().find(|(predictor, _)| predictor == name);
            found.map_or("-".to_owned(), |(_, depth)| frontier(*depth))
        };
        let seeds = family.seeds.first().zip(family.seeds.last());
        html! {
            tr {
                th scope="row" { (variance(family.point.sigma_w2)) }
                td { (variance(family.point.sigma_b2)) }
                td { (frontier(family.measured)) }
                td {
                    @if let Some((first, last)) = seeds { (frontier(*first)) " to " (frontier(*last)) }
                }
                @for name in &leading { td { (predicted(name)) } }
            }
        }
    };
    html! {
        h3 { "Frontiers" }
        p {
            "In layers: the median over initialisations of the depth at which success becomes less likely than "
            "failure, its range over initialisations, and what the calibrated predictors say. A measured frontier "
            "outside the grid is left out of the errors."
        }
        (scrolling("Frontiers", html! {
            table {
                thead { tr {
                    @for word in ["σ_w²", "σ_b²", "measured", "over initialisations"] {
                        th scope="col" { (symbols(word)) }
                    }
                    @for name in &leading { th scope="col" { (symbols(&symbol(name))) } }
                } }
                tbody { @for family in &verdicts.families { (row(family)) } }
            }
        }))
    }
}

fn costs(verdicts: &Comparison) -> Markup {
    let mut summaries: Vec<&PredictorSummary> = verdicts.summaries.iter().collect();
    summaries.sort_by(|a, b| b.costs.seconds.total_cmp(&a.costs.seconds));
    let training = verdicts.training;
    let row = |summary: &PredictorSummary| {
        let ratio = summary.cost_ratio.map_or(0.0, |ratio| ratio.value);
        html! {
            tr {
                (name(summary))
                td { (time(summary.costs.seconds)) }
                td { (short(summary.costs.flops / 1e9)) }
                td { (share(ratio)) }
                td.share { div.bar style={ "width:" (format!("{:.2}", 100.0 * ratio.min(1.0))) "%" } {} }
            }
        }
    };
    html! {
        h3 { "Cost" }
        p {
            "A mean over networks. A look that covers several depths is shared equally between them: who asks about "
            "one network alone pays the whole look. Quantities of one predictor have one cost between them."
        }
        (scrolling("Cost", html! {
            table {
                thead { tr {
                    th.word scope="col" { "predictor" }
                    th scope="col" { "a network" }
                    th scope="col" { "GFLOP" }
                    th scope="col" { "of a training" }
                    th.word scope="col" { "share" }
                } }
                tbody {
                    tr {
                        th.word scope="row" { "training itself" }
                        td { (time(training.seconds)) }
                        td { (short(training.flops / 1e9)) }
                        td { "100%" }
                        td.share { div.bar style="width:100%" {} }
                    }
                    @for summary in summaries { (row(summary)) }
                }
            }
        }))
    }
}

fn audit(verdicts: &Comparison) -> Markup {
    let mut known: Vec<(&PredictorSummary, f64)> = verdicts
        .summaries
        .iter()
        .filter_map(|summary| Some((summary, summary.unchanged.filter(|share| *share > 0.0)?)))
        .collect();
    known.sort_by(|a, b| b.1.total_cmp(&a.1));
    html! {
        h3 { "Scores that do not see the variance" }
        @if known.is_empty() {
            p { "None: at every depth and initialisation every score changes with " (symbols("σ_w²")) "." }
        } @else {
            p {
                "The share of depths and initialisations at which a score is the same whatever " (symbols("σ_w²"))
                ". At 100% it cannot know where the frontier lies."
            }
            (scrolling("Scores that do not see the variance", html! {
                table {
                    (head(&["predictor", "unchanged"]))
                    tbody { @for (summary, unchanged) in known { tr { (name(summary)) td { (share(unchanged)) } } } }
                }
            }))
        }
    }
}

fn meanings(run: &RunRecord, verdicts: &Comparison) -> Markup {
    let missing = verdicts.summaries.iter().filter(|summary| summary.missing > 0);
    html! {
        details {
            summary { "What a larger score means" }
            dl {
                @for summary in verdicts.summaries.iter().filter(|summary| !summary.meaning.is_empty()) {
                    dt { (symbols(&symbol(&summary.predictor))) } dd { (summary.meaning) }
                }
            }
            p { "Which sign speaks for a network is part of a predictor; a score is never turned around." }
            @if run.recipes.len() > 1 { p { "Brief trainings go by the first recipe, " (run.recipes[0]) "." } }
        }
        @for summary in missing {
            p { (summary.predictor) " says nothing of " (summary.missing) " networks, which counts against them." }
        }
    }
}
