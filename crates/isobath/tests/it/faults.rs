//! Runs whose file operations fail, and runs whose clock jumps.
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a test")]

use std::{
    path::{Path, PathBuf},
    process::Command,
    sync::LazyLock,
};

use crate::common::{Place, Results, TINIEST, every};

/// The library that makes operations fail, compiled once.
static LIBRARY: LazyLock<(tempfile::TempDir, PathBuf)> = LazyLock::new(|| {
    let folder = tempfile::tempdir().unwrap();
    let library = folder.path().join("faults.so");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/faults.c");
    let compiler = std::env::var("CC").unwrap_or_else(|_| "cc".to_owned());
    let compile = Command::new(compiler)
        .args(["-O1", "-Wall", "-Werror", "-shared", "-fPIC", "-o"])
        .args([&library, &source])
        .arg("-ldl")
        .status();
    assert!(compile.unwrap().success());
    (folder, library)
});

/// Command of a run with the library.
fn run(place: &Place, arguments: &[&str]) -> Command {
    let mut command = place.isobath(&[&["run", "tiny.toml", "--at-once", "1"], arguments].concat());
    command.env("LD_PRELOAD", &LIBRARY.1).env("FAULT_FOLDER", place.path().join("runs"));
    command
}

/// Number of file operations of a run.
fn operations(place: &Place, arguments: &[&str]) -> usize {
    let count = place.path().join("count");
    let output = run(place, arguments).env("FAULT_AT", "0").env("FAULT_COUNT", &count).output();
    assert!(output.unwrap().status.success());
    std::fs::read_to_string(count).unwrap().parse().unwrap()
}

/// Lets every `stride`-th operation of a run fail in turn. Each run then resumes to the undisturbed results.
fn check(arguments: &[&str], stride: usize) {
    let place = Place::with(TINIEST);
    let count = operations(&place, arguments);
    let expected = place.results();
    assert!(count > 50, "{count} operations");
    let (mut failed, mut tried) = (0, 0);
    for at in (1..=count).step_by(stride) {
        for mode in ["eio", "full", "short"] {
            std::fs::remove_dir_all(place.path().join("runs")).unwrap();
            let output = run(&place, arguments)
                .env("FAULT_AT", at.to_string())
                .env("FAULT_MODE", mode)
                .output()
                .unwrap();
            let error = String::from_utf8_lossy(&output.stderr);
            assert!(!error.contains("panicked"), "{mode} at {at}: {error}");
            let code = output.status.code();
            assert!(matches!(code, Some(0 | 1)), "{mode} at {at} ended with {code:?}: {error}");
            assert!(code == Some(0) || error.contains("error: "), "{mode} at {at}: {error}");
            (failed, tried) = (failed + usize::from(code == Some(1)), tried + 1);
            let resumed = place.output(&[&["run", "tiny.toml"], arguments].concat());
            let error = String::from_utf8_lossy(&resumed.stderr);
            assert!(resumed.status.success(), "{mode} at {at}: {error}");
            assert!(!error.contains("was damaged"), "{mode} at {at}: {error}");
            assert!(place.results() == expected, "{mode} at {at}");
        }
    }
    println!("{tried} faults at {count} operations, {failed} stopped the run");
    assert!(failed > tried / 2, "{failed} of {tried} faults stopped the run");
}

#[test]
fn failed_file_operations_lose_at_most_the_work_in_progress() {
    check(&[], every(37));
}

#[test]
fn failed_file_operations_of_a_shard_lose_at_most_the_work_in_progress() {
    check(&["--shard", "1/2"], every(41));
}

#[test]
fn a_jumping_clock_changes_nothing() {
    let place = Place::with(TINIEST);
    place.succeed(&["run", "tiny.toml"]);
    let expected = place.results();
    std::fs::remove_dir_all(place.path().join("runs")).unwrap();
    for shard in ["1/2", "2/2"] {
        let output = run(&place, &["--shard", shard]).env("FAULT_CLOCK", "1").output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    let output = run(&place, &[]).env("FAULT_CLOCK", "1").output().unwrap();
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && text.contains("0 cells computed"), "{text}");
    assert!(Results::read(&place.run_folder()) == expected);
}
