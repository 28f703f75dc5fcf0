//! Invalid input gives an error that names the mistake, never a panic.

use crate::common::{EXPERIMENT, Place};
use proptest::prelude::*;

#[track_caller]
fn check_file(from: &str, to: &str, parts: &[&str]) {
    assert!(EXPERIMENT.contains(from), "{from}");
    let error = Place::with(&EXPERIMENT.replacen(from, to, 1)).fail(2, &["run", "tiny.toml"]);
    for part in parts {
        assert!(error.contains(part), "{part:?} is not in: {error}");
    }
}

#[test]
fn experiment_files() {
    check_file("seeds = 2", "seedz = 2", &["tiny.toml", "line 18", "did you mean `seeds`?"]);
    check_file("seeds = 2", "seeds = 0", &["[grid] seeds = 0"]);
    check_file("step = 0.5", "step = -0.5", &["[grid] sigma_w2", "step = -0.5"]);
    check_file("[0.0, 0.05]", "[0.0, nan]", &["[grid] sigma_b2 = NaN"]);
    check_file("depth = 6", "depth = 0", &["[network]", "depth = 0"]);
    check_file("depth = 6", "depth = 1", &["readout"]);
    check_file("depth = 6", "depth = 6\nactivation = \"tahn\"", &["unknown activation `tahn`"]);
    check_file("probe = 12", "probe = 1", &["[data] probe = 1"]);
    check_file("train = 500", "train = 99999999999", &["[data] train = 99999999999"]);
    check_file("batch = 32", "batch = 0", &["[cascade]", "batch = 0"]);
    check_file("batch = 32", "optimizer = { kind = \"adam\", lr = -1.0 }", &["lr = -1"]);
    check_file("batch = 32", "backend = \"gpu\"", &["unknown backend `gpu`", "mean \"cuda:0\""]);
    check_file("batch = 32", "precision = \"tf32\"", &["[cascade]", "no tf32 products"]);
    check_file("batch = 32", "precision = \"fp16\"", &["fp16", "tf32", "bf16"]);
    check_file("batch = 32", "forward_precision = \"fp16\"", &["fp16", "tf32", "bf16"]);
    check_file("batch = 32", "method = \"rigde\"", &["did you mean `ridge`?"]);
    check_file("batch = 32", "noise = 0.1", &["noise = 0.1", "set method = \"ridge\""]);
    check_file("batch = 32", "method = \"ridge\"\nnoise = -1.0", &["noise = -1"]);
    check_file("batch = 32", "method = \"ridge\"\nmax_steps = 3", &["use max_samples"]);
    check_file("batch = 32", "method = \"ridge\"\nactivation = \"tanh\"", &["are linear"]);
    check_file("batch = 32", "stop = { rule = \"sure\" }", &["confident"]);
    check_file("batch = 32", "stop = { rule = \"confident\", layer = 2 }", &["`layers`"]);
    check_file("batch = 32", "stop = { rule = \"confident\", layers = 0 }", &["layers = 0"]);
    check_file("batch = 32", "stop = { rule = \"confident\", first = 0 }", &["first = 0"]);
    check_file("\"relative\", ", "\"relativ\", ", &["unknown estimator `relativ`"]);
    check_file("name = \"tiny\"", "name = \"../tiny\"", &["names a folder"]);
    check_file(
        "dataset = \"digits\"",
        "dataset = \"mnist\"\ngrayscale = 3",
        &["grayscale", "boolean"],
    );
}

#[test]
fn missing_data() {
    let place = Place::with(&EXPERIMENT.replace("\"digits\"", "\"mnist\""));
    let error = place.fail(1, &["run", "tiny.toml"]);
    assert!(error.contains("mnist") && error.contains("fetch"), "{error}");
    let error = place.fail(2, &["data", "import", "."]);
    assert!(error.contains("--name"), "{error}");
}

#[test]
fn command_lines() {
    let place = Place::new();
    for (arguments, part) in [
        (&["run"][..], "FILE"),
        (&["run", "missing.toml"], "missing.toml"),
        (&["run", "tiny.toml", "--set", "grid.seeds"], "KEY=VALUE"),
        (&["run", "tiny.toml", "--shard", "3/2"], "1 to N"),
        (&["run", "tiny.toml", "--threads", "0"], "0"),
        (&["meanfield"], "--sigma-w2"),
        (&["meanfield", "--sigma-w2", "-1"], "-1"),
        (&["meanfield", "--activation", "tahn", "--sigma-w2", "1"], "tanh, erf"),
        (&["fly"], "fly"),
    ] {
        let error = place.fail(2, arguments);
        assert!(error.contains(part), "{part:?} is not in: {error}");
    }
    let error = place
        .fail(1, &["meanfield", "--activation", "relu", "--sigma-w2", "2.5", "--sigma-b2", "0"]);
    assert!(error.contains('2'), "{error}");
}

#[test]
fn reference_pairs() {
    let place = Place::new();
    let error = place.fail(1, &["check-reference", "none"]);
    assert!(error.contains("none.json"), "{error}");
    let json = r#"{ "widths": [3, 2], "batch_size": 1, "epochs": 1, "activation": "tanh",
                    "adam": { "lr": 0.001, "beta1": 0.9, "beta2": 0.999, "eps": 1e-8 } }"#;
    std::fs::write(place.path().join("pair.json"), json).unwrap();
    std::fs::write(place.path().join("pair.safetensors"), "no tensors").unwrap();
    let error = place.fail(1, &["check-reference", "pair"]);
    assert!(error.contains("pair.safetensors is not a safetensors file"), "{error}");
    std::fs::write(place.path().join("pair.json"), "{}").unwrap();
    let error = place.fail(1, &["check-reference", "pair"]);
    assert!(error.contains("does not describe"), "{error}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// Any text parses as an experiment or gives an error.
    #[test]
    fn arbitrary_text_as_experiment(text in "\\PC{0,200}") {
        let _ = isobath_experiment::read_text(&text, "any", &[]);
    }

    /// An experiment with some changed bytes can be planned or gives an error.
    #[test]
    fn experiment_files_with_mistakes(place in 0..EXPERIMENT.len(), replacement in "\\PC{0,3}", length in 0_usize..4) {
        let end = (place + length).min(EXPERIMENT.len());
        let text = format!("{}{replacement}{}", &EXPERIMENT[..place], &EXPERIMENT[end..]);
        if let Ok(file) = isobath_experiment::read_text(&text, "changed", &[]) {
            let _ = isobath_experiment::Plan::new(file);
        }
    }

    /// Any command-line override is applied or gives an error.
    #[test]
    fn arbitrary_text_as_override(text in "[a-z.]{0,12}=?\\PC{0,12}") {
        if let Ok(setting) = text.parse::<isobath_experiment::Override>() {
            let _ = isobath_experiment::read_text(EXPERIMENT, "file", &[setting]);
        }
    }
}

mod safetensors_files {
    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(16))]

        /// Bytes in the place of a safetensors file are an error of one line.
        #[test]
        fn of_any_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..200), header in any::<bool>()) {
            let place = Place::new();
            let json = r#"{ "widths": [3, 2], "batch_size": 1, "epochs": 1, "activation": "tanh",
                            "adam": { "lr": 0.001, "beta1": 0.9, "beta2": 0.999, "eps": 1e-8 } }"#;
            std::fs::write(place.path().join("pair.json"), json).unwrap();
            let mut file = if header { (bytes.len() as u64).to_le_bytes().to_vec() } else { Vec::new() };
            file.extend(bytes);
            std::fs::write(place.path().join("pair.safetensors"), file).unwrap();
            place.fail(1, &["check-reference", "pair"]);
        }
    }
}
