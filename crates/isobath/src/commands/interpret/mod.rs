//! `interpret`: what the layers of a network with given parameters keep of its input.

mod compute;
mod data;
mod decoders;
mod print;
mod subject;
mod view;

use std::{path::PathBuf, str::FromStr};

use anyhow::{Context, Result};
use clap::Args;
use isobath_datasets::DatasetSource;
use isobath_report::interpretation;
use serde_json::Value;

pub(super) use self::{
    data::{OnnxData, check_shape},
    subject::{Kind, empty_file},
};
use super::{GlobalArgs, exit, meanfield::dataset, report::with_files, run, run::Settings};
use crate::print::{PROGRAM, shell_word};

/// Held-out samples in the gallery by default.
const DEFAULT_SAMPLES: u8 = 8;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Experiment file whose `[network]` describes the network, or an ONNX model
    model: PathBuf,
    /// Parameters of the described network: a safetensors file or a PyTorch state dict
    #[arg(long, value_name = "FILE")]
    weights: Option<PathBuf>,
    /// Data of an ONNX model: the name of a dataset, the path of your own data, or a table such as
    /// '{ path = "x.csv", labels = "y" }'
    #[arg(long, value_parser = dataset::source, value_name = "DATA")]
    dataset: Option<DatasetSource>,
    /// Labels of the data of an ONNX model. CSV: name or index of the column, -1 for the last; .npy: file of labels
    #[arg(long, allow_hyphen_values = true)]
    labels: Option<String>,
    #[command(flatten)]
    settings: Settings,
    /// Decoders: in closed form, or by gradient descent [default: that of `[cascade]`, or ridge]
    #[arg(long, value_enum)]
    method: Option<MethodName>,
    /// Number of held-out samples in the gallery
    #[arg(long, value_name = "N", default_value_t = DEFAULT_SAMPLES, value_parser = clap::value_parser!(u8).range(1..=24))]
    samples: u8,
    /// Folder of the page [default: interpret-NAME in the folder of runs]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Method of finding decoders.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum MethodName {
    Ridge,
    Gradient,
}

impl MethodName {
    const fn name(self) -> &'static str {
        match self {
            Self::Ridge => "ridge",
            Self::Gradient => "gradient",
        }
    }
}

pub(super) fn main(global: &GlobalArgs, arguments: &Arguments) -> Result<u8> {
    let subject = subject::Subject::open(global, arguments)?;
    subject.plan.check_backends()?;
    run::check_memory(&subject.plan)?;
    run::note_skipped(&subject.plan)?;
    let data = data::load(global, &subject)?;
    let findings = compute::findings(&subject, &data, usize::from(arguments.samples))?;
    let command = command(global, arguments);
    let page = view::interpretation(&subject, &data, findings, command);
    let folder = match &arguments.out {
        Some(folder) => folder.clone(),
        None => global.runs.join(format!("interpret-{}", subject.plan.file.name)),
    };
    let written = interpretation::write(&page, &folder).context("cannot write the page")?;
    if arguments.json {
        let json: Value = interpretation::json(&page);
        println!("{}", with_files(json, &folder, &written));
    } else {
        print::lines(&page).iter().for_each(|line| println!("{line}"));
        println!("page: {}", written[0].display());
    }
    Ok(exit::DONE)
}

/// Command that gives the same page.
fn command(global: &GlobalArgs, arguments: &Arguments) -> String {
    let Arguments { model, weights, dataset, labels, settings, method, samples, .. } = arguments;
    let named = [
        ("weights", weights.as_ref().map(|path| path.display().to_string())),
        ("dataset", dataset.as_ref().map(data::words)),
        ("labels", labels.clone()),
        ("method", method.map(|method| method.name().to_owned())),
        ("samples", (*samples != DEFAULT_SAMPLES).then(|| samples.to_string())),
    ];
    let option = |(name, value): (&str, Option<String>)| {
        value.map_or_else(String::new, |value| format!(" --{name} {}", shell_word(&value)))
    };
    let options: String = named.into_iter().map(option).collect();
    let model = shell_word(&model.to_string_lossy());
    format!("{PROGRAM} interpret {model}{options}{}{}", settings.words(), run::folders(global))
}

/// Settings in the form of `--set`.
fn setting(text: &str) -> isobath_experiment::Override {
    FromStr::from_str(text).expect("a key and a value")
}
