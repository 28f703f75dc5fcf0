//! Reads experiment files and applies command-line overrides.

use std::{fs, io::Read, path::Path};

use serde::{Serialize, de::DeserializeOwned};

use super::{
    ExperimentFile, FileError, TheoryFile,
    explain::{explain, in_words},
};

/// Command-line override of a setting: `grid.seeds=5`.
#[derive(Clone, Debug, PartialEq)]
pub struct Override {
    text: String,
    path: Vec<String>,
    value: toml::Value,
}

impl std::str::FromStr for Override {
    type Err = FileError;

    /// Parses `key=value`. The key is a path of names joined by dots. The value is TOML, otherwise plain text.
    fn from_str(text: &str) -> Result<Self, FileError> {
        let reject =
            |reason: &str| FileError::Override { text: text.to_owned(), reason: reason.to_owned() };
        let (key, value) = text
            .split_once('=')
            .ok_or_else(|| reject("must be KEY=VALUE, such as grid.seeds=5"))?;
        let path: Vec<String> = key.split('.').map(|part| part.trim().to_owned()).collect();
        if path.iter().any(String::is_empty) {
            return Err(reject("the key must be names joined by dots, such as grid.seeds"));
        }
        let value = value.trim();
        let parsed = format!("value = {value}").parse::<toml::Table>().ok();
        let value =
            parsed.and_then(|mut table| table.remove("value")).unwrap_or_else(|| value.into());
        Ok(Self { text: text.to_owned(), path, value })
    }
}

impl std::fmt::Display for Override {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.text)
    }
}

impl Override {
    fn apply(&self, table: &mut toml::Table) -> Result<(), FileError> {
        let (last, parents) = self.path.split_last().expect("a key has at least one part");
        let mut table = table;
        for (depth, part) in parents.iter().enumerate() {
            let entry = table.entry(part).or_insert_with(|| toml::Value::Table(toml::Table::new()));
            table = entry.as_table_mut().ok_or_else(|| FileError::Override {
                text: self.text.clone(),
                reason: format!("`{}` is not a table", self.path[..=depth].join(".")),
            })?;
        }
        table.insert(last.clone(), self.value.clone());
        Ok(())
    }
}

/// Reads the file at `path` and applies `overrides`.
///
/// # Errors
/// [`FileError`] with the file, the line and, for an unknown key, the most similar known one.
pub fn read(path: &Path, overrides: &[Override]) -> Result<ExperimentFile, FileError> {
    read_text(&text_of(path)?, &path.display().to_string(), overrides)
}

/// Reads the theory file at `path` and applies `overrides`; `None` if the file has no `[theory]` table.
///
/// # Errors
/// See [`read`].
pub fn read_theory(path: &Path, overrides: &[Override]) -> Result<Option<TheoryFile>, FileError> {
    let text = text_of(path)?;
    if !is_theory(&text) {
        return Ok(None);
    }
    let file: TheoryFile = parse(&text, &path.display().to_string(), overrides)?;
    file.check()?;
    Ok(Some(file))
}

/// Parses the text of an experiment file and applies `overrides`. Messages name the file `origin`.
///
/// # Errors
/// See [`read`].
pub fn read_text(
    text: &str,
    origin: &str,
    overrides: &[Override],
) -> Result<ExperimentFile, FileError> {
    if is_theory(text) {
        return Err(FileError::Theory { origin: origin.to_owned() });
    }
    parse(text, origin, overrides)
}

/// Reads the description of a single network and its training: an experiment file that may leave out `name`, `[grid]`,
/// `[train]`, and in `[train]` `depths` and `success`. `training` is the default of `[train]`, in TOML.
///
/// # Errors
/// See [`read`].
pub fn read_single(
    path: &Path,
    training: &str,
    overrides: &[Override],
) -> Result<ExperimentFile, FileError> {
    read_single_text(&text_of(path)?, &path.display().to_string(), training, overrides)
}

/// As [`read_single`], from text. Messages name the file `origin`.
///
/// # Errors
/// See [`read`].
pub fn read_single_text(
    text: &str,
    origin: &str,
    training: &str,
    overrides: &[Override],
) -> Result<ExperimentFile, FileError> {
    let origin = origin.to_owned();
    if is_theory(text) {
        return Err(FileError::Theory { origin });
    }
    let table: toml::Table = text.parse().map_err(|error: toml::de::Error| {
        FileError::Malformed { origin: origin.clone(), message: explain(text, &error) }
    })?;
    let mut table = apply(overrides, table)?;
    fill_in(&mut table, training);
    let merged = table.to_string();
    toml::from_str(&merged).map_err(|error| FileError::Malformed {
        origin,
        // Line numbers of the merged text are meaningless to the user.
        message: in_words(&merged, &error),
    })
}

/// Fills in what a single network does not need.
fn fill_in(table: &mut toml::Table, training: &str) {
    use toml::{Table, Value};
    table.entry("name").or_insert_with(|| "network".into());
    table.entry("grid").or_insert_with(|| Value::Table(Table::new()));
    let depth = table.get("network").and_then(|network| network.get("depth")).cloned();
    let default = || Value::Table(training.parse().unwrap_or_default());
    let Value::Table(train) = table.entry("train").or_insert_with(default) else { return };
    // Above the accuracy of guessing for every number of classes; no single training ends by it.
    let success = || Value::Table([("accuracy".to_owned(), 1.0.into())].into_iter().collect());
    train.entry("success").or_insert_with(success);
    if let Some(depth) = &depth {
        train.entry("depths").or_insert_with(|| depth.clone());
    }
    // A readout alone is a network, although it has no layer to decode.
    if depth.and_then(|depth| depth.as_integer()) == Some(1) {
        let cascade = table.entry("cascade").or_insert_with(|| Value::Table(Table::new()));
        if let Value::Table(cascade) = cascade {
            cascade.entry("readout").or_insert_with(|| true.into());
        }
    }
}

fn text_of(path: &Path) -> Result<String, FileError> {
    let unreadable = |source| FileError::Unreadable { path: path.to_owned(), source };
    let metadata = fs::metadata(path).map_err(unreadable)?;
    if let Some(content) = data_content(path, metadata.is_dir()) {
        // A folder's name ends with `/`, so that it is a path and no name of a dataset.
        let path = if metadata.is_dir() { path.join("") } else { path.to_owned() };
        return Err(FileError::Data { path, content });
    }
    let file = fs::File::open(path).map_err(unreadable)?;
    let mut bytes = Vec::new();
    file.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(FileError::TooLarge { path: path.to_owned() });
    }
    String::from_utf8(bytes).map_err(|_| FileError::NoText { path: path.to_owned() })
}

/// Description of a path that holds data, by its name.
fn data_content(path: &Path, is_folder: bool) -> Option<&'static str> {
    if is_folder {
        return Some("a folder");
    }
    let name = path.file_name()?.to_str()?.to_lowercase();
    let name = name.strip_suffix(".gz").unwrap_or(&name);
    match Path::new(name).extension()?.to_str()? {
        "npy" | "npz" => Some("a file of arrays"),
        "csv" | "tsv" => Some("a table of data"),
        "png" | "jpg" | "jpeg" => Some("an image"),
        _ => None,
    }
}

/// Maximum size of an experiment file in bytes.
const MAX_BYTES: u64 = 1 << 20;

/// True if the text is valid TOML with a `[theory]` table.
fn is_theory(text: &str) -> bool {
    text.parse::<toml::Table>().is_ok_and(|table| table.contains_key("theory"))
}

fn parse<F: DeserializeOwned + Serialize>(
    text: &str,
    origin: &str,
    overrides: &[Override],
) -> Result<F, FileError> {
    let malformed = |error: &toml::de::Error| FileError::Malformed {
        origin: origin.to_owned(),
        message: explain(text, error),
    };
    if overrides.is_empty() {
        return toml::from_str(text).map_err(|error| malformed(&error));
    }
    let table: toml::Table = text.parse().map_err(|error| malformed(&error))?;
    let merged = apply(overrides, table)?.to_string();
    if let Ok(file) = toml::from_str(&merged) {
        return Ok(file);
    }
    // An override may change part of a table that is left at its default: `cascade.optimizer.lr=0.1`.
    if let Ok(file) = toml::from_str::<F>(text) {
        let defaults =
            toml::Table::try_from(&file).ok().map(|table| apply(overrides, table)).transpose()?;
        if let Some(file) = defaults.and_then(|table| toml::from_str(&table.to_string()).ok()) {
            return Ok(file);
        }
    }
    toml::from_str(&merged).map_err(|error| {
        // Report the file if it is invalid without overrides, otherwise the overrides.
        if let Err(error) = toml::from_str::<F>(text) {
            return malformed(&error);
        }
        let settings: Vec<&str> = overrides.iter().map(|setting| setting.text.as_str()).collect();
        let origin = format!("{origin} with --set {}", settings.join(" --set "));
        // Line numbers of the merged text are meaningless to the user.
        FileError::Malformed { origin, message: in_words(&merged, &error) }
    })
}

fn apply(overrides: &[Override], mut table: toml::Table) -> Result<toml::Table, FileError> {
    for setting in overrides {
        setting.apply(&mut table)?;
    }
    Ok(table)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"
name = "a"
[data]
dataset = "digits"
[network]
depth = 3
[grid]
sigma_w2 = 1.0
"#;

    #[track_caller]
    fn check_rejected(text: &str, overrides: &[&str], parts: &[&str]) {
        let overrides: Vec<Override> =
            overrides.iter().map(|text| text.parse().expect(text)).collect();
        let error =
            read_text(text, "file.toml", &overrides).expect_err("must be refused").to_string();
        for part in parts {
            assert!(error.contains(part), "{part:?} is not in: {error}");
        }
    }

    #[test]
    fn minimal_file_has_the_published_defaults() {
        let file = read_text(GOOD, "file.toml", &[]).unwrap();
        assert_eq!(
            (file.seed, file.data.probe(), file.cascade.epochs, file.cascade.batch),
            (1, 100, 1, 64)
        );
        let resolved = toml::to_string(&file).unwrap();
        assert_eq!(read_text(&resolved, "resolved", &[]).unwrap(), file);
    }

    #[test]
    fn error_of_an_unknown_key_has_file_line_and_suggestion() {
        let text = GOOD.replace("sigma_w2", "sigma_w");
        check_rejected(
            &text,
            &[],
            &["file.toml", "line 8", "`sigma_w`", "did you mean `sigma_w2`?"],
        );
        check_rejected(&format!("{GOOD}[cascad]\n"), &[], &["line 9", "did you mean `cascade`?"]);
    }

    #[test]
    fn unsupported_layers_are_named() {
        for (entry, message) in [
            ("batch_norm = true", "networks with batch normalisation are not supported"),
            ("conv = 4, groups = 2", "networks with grouped convolutions are not supported"),
            ("dropout = 0.5", "networks with dropout are not supported"),
        ] {
            let layers = format!("kind = \"layers\"\nlayers = [{{ {entry} }}]");
            check_rejected(&GOOD.replace("depth = 3", &layers), &[], &["line 7", message]);
        }
    }

    #[test]
    fn error_of_an_invalid_value_has_the_line() {
        check_rejected(
            &GOOD.replace("\"digits\"", "\"digit\""),
            &[],
            &["line 4", "did you mean `digits`?"],
        );
        check_rejected(&GOOD.replace("depth = 3", "depth = -3"), &[], &["line 6"]);
        check_rejected(&GOOD.replace("depth = 3", "depth = "), &[], &["line 6"]);
        check_rejected("", &[], &["missing field `name`"]);
    }

    #[test]
    fn overrides_take_precedence() {
        let set = |text: &str| text.parse::<Override>().unwrap();
        let file = read_text(GOOD, "file.toml", &[set("cascade.optimizer.lr=0.5")]).unwrap();
        assert_eq!(file.cascade.optimizer, isobath_tensor::Optimizer::adam(0.5));
        let overrides = [
            set("grid.seeds=5"),
            set("cascade.optimizer={ kind = \"sgd\", lr = 0.1 }"),
            set("name=b"),
        ];
        let file = read_text(GOOD, "file.toml", &overrides).unwrap();
        assert_eq!((file.grid.seeds, file.name.as_str()), (5, "b"));
        assert_eq!(file.cascade.optimizer, isobath_tensor::Optimizer::sgd(0.1));
    }

    /// The default is left out, so that files without the setting keep their keys and names.
    #[test]
    fn forms_of_decoders_are_written_only_if_published() {
        let resolved = |overrides: &[&str]| {
            let overrides: Vec<Override> = overrides.iter().map(|o| o.parse().unwrap()).collect();
            let file = read_text(GOOD, "file.toml", &overrides).unwrap();
            assert_eq!(file.cascade.params().form, file.cascade.form);
            (toml::to_string(&file).unwrap(), toml::to_string(&file.cascade.params()).unwrap())
        };
        let plain = resolved(&[]);
        assert_eq!(resolved(&["cascade.form=aligned"]), plain);
        assert!(!plain.0.contains("form =") && !plain.1.contains("form ="), "{plain:?}");
        let (file, key) = resolved(&["cascade.form=published"]);
        assert!(file.contains("form = \"published\"") && key.contains("form = \"published\""));
        check_rejected(GOOD, &["cascade.form=other"], &["`aligned`", "`published`"]);
    }

    #[test]
    fn data_are_no_experiment_files() {
        let place = tempfile::tempdir().unwrap();
        let error = |name: &str, content: &[u8]| {
            let path = place.path().join(name);
            fs::write(&path, content).unwrap();
            read(&path, &[]).unwrap_err().to_string()
        };
        for (name, what) in
            [("x.npy", "arrays"), ("x.CSV.gz", "a table of data"), ("x.jpg", "image")]
        {
            let message = error(name, b"a,b");
            assert!(message.contains(what) && message.contains("[data] dataset = "), "{message}");
            assert!(message.contains(&format!("data check {}", place.path().join(name).display())));
        }
        assert!(error("x.toml", b"\x93NUMPY").contains("not text in UTF-8"));
        assert!(read(place.path(), &[]).unwrap_err().to_string().contains("a folder"));
    }

    #[test]
    fn errors_name_invalid_overrides() {
        check_rejected(GOOD, &["grid.seedz=5"], &["--set grid.seedz=5", "did you mean `seeds`?"]);
        check_rejected(GOOD, &["name.x=5"], &["`name` is not a table"]);
        for text in ["grid.seeds", "=5", "grid..seeds=1"] {
            assert!(text.parse::<Override>().is_err(), "{text}");
        }
    }
}
