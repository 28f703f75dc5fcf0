//! Convolutional networks, residual networks and lists of layers, from the file to the report.
#![expect(clippy::unwrap_used, reason = "a test")]

use crate::common::Place;
use isobath_entropy::EstimatorSpec;

/// Two cells and their trainings, on digits of 14 x 14 pixels.
fn experiment(network: &str, depths: &str) -> String {
    format!(
        r#"
name = "tiny"
seed = 3

[data]
dataset = "digits"
size = 14
train = 64
probe = 8

[network]
{network}

[grid]
sigma_w2 = [1.0, 2.0]
sigma_b2 = 0.05

[cascade]
batch = 32

[entropy]
bootstrap = 20

[report]
formats = ["csv", "html"]
gallery = 1

[train]
depths = {depths}
train = 60
test = 40
success = {{ accuracy = 0.5 }}
max_steps = 6
batch = 20
optimizer = {{ kind = "sgd", lr = 0.1 }}
"#
    )
}

const CNN: &str = "kind = \"cnn\"\ndepth = 6\nchannels = 4\nstem = 1";
const RESNET: &str = "kind = \"resnet\"\ndepth = 5\nchannels = 4\nstem = 1\nblock = \"full\"";
const DENSE: &str = "kind = \"resnet\"\ndepth = 5\nwidth = 20\nblock = \"reduced\"";
const LAYERS: &str = r#"
kind = "layers"
activation = "relu"
layers = [
    { conv = 4, padding = "same" },
    { pool = "max" },
    { residual = [{ conv = 4, padding = "same" }, { conv = 4, padding = "same", activation = "linear" }], after = "relu" },
    { dense = 30, activation = "tanh" },
    { dense = "classes" },
]"#;

#[track_caller]
fn check_text(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "{part:?} is not in: {text}");
    }
}

#[test]
fn validate_prints_the_stages() {
    let of = |network, depths| {
        let place = Place::with(&experiment(network, depths));
        place.succeed(&["validate", "tiny.toml"])
    };
    let cnn = of(CNN, "[4, 6]");
    check_text(
        &cnn,
        &[
            "# network      6 weight layers",
            "# depth        6; it counts weight layers",
            "1x14x14",
            "conv 3x3/2 pad 1 circular",
            "3 to 5   conv 3x3 pad 1 circular (x 3)",
            "readout  average pool 7x7",
            "# time ",
        ],
    );
    check_text(
        &of(RESNET, "[4, 5]"),
        &[
            "# depth        5; it counts stages",
            "# theory       no depth scale in charts: residual blocks",
        ],
    );
    check_text(&of(DENSE, "5"), &["residual x + (dense tanh) (x 3)"]);
    check_text(&of(LAYERS, "5"), &["max pool 2x2/2", "relu of the sum", "5; it counts stages"]);
}

#[test]
fn validate_prints_the_stages_as_json() {
    let place = Place::with(&experiment(CNN, "[4, 6]"));
    let text = place.succeed(&["validate", "tiny.toml", "--json"]);
    let json: serde_json::Value = serde_json::from_str(&text).unwrap();
    let stages = json["networks"][0]["stages"].as_array().unwrap();
    let counts: Vec<_> = stages.iter().map(|stage| stage["count"].as_u64().unwrap()).collect();
    assert_eq!(counts, [1, 1, 3, 1, 1]);
    assert_eq!(stages[2]["parameters"], 4 * 37);
    // Multiply-adds count twice: 36 for each of 4 channels and 49 pixels.
    assert_eq!(stages[2]["flops"], 2 * 36 * 4 * 49);
    assert_eq!((&stages[3]["readout"], &stages[0]["readout"]), (&true.into(), &false.into()));
}

/// Runs the experiment. Returns what it prints and the report's page.
fn run(network: &str, depths: &str, trainings: usize) -> [String; 2] {
    let place = Place::with(&experiment(network, depths));
    let text = place.succeed(&["run", "tiny.toml"]);
    let results = place.results();
    assert_eq!((results.cells.len(), results.trainings.len()), (2, trainings), "{text}");
    assert!(!results.scores.is_empty());
    for training in results.trainings.values() {
        assert!(training.record.losses.iter().all(|loss| loss.is_finite()));
    }
    let page = std::fs::read_to_string(place.run_folder().join("report.html")).unwrap();
    [text, page]
}

#[test]
fn convolutional_networks_run_from_file_to_report() {
    let [_, page] = run(CNN, "[4, 6]", 4);
    assert!(page.contains("tanh CNN, 4 channels, circular, 6 weight layers"));
}

#[test]
fn residual_networks_run_from_file_to_report() {
    let [_, page] = run(RESNET, "[4, 5]", 4);
    assert!(page.contains("depth (stages)"));
    run(DENSE, "[3, 5]", 4);
}

#[test]
fn lists_of_layers_run_from_file_to_report() {
    let [_, page] = run(LAYERS, "5", 2);
    assert!(page.contains("layers of different kinds follow each other"));
}

/// Runs the cells of an experiment, whose lines after `network` are inserted as they are. Returns the place.
fn cells_of(network: &str) -> Place {
    let experiment = experiment(network, "5").replace("batch = 32", "method = \"ridge\"");
    let (cells, _) = experiment.split_once("[train]").unwrap();
    let place = Place::with(cells);
    place.succeed(&["run", "tiny.toml"]);
    place
}

fn read(place: &Place, file: &str) -> String {
    std::fs::read_to_string(place.run_folder().join(file)).unwrap()
}

#[test]
fn networks_without_depth_scales_have_theory_stage_by_stage() {
    for (network, stages) in [(RESNET, 4), (LAYERS, 4)] {
        let place = cells_of(network);
        let page = read(&place, "report.html");
        check_text(
            &page,
            &["Theory stage by stage", "id=\"theory-stages\"", "2 grid points where"],
        );
        let table = read(&place, "csv/theory_stages.csv");
        let rows: Vec<Vec<&str>> =
            table.lines().skip(1).map(|line| line.split(',').collect()).collect();
        assert_eq!(rows.len(), 2 * stages, "{network}: {table}");
        // Inputs of mean square 1: exact without borders; zeros beyond them shorten the mean.
        let ln_q: f64 = rows[0][4].parse().unwrap();
        let exact = 1.05_f64.ln();
        if network == RESNET {
            assert!((ln_q - exact).abs() < 1e-12, "{ln_q}");
        } else {
            assert!(ln_q < exact && ln_q > exact - 0.15, "{ln_q}");
        }
    }
}

#[test]
fn the_deep_part_of_published_networks_has_depth_scales() {
    let network = "kind = \"cnn\"\ndepth = 12\nchannels = 4\npreset = \"published-cnn\"\n\
                   [meanfield]\noverlay = [\"6 xi_c\", \"xi_c(k)\"]";
    let place = cells_of(network);
    let text = place.succeed(&["validate", "tiny.toml"]);
    check_text(&text, &["# theory       depth scales of stages 4 to 10, counted from stage 4"]);
    let page = read(&place, "report.html");
    check_text(&page, &["Theory counts depths from stage 4, the first of the equal layers"]);
    assert!(!page.contains("Theory stage by stage"));
    for line in read(&place, "csv/theory.csv").lines().skip(1) {
        assert!(line.ends_with(",4"), "{line}");
    }
}

#[test]
fn decoders_undo_every_stage() {
    for (network, layers) in [(CNN, 5), (RESNET, 4), (DENSE, 4), (LAYERS, 4)] {
        let experiment = experiment(network, "5").replace("batch = 32", "method = \"ridge\"");
        let (cells, _) = experiment.split_once("[train]").unwrap();
        let place = Place::with(cells);
        place.succeed(&["run", "tiny.toml"]);
        for cell in place.results().cells.values() {
            assert_eq!((&cell.failure, cell.fits.len()), (&None, layers), "{network}");
            let errors = cell
                .profiles
                .iter()
                .find(|profile| profile.estimator == EstimatorSpec::RECONSTRUCTION_ERROR)
                .map(|profile| &profile.values)
                .unwrap();
            assert_eq!(errors.len(), layers, "{network}");
            let (first, last) = (errors[0], errors[layers - 1]);
            if network == DENSE {
                // 20 units keep less of 196 pixels, and blocks that add to their input hardly lose more of it.
                assert!(first < 0.9 && (last - first).abs() < 0.2, "{errors:?}");
            } else {
                assert!(first < 0.5 && last > first, "{network}: {errors:?}");
            }
        }
    }
}
