//! Findings as the report has them.

use isobath_architecture::Layer;
use isobath_cascade::Method;
use isobath_datasets::Dataset;
use isobath_report::interpretation::{
    Channels, Interpretation, LayerRow, PrototypeSource, Prototypes, Reconstructions, Sample,
};

use super::{compute::Findings, subject::Subject};
use crate::commands::stages;

/// The findings with names, for the page.
pub(super) fn interpretation(
    subject: &Subject,
    data: &Dataset,
    findings: Findings,
    command: String,
) -> Interpretation {
    let spec = subject.network.spec();
    let outputs = spec.layers().last().map_or(0, Layer::outputs);
    let are_classes = outputs == data.classes.len();
    let name = |class: usize| match data.classes.get(class).filter(|_| are_classes) {
        Some(name) => name.clone(),
        None => format!("output {}", class + 1),
    };
    let class_name = |label: u8| data.classes[usize::from(label)].clone();
    let sample = |&row: &usize| Sample {
        class: class_name(data.test.labels[row]),
        predicted: are_classes.then(|| name(findings.predicted[row])),
        pixels: data.test.images.row(row).to_vec(),
    };
    let pairs = || data.test.labels.iter().zip(&findings.predicted);
    let right = pairs().filter(|(label, predicted)| usize::from(**label) == **predicted).count();
    let covered = findings.errors.len();
    let source = match findings.levels {
        Some(levels) => PrototypeSource::Output { on: levels.on, off: levels.off },
        None => PrototypeSource::ClassMean(covered),
    };
    let is_output = findings.levels.is_some();
    let prototype_name =
        |class: usize| if is_output { name(class) } else { data.classes[class].clone() };
    let uncovered = (covered + 1..).zip(&spec.layers()[covered..]);
    Interpretation {
        name: subject.plan.file.name.clone(),
        facts: facts(subject, data, &findings),
        command,
        correct: are_classes.then(|| [right, data.test.len()]),
        shape: [data.shape.channels, data.shape.height, data.shape.width],
        layers: rows(subject, &findings),
        uncovered: uncovered
            .map(|(number, layer)| format!("layer {number}: {}", stages::name(layer)))
            .collect(),
        samples: findings.shown.iter().map(sample).collect(),
        prototypes: Prototypes {
            source,
            classes: if is_output { outputs } else { data.classes.len() },
            images: findings
                .prototypes
                .into_iter()
                .map(|(class, image)| (prototype_name(class), image))
                .collect(),
        },
        reconstructions: findings
            .reconstructions
            .into_iter()
            .map(|(layer, images)| Reconstructions { layer, images })
            .collect(),
        channels: findings
            .channels
            .into_iter()
            .map(|(layer, total, images)| Channels {
                layer,
                total,
                whole: images.whole,
                none: images.none,
                images: images.channels.into_iter().map(|one| (one.channel, one.image)).collect(),
            })
            .collect(),
    }
}

fn rows(subject: &Subject, findings: &Findings) -> Vec<LayerRow> {
    let layers = subject.network.spec().layers().iter().zip(&findings.errors).enumerate();
    layers
        .map(|(index, (layer, &error))| LayerRow {
            name: stages::name(layer),
            output: layer.output_shape().to_string(),
            error,
            interval: findings.intervals.as_ref().map(|all| [all[index].0, all[index].1]),
            linear: findings.linear.iter().find(|one| one.0 == index + 1).map(|one| one.1),
        })
        .collect()
}

/// Network, data and decoders in words.
fn facts(subject: &Subject, data: &Dataset, findings: &Findings) -> Vec<(String, String)> {
    let spec = subject.network.spec();
    let params = subject.plan.cascade.params();
    let decoders = match params.method {
        Method::Ridge => format!(
            "linear, in closed form (ridge, noise {} on each activation)",
            params.noise.unwrap_or_default()
        ),
        method => {
            let phi = params.activation.map(|phi| phi.to_string()).unwrap_or_default();
            let name = if method == Method::Gradient { "gradient descent" } else { "training" };
            format!("{phi}, by {name}, epochs: {}, batch: {}", params.epochs, params.batch)
        }
    };
    let facts = [
        ("parameters", format!("{}, {} numbers", subject.weights.display(), spec.parameters())),
        ("layers", format!("{}, {} with weights", spec.depth(), spec.weight_layers())),
        (
            "data",
            format!(
                "{}, {} training and {} held-out samples",
                data.name,
                data.train.len(),
                data.test.len()
            ),
        ),
        ("decoders", decoders),
        ("backend", findings.backend.clone()),
    ];
    facts.map(|(name, value)| (name.to_owned(), value)).to_vec()
}
