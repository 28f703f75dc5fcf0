//! Tables of the page: cut-offs of each point, failures, costs.

use crate::places::point_words;
use isobath_entropy::{EstimatorSpec, cutoff::CutoffRule};
use isobath_experiment::GridPoint;
use maud::{Markup, html};

use super::{trained, words::symbols};
use isobath_analysis::points::{Point, Reach, Slice, slices};
use isobath_store::RunRecord;

use crate::{
    numbers::{depth, short, variance},
    vocabulary::{count, depth_bars, depth_end},
};

/// All tables.
pub(super) fn tables(run: &RunRecord) -> Markup {
    html! {
        section {
            h2 { "Numbers" }
            (trained::frontier(run))
            (cutoffs(run))
            (failures(run))
            (costs(run))
            (trained::ledger(run))
        }
    }
}

/// Wraps a table in a scrolling box, so that the page never scrolls sideways.
pub(super) fn scrolling(label: &str, table: Markup) -> Markup {
    html! {
        p.hint { "The table scrolls sideways." }
        div.table tabindex="0" role="region" aria-label=(label) { (table) }
    }
}

/// Head of the column of networks, if the grid compares several.
pub(super) fn network_head(run: &RunRecord) -> Markup {
    html! { @if run.has_variants() { th.word scope="col" { "network" } } }
}

/// Network of a row, if the grid compares several.
pub(super) fn network_cell(run: &RunRecord, point: GridPoint) -> Markup {
    html! { @if let Some(name) = run.variant_name(point) { td.word { (name) } } }
}

/// Cells of the variances of a point, or one cell with the name of an initialisation with a scale of its own.
pub(super) fn variance_cells(run: &RunRecord, point: GridPoint) -> Markup {
    html! {
        @match run.scheme(point) {
            Some(scheme) => { th.word scope="row" colspan="2" { (scheme) " initialisation" } }
            None => {
                th scope="row" { (variance(point.sigma_w2)) }
                td { (variance(point.sigma_b2)) }
            }
        }
    }
}

fn cutoffs(run: &RunRecord) -> Markup {
    let pairs = run.pairs();
    let slices = slices(run);
    let bars: Vec<_> = run
        .rules
        .iter()
        .map(|&rule| format!("{}: {}", rule.words(), depth_bars(run, rule)))
        .collect();
    html! {
        h3 { "Depth that information reaches" }
        p { "In " (run.kind.depth_unit().of_profiles()) ", counted from 1. In brackets: the ends of the bars (" (bars.join("; ")) ")." }
        (scrolling("Depths for each point", html! {
            table {
                thead {
                    tr {
                        (network_head(run))
                        @for name in ["σ_w²", "σ_b²", "phase", "ξ_c", "6 ξ_c"] {
                            th scope="col" { (symbols(name)) }
                        }
                        @for (estimator, rule) in &pairs {
                            th scope="col" { (estimator.to_string()) br; (rule.descriptor().label) " (" (rule.words()) ")" }
                        }
                    }
                }
                tbody { @for point in slices.iter().flat_map(|slice| &slice.points) { (row(run, point, &pairs)) } }
            }
        }))
        (missing(run, &slices))
    }
}

/// Reasons for the missing cut-offs of the first estimator and rule.
fn missing(run: &RunRecord, slices: &[Slice<'_>]) -> Markup {
    let Some((&estimator, &rule)) = run.estimators.first().zip(run.rules.first()) else {
        return html! {};
    };
    let reasons: Vec<(&Point<'_>, String)> = slices
        .iter()
        .flat_map(|slice| &slice.points)
        .filter_map(|point| match point.reach(estimator, rule, run.layers) {
            Reach::Unknown { note: Some(note) } => Some((point, note)),
            _ => None,
        })
        .collect();
    html! {
        @if !reasons.is_empty() {
            p { "Points without a cut-off (" (estimator.to_string()) ", " (rule.words()) "):" }
            ul {
                @for (point, note) in &reasons {
                    li { (symbols(&format!("{}: {note}", point_words(run, point.id)))) }
                }
            }
        }
    }
}

fn row(run: &RunRecord, point: &Point<'_>, pairs: &[(EstimatorSpec, CutoffRule)]) -> Markup {
    let theory = |factor: f64| point.xi_c().map_or("\u{2013}".into(), |xi_c| short(factor * xi_c));
    html! {
        tr {
            (network_cell(run, point.id))
            (variance_cells(run, point.id))
            td.word { (point.phase.name()) }
            td { (theory(1.0)) }
            td { (theory(6.0)) }
            @for (estimator, rule) in pairs { td { (reach(run, &point.reach(*estimator, *rule, run.layers))) } }
        }
    }
}

fn reach(run: &RunRecord, reach: &Reach) -> Markup {
    html! {
        @match reach {
            Reach::Measured { depth: reach, beyond, unconverged, seeds } => {
                @if 2 * unconverged >= *seeds && *unconverged > 0 { "\u{2265} " }
                (depth(reach.mean))
                @if reach.is_wide() { " (" (depth(reach.low)) " to " (depth_end(reach.high, run.layers)) ")" }
                @if *beyond > 0 { " " (beyond) " of " (seeds) " beyond" }
            }
            Reach::Beyond { beyond, seeds } => {
                "> " (run.layers)
                @if beyond < seeds { " (" (beyond) " of " (seeds) ")" }
            }
            Reach::Unknown { note } => { span title=(note.as_deref().unwrap_or("no result")) { "\u{2013}" } }
        }
    }
}

fn failures(run: &RunRecord) -> Markup {
    let failed: Vec<_> = run
        .cells
        .iter()
        .filter_map(|record| Some((&record.cell, record.failure.as_ref()?)))
        .collect();
    html! {
        @if !failed.is_empty() {
            h3 { (count(failed.len(), "cell")) " without a result" }
            (scrolling("Failures", html! {
                table {
                    thead {
                        tr {
                            (network_head(run))
                            @for name in ["σ_w²", "σ_b²", "seed"] { th scope="col" { (symbols(name)) } }
                            th.word scope="col" { "reason" }
                        }
                    }
                    tbody {
                        @for (cell, failure) in &failed {
                            tr {
                                (network_cell(run, cell.point))
                                (variance_cells(run, cell.point))
                                td { (cell.seed_index) }
                                td.word { (failure) }
                            }
                        }
                    }
                }
            }))
        }
    }
}

fn costs(run: &RunRecord) -> Markup {
    let sum = |pick: fn(&isobath_store::CostRecord) -> f64| {
        run.cells.iter().map(|record| pick(&record.cost)).sum::<f64>()
    };
    let (cascade, entropy) = (sum(|cost| cost.cascade_seconds), sum(|cost| cost.entropy_seconds));
    let operations = sum(|cost| cost.flops as f64);
    let mut backends: Vec<_> =
        run.cells.iter().map(|record| record.cost.backend.as_str()).collect();
    backends.sort_unstable();
    backends.dedup();
    let stages = [("decoders and reconstructions", cascade), ("entropies and cut-offs", entropy)];
    let per_cell = |seconds: f64| seconds / run.cells.len().max(1) as f64;
    let share = |seconds: f64| {
        format!("width:{:.1}%", 100.0 * seconds / (cascade + entropy).max(f64::MIN_POSITIVE))
    };
    let rate = if cascade > 0.0 {
        format!("{} GFLOP/s", short(operations / cascade / 1e9))
    } else {
        "\u{2013}".into()
    };
    html! {
        @if !run.cells.is_empty() {
            h3 { "Cost" }
            (scrolling("Cost", html! {
                table {
                    thead {
                        tr {
                            th.word scope="col" { "stage" }
                            th scope="col" { "all cells" }
                            th scope="col" { "mean per cell" }
                            th.word scope="col" { "share" }
                        }
                    }
                    tbody {
                        @for (name, seconds) in stages {
                            tr {
                                th.word scope="row" { (name) }
                                td { (time(seconds)) }
                                td { (time(per_cell(seconds))) }
                                td.share { div.bar style=(share(seconds)) {} }
                            }
                        }
                    }
                }
            }))
            p {
                "Matrix products of the cascade: " (short(operations / 1e12)) " TFLOP at " (rate)
                " over the cells' compute time, on " (backends.join(", ")) "."
            }
        }
    }
}

/// Formats a duration in a readable unit.
pub(super) fn time(seconds: f64) -> String {
    match seconds {
        seconds if seconds < 1.0 => format!("{} ms", short(seconds * 1e3)),
        seconds if seconds < 120.0 => format!("{} s", short(seconds)),
        seconds if seconds < 7200.0 => format!("{} min", short(seconds / 60.0)),
        seconds => format!("{} h", short(seconds / 3600.0)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_of_an_initialisation_with_a_scale_of_its_own_have_its_name() {
        use isobath_store::synthetic::{Options, run};
        let mut run = run(&Options::default());
        let point = run.cells[0].cell.point;
        assert!(cutoffs(&run).into_string().contains(&format!(">{}<", variance(point.sigma_w2))));
        run.variants[point.variant].scheme = Some("pytorch".into());
        let table = cutoffs(&run).into_string();
        assert!(table.contains(">pytorch initialisation<"), "{table}");
        assert!(!table.contains(&format!("<th scope=\"row\">{}<", variance(point.sigma_w2))));
    }

    #[test]
    fn units_of_durations() {
        assert_eq!([0.0125, 4.5, 600.0, 86400.0].map(time), ["12.5 ms", "4.5 s", "10 min", "24 h"]);
    }
}
