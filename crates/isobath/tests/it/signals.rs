//! Runs that a person or a scheduler stops.
#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a test")]

use std::{
    process::{Command, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

use crate::common::{Place, TINIEST};

/// The smallest experiment with trainings that take minutes.
fn long() -> Place {
    let text = TINIEST.replace("max_steps = 10", "epochs = 90000\nstop_at_success = false");
    Place::with(&text.replace("depths = [2, 3]", "depths = [2]"))
}

fn checkpoints(place: &Place) -> usize {
    let files =
        |folder: std::path::PathBuf| std::fs::read_dir(folder).into_iter().flatten().flatten();
    let is_checkpoint =
        |path: &std::path::Path| path.extension().is_some_and(|e| e == "safetensors");
    files(place.path().join("runs"))
        .flat_map(|run| files(run.path().join("shards/1-of-1.checkpoints")))
        .filter(|file| is_checkpoint(&file.path()))
        .count()
}

fn has_checkpoint_folder(place: &Place) -> bool {
    let runs = std::fs::read_dir(place.path().join("runs")).into_iter().flatten().flatten();
    runs.into_iter().any(|run| run.path().join("shards/1-of-1.checkpoints").exists())
}

#[track_caller]
fn check(signal: &str, code: i32) {
    let place = long();
    let child = place
        .isobath(&["run", "tiny.toml", "--shard", "1/1"])
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    while !has_checkpoint_folder(&place) {
        sleep(Duration::from_millis(10));
    }
    sleep(Duration::from_millis(500));
    let start = Instant::now();
    let sent = Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap();
    assert!(sent.success());
    let output = child.wait_with_output().unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(code), "{signal}: {text}");
    assert!(start.elapsed() < Duration::from_secs(30), "{signal}: {:?}", start.elapsed());
    assert!(text.contains("rerun the command to resume"), "{signal}: {text}");
    assert!(checkpoints(&place) > 0, "{signal}: no checkpoint");
}

#[test]
fn every_signal_stops_a_run_with_a_checkpoint() {
    for (signal, code) in [("-INT", 130), ("-TERM", 75), ("-USR1", 75), ("-USR2", 75)] {
        check(signal, code);
    }
}

#[test]
fn stopped_trainings_resume_to_the_same_bits() {
    let text = TINIEST.replace("max_steps = 10", "epochs = 4000\nstop_at_success = false");
    let (whole, place) = (Place::with(&text), Place::with(&text));
    whole.succeed(&["run", "tiny.toml", "--shard", "1/1"]);
    let (mut stops, mut saved) = (0, 0);
    loop {
        let child = place
            .isobath(&["run", "tiny.toml", "--shard", "1/1"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        sleep(Duration::from_millis(700 + 90 * stops));
        Command::new("kill").args(["-USR1", &child.id().to_string()]).status().unwrap();
        let code = child.wait_with_output().unwrap().status.code();
        if code == Some(0) {
            break;
        }
        // The signal may come before its handler.
        assert!(matches!(code, Some(75) | None), "{code:?}");
        (stops, saved) = (stops + 1, saved + checkpoints(&place));
        assert!(stops < 300, "it never ends");
    }
    assert!(saved > 0, "no stop left a checkpoint");
    assert!(place.results() == whole.results());
}
