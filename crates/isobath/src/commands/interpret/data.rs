//! The data of an interpretation.

use std::path::Path;

use anyhow::{Result, bail};
use isobath_architecture as architecture;
use isobath_datasets::{Dataset, DatasetSource, LabelColumn, OwnData, Scale, Shape};
use isobath_experiment::{self as experiment, ExperimentFile, Plan};

use super::{
    Arguments, setting,
    subject::{Subject, empty_file, usage},
};
use crate::commands::{GlobalArgs, run};

/// Training and held-out samples as the network sees them.
pub(super) fn load(global: &GlobalArgs, subject: &Subject) -> Result<Dataset> {
    let plan = &subject.plan;
    let section = &plan.file.data;
    let mut data = run::load_samples(global, plan, section.train, section.probe(), plan.file.seed)?;
    if let Some(scale) = section.scale.fit(&data) {
        scale.apply(&mut data);
    }
    Ok(data)
}

/// Limits the training samples to those that decoders learn from, unless the scale needs all of them.
pub(super) fn limit(plan: &mut Plan) {
    if plan.file.data.scale == Scale::Standardize {
        return;
    }
    if let Some(samples) = plan.train_samples() {
        plan.file.data.train = Some(plan.cascade.samples(samples));
    }
}

/// Data of an ONNX model, as options name them.
#[derive(Clone, Copy, Debug)]
pub(in crate::commands) struct OnnxData<'a> {
    pub(in crate::commands) dataset: Option<&'a DatasetSource>,
    pub(in crate::commands) labels: Option<&'a str>,
}

impl OnnxData<'_> {
    /// Rejects the options for a description, which has its own data.
    pub(in crate::commands) fn refuse(&self, model: &Path) -> Result<()> {
        if self.dataset.is_none() && self.labels.is_none() {
            return Ok(());
        }
        usage(format!(
            "--dataset and --labels are for ONNX models; {} has its data in [data]",
            model.display()
        ))
    }

    /// A name for the experiment, and the data as a value in TOML.
    pub(in crate::commands) fn as_toml(
        &self,
        global: &GlobalArgs,
        model: &Path,
    ) -> Result<(String, String)> {
        let source = match self.dataset {
            Some(source) => source.clone(),
            // The global option names a folder of datasets; a file there can only be the data.
            None if global.data.is_file() => OwnData::new(global.data.clone()).into(),
            None => {
                return usage(format!(
                    "{} has no data; add --dataset with a name or a path, such as --dataset mnist or --dataset x.npy \
                     --labels y.npy",
                    model.display()
                ));
            }
        };
        Ok((plain_name(model), toml(&with_labels(source, self.labels)?)?))
    }
}

/// The experiment file of an ONNX model, which has data and decoders but no network of its own.
pub(super) fn onnx_file(global: &GlobalArgs, arguments: &Arguments) -> Result<ExperimentFile> {
    let Arguments { model, dataset, labels, settings, method, .. } = arguments;
    let data = OnnxData { dataset: dataset.as_ref(), labels: labels.as_deref() };
    let (name, data) = data.as_toml(global, model)?;
    let text = empty_file(&name, &data);
    let mut overrides = Vec::new();
    overrides.extend(method.map(|method| setting(&format!("cascade.method={}", method.name()))));
    overrides.extend(settings.overrides.iter().cloned());
    Ok(experiment::read_text(&text, &model.display().to_string(), &overrides)?)
}

fn with_labels(source: DatasetSource, labels: Option<&str>) -> Result<DatasetSource> {
    match (source, labels) {
        (source, None) => Ok(source),
        (DatasetSource::Own(own), Some(labels)) => {
            let column = match labels.parse() {
                Ok(index) => LabelColumn::Index(index),
                Err(_) => LabelColumn::Name(labels.to_owned()),
            };
            Ok(OwnData { labels: Some(column), ..*own }.into())
        }
        (DatasetSource::Named(name), Some(_)) => {
            usage(format!("--labels is for your own data; {name} has its labels"))
        }
    }
}

/// A source of data as a value in TOML, on one line.
fn toml(source: &DatasetSource) -> Result<String> {
    Ok(toml::Value::try_from(source)?.to_string())
}

/// A source of data as `--dataset` takes it.
pub(super) fn words(source: &DatasetSource) -> String {
    match source {
        DatasetSource::Own(own) if **own != OwnData::new(own.path.clone()) => {
            toml(source).unwrap_or_else(|_| own.name())
        }
        DatasetSource::Own(_) | DatasetSource::Named(_) => source.to_string(),
    }
}

/// The name of a model's file with the characters of names of experiments.
fn plain_name(model: &Path) -> String {
    let stem = model.file_stem().unwrap_or_default().to_string_lossy().to_lowercase();
    let plain = |c: char| if c.is_ascii_alphanumeric() || c == '_' { c } else { '-' };
    let name: String = stem.chars().map(plain).take(60).collect();
    if name.is_empty() { "model".to_owned() } else { name }
}

/// Checks that samples of `data` are what the network takes.
pub(in crate::commands) fn check_shape(
    model: &Path,
    input: architecture::Shape,
    data: Shape,
) -> Result<()> {
    let Shape { channels, height, width } = data;
    let is_same = (input.channels, input.size()) == (channels, [height, width]);
    if is_same || (input.is_flat() && input.numbers() == data.len()) {
        return Ok(());
    }
    let advice = if input.numbers() == data.len() && !input.is_flat() {
        let [rows, columns] = input.size();
        format!(
            "; give the data this shape: --dataset '{{ path = ..., shape = [{}, {rows}, {columns}] }}'",
            input.channels
        )
    } else if input.channels == 1 && channels == 3 && input.size() == [height, width] {
        "; use --set data.grayscale=true".to_owned()
    } else {
        String::new()
    };
    bail!(
        "{} takes samples of {input} numbers, and those of the data have {channels}x{height}x{width} (channels, height, \
         width){advice}",
        model.display()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_models_are_names_of_experiments() {
        assert_eq!(plain_name(Path::new("a/My Model.v2.onnx")), "my-model-v2");
        assert_eq!(plain_name(Path::new("")), "model");
    }

    #[test]
    fn shapes_of_data_must_be_those_of_the_input() {
        let image = architecture::Shape::new(1, 4, 4);
        let shape = |channels, height, width| Shape { channels, height, width };
        let check = |input, data| check_shape(Path::new("x.onnx"), input, data);
        assert!(check(image, shape(1, 4, 4)).is_ok());
        assert!(check(architecture::Shape::flat(16), shape(1, 4, 4)).is_ok());
        let error = |data| check(image, data).unwrap_err().to_string();
        assert!(error(shape(3, 4, 4)).contains("data.grayscale=true"));
        assert!(error(shape(1, 1, 16)).contains("shape = [1, 4, 4]"));
        assert!(error(shape(1, 5, 4)).contains("x.onnx takes samples of 1x4x4"));
    }

    #[test]
    fn labels_belong_to_own_data() {
        let own = with_labels(OwnData::new("x.csv").into(), Some("-1")).unwrap();
        let DatasetSource::Own(own) = own else { panic!("own data") };
        assert_eq!(own.labels, Some(LabelColumn::Index(-1)));
        let error = with_labels(isobath_datasets::DatasetName::Digits.into(), Some("y"));
        assert!(error.unwrap_err().to_string().contains("digits has its labels"));
    }
}
