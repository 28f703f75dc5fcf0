//! Unknown keys of layers: the key that is meant, and all keys of the layer.

use std::ops::Range;

use isobath_architecture::LayerEntry;

use super::{cut, floor, nearest_name, unsupported, with_nearest};

/// The unknown key of a layer that `message` reports.
pub(super) fn unknown(message: &str) -> Option<&str> {
    let (key, known) = message.strip_prefix("unknown field `")?.split_once('`')?;
    (known.contains("`conv`") && known.contains("`residual`")).then_some(key)
}

/// Explains an unknown key of a layer: the key that it means, and all keys of the layer.
pub(super) fn explain(text: &str, span: Option<Range<usize>>, key: &str) -> String {
    let problem = format!("unknown field `{}`", cut(key));
    let message = format!("{problem}, expected one of {}", quoted_keys());
    if unsupported(&message).is_some() {
        return with_nearest(problem, &message);
    }
    let meant = meant_key(key);
    let (of_alias, advice) = meant.map_or((None, None), |(kind, advice)| (kind, Some(advice)));
    let advice = advice.map(str::to_owned).or_else(|| {
        let nearest = nearest_name(&message)?;
        Some(format!("did you mean `{nearest}`?"))
    });
    let kind = span.and_then(|span| kind_around(text, span.start)).or(of_alias);
    let keys = kind.and_then(LayerEntry::keys_in_words).unwrap_or_else(|| {
        "a layer is named by one of conv, dense, pool, flatten, residual and layers".to_owned()
    });
    match advice {
        Some(advice) => format!("{problem}; {advice}; {keys}").replace("?;", "?"),
        None => format!("{problem}; {keys}"),
    }
}

fn quoted_keys() -> String {
    let mut keys: Vec<&str> = LayerEntry::KINDS.iter().map(|(key, ..)| *key).collect();
    keys.extend(LayerEntry::KINDS.iter().flat_map(|(_, _, settings)| settings.iter()));
    keys.push("repeat");
    keys.iter().map(|key| format!("`{key}`")).collect::<Vec<_>>().join(", ")
}

/// The layer and the advice for a key of another framework.
fn meant_key(key: &str) -> Option<(Option<&'static str>, &'static str)> {
    let channels = "the output channels of a convolution are `conv`, as in { conv = 32 }";
    let outputs = "the outputs of a dense layer are `dense`, as in { dense = 128 }";
    let pool = "a pooling layer is { pool = \"max\" } or { pool = \"average\" }";
    Some(match key.to_lowercase().replace(['_', '-'], "").as_str() {
        "outchannels" | "channels" | "filters" | "nfilters" | "features" | "conv2d"
        | "convolution" => (Some("conv"), channels),
        "outfeatures" | "units" | "width" | "outputs" | "hidden" | "neurons" | "linear" | "fc"
        | "fullyconnected" => (Some("dense"), outputs),
        "maxpool" | "maxpool2d" | "avgpool" | "avgpool2d" | "averagepool" | "pooling" => {
            (Some("pool"), pool)
        }
        "inchannels" | "infeatures" | "inputs" | "input" | "inputshape" => {
            (None, "remove it, because the inputs of a layer are the outputs of the layer before")
        }
        "type" | "kind" | "layer" | "name" | "op" => (
            None,
            "a layer is named by its first key, as in { conv = 32 }, { dense = 128 } or { pool = \"max\" }",
        ),
        "kernelsize" | "ksize" | "filtersize" => {
            (Some("conv"), "the size of the kernel is `kernel`")
        }
        "poolsize" | "window" => (Some("pool"), "the size of the window is `kernel`"),
        "strides" => (None, "write `stride`"),
        "pad" | "paddingmode" => {
            (None, "write padding = \"same\", \"circular\" or a number of pixels")
        }
        "usebias" => (None, "write `bias`"),
        "ceilmode" => (Some("pool"), "write `ceil`"),
        "act" | "nonlinearity" | "activationfunction" => (None, "write `activation`"),
        "branch" | "block" | "skip" => (Some("residual"), "write residual = [ ... ]"),
        "count" | "times" | "n" | "repeats" => (None, "write `repeat`"),
        _ => return None,
    })
}

/// The key that names the layer whose inline table is around the byte at `at`.
fn kind_around(text: &str, at: usize) -> Option<&'static str> {
    let before = &text[..floor(text, at)];
    let start = before.char_indices().rev().scan(0_i32, |depth, (index, c)| {
        *depth += match c {
            '}' => 1,
            '{' => -1,
            _ => 0,
        };
        Some((index, *depth))
    });
    let start = start.into_iter().find(|(_, depth)| *depth < 0)?.0;
    let end = text[start..].char_indices().scan(0_i32, |depth, (index, c)| {
        *depth += match c {
            '{' => 1,
            '}' => -1,
            _ => 0,
        };
        Some((index, *depth))
    });
    let end = start + end.into_iter().find(|(_, depth)| *depth == 0)?.0;
    let entry: toml::Table = format!("entry = {}", &text[start..=end]).parse().ok()?;
    let entry = entry.get("entry")?.as_table()?;
    LayerEntry::KINDS.iter().map(|(key, ..)| *key).find(|key| entry.contains_key(*key))
}

#[cfg(test)]
mod tests {
    use crate::read_text;

    #[track_caller]
    fn check(entry: &str, parts: &[&str]) {
        let text = format!(
            "name = \"a\"\n[data]\ndataset = \"digits\"\n[network]\nkind = \"layers\"\nlayers = [\n{entry},\n]\n\
             [grid]\nsigma_w2 = 1.0\n"
        );
        let error = read_text(&text, "file.toml", &[]).expect_err(entry).to_string();
        assert!(error.contains("line 7"), "{error}");
        assert!(parts.iter().all(|part| error.contains(part)), "{error}");
        assert!(!error.contains("expected one of"), "{error}");
    }

    #[test]
    fn keys_of_other_frameworks_are_translated() {
        let of_conv =
            "a convolution takes conv, kernel, stride, padding, bias, activation and repeat";
        check(
            "{ out_channels = 3 }",
            &["`out_channels`", "are `conv`, as in { conv = 32 }", of_conv],
        );
        check("{ conv = 3, kernel_size = 5 }", &["is `kernel`", of_conv]);
        check("{ conv = 3, kernal = 5 }", &["did you mean `kernel`?", of_conv]);
        check("{ conv = 3, quux = { a = 5 } }", &["unknown field `quux`", of_conv]);
        check("{ units = 3 }", &["{ dense = 128 }", "a dense layer takes dense, bias, activation"]);
        check("{ pool = \"max\", strides = 2 }", &["write `stride`", "a pooling layer takes pool"]);
        check("{ type = \"conv2d\" }", &["named by its first key", "one of conv, dense, pool"]);
        check("{ residual = [{ conv = 4 }], skip_op = 1 }", &["takes residual, before, after"]);
    }
}
