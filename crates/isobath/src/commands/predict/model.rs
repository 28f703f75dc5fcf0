//! Networks with given parameters: state dicts of a described network, and ONNX models.

use std::path::Path;

use anyhow::{Context, Result};
use isobath_experiment::{Override, Plan, read_single_text};
use isobath_import::{StateDict, open_onnx};
use isobath_network::Network;

use super::described::{DEFAULT_TRAINING, Described, describe, load, of_network};
use crate::commands::{
    GlobalArgs, Usage,
    interpret::{Kind, OnnxData, check_shape, empty_file},
};

/// Files that define a network and its parameters.
#[derive(Debug)]
pub(super) struct Source<'a> {
    /// Description, or ONNX model.
    pub(super) file: &'a Path,
    /// Parameters of a description.
    pub(super) weights: Option<&'a Path>,
    /// Data of an ONNX model.
    pub(super) data: OnnxData<'a>,
    pub(super) changes: &'a [Override],
}

impl Source<'_> {
    /// True if the file has layers of its own and nothing to change but the training.
    pub(super) fn is_onnx(&self) -> Result<bool> {
        Ok(Kind::of(self.file)? == Kind::Onnx)
    }

    /// Reads network, data and training.
    pub(super) fn open(&self, global: &GlobalArgs) -> Result<Described> {
        let file = self.file.display();
        match Kind::of(self.file)? {
            Kind::Onnx if self.weights.is_some() => {
                let text = format!("{file} has its own parameters; omit --weights");
                Err(Usage(text).into())
            }
            Kind::Onnx => self.of_onnx(global),
            Kind::Parameters => {
                let text = format!(
                    "{file} has parameters and no layers; describe the network in a file: `predict net.toml --weights \
                     {file}`"
                );
                Err(Usage(text).into())
            }
            Kind::Text => {
                self.data.refuse(self.file)?;
                let described = describe(global, self.file, self.changes)?;
                self.with_weights(described)
            }
        }
    }

    /// Replaces the drawn parameters by those of the file.
    fn with_weights(&self, described: Described) -> Result<Described> {
        let Some(weights) = self.weights else { return Ok(described) };
        if Kind::of(weights)? == Kind::Onnx {
            let text = format!(
                "{0} is an ONNX model, which has its layers; use `predict {0} --dataset DATA`",
                weights.display()
            );
            return Err(Usage(text).into());
        }
        let spec = described.network.spec();
        let fitted = StateDict::open(weights).and_then(|mut dict| dict.fit(spec));
        let fitted = fitted.with_context(|| {
            format!(
                "the parameters in {} are not those of {}",
                weights.display(),
                self.file.display()
            )
        })?;
        Ok(Described { network: fitted.network, is_given: true, ..described })
    }

    fn of_onnx(&self, global: &GlobalArgs) -> Result<Described> {
        let network: Network = open_onnx(self.file)?;
        let (name, data) = self.data.as_toml(global, self.file)?;
        let origin = self.file.display().to_string();
        let file =
            read_single_text(&empty_file(&name, &data), &origin, DEFAULT_TRAINING, self.changes)?;
        let mut plan = Plan::new(file)?;
        let spec = network.spec().clone();
        check_shape(self.file, spec.shapes()[0], plan.shape)?;
        let outputs = spec.layers().last().map_or(0, isobath_architecture::Layer::outputs);
        if outputs != plan.classes {
            let text = format!(
                "{origin} has {outputs} outputs, and the data have {} classes; predict needs one output for each class",
                plan.classes
            );
            return Err(Usage(text).into());
        }
        plan.depth = spec.stages();
        plan.variants[0].network = spec;
        let data = load(global, &plan)?;
        Ok(of_network(plan, data, network))
    }
}
