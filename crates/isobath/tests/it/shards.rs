//! Shards with files of their own: locks, merging, several program versions, readers.
#![expect(clippy::unwrap_used, reason = "a test")]

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Stdio,
    time::{Duration, SystemTime},
};

use crate::common::{EXPERIMENT, Place, TINIEST, kills};

fn shard(place: &Place, shard: &str) -> String {
    place.succeed(&["run", "tiny.toml", "--shard", shard])
}

/// Names, contents and times of change of all files below `folder`.
fn snapshot(folder: &Path) -> BTreeMap<PathBuf, (SystemTime, Vec<u8>)> {
    let mut files = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap().flatten() {
            let (path, data) = (entry.path(), entry.metadata().unwrap());
            if data.is_dir() {
                folders.push(path);
            } else {
                files.insert(path.clone(), (data.modified().unwrap(), fs::read(path).unwrap()));
            }
        }
    }
    files
}

/// Tables that `export` writes.
fn tables(place: &Place, run: &str, to: &str) -> BTreeMap<PathBuf, Vec<u8>> {
    place.succeed(&["export", run, "--to", to]);
    let to = place.path().join(to);
    let relative = |path: PathBuf| path.strip_prefix(&to).unwrap().to_owned();
    snapshot(&to).into_iter().map(|(path, (_, bytes))| (relative(path), bytes)).collect()
}

#[test]
fn each_shard_has_a_file_and_readers_see_all() {
    let place = Place::with(TINIEST);
    place.succeed(&["run", "tiny.toml"]);
    let expected = place.results();
    fs::remove_dir_all(place.path().join("runs")).unwrap();
    shard(&place, "1/2");
    shard(&place, "2/2");
    let folder = place.run_folder();
    assert!(!folder.join("results.sqlite").exists());
    let found = place.results();
    assert!(found.cells == expected.cells && found.trainings == expected.trainings);
    // Another split computes nothing.
    for part in ["1/3", "2/3", "3/3"] {
        let output = place.output(&["run", "tiny.toml", "--shard", part]);
        let text = String::from_utf8(output.stderr).unwrap();
        assert!(text.contains("0 cells computed") && text.contains("\n0 trainings done"), "{text}");
    }
    let output = place.output(&["run", "tiny.toml"]);
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(text.contains("0 cells computed") && text.contains("\n0 trainings done"), "{text}");
    assert!(place.results() == expected);
}

#[test]
fn all_orders_of_merging_give_the_same_tables() {
    let place = Place::with(&EXPERIMENT.replace("train = 500", "train = 96"));
    let folders: Vec<String> = (1..=4)
        .map(|index| {
            place.succeed(&[
                "--runs",
                &format!("host-{index}"),
                "run",
                "tiny.toml",
                "--shard",
                &format!("{index}/4"),
            ]);
            let runs = fs::read_dir(place.path().join(format!("host-{index}"))).unwrap();
            runs.flatten().next().unwrap().path().display().to_string()
        })
        .collect();
    let mut expected = None;
    let orders = (0..256_usize).map(|n| [n & 3, n >> 2 & 3, n >> 4 & 3, n >> 6]);
    let orders: Vec<_> = orders.filter(|order| (0..4).all(|i| order.contains(&i))).collect();
    assert_eq!(orders.len(), 24);
    for (number, order) in orders.iter().enumerate() {
        let run = place.path().join(format!("merged-{number}"));
        fs::create_dir(&run).unwrap();
        fs::copy(Path::new(&folders[0]).join("experiment.toml"), run.join("experiment.toml"))
            .unwrap();
        let run = run.display().to_string();
        for &index in order {
            place.succeed(&["merge", &run, "--from", &folders[index]]);
        }
        let found = tables(&place, &run, &format!("tables-{number}"));
        assert!(found.len() > 3);
        assert!(*expected.get_or_insert_with(|| found.clone()) == found, "{order:?}");
    }
}

#[test]
fn merged_shards_can_be_removed() {
    let place = Place::with(TINIEST);
    shard(&place, "1/2");
    // A partial run merges too, and merging is idempotent.
    assert!(place.succeed(&["merge", "tiny"]).contains("1 file merged: "));
    shard(&place, "2/2");
    let before = tables(&place, "tiny", "before");
    let text = place.succeed(&["merge", "tiny", "--json", "--remove-shards"]);
    assert!(text.contains("1-of-2.sqlite") && text.contains("2-of-2.sqlite"), "{text}");
    assert!(place.succeed(&["merge", "tiny"]).contains("0 files merged: 0 records added"));
    assert!(tables(&place, "tiny", "after") == before);
    let output = place.output(&["run", "tiny.toml"]);
    assert!(String::from_utf8(output.stderr).unwrap().contains("0 cells computed"));
}

#[test]
fn the_same_shard_runs_once() {
    for locks in ["", "none"] {
        let place = Place::with(&EXPERIMENT.replace("train = 500", "train = 20000"));
        let run = ["run", "tiny.toml", "--shard", "1/2"];
        let start = || {
            let mut command = place.isobath(&run);
            command.env("ISOBATH_LOCKS", locks).stdout(Stdio::null()).stderr(Stdio::piped());
            command
        };
        let mut first = start().spawn().unwrap();
        let is_locked = || {
            let runs = fs::read_dir(place.path().join("runs")).into_iter().flatten().flatten();
            let lock = |run: fs::DirEntry| run.path().join("shards/1-of-2.lock");
            runs.map(lock).any(|lock| fs::metadata(lock).is_ok_and(|data| data.len() > 0))
        };
        while !is_locked() {
            std::thread::sleep(Duration::from_millis(10));
        }
        let second = start().output().unwrap();
        let text = String::from_utf8(second.stderr).unwrap();
        first.kill().unwrap();
        first.wait().unwrap();
        assert_eq!(second.status.code(), Some(1), "{text}");
        let holder = format!("process {} on ", first.id());
        assert!(text.contains("another process") && text.contains(&holder), "{text}");
        // What the killed process left in the lock file stops nobody.
        let smaller = fs::read_to_string(place.path().join("tiny.toml")).unwrap();
        fs::write(place.path().join("tiny.toml"), smaller.replace("20000", "96")).unwrap();
        let output = start().output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
}

#[test]
fn two_program_versions_in_one_run_are_stated() {
    let place = Place::with(TINIEST);
    for (part, commit) in [("1/2", "aaa"), ("2/2", "bbb")] {
        let mut command = place.isobath(&["run", "tiny.toml", "--shard", part]);
        assert!(command.env("ISOBATH_COMMIT", commit).output().unwrap().status.success());
    }
    let check = || {
        let output = place.output(&["report", "tiny", "--formats", "html"]);
        let text = String::from_utf8(output.stderr).unwrap();
        for part in ["2 program versions", "commit aaa", "commit bbb"] {
            assert!(text.contains(part), "{part:?} is not in: {text}");
        }
        let page = fs::read_to_string(place.run_folder().join("report.html")).unwrap();
        assert!(page.contains("commit aaa") && page.contains("commit bbb"));
    };
    check();
    place.succeed(&["merge", "tiny", "--remove-shards"]);
    check();
}

#[test]
fn readers_change_nothing_on_the_disk() {
    let place = Place::with(TINIEST);
    shard(&place, "1/2");
    shard(&place, "2/2");
    place.succeed(&["merge", "tiny"]);
    let before = snapshot(place.path());
    for command in [
        &["list"][..],
        &["list", "--json"],
        &["status", "tiny"],
        &["status", "tiny", "--json", "--tasks", "3"],
        &["validate", "tiny.toml"],
        &["doctor"],
        &["data", "list"],
        &["run", "tiny.toml", "--resume", "--shard", "9/2"],
        &["merge", "nothing"],
    ] {
        // A home that nobody can write to.
        let _ = place.isobath(command).env("HOME", "/proc/1").output().unwrap();
        assert!(snapshot(place.path()) == before, "{command:?}");
    }
    let runs = |to: &str| snapshot(&place.path().join(to));
    let results = runs("runs");
    place.succeed(&["export", "tiny", "--to", "out"]);
    assert!(runs("runs") == results);
}

#[test]
fn runs_need_no_home() {
    let place = Place::with(TINIEST);
    let output = place
        .isobath(&["run", "tiny.toml"])
        .envs(["HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME"].map(|name| (name, "/proc/1")))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn killed_shards_resume_to_identical_results() {
    let place = Place::with(TINIEST);
    place.succeed(&["run", "tiny.toml"]);
    let expected = place.results();
    let start = std::time::Instant::now();
    let mut stopped = 0;
    for kill in 0..kills() {
        fs::remove_dir_all(place.path().join("runs")).unwrap();
        for index in 1..=2_u32 {
            let part = format!("{index}/2");
            let mut command = place.isobath(&["run", "tiny.toml", "--shard", &part]);
            let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
            // Times spread over a run, in no order.
            std::thread::sleep(Duration::from_millis(u64::from((kill * 37 + index * 61) % 250)));
            child.kill().unwrap();
            stopped += u32::from(!child.wait().unwrap().success());
        }
        // Readers see whatever is there, also a file that needs recovery.
        place.succeed(&["list"]);
        shard(&place, "1/2");
        shard(&place, "2/2");
        place.succeed(&["merge", "tiny", "--remove-shards"]);
        place.succeed(&["run", "tiny.toml"]);
        assert!(place.results() == expected, "kill {kill}");
    }
    println!("{stopped} shards killed in {:.0?}", start.elapsed());
    assert!(stopped > 0);
}

#[test]
fn offline_runs_open_no_connection() {
    let place = Place::with(&TINIEST.replace("\"digits\"", "\"mnist\""));
    let error = place.fail(1, &["--offline", "run", "tiny.toml"]);
    for part in ["--offline", "data fetch mnist", "copy the folder of datasets"] {
        assert!(error.contains(part), "{part:?} is not in: {error}");
    }
    let error = place.fail(2, &["data", "fetch", "mnist", "--offline"]);
    assert!(error.contains("--offline forbids"), "{error}");
    Place::with(TINIEST).succeed(&["run", "tiny.toml", "--offline"]);
}

#[test]
fn more_shards_than_cells_are_no_error() {
    let place = Place::with(TINIEST);
    let text = shard(&place, "5/5");
    assert!(text.contains("this shard has no cells"), "{text}");
}
