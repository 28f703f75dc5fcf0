//! The decoders: their method where the experiment file names none, and their activation.

use std::path::Path;

use anyhow::Result;
use isobath_architecture::{Activation, Layer, NetworkSpec};
use isobath_cascade::{CascadeParams, Method};
use isobath_experiment::{Override, Plan};

use super::{Arguments, setting, subject::without_grid};

/// Settings of gradient decoders in `[cascade]`; a file that has one means this method.
const OF_GRADIENT: [&str; 6] =
    ["method", "epochs", "batch", "max_steps", "optimizer", "activation"];

/// Settings that come before those of `--set`: the method of `--method`, or ridge where the file names none; and what
/// `[grid]` would have.
pub(super) fn overrides(file: &Path, arguments: &Arguments) -> Vec<Override> {
    // Reading of the file itself explains what is wrong with it.
    let table: toml::Table =
        std::fs::read_to_string(file).ok().and_then(|text| text.parse().ok()).unwrap_or_default();
    let section = table.get("cascade");
    let named = |key: &str| {
        section.is_some_and(|section| section.get(key).is_some()) || is_set(arguments, key)
    };
    let method = match arguments.method {
        Some(method) => Some(method.name()),
        None if OF_GRADIENT.iter().any(|key| named(key)) => None,
        None => Some("ridge"),
    };
    let method = method.map(|name| setting(&format!("cascade.method={name}")));
    without_grid(&table).into_iter().chain(method).collect()
}

/// True if `--set` changes this key of `[cascade]`.
fn is_set(arguments: &Arguments, key: &str) -> bool {
    let prefix = format!("cascade.{key}");
    arguments.settings.overrides.iter().any(|setting| setting.to_string().starts_with(&prefix))
}

/// Makes gradient decoders linear where the network's activations may exceed 1, which tanh, their default, cannot give.
pub(super) fn adapt(plan: &mut Plan) -> Result<()> {
    let params = plan.cascade.params();
    if params.method == Method::Ridge || is_bounded(&plan.variants[0].network) {
        return Ok(());
    }
    let activation = Some(Activation::Linear);
    plan.cascade = CascadeParams { activation, ..params.clone() }.check()?;
    Ok(())
}

/// True if no activation that a decoder reconstructs exceeds 1 in size.
fn is_bounded(network: &NetworkSpec) -> bool {
    let phi = |activation: &Activation| {
        matches!(
            activation,
            Activation::Tanh
                | Activation::Erf
                | Activation::Sigmoid
                | Activation::HardTanh
                | Activation::Sine
        )
    };
    let is_bounded = |layer: &Layer| match layer {
        Layer::Dense(dense) => phi(&dense.activation),
        Layer::Conv2d(conv) => phi(&conv.activation),
        Layer::Pool(_) => true,
        Layer::Residual(block) => block.after.as_ref().is_some_and(phi),
    };
    network.layers()[..network.depth() - 1].iter().all(is_bounded)
}
