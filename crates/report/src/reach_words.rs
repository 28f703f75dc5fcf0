//! The depth that information reaches, in words.

use isobath_analysis::points::Reach;
use isobath_entropy::cutoff::CutoffRule;

use crate::numbers::depth;

/// In words: `cut-off 8.3 (7 to 9)`.
pub(crate) fn reach_words(reach: &Reach, rule: CutoffRule, layers: usize) -> String {
    let name = rule.descriptor().label;
    match reach {
        Reach::Measured { depth: reach, beyond, .. } => {
            let bar = if reach.is_wide() {
                format!(" ({} to {})", depth(reach.low), depth(reach.high))
            } else {
                String::new()
            };
            let some = if *beyond > 0 {
                format!(", {beyond} of them beyond {layers}")
            } else {
                String::new()
            };
            format!("{name} {}{bar}{some}", depth(reach.mean))
        }
        Reach::Beyond { beyond, seeds } if beyond < seeds => {
            format!("{name} beyond {layers} for {beyond} of {seeds} seeds")
        }
        Reach::Beyond { .. } => format!("{name} beyond {layers}"),
        Reach::Unknown { note: Some(note) } => format!("no {name}: {note}"),
        Reach::Unknown { note: None } => format!("no {name}"),
    }
}
