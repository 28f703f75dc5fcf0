//! Tests with the real MNIST, if it is available.

use std::fs;

use isobath_datasets::{DatasetName, LoadRequest, Provenance, State, Verify, import, list, load};
use tempfile::tempdir;

#[test]
fn the_real_files_are_verified() {
    let Some(shared) = crate::common::shared() else { return };
    let data =
        load(&LoadRequest { seed: 3, ..LoadRequest::new(DatasetName::Mnist, &shared) }).unwrap();
    // The SHA-256 of every file is the published one.
    assert_eq!(data.provenance, Provenance::Official);
    assert_eq!((data.train.images.dim(), data.test.images.dim()), ((60_000, 784), (10_000, 784)));
    let histogram = |labels: &[u8]| {
        let mut counts = [0; 10];
        labels.iter().for_each(|label| counts[usize::from(*label)] += 1);
        counts
    };
    assert_eq!(
        histogram(&data.train.labels),
        [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
    );
    assert_eq!(
        histogram(&data.test.labels),
        [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    );
    let mean =
        data.train.images.iter().map(|value| f64::from(*value)).sum::<f64>() / (60_000.0 * 784.0);
    assert!((mean - 0.1307).abs() < 1e-4, "mean grey value {mean}");
}

#[test]
fn files_of_another_dataset_are_rejected() {
    let Some(shared) = crate::common::shared() else { return };
    let request = LoadRequest::new(DatasetName::FashionMnist, shared.join("mnist"));
    let message = load(&request).map(|data| data.name).unwrap_err().to_string();
    assert!(message.contains("is a file of mnist, not of fashion-mnist"), "{message}");
}

#[test]
fn recompressed_copies_are_verified_by_their_content() {
    let Some(shared) = crate::common::shared() else { return };
    let home = tempdir().unwrap();
    let imported = import(DatasetName::Mnist, &shared, home.path(), Verify::Checksum).unwrap();
    assert_eq!(
        (imported.folder.as_path(), imported.n_files),
        (home.path().join("mnist").as_path(), 4)
    );
    let status = &list(home.path())[0];
    assert_eq!((&status.state, status.n_files, status.bytes), (&State::Present, 4, imported.bytes));
    let request = LoadRequest {
        train: Some(10),
        test: Some(10),
        ..LoadRequest::new(DatasetName::Mnist, home.path())
    };
    assert_eq!(load(&request).unwrap().provenance, Provenance::Official);
}

#[test]
fn a_changed_pixel_is_detected() {
    let Some(shared) = crate::common::shared() else { return };
    let (copy, home) = (tempdir().unwrap(), tempdir().unwrap());
    for entry in fs::read_dir(shared.join("mnist")).unwrap().map(Result::unwrap) {
        // `fs::copy` would also copy read-only permissions.
        fs::write(copy.path().join(entry.file_name()), fs::read(entry.path()).unwrap()).unwrap();
    }
    let compressed = copy.path().join("t10k-images-idx3-ubyte.gz");
    let read = isobath_datasets::idx::parse(&fs::read(&compressed).unwrap(), "t10k").unwrap();
    let mut data = read.data;
    data[1000] ^= 1;
    fs::remove_file(&compressed).unwrap();
    fs::write(
        copy.path().join("t10k-images-idx3-ubyte"),
        crate::common::idx_file(&read.dims, &data),
    )
    .unwrap();
    let message = import(DatasetName::Mnist, copy.path(), home.path(), Verify::Checksum)
        .unwrap_err()
        .to_string();
    let published = "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7";
    assert!(message.contains("t10k-images-idx3-ubyte") && message.contains(published), "{message}");
    assert!(message.contains("--no-verify"), "{message}");
    import(DatasetName::Mnist, copy.path(), home.path(), Verify::Waive).unwrap();
    let request =
        LoadRequest { train: Some(10), ..LoadRequest::new(DatasetName::Mnist, home.path()) };
    assert_eq!(load(&request).unwrap().provenance, Provenance::Unverified);
}
