//! Errors of TOML files in the user's words: the line at fault, the expected value, the most similar known name.

mod layer_key;

/// Most characters of a line that are shown.
const MOST_OF_LINE: usize = 100;
/// Characters before the fault that are shown of a longer line.
const BEFORE_FAULT: usize = 40;
/// Most characters of a name or value that are shown.
const MOST_OF_NAME: usize = 60;

/// Explains an error with its line.
pub(super) fn explain(text: &str, error: &toml::de::Error) -> String {
    let message = in_words(text, error);
    let Some(span) = error.span() else { return message };
    let start = floor(text, span.start);
    let line_start = text[..start].rfind('\n').map_or(0, |at| at + 1);
    let number = text[..start].matches('\n').count() + 1;
    let line = text[line_start..].lines().next().unwrap_or_default();
    let shown = excerpt(line, start - line_start);
    if shown.is_empty() {
        return format!("line {number}: {message}");
    }
    format!("line {number}, `{shown}`: {message}")
}

/// Explains an error of the file `text` without its line.
pub(super) fn in_words(text: &str, error: &toml::de::Error) -> String {
    let message = error.message().trim_end();
    let layer = layer_key::unknown(message).map(|key| layer_key::explain(text, error.span(), key));
    let explained = layer.unwrap_or_else(|| {
        value_in_words(message).unwrap_or_else(|| with_nearest(cut_names(message), message))
    });
    // Some messages continue over several lines.
    explained.lines().map(str::trim).collect::<Vec<_>>().join("; ")
}

/// The greatest boundary between characters up to `at`.
fn floor(text: &str, at: usize) -> usize {
    (0..=at.min(text.len())).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0)
}

/// A line without its indent; of a long one, what is around the byte at `fault`.
fn excerpt(line: &str, fault: usize) -> String {
    let trimmed = line.trim();
    if trimmed.chars().count() <= MOST_OF_LINE {
        return trimmed.to_owned();
    }
    let fault = floor(line, fault);
    let skipped = line[..fault].chars().count().saturating_sub(BEFORE_FAULT);
    let shown: String = line.chars().skip(skipped).take(MOST_OF_LINE).collect();
    let before = if skipped > 0 { "..." } else { "" };
    let after = if skipped + MOST_OF_LINE < line.chars().count() { "..." } else { "" };
    format!("{before}{}{after}", shown.trim())
}

/// A name or value, cut if it is long.
fn cut(name: &str) -> String {
    let start: String = name.chars().take(MOST_OF_NAME).collect();
    if start.len() < name.len() { format!("{start}...") } else { start }
}

/// The message with its quoted names cut.
fn cut_names(message: &str) -> String {
    let parts = message.split('`').enumerate();
    let parts: Vec<String> = parts
        .map(|(index, part)| if index % 2 == 1 { cut(part) } else { part.to_owned() })
        .collect();
    parts.join("`")
}

/// A message about a value of another type, in words; `None` for other messages.
fn value_in_words(message: &str) -> Option<String> {
    if message == "wanted string or table" {
        return Some("expected a text in quotes or a table { ... }".to_owned());
    }
    let (problem, expected) = message.rsplit_once(", expected ")?;
    let expected = expected_in_words(expected);
    if let Some(length) = problem.strip_prefix("invalid length ") {
        return Some(format!("expected {expected}, found {length}"));
    }
    let found = problem
        .strip_prefix("invalid type: ")
        .or_else(|| problem.strip_prefix("invalid value: "))?;
    Some(format!("expected {expected}, found {}", found_in_words(found)))
}

/// Translates the expected type from serde's words into those of users.
fn expected_in_words(expected: &str) -> String {
    let words = match expected {
        "usize" | "u64" | "u32" | "u16" | "u8" | "u128" => "a whole number of 0 or more",
        "isize" | "i64" | "i32" | "i16" | "i8" | "i128" => "a whole number",
        "f32" | "f64" => "a number",
        "a boolean" => "true or false",
        "a string" | "a borrowed string" => "a text in quotes",
        "path string" => "a path in quotes",
        "a sequence" => "a list [ ... ]",
        "a map" => "a table of settings",
        "struct LayerEntry" => {
            "a layer, such as { conv = 32, kernel = 3 } or { dense = \"classes\" }"
        }
        "struct Success" => "a table, such as { accuracy = 0.8 }",
        "internally tagged enum Optimizer" => "a table, such as { kind = \"adam\", lr = 0.001 }",
        "internally tagged enum Stop" => "a table, such as { rule = \"confident\" }",
        _ => {
            if let Some(count) = expected.strip_prefix("an array of length ") {
                return format!("a list of {count} numbers");
            }
            if expected.contains("nonzero") {
                return "a whole number of 1 or more".to_owned();
            }
            if ["struct ", "enum ", "internally tagged ", "tuple "]
                .iter()
                .any(|s| expected.starts_with(s))
            {
                return "a table of settings".to_owned();
            }
            expected
        }
    };
    words.to_owned()
}

/// A value, in the words of users.
fn found_in_words(found: &str) -> String {
    match found {
        "map" => return "a table { ... }".to_owned(),
        "sequence" => return "a list [ ... ]".to_owned(),
        _ => {}
    }
    if let Some(text) = found.strip_prefix("string ") {
        return format!("the text {}", cut(text));
    }
    // `integer `3` as i128`
    let quoted = found.split('`').nth(1);
    quoted.map_or_else(|| cut(found), cut)
}

/// Appends the most similar known name to `text` if `message` reports an unknown name.
fn with_nearest(text: String, message: &str) -> String {
    if let Some(layer) = unsupported(message) {
        return format!("{text}; networks with {layer} are not supported");
    }
    match nearest_name(message) {
        // Momentum is a setting, which many look for among the kinds.
        _ if message.starts_with("unknown variant `momentum`") => {
            format!("{text}; write {{ kind = \"sgd\", lr = .., momentum = 0.9 }}")
        }
        Some(nearest) => format!("{text}; did you mean `{nearest}`?"),
        None => text,
    }
}

/// The kind of layer or connection that an unknown field means, if it is a common one that networks cannot have.
fn unsupported(message: &str) -> Option<&'static str> {
    let name = message.strip_prefix("unknown field `")?.split('`').next()?;
    match name.to_lowercase().replace(['_', '-'], "").as_str() {
        "batchnorm" | "batchnorm2d" | "bn" => Some("batch normalisation"),
        "layernorm" | "groupnorm" | "norm" => Some("normalisation layers"),
        "dropout" => Some("dropout"),
        "dilation" => Some("dilated convolutions"),
        "groups" => Some("grouped convolutions"),
        "shortcut" | "projection" => Some("projections in shortcuts"),
        _ => None,
    }
}

/// Most similar expected name in a message such as "unknown field `a`, expected one of `b`, `c`"; `None` if none is similar.
fn nearest_name(message: &str) -> Option<&str> {
    let mut quoted = message.split('`').skip(1).step_by(2);
    let unknown = message.starts_with("unknown ").then(|| quoted.next())??;
    let similarity = |name: &str| strsim::jaro_winkler(unknown, name);
    let nearest = quoted.max_by(|a, b| similarity(a).total_cmp(&similarity(b)))?;
    (similarity(nearest) > 0.75).then_some(nearest)
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only errors matter")]
    struct File {
        count: Option<usize>,
        part: Option<f64>,
        on: Option<bool>,
        name: Option<String>,
        list: Option<Vec<usize>>,
        shape: Option<[usize; 3]>,
        layers: Option<Vec<isobath_architecture::LayerEntry>>,
    }

    fn message(text: &str) -> String {
        explain(text, &toml::from_str::<File>(text).expect_err(text))
    }

    #[test]
    fn values_are_in_the_words_of_users() {
        for (text, expected) in [
            ("count = -3", "line 1, `count = -3`: expected a whole number of 0 or more, found -3"),
            ("count = 1.5", "expected a whole number of 0 or more, found 1.5"),
            ("count = \"x\"", "expected a whole number of 0 or more, found the text \"x\""),
            (
                "count = 99999999999999999999",
                "a whole number of 0 or more, found 99999999999999999999",
            ),
            ("part = true", "expected a number, found true"),
            ("on = 3", "expected true or false, found 3"),
            ("name = { a = 1 }", "expected a text in quotes, found a table { ... }"),
            ("list = 3", "expected a list [ ... ], found 3"),
            ("shape = [1, 2]", "expected a list of 3 numbers, found 2"),
            ("layers = [\"conv\"]", "expected a layer, such as { conv = 32, kernel = 3 }"),
        ] {
            let message = message(text);
            assert!(message.contains(expected), "{message}");
        }
    }

    #[test]
    fn long_lines_and_names_are_cut_around_the_fault() {
        let many = "{ conv = 3 }, ".repeat(5000);
        let text = format!("layers = [{many}{{ conv = 3, kernal = 7 }}, {many}]");
        let found = message(&text);
        assert!(
            found.contains("kernal = 7") && found.contains("did you mean `kernel`?"),
            "{found}"
        );
        assert!(found.len() < 400, "{found}");
        let long = "\u{e9}".repeat(60_000);
        for text in [
            format!("'{long}' = 3"),
            format!("count = \"{long}\""),
            format!("count = \"{long}"),
            format!("layers = [{{ '{long}' = 3 }}]"),
        ] {
            assert!(message(&text).chars().count() < 600, "{}", message(&text));
        }
    }
}
