//! An interpretation as JSON, without its pictures.

use serde_json::{Value, json};

use super::{Interpretation, LayerRow, PrototypeSource, sentences};

/// Accuracy, layers with errors and losses, and what the pictures show.
pub fn json(interpretation: &Interpretation) -> Value {
    let Interpretation { name, facts, command, correct, shape, layers, .. } = interpretation;
    let losses = interpretation.losses();
    let layer = |(index, row): (usize, &LayerRow)| {
        json!({
            "layer": index + 1, "name": row.name, "output": row.output, "error": row.error,
            "interval": row.interval, "lost": losses[index].lost(), "linear_error": row.linear,
        })
    };
    let prototypes = &interpretation.prototypes;
    let source = match prototypes.source {
        PrototypeSource::Output { on, off } => json!({ "on": on, "off": off }),
        PrototypeSource::ClassMean(layer) => json!({ "class_means_of_layer": layer }),
    };
    let facts: serde_json::Map<_, _> =
        facts.iter().map(|(name, value)| (name.clone(), value.clone().into())).collect();
    json!({
        "name": name,
        "facts": facts,
        "command": command,
        "correct": correct.map(|[correct, _]| correct),
        "samples": correct.map(|[_, samples]| samples),
        "shape": shape,
        "sentences": sentences(interpretation),
        "layers": layers.iter().enumerate().map(layer).collect::<Vec<_>>(),
        "uncovered": interpretation.uncovered,
        "prototypes": source,
        "channel_layers": interpretation.channels.iter().map(|one| one.layer).collect::<Vec<_>>(),
    })
}
