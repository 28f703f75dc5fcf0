//! `predict --activations`: what the activations of a batch tell of a network of any framework.

use std::path::Path;

use anyhow::{Context, Result, bail};
use isobath_import::StateDict;
use isobath_verdict::{Activations, Inspection, inspect};
use ndarray::Array2;
use serde_json::{Value, json};

use super::print::VERSION;
use crate::commands::exit;

/// Name of the array of inputs.
const INPUT: &str = "input";

pub(super) fn main(path: &Path, as_json: bool) -> Result<u8> {
    let (input, layers) = read(path)?;
    let found = inspect(input.view(), &layers).with_context(|| path.display().to_string())?;
    if as_json {
        println!("{}", serde_json::to_string_pretty(&json(&found, &layers))?);
    } else {
        for line in lines(&found, &layers) {
            println!("{line}");
        }
    }
    Ok(exit::DONE)
}

/// The input `[n, numbers]` and the activations of each layer, in the natural order of their names.
fn read(path: &Path) -> Result<(Array2<f32>, Vec<Activations>)> {
    let mut file = StateDict::open(path)?;
    let mut names: Vec<String> = file.parameters().map(|info| info.name.clone()).collect();
    names.sort_by_key(|name| natural(name));
    let mut array = |name: &str| -> Result<(Vec<usize>, Array2<f32>)> {
        let (shape, values) = file.array(name)?.context("listed by the file")?;
        let samples = *shape.first().unwrap_or(&0);
        if shape.len() < 2 || samples == 0 || values.is_empty() {
            bail!(
                "{}: `{name}` has shape {shape:?}; activations have one row for each sample, [samples, units] or [samples, \
                 channels, height, width]",
                path.display()
            );
        }
        let columns = values.len() / samples;
        Ok((shape, Array2::from_shape_vec((samples, columns), values)?))
    };
    if !names.iter().any(|name| name == INPUT) {
        bail!(
            "{} has no array `{INPUT}`; save the batch under this name, and the activations of each layer under names that \
             sort in the order of the layers",
            path.display()
        );
    }
    let (_, input) = array(INPUT)?;
    let mut layers = Vec::new();
    for name in names.iter().filter(|name| *name != INPUT) {
        let (shape, values) = array(name)?;
        layers.push(Activations { name: name.clone(), values, channels: shape[1] });
    }
    if layers.len() < 2 {
        bail!("{}: at least two layers besides `{INPUT}` are needed", path.display());
    }
    Ok((input, layers))
}

/// Key by which `layer10` follows `layer9`: texts and numbers in turn.
fn natural(name: &str) -> Vec<(String, u64)> {
    let mut key = Vec::new();
    let mut rest = name;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| c.is_ascii_digit()).unwrap_or(rest.len());
        let (text, after) = rest.split_at(digits);
        let end = after.find(|c: char| !c.is_ascii_digit()).unwrap_or(after.len());
        let (number, after) = after.split_at(end);
        key.push((text.to_owned(), number.parse().unwrap_or(u64::MAX)));
        rest = after;
    }
    key
}

fn lines(found: &Inspection, layers: &[Activations]) -> Vec<String> {
    let measurement = &found.measurement;
    let mut lines = vec![
        "no probability: activations alone do not tell how the network trains; what they tell:"
            .to_owned(),
    ];
    if found.diagnoses.is_empty() {
        lines.push("nothing unusual was found".to_owned());
    }
    lines.extend(found.diagnoses.iter().map(|diagnosis| diagnosis.sentence.clone()));
    let width = layers.iter().map(|layer| layer.name.len()).max().unwrap_or(0).max(5);
    lines.push(format!(
        "{:width$}  mean square  effective rank  dead units  error of linear decoders",
        "layer"
    ));
    let errors = measurement.information.iter().flatten().map(|error| format!("{error:.3}"));
    let errors = errors.chain(std::iter::repeat("-".to_owned()));
    for ((layer, state), error) in layers.iter().zip(&measurement.profile.layers).zip(errors) {
        lines.push(format!(
            "{:width$}  {:11.3e}  {:14.2}  {:>10}  {error}",
            layer.name,
            state.mean_square,
            state.rank,
            format!("{}/{}", state.dead, state.units)
        ));
    }
    lines
}

fn json(found: &Inspection, layers: &[Activations]) -> Value {
    let measurement = &found.measurement;
    let names: Vec<&str> = layers.iter().map(|layer| layer.name.as_str()).collect();
    json!({
        "version": VERSION,
        "layers": names,
        "diagnoses": found.diagnoses,
        "profile": {
            "input_mean_square": measurement.profile.input_mean_square,
            "overflow": measurement.profile.overflow,
            "layers": measurement.profile.layers,
            "information": measurement.information,
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_sort_by_their_numbers() {
        let mut names = ["layer10", "layer9", "block.2.conv", "block.10.conv", "layer9.b"];
        names.sort_by_key(|name| natural(name));
        assert_eq!(names, ["block.2.conv", "block.10.conv", "layer9", "layer9.b", "layer10"]);
    }
}
