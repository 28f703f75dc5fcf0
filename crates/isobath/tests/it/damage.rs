//! Result files with flipped bytes and cut ends.
#![expect(clippy::unwrap_used, reason = "a test")]

use std::{fs, path::Path};

use crate::common::{Place, TINIEST, every};

const SHARD: [&str; 4] = ["run", "tiny.toml", "--shard", "1/2"];

/// Damages the file of a shard with `damage`. The next run repairs it or says what to do, and the one after computes
/// nothing.
fn check(place: &Place, intact: &[u8], damage: impl FnOnce(&mut Vec<u8>), what: &str) {
    let file = place.run_folder().join("shards/1-of-2.sqlite");
    let mut bytes = intact.to_vec();
    damage(&mut bytes);
    fs::write(&file, bytes).unwrap();
    let output = place.output(&SHARD);
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!text.contains("panicked"), "{what}: {text}");
    if !output.status.success() {
        let advice = ["--fresh", "restore", "rerun"].iter().any(|part| text.contains(part));
        assert!(advice, "{what}: {text}");
        place.succeed(&[&SHARD[..], &["--fresh"]].concat());
    }
    let again = place.output(&SHARD);
    let text = String::from_utf8_lossy(&again.stderr);
    assert!(text.contains("\n0 cells computed"), "{what}: {text}");
    assert!(text.contains("\n0 trainings done"), "{what}: {text}");
}

/// Removes the copies of damaged files.
fn tidy(folder: &Path) {
    for entry in fs::read_dir(folder.join("shards")).unwrap().flatten() {
        if entry.file_name().to_string_lossy().contains("damaged") {
            fs::remove_file(entry.path()).unwrap();
        }
    }
}

#[test]
fn damaged_files_heal_once_and_never_give_another_number() {
    let place = Place::with(TINIEST);
    place.succeed(&SHARD);
    let expected = place.results();
    let intact = fs::read(place.run_folder().join("shards/1-of-2.sqlite")).unwrap();
    // A stride that is prime to the page size visits all places in a page.
    let stride = every(3001) * 2 + 1;
    let mut tried = 0;
    for place_in_file in (0..intact.len()).step_by(stride) {
        let flip = |bytes: &mut Vec<u8>| bytes[place_in_file] ^= 0x21;
        check(&place, &intact, flip, &format!("flip at {place_in_file}"));
        assert!(place.results() == expected, "flip at {place_in_file}");
        let cut = |bytes: &mut Vec<u8>| bytes.truncate(place_in_file);
        check(&place, &intact, cut, &format!("cut at {place_in_file}"));
        assert!(place.results() == expected, "cut at {place_in_file}");
        tidy(&place.run_folder());
        tried += 2;
    }
    println!("{tried} damages");
    assert!(tried > 4);
}

#[test]
fn readers_name_a_damaged_shard_and_runs_go_on_without_it() {
    let place = Place::with(TINIEST);
    place.succeed(&SHARD);
    let file = place.run_folder().join("shards/1-of-2.sqlite");
    let mut bytes = fs::read(&file).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle..middle + 2000].fill(0xA5);
    fs::write(&file, bytes).unwrap();
    for command in [&["report", "tiny"][..], &["export", "tiny"], &["merge", "tiny"]] {
        let error = place.fail(1, command);
        assert!(error.contains("1-of-2.sqlite is damaged") && error.contains("rerun"), "{error}");
    }
    let output = place.output(&["run", "tiny.toml"]);
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && text.contains("its results are not used"), "{text}");
    assert!(text.contains("2 cells computed"), "{text}");
    let output = place.output(&SHARD);
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && text.contains("was damaged"), "{text}");
    place.succeed(&["merge", "tiny"]);
}
