//! Import of local copies, and the inventory afterwards.

use std::fs;

use crate::common::{write_cifar, write_mnist};
use isobath_datasets::{DatasetName, LoadRequest, State, Verify, import, list, load};
use tempfile::tempdir;

#[test]
fn copies_are_found_in_nested_folders() {
    let (from, home) = (tempdir().unwrap(), tempdir().unwrap());
    write_mnist(&from.path().join("torch/MNIST/raw"));
    let imported = import(DatasetName::Mnist, from.path(), home.path(), Verify::Waive).unwrap();
    let names = ["train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte"];
    assert!(names.iter().all(|name| imported.folder.join(name).is_file()));
    let data = load(&LoadRequest::new(DatasetName::Mnist, home.path())).unwrap();
    assert_eq!((data.train.len(), data.test.len()), (60, 20));
}

#[test]
fn the_folder_named_for_the_dataset_is_preferred() {
    let (from, home) = (tempdir().unwrap(), tempdir().unwrap());
    write_mnist(&from.path().join("AAA"));
    write_mnist(&from.path().join("FashionMNIST/raw"));
    let marked = [crate::common::labels(60)[..8].to_vec(), vec![9; 60]].concat();
    fs::write(from.path().join("FashionMNIST/raw/train-labels-idx1-ubyte"), marked).unwrap();
    import(DatasetName::FashionMnist, from.path(), home.path(), Verify::Waive).unwrap();
    let data = load(&LoadRequest::new(DatasetName::FashionMnist, home.path())).unwrap();
    assert!(data.train.labels.iter().all(|label| *label == 9));
}

#[test]
fn repeated_imports_replace_the_other_form() {
    let (from, home) = (tempdir().unwrap(), tempdir().unwrap());
    write_mnist(from.path());
    let imported = import(DatasetName::Mnist, from.path(), home.path(), Verify::Waive).unwrap();
    fs::remove_file(from.path().join("train-images-idx3-ubyte.gz")).unwrap();
    fs::write(from.path().join("train-images-idx3-ubyte"), crate::common::images(60)).unwrap();
    import(DatasetName::Mnist, from.path(), home.path(), Verify::Waive).unwrap();
    assert!(imported.folder.join("train-images-idx3-ubyte").is_file());
    assert!(!imported.folder.join("train-images-idx3-ubyte.gz").exists());
    // An import of a folder into itself leaves the folder unchanged.
    import(DatasetName::Mnist, &imported.folder, home.path(), Verify::Waive).unwrap();
    assert_eq!(load(&LoadRequest::new(DatasetName::Mnist, home.path())).unwrap().train.len(), 60);
}

#[track_caller]
fn check_rejected(name: DatasetName, from: &std::path::Path, verify: Verify, expected: &[&str]) {
    let home = tempdir().unwrap();
    let message = import(name, from, home.path(), verify).unwrap_err().to_string();
    for part in expected {
        assert!(message.contains(part), "{part:?} is not in {message:?}");
    }
    assert_eq!(
        fs::read_dir(home.path()).unwrap().count(),
        0,
        "nothing is copied before all files are verified"
    );
}

#[test]
fn unverifiable_copies_are_rejected() {
    let from = tempdir().unwrap();
    write_mnist(from.path());
    let published = "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db";
    let checksum = [
        "train-images-idx3-ubyte.gz: the SHA-256 (uncompressed) digest is ",
        published,
        "--no-verify",
    ];
    check_rejected(DatasetName::Mnist, from.path(), Verify::Checksum, &checksum);
    let original = ["train-images-idx3-ubyte.gz: the SHA-256 digest is", "3aede38d6186"];
    check_rejected(DatasetName::FashionMnist, from.path(), Verify::Checksum, &original);
    let batches = tempdir().unwrap();
    write_cifar(batches.path());
    let unknown =
        ["data_batch_1.bin: no digest is published", "cifar-10-binary.tar.gz", "--no-verify"];
    check_rejected(DatasetName::Cifar10, batches.path(), Verify::Checksum, &unknown);
}

#[test]
fn structure_is_checked_even_when_waived() {
    let from = tempdir().unwrap();
    write_mnist(from.path());
    fs::write(from.path().join("t10k-images-idx3-ubyte"), &crate::common::images(20)[..5000])
        .unwrap();
    check_rejected(
        DatasetName::Mnist,
        from.path(),
        Verify::Waive,
        &["t10k-images-idx3-ubyte", "byte 5000 "],
    );
}

#[test]
fn errors_contain_the_missing_file() {
    let from = tempdir().unwrap();
    check_rejected(DatasetName::Mnist, from.path(), Verify::Waive, &["`train-images-idx3-ubyte`"]);
    write_mnist(&from.path().join("deep"));
    fs::remove_file(from.path().join("deep/t10k-labels-idx1-ubyte.gz")).unwrap();
    check_rejected(
        DatasetName::Mnist,
        from.path(),
        Verify::Waive,
        &["`t10k-labels-idx1-ubyte`", "deep"],
    );
    check_rejected(DatasetName::Digits, from.path(), Verify::Waive, &["`digits` is built in"]);
    check_rejected(
        DatasetName::Mnist,
        &from.path().join("absent"),
        Verify::Waive,
        &["could not read", "absent"],
    );
}

#[test]
fn list_reports_every_state() {
    let home = tempdir().unwrap();
    write_mnist(&home.path().join("mnist"));
    write_cifar(&home.path().join("cifar10/cifar-10-batches-bin"));
    fs::remove_file(home.path().join("cifar10/cifar-10-batches-bin/data_batch_4.bin")).unwrap();
    let states: Vec<_> = list(home.path())
        .into_iter()
        .map(|status| (status.name, status.state, status.n_files))
        .collect();
    let missing = vec!["data_batch_4.bin".to_owned()];
    assert_eq!(
        states,
        [
            (DatasetName::Mnist, State::Present, 4),
            (DatasetName::FashionMnist, State::Missing, 0),
            (DatasetName::Cifar10, State::Incomplete { missing }, 5),
            (DatasetName::Digits, State::BuiltIn, 0),
            (DatasetName::WhiteNoise, State::BuiltIn, 0),
        ]
    );
}
