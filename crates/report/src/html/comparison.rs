//! Page of a comparison: accuracy and cost of the trainability predictors.

use std::path::Path;

use crate::Result;
use maud::{Markup, html};

use super::{
    document, evidence, glossary, placed,
    tables::{network_cell, network_head, scrolling, time, variance_cells},
    words::symbols,
};
use isobath_analysis::comparison::{Comparison, Family, PredictorSummary};
use isobath_store::RunRecord;

use crate::{
    comparison::{auc, estimate, frontier, sentences, without_auc},
    figures::{Figure, PageSection, share},
    numbers::short,
    vocabulary::symbol,
};

/// One recipe's comparison and its figures.
pub(crate) struct Section<'a> {
    pub(crate) comparison: &'a Comparison,
    pub(crate) figures: Vec<Box<dyn Figure + 'a>>,
}

/// Renders the page, with links to the `files` beside it.
///
/// # Errors
/// If a figure cannot be drawn.
pub(crate) fn page(run: &RunRecord, sections: &[Section<'_>], files: &[&Path]) -> Result<String> {
    let parts = sections.iter().map(|part| section(run, part)).collect::<Result<Vec<_>>>()?;
    let command = format!("cargo xtask compare {}", run.name);
    Ok(document(
        &format!("{}: predictor comparison \u{2013} Isobath", run.name),
        &html! {
            header {
                h1 { (run.name) ": predictors of trainability compared" }
                @if !run.description.is_empty() { p.about { (run.description) } }
                @for part in sections {
                    div.answer {
                        @for sentence in sentences(run, part.comparison) {
                            p { (symbols(&symbol(&sentence).replace("<=", "\u{2264}"))) }
                        }
                    }
                }
                p.facts { (run.networks()) " · " (run.dataset) }
            }
            @for part in &parts { (part) }
            (glossary::comparison_glossary())
            (evidence::reproduction(&RunRecord { command, ..run.clone() }, files))
        },
    ))
}

fn section(run: &RunRecord, Section { comparison, figures }: &Section<'_>) -> Result<Markup> {
    Ok(html! {
        section {
            h2 { "Trained with " (comparison.recipe) }
            (placed(figures, PageSection::Chart)?)
            (predictors(run, comparison))
            (uncalibrated_depths(run, comparison))
            (placed(figures, PageSection::Evidence)?)
            (frontiers(run, comparison))
            (costs(comparison))
            (unchanged_scores(comparison))
            (meanings(run, comparison))
        }
    })
}

fn head(words: &[&str]) -> Markup {
    html! { thead { tr { @for word in words { th scope="col" { (symbols(word)) } } } } }
}

/// Heads of the errors of frontiers, with their unit.
fn error_heads(run: &RunRecord) -> [String; 2] {
    let unit = run.kind.depth_unit().of_profiles();
    ["frontier error", "bias"].map(|name| format!("{name} ({unit})"))
}

fn name(summary: &PredictorSummary) -> Markup {
    html! { th.word scope="row" title=(summary.meaning) { (symbols(&symbol(&summary.predictor))) } }
}

fn predictors(run: &RunRecord, comparison: &Comparison) -> Markup {
    let [error, bias] = error_heads(run);
    let row = |summary: &PredictorSummary| {
        let errors = summary.calibrated.as_ref();
        html! {
            tr {
                (name(summary))
                td { (auc(comparison, summary.auc)) }
                td { (estimate(summary.auc_above_theory, 3)) }
                td { (estimate(summary.auc_above_depth, 3)) }
                td { (auc(comparison, summary.auc_at_depth)) }
                td { (estimate(summary.auc_at_depth_above_theory, 3)) }
                td { (estimate(summary.spearman, 2)) }
                td { (estimate(summary.kendall, 2)) }
                td { (estimate(summary.brier, 3)) }
                td { (summary.brier_between.map_or("-".to_owned(), |brier| format!("{brier:.3}"))) }
                td { (estimate(errors.map(|errors| errors.mae_layers), 1)) }
                td { (estimate(errors.map(|errors| errors.bias_layers), 1)) }
                td { (estimate(errors.map(|errors| errors.octaves), 2)) }
            }
        }
    };
    html! {
        h3 { "Predictors" }
        p {
            "AUC at equal depth compares only networks of the same depth, so it measures information beyond the depth. "
            "Rank correlations are with the highest accuracy of each training. The Brier score uses a "
            "probability calibrated on " (comparison.calibrated_on)
            "; \u{201c}interleaved\u{201d} assigns weight variances to folds in turn instead. Frontiers use the calibrated "
            "score. In brackets: 95% bootstrap intervals, which resample configurations (families for frontiers)."
        }
        @if let Some(reason) = without_auc(comparison) { p { (reason) } }
        (scrolling("Predictors", html! {
            table {
                (head(&[
                    "predictor",
                    "AUC",
                    "AUC above ξ_c",
                    "AUC above depth",
                    "AUC at equal depth",
                    "above ξ_c at equal depth",
                    "Spearman",
                    "Kendall",
                    "Brier",
                    "Brier interleaved",
                    &error,
                    &bias,
                    "octaves",
                ]))
                tbody { @for summary in &comparison.summaries { (row(summary)) } }
            }
        }))
    }
}

fn uncalibrated_depths(run: &RunRecord, comparison: &Comparison) -> Markup {
    let [error, bias] = error_heads(run);
    let named =
        |summary: &&PredictorSummary| summary.published.is_some() || summary.coefficient.is_some();
    let row = |summary: &PredictorSummary| {
        let errors = summary.published.as_ref();
        let ends = errors.map(|errors| format!("{} of {}", errors.clamped, errors.counted));
        html! {
            tr {
                (name(summary))
                td { (estimate(summary.coefficient.map(|coefficient| coefficient.a), 2)) }
                td { (summary.coefficient.map_or("-".to_owned(), |c| short(c.per_octave))) }
                td { (estimate(errors.map(|errors| errors.mae_layers), 1)) }
                td { (estimate(errors.map(|errors| errors.bias_layers), 1)) }
                td { (estimate(errors.map(|errors| errors.octaves), 2)) }
                td { (ends.unwrap_or("-".to_owned())) }
            }
        }
    };
    html! {
        @if comparison.summaries.iter().any(|summary| named(&summary)) {
            h3 { "Predicted depths without calibration" }
            p {
                "A logistic regression on all networks gives the factor a: at a times the predicted depth, success and "
                "failure are equally likely. The slope is the decrease of the log-odds of success per octave of depth. "
                "The errors are those of the uncalibrated depths."
            }
            (scrolling("Predicted depths without calibration", html! {
                table {
                    (head(&[
                        "predictor", "a", "slope", &error, &bias,
                        "octaves", "clamped to the grid",
                    ]))
                    tbody { @for summary in comparison.summaries.iter().filter(named) { (row(summary)) } }
                }
            }))
        }
    }
}

fn frontiers(run: &RunRecord, comparison: &Comparison) -> Markup {
    let leading: Vec<&str> = comparison.leading.names().collect();
    let row = |family: &Family| {
        let predicted = |name: &&str| {
            let found = family.predicted.iter().find(|(predictor, _)| predictor == name);
            found.map_or("-".to_owned(), |(_, depth)| frontier(*depth))
        };
        let seeds = family.seeds.first().zip(family.seeds.last());
        html! {
            tr {
                (network_cell(run, family.point))
                (variance_cells(run, family.point))
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
            "In " (run.kind.depth_unit().of_networks()) ": the median over initialisations of the depth at which success becomes less likely than "
            "failure, its range over initialisations, and the predictions of the calibrated predictors. The errors "
            "exclude measured frontiers outside the grid."
        }
        (scrolling("Frontiers", html! {
            table {
                thead { tr {
                    (network_head(run))
                    @for word in ["σ_w²", "σ_b²", "measured", "over initialisations"] {
                        th scope="col" { (symbols(word)) }
                    }
                    @for name in &leading { th scope="col" { (symbols(&symbol(name))) } }
                } }
                tbody { @for family in &comparison.families { (row(family)) } }
            }
        }))
    }
}

fn costs(comparison: &Comparison) -> Markup {
    let mut summaries: Vec<&PredictorSummary> = comparison.summaries.iter().collect();
    summaries.sort_by(|a, b| b.costs.seconds.total_cmp(&a.costs.seconds));
    let training = comparison.training;
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
            "Mean over networks. The cost of a computation that covers several depths is divided equally among them; a "
            "single network alone costs the full computation. All scores of one predictor share one cost."
        }
        (scrolling("Cost", html! {
            table {
                thead { tr {
                    th.word scope="col" { "predictor" }
                    th scope="col" { "per network" }
                    th scope="col" { "GFLOP" }
                    th scope="col" { "share of a training" }
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

fn unchanged_scores(comparison: &Comparison) -> Markup {
    let mut known: Vec<(&PredictorSummary, f64)> = comparison
        .summaries
        .iter()
        .filter_map(|summary| Some((summary, summary.unchanged.filter(|share| *share > 0.0)?)))
        .collect();
    known.sort_by(|a, b| b.1.total_cmp(&a.1));
    html! {
        h3 { "Scores independent of the weight variance" }
        @if known.is_empty() {
            p { "None: every score changes with " (symbols("σ_w²")) " at every depth and initialisation." }
        } @else {
            p {
                "Share of depths and initialisations at which a score is the same for every " (symbols("σ_w²"))
                ". At 100%, the score cannot locate the frontier."
            }
            (scrolling("Scores independent of the weight variance", html! {
                table {
                    (head(&["predictor", "unchanged"]))
                    tbody { @for (summary, unchanged) in known { tr { (name(summary)) td { (share(unchanged)) } } } }
                }
            }))
        }
    }
}

fn meanings(run: &RunRecord, comparison: &Comparison) -> Markup {
    let missing = comparison.summaries.iter().filter(|summary| summary.missing > 0);
    html! {
        details {
            summary { "Meaning of a larger score" }
            dl {
                @for summary in comparison.summaries.iter().filter(|summary| !summary.meaning.is_empty()) {
                    dt { (symbols(&symbol(&summary.predictor))) } dd { (summary.meaning) }
                }
            }
            p { "The sign of a score is part of the predictor; scores are never inverted." }
            @if run.recipes.len() > 1 { p { "Brief trainings use the first recipe, " (run.recipes[0]) "." } }
        }
        @for summary in missing {
            p { (summary.predictor) " has no score for " (summary.missing) " networks; these networks rank lowest." }
        }
    }
}
