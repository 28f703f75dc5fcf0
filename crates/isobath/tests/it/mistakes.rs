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
    check_file("batch = 32", "batch = 100000000", &["batch = 100000000", "1 to 10,000,000"]);
    check_file("batch = 32", "epochs = 100000000", &["epochs = 100000000", "1 to 100,000"]);
    check_file("bootstrap = 20", "bootstrap = 1000000000", &["bootstrap = 1000000000"]);
    check_file("seed = 3", "seed = -3", &["from 0 to 9223372036854775807"]);
    check_file("[0.0, 0.05]", "[0.0, 1e308]", &["sigma_b2 = 1e308", "1e30"]);
    check_file(
        "batch = 32",
        "optimizer = { kind = \"momentum\", lr = 0.1 }",
        &["`sgd`, `rmsprop`, `adagrad`, `adam`", "momentum = 0.9"],
    );
    check_file("step = 0.5", "step = -0.5", &["[grid] sigma_w2", "step = -0.5"]);
    check_file("[0.0, 0.05]", "[0.0, nan]", &["[grid] sigma_b2 = NaN"]);
    check_file("depth = 6", "depth = 0", &["[network]", "depth = 0"]);
    check_file("depth = 6", "depth = 1", &["readout"]);
    check_file("depth = 6", "depth = 6\nactivation = \"tahn\"", &["unknown activation `tahn`"]);
    check_file("depth = 6", "kind = \"cnn\"\ndepth = 6", &["width has no meaning", "use channels"]);
    check_file(
        "depth = 6\nwidth = 40",
        "kind = \"layers\"\nlayers = [{ conv = 4, kernal = 3 }]",
        &["unknown field `kernal`", "did you mean `kernel`?"],
    );
    check_file(
        "depth = 6\nwidth = 40",
        "kind = \"layers\"\nlayers = [{ conv = 4 }, { dense = \"classes\" }]",
        &["[network] network layers[0]: activation is missing"],
    );
    check_file("probe = 12", "size = 9", &["[data] size = 9 must divide", "28 x 28"]);
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
        &["grayscale", "expected true or false, found 3"],
    );
}

#[test]
fn data_in_place_of_experiment_files() {
    let place = Place::new();
    for name in ["x.npy", "data.csv"] {
        std::fs::write(place.path().join(name), b"\x93NUMPY").expect("a new file");
        for command in ["run", "validate"] {
            let error = place.fail(2, &[command, name]);
            let advice = format!("data check {name}");
            assert!(error.contains(&advice) && error.contains("not an experiment file"), "{error}");
        }
    }
    let error = place.fail(1, &["data", "check", "missing.csv"]);
    assert_eq!(error.matches("os error 2").count(), 1, "{error}");
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
    let text = place.succeed(&[
        "meanfield",
        "--activation",
        "relu",
        "--sigma-w2",
        "2.5",
        "--sigma-b2",
        "0",
    ]);
    assert!(
        text.contains("by a factor of 1.25 per layer") && text.contains("f32 overflows at layer"),
        "{text}"
    );
}

#[test]
fn benchmarks_larger_than_the_memory() {
    let place = Place::new();
    for (command, option) in [
        (&["cascade", "--images", "10000000", "--width", "1000000"][..], "--at-once"),
        (&["train", "--images", "10000000", "--at-once", "100000"], "--at-once"),
        (&["depth", "--depths", "2,5", "--images", "10000000", "--width", "1000000"], "--depths"),
        (&["compare", "--images", "10000000", "--width", "1000000"], "--depth"),
    ] {
        let error = place.fail(1, &[&["bench"], command].concat());
        for part in ["the benchmark needs about", "are available; reduce", option] {
            assert!(error.contains(part), "{part:?} is not in: {error}");
        }
    }
    let error = place.fail(2, &["bench", "cascade", "--width", "99999999999"]);
    assert!(error.contains("at most 10,000,000"), "{error}");
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

#[test]
fn endless_files_are_rejected() {
    let error = Place::new().fail(2, &["run", "/dev/zero"]);
    assert!(error.contains("larger than 1 MiB"), "{error}");
}

#[test]
fn closed_outputs_do_not_end_a_run() {
    let place = Place::new();
    for closed in ["stdout", "stderr", "both"] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let mut command = place.isobath(&["run", "tiny.toml", "--fresh"]);
        match closed {
            "stdout" => command.stdout(writer),
            "stderr" => command.stderr(writer),
            _ => command.stdout(writer.try_clone().unwrap()).stderr(writer),
        };
        let output = command.output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{closed}");
        assert!(place.run_folder().join("csv/profiles.csv").is_file(), "{closed}");
    }
}

#[test]
fn edited_experiment_files_are_noticed() {
    let place = Place::new();
    place.succeed(&["run", "tiny.toml"]);
    let file = place.run_folder().join("experiment.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    let report = ["report", "tiny", "--set", "entropy.cutoff={ rule = \"decay\" }"];
    assert!(place.succeed(&report).contains("networks of this family"));
    let error = place.fail(2, &["report", "tiny", "--set", "network.depth=9"]);
    assert!(error.contains("changes what was measured"), "{error}");
    std::fs::write(&file, text.replace("depth = 6", "depth = 5")).unwrap();
    let error = place.fail(1, &["report", "tiny"]);
    assert!(error.contains("was changed after the run"), "{error}");
}
