//! Tables of training results: trainable depths, and the cost of training and cascade.

use maud::{Markup, html};

use super::{
    tables::{network_cell, network_head, scrolling, time, variance_cells},
    words::symbols,
};
use isobath_analysis::frontier::{PointFrontier, frontiers};
use isobath_scoring::Side;
use isobath_store::RunRecord;

use crate::numbers::{depth, short};

/// Table of trainable depths; empty without trainings.
pub(super) fn frontier(run: &RunRecord) -> Markup {
    let all = frontiers(&run.trainings);
    html! {
        @if !all.is_empty() {
            h3 { "Trainable depth" }
            p {
                "In " (run.kind.depth_unit().of_networks()) ": median over seeds, with the range in brackets. Seeds differ: depths at which some seeds \
                 succeed and others fail. Reversals: changes between success and failure along depth in addition to the \
                 single change of a sharp frontier, summed over seeds."
            }
            (scrolling("Frontier for each point", html! {
                table {
                    thead {
                        tr {
                            (network_head(run))
                            @for name in ["σ_w²", "σ_b²", "recipe", "frontier", "seeds differ", "reversals"] {
                                th scope="col" { (symbols(name)) }
                            }
                        }
                    }
                    tbody { @for found in &all { (row(run, found)) } }
                }
            }))
        }
    }
}

fn row(run: &RunRecord, found: &PointFrontier) -> Markup {
    let (low, high) = found.trained.range;
    html! {
        tr {
            (network_cell(run, found.point))
            (variance_cells(run, found.point))
            td.word { (run.recipes[found.recipe]) }
            td {
                @match found.trained.censored {
                    Some(Side::Deeper) => { "\u{2265} " (depth(found.trained.deepest_success)) }
                    Some(Side::Shallower) => { "none" }
                    None => { (depth(found.trained.deepest_success)) }
                }
                @if high > low { " (" (depth(low)) "\u{2013}" (depth(high)) ")" }
            }
            td {
                @match found.trained.mixed {
                    Some((from, to)) if from == to => { (from) }
                    Some((from, to)) => { (from) "\u{2013}" (to) }
                    None => { "\u{2013}" }
                }
            }
            td { (found.trained.reversals()) }
        }
    }
}

/// Networks, seconds and operations of one kind of work.
struct Entry {
    what: &'static str,
    networks: usize,
    seconds: f64,
    flops: f64,
}

/// Table of the costs of training and cascade; empty without trainings.
pub(super) fn ledger(run: &RunRecord) -> Markup {
    let cascade = Entry {
        what: "cascade (one covers all depths)",
        networks: run.cells.len(),
        seconds: run.cells.iter().map(|c| c.cost.cascade_seconds + c.cost.entropy_seconds).sum(),
        flops: run.cells.iter().map(|cell| cell.cost.flops as f64).sum(),
    };
    let training = Entry {
        what: "training",
        networks: run.trainings.len(),
        seconds: run.trainings.iter().map(|training| training.seconds).sum(),
        flops: run.trainings.iter().map(|training| training.flops as f64).sum(),
    };
    let share = |part: f64, whole: f64| {
        if whole > 0.0 { format!("{} %", short(100.0 * part / whole)) } else { "\u{2013}".into() }
    };
    html! {
        @if !run.trainings.is_empty() {
            h3 { "Cost relative to training" }
            (scrolling("Cost relative to training", html! {
                table {
                    thead {
                        tr {
                            th.word scope="col" { "work" }
                            @for name in ["networks", "time", "mean per network", "TFLOP", "share of training time", "share of training FLOP"] {
                                th scope="col" { (name) }
                            }
                        }
                    }
                    tbody {
                        @for Entry { what, networks, seconds, flops } in [&cascade, &training] {
                            tr {
                                th.word scope="row" { (what) }
                                td { (networks) }
                                td { (time(*seconds)) }
                                td { (time(seconds / (*networks).max(1) as f64)) }
                                td { (short(flops / 1e12)) }
                                td { (share(*seconds, training.seconds)) }
                                td { (share(*flops, training.flops)) }
                            }
                        }
                    }
                }
            }))
        }
    }
}
