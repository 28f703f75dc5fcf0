//! Loading from files: selection, order and rejected files.

use std::collections::HashSet;
use std::fs;
use std::path::Path;

use crate::common::{gzip, idx_file, images, labels, records, write_cifar, write_mnist};
use isobath_datasets::{Dataset, DatasetName, LoadRequest, Provenance, Samples, load};
use tempfile::{TempDir, tempdir};

fn mnist() -> (TempDir, LoadRequest) {
    let folder = tempdir().unwrap();
    write_mnist(folder.path());
    let request = LoadRequest { seed: 1, ..LoadRequest::new(DatasetName::Mnist, folder.path()) };
    (folder, request)
}

fn cifar() -> (TempDir, LoadRequest) {
    let folder = tempdir().unwrap();
    write_cifar(&folder.path().join("cifar-10-batches-bin"));
    let request = LoadRequest::new(DatasetName::Cifar10, folder.path());
    (folder, request)
}

/// Indices in the file of the loaded samples, from their first pixels.
fn indices(samples: &Samples) -> Vec<usize> {
    samples.images.column(0).iter().map(|value| (value * 255.0).round() as usize).collect()
}

#[test]
fn samples_are_a_seeded_permutation_with_their_labels() {
    let (_folder, request) = mnist();
    let data = load(&request).unwrap();
    let order = indices(&data.train);
    assert_eq!(order.iter().collect::<HashSet<_>>().len(), 60);
    assert_ne!(order, (0..60).collect::<Vec<_>>(), "the order is shuffled");
    let expected: Vec<u8> = order.iter().map(|index| (index % 10) as u8).collect();
    assert_eq!(data.train.labels, expected);
    assert_eq!(data.test.images.dim(), (20, 784));
    assert_eq!(order, indices(&load(&request).unwrap().train));
    assert_ne!(order, indices(&load(&LoadRequest { seed: 2, ..request }).unwrap().train));
}

#[test]
fn subsets_are_prefixes_of_larger_subsets() {
    let (_folder, request) = mnist();
    let few = load(&LoadRequest { train: Some(7), ..request.clone() }).unwrap();
    assert_eq!(indices(&few.train), indices(&load(&request).unwrap().train)[..7]);
}

#[test]
fn empty_splits_need_no_files() {
    let (folder, request) = mnist();
    fs::remove_file(folder.path().join("t10k-images-idx3-ubyte")).unwrap();
    let data = load(&LoadRequest { test: Some(0), ..request.clone() }).unwrap();
    assert_eq!((data.train.len(), data.test.len(), data.test.images.dim()), (60, 0, (0, 784)));
    check_rejected(
        &request,
        &["mnist: `t10k-images-idx3-ubyte`", "data fetch mnist", "data import DIR --name mnist"],
    );
}

#[test]
fn fingerprints_depend_on_content_and_selection() {
    let (folder, request) = mnist();
    let fingerprint = |request: &LoadRequest| load(request).unwrap().fingerprint;
    let base = fingerprint(&request);
    assert_eq!(base.len(), 64);
    assert_eq!(
        base,
        fingerprint(&LoadRequest { train: Some(60), grayscale: true, ..request.clone() })
    );
    let mut seen = HashSet::from([
        base,
        fingerprint(&LoadRequest { train: Some(59), ..request.clone() }),
        fingerprint(&LoadRequest { train: Some(0), ..request.clone() }),
        fingerprint(&LoadRequest { seed: 9, ..request.clone() }),
    ]);
    let mut changed = labels(60);
    changed[30] ^= 1;
    fs::write(folder.path().join("train-labels-idx1-ubyte"), changed).unwrap();
    seen.insert(fingerprint(&request));
    let generated =
        LoadRequest { train: Some(3), test: Some(0), ..LoadRequest::new(DatasetName::Digits, "") };
    seen.insert(fingerprint(&generated));
    seen.insert(fingerprint(&LoadRequest { seed: 1, ..generated.clone() }));
    seen.insert(fingerprint(&LoadRequest { name: DatasetName::WhiteNoise, ..generated }));
    assert_eq!(seen.len(), 8);
}

#[test]
fn colour_images_keep_their_planes_or_are_converted_to_grey() {
    let (_folder, request) = cifar();
    let colour = load(&request).unwrap();
    assert_eq!(
        (colour.shape.channels, colour.shape.len(), colour.train.len(), colour.test.len()),
        (3, 3072, 20, 3)
    );
    let order = indices(&colour.train);
    assert_eq!(order.iter().collect::<HashSet<_>>().len(), 20);
    let grey = load(&LoadRequest { grayscale: true, ..request }).unwrap();
    assert_eq!((grey.shape.channels, grey.train.images.dim()), (1, (20, 1024)));
    for (row, index) in order.iter().enumerate() {
        let byte = |column: usize| (colour.train.images[(row, column)] * 255.0).round() as usize;
        assert_eq!(
            [0, 1023, 1024, 2047, 2048].map(byte),
            [*index, *index, 2 * index, 2 * index, 7]
        );
        let luma = 0.299 * *index as f32 + 0.587 * (2 * index) as f32 + 0.114 * 7.0;
        assert!((grey.train.images[(row, 5)] * 255.0 - luma).abs() < 0.51);
        assert_eq!(usize::from(colour.train.labels[row]), index % 10);
    }
    assert_eq!(colour.classes[9], "truck");
}

#[test]
fn provenance_depends_on_the_digests() {
    let (_folder, request) = mnist();
    assert_eq!(load(&request).unwrap().provenance, Provenance::Unverified);
    let digits =
        LoadRequest { train: Some(1), test: Some(1), ..LoadRequest::new(DatasetName::Digits, "") };
    assert_eq!(load(&digits).unwrap().provenance, Provenance::Generated);
}

#[track_caller]
fn check_rejected(request: &LoadRequest, expected: &[&str]) {
    let message = load(request).map(|data: Dataset| data.name).unwrap_err().to_string();
    for part in expected {
        assert!(message.contains(part), "{part:?} is not in {message:?}");
    }
}

/// Replaces one file of a tiny MNIST and expects an error with the name of the file.
#[track_caller]
fn check_file_rejected(name: &str, bytes: &[u8], expected: &[&str]) {
    let (folder, request) = mnist();
    fs::remove_file(folder.path().join(name.trim_end_matches(".gz"))).ok();
    fs::write(folder.path().join(name), bytes).unwrap();
    check_rejected(&request, &[expected, &[name]].concat());
}

#[test]
fn malformed_label_files_are_rejected() {
    let name = "train-labels-idx1-ubyte";
    check_file_rejected(name, &[], &["byte 0 ", "magic number"]);
    check_file_rejected(
        name,
        &labels(60)[..50],
        &["expected 18 more bytes of labels, found the end of the file"],
    );
    check_file_rejected(
        name,
        &[labels(60), vec![0]].concat(),
        &["byte 68 ", "expected the end of the file"],
    );
    check_file_rejected(name, &images(60), &["byte 3 ", "expected 1 dimension, found 3"]);
    check_file_rejected(
        name,
        &idx_file(&[0], &[]),
        &["byte 4 ", "a count of 1 to 60000 samples, found 0"],
    );
    check_file_rejected(name, &[0, 0, 8, 1, 255, 255, 255, 255], &["byte 4 ", "found 4294967295"]);
    let mut wrong = labels(60);
    wrong[20] = 10;
    check_file_rejected(name, &wrong, &["byte 20 ", "expected a label below 10, found 10"]);
    check_file_rejected(
        name,
        &labels(59),
        &["60 images", "59 labels", "train-images-idx3-ubyte.gz"],
    );
}

#[test]
fn malformed_image_files_are_rejected() {
    let name = "t10k-images-idx3-ubyte";
    check_file_rejected(name, &labels(20), &["byte 3 ", "expected 3 dimensions, found 1"]);
    check_file_rejected(
        name,
        &idx_file(&[20, 28, 27], &[0; 20 * 28 * 27]),
        &["byte 8 ", "28 x 28, found 28 x 27"],
    );
    check_file_rejected(
        name,
        &images(21),
        &["21 images", "20 labels", "t10k-labels-idx1-ubyte.gz"],
    );
    check_file_rejected(
        name,
        &images(20)[..800],
        &["byte 800 ", "expected 784 more bytes of images"],
    );
    check_file_rejected(
        name,
        &[images(20), vec![3]].concat(),
        &["byte 15696 ", "expected the end of the file"],
    );
    let gz = "t10k-images-idx3-ubyte.gz";
    check_file_rejected(gz, &gzip(&images(20))[..60], &["the compressed data are truncated"]);
    check_file_rejected(
        gz,
        &images(20),
        &["expected the start of a gzip file, 1f 8b, found 00 00"],
    );
}

#[test]
fn malformed_batches_are_rejected() {
    let rejected = |name: &str, bytes: &[u8], expected: &[&str]| {
        let (folder, request) = cifar();
        fs::write(folder.path().join("cifar-10-batches-bin").join(name), bytes).unwrap();
        check_rejected(&request, &[expected, &[name]].concat());
    };
    rejected(
        "data_batch_3.bin",
        &records(0, 2)[..4000],
        &["byte 3073 ", "a record of 3073 bytes, found the end"],
    );
    rejected("data_batch_3.bin", &[], &["expected records of 3073 bytes, found nothing"]);
    rejected(
        "data_batch_5.bin",
        &[vec![77], vec![0; 3072]].concat(),
        &["byte 0 ", "a label below 10, found 77"],
    );
    let (folder, request) = cifar();
    fs::remove_file(folder.path().join("cifar-10-batches-bin/data_batch_2.bin")).unwrap();
    check_rejected(&request, &["cifar10: `data_batch_2.bin`"]);
}

#[test]
fn requests_beyond_the_data_are_rejected() {
    let (_folder, request) = mnist();
    let too_many = LoadRequest { train: Some(61), ..request };
    check_rejected(
        &too_many,
        &["mnist: 61 train samples were requested, but only 60 are available"],
    );
    let endless =
        LoadRequest { test: Some(usize::MAX), ..LoadRequest::new(DatasetName::Digits, "") };
    check_rejected(
        &LoadRequest { train: Some(0), ..endless },
        &["test samples were requested", "10000000 are"],
    );
    let nowhere = LoadRequest::new(DatasetName::FashionMnist, Path::new("does/not/exist"));
    check_rejected(
        &nowhere,
        &["fashion-mnist: `train-images-idx3-ubyte` (plain or .gz) is not in does/not/exist"],
    );
}
