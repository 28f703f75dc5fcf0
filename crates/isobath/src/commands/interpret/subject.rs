//! The network with its parameters, and the plan that has its data and decoders.

use std::{
    fs::File,
    io::Read,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};
use isobath_experiment::{self as experiment, ExperimentFile, Plan};
use isobath_import::{StateDict, open_onnx};
use isobath_network::Network;

use super::{Arguments, data, decoders, setting};
use crate::commands::{GlobalArgs, Usage};

/// Network and plan.
pub(super) struct Subject {
    /// Data, decoders and the number of layers with a decoder; its only network is that of `network`.
    pub(super) plan: Plan,
    pub(super) network: Network,
    /// File of the parameters.
    pub(super) weights: PathBuf,
}

impl Subject {
    /// Reads the files that the arguments name.
    ///
    /// # Errors
    /// When a file is of another kind, or network, parameters and data do not fit each other.
    pub(super) fn open(global: &GlobalArgs, arguments: &Arguments) -> Result<Self> {
        let Arguments { model, weights, .. } = arguments;
        match Kind::of(model)? {
            Kind::Onnx => Self::of_onnx(global, arguments),
            Kind::Parameters => usage(format!(
                "{0} has parameters and no layers; describe the network in an experiment file: `interpret net.toml \
                 --weights {0}`",
                model.display()
            )),
            Kind::Text => match weights {
                Some(weights) => Self::of_experiment(arguments, weights),
                None => usage(format!(
                    "{} describes a network without its parameters; add --weights FILE (safetensors, or a PyTorch state \
                     dict)",
                    model.display()
                )),
            },
        }
    }

    fn of_experiment(arguments: &Arguments, weights: &Path) -> Result<Self> {
        let Arguments { model, dataset, labels, settings, .. } = arguments;
        data::OnnxData { dataset: dataset.as_ref(), labels: labels.as_deref() }.refuse(model)?;
        if Kind::of(weights)? == Kind::Onnx {
            return usage(format!(
                "{0} is an ONNX model, which has its layers; use `interpret {0} --dataset DATA`",
                weights.display()
            ));
        }
        let mut overrides = decoders::overrides(model, arguments);
        overrides.extend(settings.overrides.iter().cloned());
        let file = experiment::read(model, &overrides)?;
        let file = ExperimentFile { train: None, ..file };
        let has_activation = file.cascade.activation.is_some();
        let plan = Plan::new(settings.on_backend(file))?;
        if plan.points.len() != 1 {
            bail!(
                "{} describes {} networks; parameters are given for one, so leave one value of each setting in [grid]",
                model.display(),
                plan.points.len()
            );
        }
        let spec = &plan.variants[0].network;
        let fitted = StateDict::open(weights).and_then(|mut dict| dict.fit(spec));
        let network = fitted.with_context(|| cannot_use(weights, model))?.network;
        Self { plan, network, weights: weights.to_owned() }.completed(has_activation)
    }

    fn of_onnx(global: &GlobalArgs, arguments: &Arguments) -> Result<Self> {
        let Arguments { model, weights, settings, .. } = arguments;
        if let Some(weights) = weights {
            return usage(format!(
                "{} has its own parameters; omit --weights {}",
                model.display(),
                weights.display()
            ));
        }
        let network = open_onnx(model)?;
        let file = data::onnx_file(global, arguments)?;
        let has_activation = file.cascade.activation.is_some();
        let mut plan = Plan::new(settings.on_backend(file))?;
        let spec = network.spec();
        data::check_shape(model, spec.shapes()[0], plan.shape)?;
        plan.depth = spec.stages();
        plan.layers = if plan.file.cascade.readout { spec.depth() } else { plan.depth - 1 };
        if plan.layers == 0 {
            bail!("{} is only a readout; add --set cascade.readout=true", model.display());
        }
        Self { plan, network, weights: model.clone() }.completed(has_activation)
    }

    /// Brings the plan in line with the network that the parameters made, and limits the training samples to those that
    /// decoders learn from. `has_activation` says that the settings name the activation of the decoders.
    fn completed(mut self, has_activation: bool) -> Result<Self> {
        self.plan.variants[0].network = self.network.spec().clone();
        if !has_activation {
            decoders::adapt(&mut self.plan)?;
        }
        data::limit(&mut self.plan);
        Ok(self)
    }
}

fn cannot_use(weights: &Path, model: &Path) -> String {
    format!("the parameters in {} are not those of {}", weights.display(), model.display())
}

pub(in crate::commands) fn usage<T>(message: String) -> Result<T> {
    Err(Usage(message).into())
}

/// Settings that an ONNX model does not have, as a file: its `[network]` is replaced by that of the model.
pub(in crate::commands) fn empty_file(name: &str, data: &str) -> String {
    format!(
        "name = \"{name}\"\n[data]\ndataset = {data}\n[network]\ndepth = 2\nwidth = 1\n[grid]\nsigma_w2 = 1.0\n\
         [cascade]\nmethod = \"ridge\"\nreadout = true\n"
    )
}

/// Content of a file, by its name and first bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::commands) enum Kind {
    Onnx,
    /// A state dict.
    Parameters,
    Text,
}

impl Kind {
    pub(in crate::commands) fn of(path: &Path) -> Result<Self> {
        let extension = path.extension().map(std::ffi::OsStr::to_ascii_lowercase);
        match extension.as_ref().and_then(|extension| extension.to_str()) {
            Some("onnx") => return Ok(Self::Onnx),
            Some("safetensors" | "pt" | "pth" | "bin" | "ckpt") => return Ok(Self::Parameters),
            Some("toml") => return Ok(Self::Text),
            _ => {}
        }
        let unreadable = || format!("cannot read {}", path.display());
        let mut start = Vec::new();
        if path.is_file() {
            let file = File::open(path).with_context(unreadable)?;
            file.take(512).read_to_end(&mut start).with_context(unreadable)?;
        }
        let is_zip = start.starts_with(b"PK\x03\x04");
        let is_safetensors = start.get(8) == Some(&b'{');
        Ok(if is_zip || is_safetensors { Self::Parameters } else { Self::Text })
    }
}

/// Settings for the network of an experiment file whose `[grid]` is left out: parameters are given, so nothing is drawn.
pub(super) fn without_grid(table: &toml::Table) -> Vec<experiment::Override> {
    if table.contains_key("grid") {
        return Vec::new();
    }
    let has_init = table.get("network").is_some_and(|network| network.get("init").is_some());
    let init = (!has_init).then(|| setting("network.init=pytorch"));
    init.into_iter().chain([setting("grid.seeds=1")]).collect()
}
