//! The names in a record, in the words of a reader.

use isobath_store::RunRecord;

/// What an estimator measures.
pub(super) struct Quantity {
    /// Its name in a sentence.
    pub(super) name: String,
    /// Its unit, empty for a plain number.
    pub(super) unit: &'static str,
    /// Whether small values mean that information is kept and large ones that it is lost.
    pub(super) rises_with_loss: bool,
}

impl Quantity {
    /// What the estimator called `name` in the record measures.
    pub(super) fn of(name: &str) -> Self {
        let (words, unit, rises_with_loss) =
            match name.split_once('-').map_or(name, |(kind, _)| kind) {
                "relative" if name == "relative" => ("relative entropy", "nats", true),
                "relative" if name.starts_with("relative-floored") => {
                    ("floored relative entropy", "nats", true)
                }
                "jensen" => ("Jensen-Shannon divergence", "nats", true),
                "differential" if name == "differential" => {
                    ("differential entropy", "nats per unit", false)
                }
                "differential" if name == "differential-plain" => {
                    ("plain differential entropy", "nats per unit", false)
                }
                "gram" => ("Gram entropy", "", false),
                "reconstruction" => ("reconstruction error 1 \u{2212} R²", "", true),
                "batch" => ("batch entropy", "nats", false),
                _ => (name, "", false),
            };
        Self { name: words.to_owned(), unit, rises_with_loss }
    }

    /// For an axis: the name, and the unit in brackets.
    pub(super) fn label(&self) -> String {
        if self.unit.is_empty() {
            self.name.clone()
        } else {
            format!("{} ({})", self.name, self.unit)
        }
    }

    /// `value`, already written out, with its unit.
    pub(super) fn with_unit(&self, value: &str) -> String {
        if self.unit.is_empty() { value.to_owned() } else { format!("{value} {}", self.unit) }
    }
}

/// `1 seed`, `3 seeds`.
pub fn count(number: usize, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}

/// What the bars of a profile are.
pub(super) fn profile_bars(run: &RunRecord) -> String {
    match run.seeds {
        0 | 1 => "95% bootstrap interval over probe samples".into(),
        seeds => format!("min\u{2013}max over {seeds} seeds"),
    }
}

/// What the bars of `rule`'s depths are.
pub(super) fn depth_bars(run: &RunRecord, rule: &str) -> String {
    match (run.seeds, rule) {
        (0 | 1, "decay") => "±1 standard error of the fit".into(),
        (0 | 1, _) => "95% bootstrap interval over probe samples".into(),
        (seeds, _) => format!("min\u{2013}max over {seeds} seeds"),
    }
}

/// What `rule` measures.
pub(super) fn depth_name(rule: &str) -> &'static str {
    if rule == "decay" { "decay length λ" } else { "cut-off" }
}

/// An overlay's label with its symbol.
pub(super) fn symbol(label: &str) -> String {
    label.replace("xi_c", "ξ_c").replace("xi_q", "ξ_q")
}

/// `words` with a capital first letter.
pub(super) fn capitalised(words: &str) -> String {
    let mut characters = words.chars();
    characters
        .next()
        .map_or_else(String::new, |first| first.to_uppercase().chain(characters).collect())
}

/// Splits `text` at its first subscript, as in `σ_w` and `ξ_c`: what is before the underscore, the subscript, what
/// follows. Other underscores are part of names.
pub(super) fn split_subscript(text: &str) -> Option<(&str, char, &str)> {
    text.match_indices('_').find_map(|(place, _)| {
        let (before, after) = (&text[..place], &text[place + 1..]);
        let subscript = after.chars().next()?;
        before
            .ends_with(['σ', 'ξ', 'χ'])
            .then(|| (before, subscript, &after[subscript.len_utf8()..]))
    })
}
