//! Text for the depth that information reaches.

use isobath_analysis::points::Reach;
use isobath_entropy::cutoff::CutoffRule;

use crate::{numbers::depth, vocabulary::depth_end};

/// Formats a depth: `cut-off 8.3 (7 to 9)`.
pub(crate) fn reach_words(reach: &Reach, rule: CutoffRule, layers: usize) -> String {
    let name = rule.descriptor().label;
    match reach {
        Reach::Measured { depth: lower, unconverged, seeds, .. } if reach.is_lower_bound() => {
            let seeds = if *seeds > 1 {
                format!(" for {unconverged} of {seeds} seeds")
            } else {
                String::new()
            };
            format!("{name} at least {} (a lower bound{seeds})", depth(lower.mean))
        }
        Reach::Measured { depth: reach, beyond, .. } => {
            let bar = if reach.is_wide() {
                format!(" ({} to {})", depth(reach.low), depth_end(reach.high, layers))
            } else {
                String::new()
            };
            let censored = if *beyond > 0 {
                format!(", {beyond} seeds beyond {layers}")
            } else {
                String::new()
            };
            format!("{name} {}{bar}{censored}", depth(reach.mean))
        }
        Reach::Beyond { beyond, seeds } if beyond < seeds => {
            format!("{name} beyond {layers} for {beyond} of {seeds} seeds")
        }
        Reach::Beyond { .. } => format!("{name} beyond {layers}"),
        Reach::Unknown { note: Some(note) } => format!("no {name}: {note}"),
        Reach::Unknown { note: None } => format!("no {name}"),
    }
}
