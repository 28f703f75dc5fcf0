//! Runs that are killed, interrupted, sharded, multi-threaded or shared.

use std::{
    process::{Command, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

use crate::common::{EXPERIMENT, Place};
use isobath_store::Store;

const RUN: [&str; 2] = ["run", "tiny.toml"];
/// Number of cells of the experiment.
const CELLS: usize = 24;

/// Number of cells stored so far; zero if the run was killed before it had a store.
fn stored(place: &Place) -> usize {
    let folders = std::fs::read_dir(place.path().join("runs")).into_iter().flatten().flatten();
    let count = |path: std::path::PathBuf| Some(Store::open_run(&path).ok()?.keys().ok()?.len());
    folders.filter_map(|folder| count(folder.path())).sum()
}

#[test]
fn killed_runs_resume_to_identical_results() {
    let undisturbed = Place::new();
    let start = Instant::now();
    undisturbed.succeed(&RUN);
    let whole = start.elapsed();
    let expected = undisturbed.results();
    assert_eq!(expected.cells.len(), CELLS);

    let place = Place::new();
    let (mut kills, mut attempts, mut partial) = (0, 0_u32, 0);
    while kills < 20 {
        let mut child =
            place.isobath(&RUN).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        // Kill times spread over the first half of a whole run, in no order.
        attempts += 1;
        sleep(whole.mul_f64(f64::from(attempts * 37 % 100) / 200.0));
        if let Some(status) = child.try_wait().unwrap() {
            assert!(status.success());
            // The run finished before twenty kills: start again.
            std::fs::remove_dir_all(place.path().join("runs")).unwrap();
        } else {
            child.kill().unwrap();
            child.wait().unwrap();
            kills += 1;
            partial += usize::from((1..CELLS).contains(&stored(&place)));
        }
    }
    assert!(partial >= 3, "only {partial} of the kills came between the first and the last cell");
    place.succeed(&RUN);
    assert!(place.results() == expected, "the resumed run differs");
}

#[test]
fn results_do_not_depend_on_threads() {
    let (one, two) = (Place::new(), Place::new());
    one.succeed(&["--threads", "1", "run", "tiny.toml"]);
    two.succeed(&["--threads", "2", "run", "tiny.toml"]);
    assert!(one.results() == two.results());
}

#[test]
fn results_do_not_depend_on_concurrent_cells() {
    let (alone, together) = (Place::new(), Place::new());
    alone.succeed(&["run", "tiny.toml", "--at-once", "1"]);
    together.succeed(&["run", "tiny.toml", "--at-once", "5"]);
    assert!(alone.results() == together.results());
}

#[test]
fn failures_name_their_cell_and_keep_the_others() {
    let saved = [&RUN[..], &["--set", "cascade.save=true", "--at-once", "3"]].concat();
    let whole = Place::new();
    whole.succeed(&saved);
    let place = Place::new();
    let folder = place.path().join("runs").join(whole.run_folder().file_name().unwrap());
    let in_the_way = folder.join("cascades/w2-b0.05-seed1");
    std::fs::create_dir_all(in_the_way.parent().unwrap()).unwrap();
    std::fs::write(&in_the_way, "a file where a folder is needed").unwrap();
    let error = place.fail(1, &saved);
    assert!(error.contains("cell sigma_w2 = 2, sigma_b2 = 0.05, seed 1"), "{error}");
    // It is the 19th cell; of the earlier ones, only the two concurrent cells can be missing.
    let kept = stored(&place);
    assert!((16..CELLS).contains(&kept), "{kept} cells are stored");
    std::fs::remove_file(in_the_way).unwrap();
    place.succeed(&saved);
    assert!(place.results() == whole.results());
}

#[test]
fn shards_together_equal_a_whole_run() {
    let whole = Place::new();
    whole.succeed(&RUN);
    let place = Place::new();
    let text = place.succeed(&["run", "tiny.toml", "--shard", "1/2"]);
    assert!(text.contains("12 of 24 cells are computed"), "{text}");
    place.succeed(&["run", "tiny.toml", "--shard", "2/2"]);
    assert!(place.results() == whole.results());
    // Both shards run concurrently, in two processes.
    let place = Place::new();
    let shard = |shard| {
        place
            .isobath(&["run", "tiny.toml", "--shard", shard])
            .stderr(Stdio::null())
            .spawn()
            .unwrap()
    };
    let mut children = ["1/2", "2/2"].map(shard);
    for child in &mut children {
        assert!(child.wait().unwrap().success());
    }
    assert!(place.results() == whole.results());
}

#[test]
fn a_run_is_locked_against_a_second_process() {
    let place = Place::new();
    place.succeed(&["run", "tiny.toml", "--shard", "1/2"]);
    let lock = std::fs::File::open(place.run_folder().join("shards/1-of-2.lock")).unwrap();
    lock.lock().unwrap();
    let error = place.fail(1, &RUN);
    assert!(error.contains("another process"), "{error}");
}

#[test]
fn computed_cells_are_reused() {
    let place = Place::new();
    place.succeed(&RUN);
    let again = place.output(&RUN);
    let text = String::from_utf8(again.stderr).unwrap();
    assert!(text.contains("0 cells computed") && text.contains("24 already stored"), "{text}");
    // A larger grid under another name reuses the common cells.
    let more = place.output(&["run", "tiny.toml", "--set", "grid.seeds=3", "--set", "name=more"]);
    let text = String::from_utf8(more.stderr).unwrap();
    assert!(
        text.contains("12 cells computed") && text.contains("24 reused from other runs"),
        "{text}"
    );
    let fresh = place.output(&["run", "tiny.toml", "--fresh"]);
    let text = String::from_utf8(fresh.stderr).unwrap();
    assert!(text.contains("24 cells computed"), "{text}");
}

#[test]
fn ctrl_c_stops_a_run_that_can_be_resumed() {
    let place = Place::with(&EXPERIMENT.replace("train = 500", "train = 20000"));
    let child = place.isobath(&RUN).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let store = place.path().join("runs");
    let there = || std::fs::read_dir(&store).is_ok_and(|mut entries| entries.next().is_some());
    while !there() {
        sleep(Duration::from_millis(10));
    }
    sleep(Duration::from_millis(300));
    let signal = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(signal.success());
    let output = child.wait_with_output().unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(130), "{text}");
    assert!(text.contains("rerun the command to resume"), "{text}");
}

#[test]
fn nothing_to_resume_is_an_error() {
    let error = Place::new().fail(1, &["run", "tiny.toml", "--resume"]);
    assert!(error.contains("nothing to resume"), "{error}");
}

#[test]
fn report_and_export_compute_nothing() {
    let place = Place::new();
    place.succeed(&RUN);
    for command in [&["report", "tiny", "--formats", "csv"][..], &["export", "tiny", "--to", "out"]]
    {
        let text = place.succeed(command);
        assert!(text.contains(".csv"), "{text}");
    }
    let error = place.fail(1, &["report", "other"]);
    assert!(error.contains("no run \"other\""), "{error}");
}

#[test]
fn cascades_can_be_saved() {
    let place = Place::new();
    place.succeed(&[
        "run",
        "tiny.toml",
        "--set",
        "cascade.save=true",
        "--set",
        "grid.sigma_w2=1.5",
    ]);
    let folder = place.run_folder().join("cascades/w1.5-b0.05-seed1");
    for name in ["decoders.safetensors", "reconstructions.safetensors"] {
        assert!(folder.join(name).metadata().unwrap().len() > 1000);
    }
}

#[test]
fn backend_option_switches_backends_that_agree() {
    let place = Place::new();
    let small = ["--set", "grid.sigma_w2=1.5", "--set", "grid.seeds=1", "--set", "data.train=96"];
    place.succeed(&[&RUN[..], &small].concat());
    let cpu = place.results();
    std::fs::remove_dir_all(place.path().join("runs")).unwrap();
    place.succeed(&[&RUN[..], &small, &["--backend", "reference"]].concat());
    let reference = place.results();
    assert_eq!(cpu.cells.len(), reference.cells.len());
    assert!(cpu != reference, "the keys of another backend differ");
    let error = place.fail(2, &[&RUN[..], &["--backend", "cuda:9999"]].concat());
    assert!(error.contains("cuda:9999") && error.contains("not available"), "{error}");
}

#[test]
fn runs_on_missing_backends_can_be_validated() {
    let place = Place::new();
    let arguments = [&["validate"], &RUN[1..], &["--backend", "cuda:9999"]].concat();
    let text = place.succeed(&arguments);
    let has = |start: &str| text.lines().any(|line| line.starts_with(start));
    assert!(has("# work ") && has("# memory ") && has("# time         unknown"), "{text}");
}

#[cfg(feature = "parquet")]
#[test]
fn parquet_export() {
    let place = Place::new();
    place.succeed(&RUN);
    place.succeed(&["export", "tiny", "--format", "parquet", "--to", "out"]);
    for name in ["cells.parquet", "profiles.parquet", "cutoffs.parquet"] {
        assert!(place.path().join("out").join(name).is_file(), "{name}");
    }
}

#[test]
fn networks_of_a_list_are_compared_in_one_run() {
    let lists = "activation = [\"tanh\", \"relu\"]\nwidth = [30, 40]\nsigma_b2 = 0.05\nseeds = 1\n\
                 optimizer = [{ kind = \"sgd\", lr = 0.1 }, { kind = \"adam\" }]\n";
    let train = "[train]\ndepths = [2, 4]\ntrain = 100\ntest = 50\nsuccess = { accuracy = 0.3 }\nmax_steps = 20\n";
    let experiment = EXPERIMENT
        .replace("width = 40\n", "")
        .replace("sigma_b2 = [0.0, 0.05]\nseeds = 2\n", lists)
        .replace("step = 0.5", "step = 2.0")
        .replace("[report]", &format!("{train}[report]"));
    let place = Place::with(&experiment);
    let output: serde_json::Value =
        serde_json::from_str(&place.succeed(&["run", "tiny.toml", "--json"])).unwrap();
    let networks = output["networks"].as_array().unwrap();
    assert_eq!((networks.len(), output["cells"]["computed"].as_u64()), (4, Some(4 * 2)));
    assert!(networks[3].as_str().unwrap().starts_with("relu MLP, width 40"));
    let csv = place.run_folder().join("csv");
    let rows = |table: &str, network: &str| {
        let text = std::fs::read_to_string(csv.join(table)).unwrap();
        text.lines().filter(|line| line.starts_with(network)).count()
    };
    for network in ["0,", "1,", "2,", "3,"] {
        // Two weight variances, two depths, two optimisers.
        assert_eq!(rows("trainings.csv", network), 8, "{network}");
        assert!(rows("scores.csv", network) > 0, "{network}");
    }
    // Cells of a run of one network are those of the list.
    let alone = experiment
        .replace(lists, "sigma_b2 = 0.05\n")
        .replace("depth = 6", "depth = 6\nwidth = 30");
    std::fs::write(place.path().join("alone.toml"), alone.replace("\"tiny\"", "\"alone\""))
        .unwrap();
    let output = place.output(&["run", "alone.toml"]);
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        error.contains("0 cells computed") && error.contains("2 reused from other runs"),
        "{error}"
    );
}

#[test]
fn initialisations_with_their_own_scale_need_no_variances() {
    let list =
        "init = [\"pytorch\", { name = \"orthogonal\", gain = 1.2 }, { range = [0.0, 1.0] }]\n";
    let experiment = EXPERIMENT
        .replace("sigma_w2 = { from = 0.5, to = 3.0, step = 0.5 }\nsigma_b2 = [0.0, 0.05]\n", list)
        .replace("seeds = 2", "seeds = 1");
    let place = Place::with(&experiment);
    let validated = place.succeed(&["validate", "tiny.toml"]);
    for text in [
        "pytorch: sigma_w2 = 0.333333, sigma_b2 = 4.252e-4 in layer 1; sigma_w2 = 0.333333, sigma_b2 = 0.008333 in layers 2 to 6",
        "orthogonal gain 1.2: sigma_w2 = 1.44000",
        "mean other than zero, which mean-field theory does not cover",
        "3 = 3 points x 1 seed",
    ] {
        assert!(validated.contains(text), "{text}: {validated}");
    }
    let output: serde_json::Value =
        serde_json::from_str(&place.succeed(&["run", "tiny.toml", "--json"])).unwrap();
    let points = output["points"].as_array().unwrap();
    assert_eq!(points.len(), 3);
    assert!((points[1]["sigma_w2"].as_f64().unwrap() - 1.44).abs() < 1e-9);
    assert!(points[0]["xi_c"].as_f64().is_some() && points[2]["xi_c"].is_null());
    let error = place.fail(2, &["validate", "tiny.toml", "--set", "grid.sigma_w2=1.5"]);
    assert!(error.contains("has a scale of its own"), "{error}");
}
