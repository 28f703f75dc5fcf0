//! Samples of datasets and of the user's own data as inputs.

use anyhow::Result;
use isobath_datasets::{Dataset, DatasetSource, LoadRequest, OwnData, OwnRequest};
use serde::Deserialize;

use crate::commands::GlobalArgs;

/// Reads a dataset as experiment files name it: a name, a path, or a table such as `{ path = "x.csv", labels = "y" }`.
pub(in crate::commands) fn source(text: &str) -> Result<DatasetSource, String> {
    #[derive(Deserialize)]
    struct Section {
        dataset: DatasetSource,
    }
    let is_table = text.trim_start().starts_with('{');
    let is_name = text.parse::<isobath_datasets::DatasetName>().is_ok();
    if !is_table && !is_name && std::path::Path::new(text).exists() {
        return Ok(OwnData::new(text).into());
    }
    let value = if is_table { text.to_owned() } else { toml::Value::from(text).to_string() };
    let section = toml::from_str::<Section>(&format!("dataset = {value}"));
    section.map(|section| section.dataset).map_err(|error| error.message().to_owned())
}

/// Loads `test` held-out samples, or as many as the user's own data have, and one training sample.
pub(super) fn load(
    global: &GlobalArgs,
    source: &DatasetSource,
    test: usize,
    grayscale: bool,
    seed: u64,
) -> Result<Dataset> {
    Ok(match source {
        DatasetSource::Named(name) => isobath_datasets::load(&LoadRequest {
            name: *name,
            folder: global.data.clone(),
            train: Some(1),
            test: Some(test),
            grayscale,
            seed,
        })?,
        DatasetSource::Own(own) => {
            let test = test.min(own.extent()?.test);
            own.load(&OwnRequest { train: Some(1), test: Some(test), grayscale, seed })?
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_paths_and_tables_are_read() {
        assert_eq!(source("digits").unwrap().to_string(), "digits");
        assert_eq!(source("a/b.npz").unwrap(), OwnData::new("a/b.npz").into());
        let DatasetSource::Own(own) = source("{ path = \"x.csv\", labels = -1 }").unwrap() else {
            panic!("own data")
        };
        assert!(own.labels.is_some());
        assert!(source("minst").unwrap_err().contains("`mnist`"));
    }
}
