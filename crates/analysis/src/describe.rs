//! The networks of a run in words.

use isobath_architecture::{Boundary, Law, Scheme};
use isobath_experiment::{NetworkKind, NetworkSection, Plan, Variant};
use isobath_store::VariantRecord;

/// The records of the networks that a grid compares.
pub(crate) fn variant_records(plan: &Plan) -> Vec<VariantRecord> {
    let record = |(index, variant): (usize, &Variant)| {
        let mut points = plan.points.iter().filter(|point| point.variant == index);
        let has_theory = points.any(|&point| plan.deep_part(point).is_some());
        variant_record(variant, variant.theory_gap().filter(|_| !has_theory))
    };
    plan.variants.iter().enumerate().map(record).collect()
}

fn variant_record(variant: &Variant, theory_gap: Option<&str>) -> VariantRecord {
    VariantRecord {
        name: variant.name.clone(),
        activation: activations(variant),
        scheme: (!variant.scheme.uses_grid()).then(|| variant.scheme.to_string()),
        description: describe(variant),
        theory_gap: theory_gap.map(str::to_owned),
    }
}

/// Activations of the hidden layers: `tanh`, or `relu, tanh` where a list of layers has several.
fn activations(variant: &Variant) -> String {
    match variant.section.kind {
        NetworkKind::Mlp | NetworkKind::Cnn | NetworkKind::Resnet => variant.activation.to_string(),
        NetworkKind::Layers => {
            let names = variant.activations();
            let names: Vec<String> = names.iter().map(ToString::to_string).collect();
            names.join(", ")
        }
    }
}

/// Describes a network: `tanh MLP, width 784, 49 hidden layers`
fn describe(variant: &Variant) -> String {
    let scheme = match &variant.scheme {
        Scheme::Law(Law::Normal) => String::new(),
        scheme => format!("{scheme} initialisation, "),
    };
    let (name, size) = match variant.section.kind {
        NetworkKind::Mlp => ("MLP", hidden_layers(variant)),
        NetworkKind::Cnn => ("CNN", convolutions(variant, "weight layers")),
        NetworkKind::Resnet => ("residual network", blocks(variant)),
        NetworkKind::Layers => ("network", list(variant)),
    };
    format!("{} {name}, {scheme}{size}", activations(variant))
}

fn hidden_layers(variant: &Variant) -> String {
    let widths = variant.network.widths();
    let hidden = &widths[1..variant.network.depth()];
    let widths = match (hidden.iter().min(), hidden.iter().max()) {
        (Some(low), Some(high)) if low == high => format!("width {low}, "),
        (Some(_), Some(_)) => format!("widths {} to {}, ", hidden[0], hidden[hidden.len() - 1]),
        _ => String::new(),
    };
    let layers = if hidden.len() == 1 { "hidden layer" } else { "hidden layers" };
    format!("{widths}{} {layers}", hidden.len())
}

/// `16 channels, circular, 50 weight layers`
fn convolutions(variant: &Variant, unit: &str) -> String {
    let NetworkSection { boundary, preset, .. } = variant.section;
    let channels = variant.network.shapes().get(1).map_or(0, |shape| shape.channels);
    let form = match (preset, boundary) {
        (Some(preset), _) => format!(", {preset}"),
        (None, Some(Boundary::Circular)) => ", circular".to_owned(),
        (None, Some(Boundary::Zero)) => ", zero padding".to_owned(),
        (None, None) => String::new(),
    };
    format!("{channels} channels{form}, {} {unit}", variant.network.stages())
}

/// `width 256, blocks x + phi(W x), 66 stages`
fn blocks(variant: &Variant) -> String {
    let NetworkSection { block, width, preset, .. } = &variant.section;
    let form = match preset {
        None => format!("blocks {}, ", block.unwrap_or_default().formula()),
        Some(_) => String::new(),
    };
    match width {
        Some(_) => {
            let width = variant.network.widths()[1];
            format!("width {width}, {form}{} stages", variant.network.stages())
        }
        None => format!("{form}{}", convolutions(variant, "stages")),
    }
}

fn list(variant: &Variant) -> String {
    let network = &variant.network;
    format!("{} stages, {} weight layers", network.stages(), network.weight_layers())
}
