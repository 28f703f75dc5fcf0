//! Reader-facing names and words.

use isobath_entropy::cutoff::CutoffRule;
use isobath_store::RunRecord;

use crate::numbers::short;

/// `1 seed`, `3 seeds`.
pub fn count(number: usize, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}

/// Describes the bars of a profile.
pub(super) fn profile_bars(run: &RunRecord) -> String {
    match run.seeds {
        0 | 1 => "95% bootstrap interval over probe samples".into(),
        seeds => format!("min\u{2013}max over {seeds} seeds"),
    }
}

/// Describes the bars of `rule`'s depths.
pub(super) fn depth_bars(run: &RunRecord, rule: CutoffRule) -> String {
    let decoders = match run.noise {
        Some(noise) => format!("for noise {} on each activation", short(noise)),
        None => "extended by what half of the decoder training changes".into(),
    };
    match (run.seeds, rule.descriptor().is_scale) {
        (0 | 1, true) => format!("one standard error, {decoders}"),
        (0 | 1, false) => format!("95% over probe samples, {decoders}"),
        (seeds, _) => format!("{seeds} seeds, 95% over probe samples, {decoders}"),
    }
}

/// End of an interval of depths in a network of `layers` layers: `12.5`, or `> 40` beyond it.
pub(super) fn depth_end(end: f64, layers: usize) -> String {
    if end >= layers as f64 { format!("> {layers}") } else { crate::numbers::depth(end) }
}

/// Replaces scale names by symbols in an overlay's label.
pub(super) fn symbol(label: &str) -> String {
    label.replace("xi_c", "ξ_c").replace("xi_q", "ξ_q")
}

/// Capitalises the first letter of `words`.
pub(super) fn capitalised(words: &str) -> String {
    let mut characters = words.chars();
    characters
        .next()
        .map_or_else(String::new, |first| first.to_uppercase().chain(characters).collect())
}

/// Splits `text` at its first subscript, as in `σ_w` and `ξ_c`, into the text before the underscore, the subscript and
/// the rest. Other underscores are part of names.
pub(super) fn split_subscript(text: &str) -> Option<(&str, char, &str)> {
    text.match_indices('_').find_map(|(place, _)| {
        let (before, after) = (&text[..place], &text[place + 1..]);
        let subscript = after.chars().next()?;
        before
            .ends_with(['σ', 'ξ', 'χ'])
            .then(|| (before, subscript, &after[subscript.len_utf8()..]))
    })
}
