//! Downloads from a small server on the loopback address.

use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex};

use crate::common::server::{Behaviour, Server};
use crate::common::{gzip, idx_file, records};
use isobath_datasets::{
    DatasetName, Error, LoadRequest, Manifest, Progress, Provenance, fetch, fetch_manifest, load,
};
use md5::Digest;
use tempfile::{TempDir, tempdir};

/// Dataset of four samples: its files by name and a manifest that describes them.
struct Fixture {
    files: Vec<(String, Vec<u8>)>,
    manifest: Manifest,
    home: TempDir,
}

/// Next byte of an incompressible sequence (Marsaglia's xorshift).
fn noise(state: &mut u32) -> u8 {
    *state ^= *state << 13;
    *state ^= *state >> 17;
    *state ^= *state << 5;
    (*state >> 24) as u8
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat()
}

/// TOML table of one download, up to its files.
fn download(name: &str, bytes: &[u8]) -> String {
    let md5 = hex(&md5::Md5::digest(bytes));
    format!("[[downloads]]\nname = \"{name}\"\nbytes = {}\nmd5 = \"{md5}\"\n", bytes.len())
}

fn file(name: &str, split: &str, content: &str, samples: usize) -> String {
    format!(
        "[[downloads.files]]\nname = \"{name}\"\nsplit = \"{split}\"\ncontent = \"{content}\"\nsamples = {samples}\n"
    )
}

fn head(name: &str, format: &str, shape: &str) -> String {
    format!(
        "name = \"{name}\"\ntitle = \"tiny\"\nformat = \"{format}\"\nhomepage = \"\"\nlicense = \"\"\n\
         classes = [\"0\", \"1\", \"2\", \"3\", \"4\", \"5\", \"6\", \"7\", \"8\", \"9\"]\nshape = {shape}\nmirrors = []\n"
    )
}

impl Fixture {
    /// Four gzipped IDX files; the images are incompressible, so transfers can be cut inside them.
    fn fashion() -> Self {
        let mut toml = head("fashion-mnist", "idx", "{ channels = 1, height = 28, width = 28 }");
        let mut files = Vec::new();
        let noise: Vec<u8> = (0..40 * 784).scan(1, |state, _| Some(noise(state))).collect();
        for (split, prefix) in [("train", "train"), ("test", "t10k")] {
            for (content, name, bytes) in [
                ("images", format!("{prefix}-images-idx3-ubyte"), idx_file(&[40, 28, 28], &noise)),
                ("labels", format!("{prefix}-labels-idx1-ubyte"), idx_file(&[40], &[3; 40])),
            ] {
                let compressed = gzip(&bytes);
                toml += &(download(&format!("{name}.gz"), &compressed)
                    + &file(&name, split, content, 40));
                files.push((format!("{name}.gz"), compressed));
            }
        }
        Self { files, manifest: Manifest::parse(&toml).unwrap(), home: tempdir().unwrap() }
    }

    /// A tar.gz of six batches with two records each, and a text file.
    fn cifar(change: impl FnOnce(&mut Vec<u8>)) -> Self {
        let names = ["1", "2", "3", "4", "5"].map(|i| format!("data_batch_{i}.bin"));
        let names: Vec<String> = names.into_iter().chain(["test_batch.bin".to_owned()]).collect();
        let mut tar =
            crate::common::tar_member("cifar-10-batches-bin/batches.meta.txt", b"airplane");
        for (i, name) in names.iter().enumerate() {
            tar.extend(crate::common::tar_member(
                &format!("cifar-10-batches-bin/{name}"),
                &records(2 * i, 2),
            ));
        }
        change(&mut tar);
        tar.extend([0; 1024]);
        let archive = gzip(&tar);
        let mut toml = head("cifar10", "cifar10", "{ channels = 3, height = 32, width = 32 }");
        toml += &(download("cifar.tar.gz", &archive) + "archive = \"cifar-10-batches-bin\"\n");
        for name in &names {
            toml +=
                &file(name, if name.starts_with("test") { "test" } else { "train" }, "records", 2);
        }
        let files = vec![("cifar.tar.gz".to_owned(), archive)];
        Self { files, manifest: Manifest::parse(&toml).unwrap(), home: tempdir().unwrap() }
    }

    fn serve(&self, behaviour: Behaviour) -> Server {
        Server::start(self.files.clone(), behaviour)
    }

    /// Fetches from the server only and records the progress events.
    fn fetch_from(&self, address: &str) -> (Result<(), Error>, Vec<String>) {
        self.fetch(&self.manifest, Some(address))
    }

    fn fetch(&self, manifest: &Manifest, mirror: Option<&str>) -> (Result<(), Error>, Vec<String>) {
        let mut events = Vec::new();
        let result =
            fetch_manifest(manifest, mirror, self.home.path(), &mut |progress| match progress {
                Progress::Present { file } => events.push(format!("present {file}")),
                Progress::Started { file, resumed_at, .. } => {
                    events.push(format!("started {file} at {resumed_at}"))
                }
                Progress::Failed { file, reason, .. } => {
                    events.push(format!("failed {file}: {reason}"))
                }
                Progress::Verified { file } => events.push(format!("verified {file}")),
                _ => {}
            });
        (result.map(drop), events)
    }

    fn load(&self) -> Result<isobath_datasets::Dataset, Error> {
        load(&LoadRequest::new(self.manifest.name, self.home.path()))
    }

    /// Names of the files in the folder of the dataset.
    fn present(&self) -> Vec<String> {
        let folder = self.home.path().join(self.manifest.name.as_str());
        let entries = fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<String> = entries.collect();
        names.sort();
        names
    }
}

fn contains(events: &[String], part: &str) -> bool {
    events.iter().any(|line| line.contains(part))
}

#[test]
fn datasets_are_verified_and_fetched_only_once() {
    let fixture = Fixture::fashion();
    let server = fixture.serve(Behaviour::default());
    let (result, events) = fixture.fetch_from(&server.address());
    result.unwrap();
    assert!(contains(&events, "verified t10k-labels-idx1-ubyte.gz"), "{events:?}");
    assert_eq!(fixture.present().len(), 5, "four files and a digest file: {:?}", fixture.present());
    let data = fixture.load().unwrap();
    assert_eq!(
        (data.train.len(), data.test.len(), data.provenance),
        (40, 40, Provenance::Official)
    );
    let requests = server.requests().len();
    let (result, events) = fixture.fetch_from(&server.address());
    result.unwrap();
    assert_eq!(events.iter().filter(|line| line.starts_with("present")).count(), 4);
    assert_eq!(server.requests().len(), requests);
}

#[test]
fn interrupted_transfers_resume() {
    let fixture = Fixture::fashion();
    let server =
        fixture.serve(Behaviour { ranges: true, cut: Some(9_000), ..Behaviour::default() });
    let (result, events) = fixture.fetch_from(&server.address());
    result.unwrap();
    assert!(contains(&events, "started train-images-idx3-ubyte.gz at 9000"), "{events:?}");
    assert!(server.requests().iter().any(|request| request.contains("bytes=18000-")));
    assert_eq!(fixture.load().unwrap().provenance, Provenance::Official);
}

#[test]
fn servers_without_ranges_restart_the_transfer() {
    let fixture = Fixture::fashion();
    let server = fixture.serve(Behaviour { cut: Some(9_000), cuts: 1, ..Behaviour::default() });
    let (result, events) = fixture.fetch_from(&server.address());
    result.unwrap();
    assert_eq!(
        events
            .iter()
            .filter(|line| line.as_str() == "started train-images-idx3-ubyte.gz at 0")
            .count(),
        2
    );
    assert_eq!(fixture.load().unwrap().provenance, Provenance::Official);
}

#[test]
fn the_next_fetch_resumes_a_partial_file() {
    let fixture = Fixture::fashion();
    let (name, bytes) = &fixture.files[0];
    let folder = fixture.home.path().join("fashion-mnist");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join(format!("{name}.part")), &bytes[..5_000]).unwrap();
    let server = fixture.serve(Behaviour { ranges: true, ..Behaviour::default() });
    let (result, events) = fixture.fetch_from(&server.address());
    result.unwrap();
    assert!(contains(&events, "started train-images-idx3-ubyte.gz at 5000"), "{events:?}");
    assert!(!folder.join(format!("{name}.part")).exists());
}

#[test]
fn partial_files_of_other_downloads_are_discarded() {
    let fixture = Fixture::fashion();
    let folder = fixture.home.path().join("fashion-mnist");
    fs::create_dir_all(&folder).unwrap();
    // One partial file of another download, and one longer than the download.
    fs::write(folder.join(format!("{}.part", fixture.files[0].0)), [7; 5_000]).unwrap();
    fs::write(folder.join(format!("{}.part", fixture.files[1].0)), [7; 5_000]).unwrap();
    let server = fixture.serve(Behaviour { ranges: true, ..Behaviour::default() });
    let (result, events) = fixture.fetch_from(&server.address());
    result.unwrap();
    assert!(contains(&events, "failed train-images-idx3-ubyte.gz: the digest is"), "{events:?}");
    assert!(
        contains(&events, "failed train-labels-idx1-ubyte.gz: the server answered with status 416"),
        "{events:?}"
    );
    assert_eq!(fixture.load().unwrap().provenance, Provenance::Official);
}

#[test]
fn wrong_content_is_never_kept() {
    let mut fixture = Fixture::fashion();
    fixture.files[0].1[4_000] ^= 1;
    let server = fixture.serve(Behaviour::default());
    let (result, _) = fixture.fetch_from(&server.address());
    let message = result.unwrap_err().to_string();
    assert!(
        message.contains("fashion-mnist: `train-images-idx3-ubyte.gz` could not be downloaded"),
        "{message}"
    );
    assert!(
        message.contains("the digest is ")
            && message.contains("data import DIR --name fashion-mnist"),
        "{message}"
    );
    assert!(fixture.present().is_empty(), "{:?}", fixture.present());
}

#[test]
fn the_next_mirror_is_tried_after_a_failure() {
    let mut fixture = Fixture::fashion();
    let good = fixture.serve(Behaviour::default());
    fixture.files[0].1[4_000] ^= 1;
    let bad = fixture.serve(Behaviour::default());
    let absent = Server::start(Vec::new(), Behaviour::default());
    let mut manifest = fixture.manifest.clone();
    manifest.mirrors =
        vec![format!("{}/", absent.address()), format!("{}/", bad.address()), good.address()];
    let (result, events) = fixture.fetch(&manifest, None);
    result.unwrap();
    assert!(
        contains(&events, "failed train-images-idx3-ubyte.gz: the server answered with status 404"),
        "{events:?}"
    );
    assert!(contains(&events, "failed train-images-idx3-ubyte.gz: the digest is"), "{events:?}");
    assert_eq!(absent.requests().len(), 4, "a missing file is requested only once");
    assert_eq!(fixture.load().unwrap().provenance, Provenance::Official);
}

#[test]
fn temporary_failures_are_retried_a_limited_number_of_times() {
    let fixture = Fixture::fashion();
    let server = fixture.serve(Behaviour { refusals: 2, ..Behaviour::default() });
    let (result, events) = fixture.fetch_from(&server.address());
    result.unwrap();
    assert!(contains(&events, "status 503"), "{events:?}");
    let fixture = Fixture::fashion();
    let server = fixture.serve(Behaviour { refusals: 99, ..Behaviour::default() });
    assert!(
        fixture.fetch_from(&server.address()).0.unwrap_err().to_string().contains("status 503")
    );
    assert_eq!(server.requests().len(), 3);
}

#[test]
fn repeated_connection_failures_end_the_fetch() {
    let fixture = Fixture::fashion();
    let server = fixture.serve(Behaviour { cut: Some(2_000), ..Behaviour::default() });
    let message = fixture.fetch_from(&server.address()).0.unwrap_err().to_string();
    assert!(message.contains("2000 "), "{message}");
    assert!(server.requests().len() < 8, "{:?}", server.requests());
}

#[test]
fn overlong_responses_are_rejected() {
    let mut fixture = Fixture::fashion();
    fixture.files[1].1 = vec![0; 4 << 20];
    for announce in [true, false] {
        let server = fixture.serve(Behaviour { announce, ..Behaviour::default() });
        let message = fixture.fetch_from(&server.address()).0.unwrap_err().to_string();
        assert!(message.contains("the file is longer than"), "{message}");
    }
}

#[test]
fn network_errors_suggest_an_import() {
    let fixture = Fixture::fashion();
    // Port that was just released, so no server answers.
    let address = Server::start(Vec::new(), Behaviour::default()).address();
    let message = fixture.fetch_from(&address).0.unwrap_err().to_string();
    assert!(message.contains(&address) && message.contains("no answer"), "{message}");
    assert!(message.contains("cargo xtask data import DIR --name fashion-mnist"), "{message}");
    let generated = fetch(DatasetName::Digits, Path::new("nowhere"), &mut |_| ()).unwrap_err();
    assert!(generated.to_string().contains("built in"));
}

#[test]
fn files_locked_by_another_process_are_untouched() {
    let fixture = Fixture::fashion();
    let folder = fixture.home.path().join("fashion-mnist");
    fs::create_dir_all(&folder).unwrap();
    let part = fs::File::create(folder.join("train-images-idx3-ubyte.gz.part")).unwrap();
    part.try_lock().unwrap();
    let server = fixture.serve(Behaviour::default());
    let error = fixture.fetch_from(&server.address()).0.unwrap_err();
    assert!(matches!(error, Error::Busy { .. }), "{error}");
    drop(part);
    fixture.fetch_from(&server.address()).0.unwrap();
}

#[test]
fn archives_are_unpacked_and_removed() {
    let fixture = Fixture::cifar(|_| ());
    let server = fixture.serve(Behaviour { ranges: true, cut: Some(300), ..Behaviour::default() });
    fixture.fetch_from(&server.address()).0.unwrap();
    assert_eq!(
        fixture.present().len(),
        7,
        "six batches and a digest file: {:?}",
        fixture.present()
    );
    let data = fixture.load().unwrap();
    assert_eq!((data.train.len(), data.test.len(), data.provenance), (10, 2, Provenance::Official));
    let (result, events) = fixture.fetch_from(&server.address());
    result.unwrap();
    assert_eq!(events, ["present cifar.tar.gz"]);
}

#[test]
fn modified_batches_are_unverified_and_fetched_again() {
    let fixture = Fixture::cifar(|_| ());
    let server = fixture.serve(Behaviour::default());
    fixture.fetch_from(&server.address()).0.unwrap();
    fs::write(fixture.home.path().join("cifar10/data_batch_3.bin"), records(90, 2)).unwrap();
    assert_eq!(fixture.load().unwrap().provenance, Provenance::Unverified);
    let (result, events) = fixture.fetch_from(&server.address());
    result.unwrap();
    assert!(contains(&events, "verified cifar.tar.gz"), "{events:?}");
    assert_eq!(fixture.load().unwrap().provenance, Provenance::Official);
}

#[test]
fn archives_with_damaged_content_are_rejected() {
    // The first byte of the first batch is a label.
    let fixture = Fixture::cifar(|tar| tar[3 * 512] = 200);
    let server = fixture.serve(Behaviour::default());
    let message = fixture.fetch_from(&server.address()).0.unwrap_err().to_string();
    assert!(message.contains("expected a label below 10, found 200"), "{message}");
    assert_eq!(fixture.present(), ["cifar.tar.gz.part"]);
}

#[test]
fn progress_is_monotone_within_a_transfer() {
    let fixture = Fixture::fashion();
    let server =
        fixture.serve(Behaviour { ranges: true, cut: Some(9_000), ..Behaviour::default() });
    let seen = Arc::new(Mutex::new(Vec::new()));
    let note = Arc::clone(&seen);
    fetch_manifest(
        &fixture.manifest,
        Some(&server.address()),
        fixture.home.path(),
        &mut |progress| {
            if let Progress::Received { file: "train-images-idx3-ubyte.gz", bytes, total } =
                progress
            {
                note.lock().unwrap().push((bytes, total));
            }
        },
    )
    .unwrap();
    let seen = seen.lock().unwrap();
    let whole = fixture.files[0].1.len() as u64;
    assert!(seen.windows(2).all(|pair| pair[0].0 < pair[1].0), "{seen:?}");
    assert_eq!(seen.last(), Some(&(whole, Some(whole))));
}
