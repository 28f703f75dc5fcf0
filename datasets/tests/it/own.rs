//! The user's own data: arrays, archives, CSV and folders of images, and what is refused.

use std::fs;
use std::path::{Path, PathBuf};

use isobath_datasets::{
    ArrayLayout, Dataset, LabelColumn, OwnData, OwnRequest, Provenance, Samples, Shape,
};
use tempfile::{TempDir, tempdir};

/// A file of version 1 of NumPy's format.
fn npy(descr: &str, shape: &[usize], elements: &[u8]) -> Vec<u8> {
    let dims = shape.iter().map(|dim| format!("{dim}, ")).collect::<Vec<_>>().concat();
    let header = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': ({dims}), }}\n");
    let length = (header.len() as u16).to_le_bytes();
    [b"\x93NUMPY\x01\x00", &length[..], header.as_bytes(), elements].concat()
}

fn floats(numbers: impl IntoIterator<Item = f32>) -> Vec<u8> {
    numbers.into_iter().flat_map(f32::to_le_bytes).collect()
}

/// A folder with `x.npy`, 50 samples whose first number is their index and whose others are zero, and `y.npy`, the index
/// modulo 3.
struct Arrays {
    folder: TempDir,
}

impl Arrays {
    fn new(shape: &[usize]) -> Self {
        let folder = tempdir().unwrap();
        let numbers: usize = shape.iter().product();
        let first = |i| if i % numbers == 0 { (i / numbers) as f32 } else { 0.0 };
        let dims = [&[50], shape].concat();
        let samples = npy("<f4", &dims, &floats((0..50 * numbers).map(first)));
        let labels: Vec<u8> = (0..50).map(|i| i % 3).collect();
        fs::write(folder.path().join("x.npy"), samples).unwrap();
        fs::write(folder.path().join("y.npy"), npy("|u1", &[50], &labels)).unwrap();
        Self { folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn own(&self) -> OwnData {
        let labels = self.path("y.npy").to_str().unwrap().to_owned();
        let labels = Some(LabelColumn::Name(labels));
        OwnData { labels, ..OwnData::new(self.path("x.npy")) }
    }
}

fn load(own: &OwnData, request: &OwnRequest) -> Dataset {
    own.load(request).unwrap()
}

/// Indices of the loaded samples.
fn indices(samples: &Samples) -> Vec<usize> {
    samples.images.column(0).iter().map(|&x| x as usize).collect()
}

#[track_caller]
fn refused(own: &OwnData, parts: &[&str]) {
    let message = own.load(&OwnRequest::default()).unwrap_err().to_string();
    for part in parts {
        assert!(message.contains(part), "{part:?} is not in: {message}");
    }
}

#[test]
fn a_fifth_is_held_out_whatever_the_seed() {
    let arrays = Arrays::new(&[4]);
    let own = arrays.own();
    let [one, other] = [1, 2].map(|seed| load(&own, &OwnRequest { seed, ..Default::default() }));
    assert_eq!((one.train.len(), one.test.len()), (40, 10));
    assert_eq!(one.shape, Shape { channels: 1, height: 1, width: 4 });
    assert_eq!((one.classes.join(" "), one.provenance), ("0 1 2".to_owned(), Provenance::Own));
    let sorted = |samples: &Samples| {
        let mut indices = indices(samples);
        indices.sort_unstable();
        indices
    };
    assert_eq!(sorted(&one.test), sorted(&other.test));
    assert_ne!(indices(&one.train), indices(&other.train));
    let all = [sorted(&one.train), sorted(&one.test)].concat();
    assert_eq!(all.iter().collect::<std::collections::BTreeSet<_>>().len(), 50);
    for samples in [&one.train, &one.test] {
        let expected: Vec<u8> = indices(samples).iter().map(|i| (i % 3) as u8).collect();
        assert_eq!(samples.labels, expected);
    }
    let half = OwnData { held_out: Some(0.5), ..own };
    assert_eq!(half.extent().unwrap().test, 25);
}

#[test]
fn subsets_are_prefixes_and_the_content_decides_the_fingerprint() {
    let arrays = Arrays::new(&[4]);
    let own = arrays.own();
    let request = OwnRequest { train: Some(5), test: Some(3), ..Default::default() };
    let (few, all) = (load(&own, &request), load(&own, &OwnRequest::default()));
    assert_eq!(indices(&few.train), indices(&all.train)[..5]);
    assert_eq!(indices(&few.test), indices(&all.test)[..3]);
    assert_ne!(few.fingerprint, all.fingerprint);

    let half = OwnData { held_out: Some(0.5), ..own.clone() };
    assert_ne!(load(&half, &request).fingerprint, few.fingerprint);

    // The same content elsewhere is the same data.
    let copy = Arrays::new(&[4]);
    assert_eq!(load(&copy.own(), &request).fingerprint, few.fingerprint);
    let mut bytes = fs::read(copy.path("x.npy")).unwrap();
    let last = bytes.len() - 4;
    bytes[last..].copy_from_slice(&1.0_f32.to_le_bytes());
    fs::write(copy.path("x.npy"), bytes).unwrap();
    assert_ne!(load(&copy.own(), &request).fingerprint, few.fingerprint);
    let mut bytes = fs::read(arrays.path("y.npy")).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(arrays.path("y.npy"), bytes).unwrap();
    assert_ne!(load(&own, &request).fingerprint, few.fingerprint);
}

#[test]
fn bytes_are_scaled_and_channels_come_first() {
    let folder = tempdir().unwrap();
    let [x, y] = ["x.npy", "y.npy"].map(|name| folder.path().join(name));
    // Two images of 5 x 2 pixels and 3 channels, channels last: pixel p of channel c is 10 c + p.
    let image = |i: usize| (0..30).map(move |at| (100 * i + 10 * (at % 3) + at / 3) as u8);
    let pixels: Vec<u8> = (0..2).flat_map(image).collect();
    fs::write(&x, npy("|u1", &[2, 5, 2, 3], &pixels)).unwrap();
    fs::write(&y, npy("<i8", &[2, 1], &[[7_i64, -7].map(i64::to_le_bytes).concat()].concat()))
        .unwrap();
    let labels = Some(LabelColumn::Name(y.to_str().unwrap().to_owned()));
    let own = OwnData { labels, ..OwnData::new(&x) };
    refused(&own, &["x.npy", "[5, 2, 3]", "layout = \"nhwc\""]);
    let own = OwnData { layout: ArrayLayout::Nhwc, ..own };
    let data = load(&own, &OwnRequest::default());
    assert_eq!(data.shape, Shape { channels: 3, height: 5, width: 2 });
    assert_eq!(data.classes, ["-7", "7"]);
    let offset = if data.train.labels == [1] { 0 } else { 100 };
    for (place, value) in data.train.images.row(0).iter().enumerate() {
        let expected = (offset + 10 * (place / 10) + place % 10) as f32 / 255.0;
        assert!((value - expected).abs() < 1e-7, "{place}: {value}");
    }
    let grey = load(&own, &OwnRequest { grayscale: true, ..Default::default() });
    assert_eq!(grey.shape.channels, 1);
    let expected = (0.587 * 10.0 + 0.114 * 20.0 + offset as f32) / 255.0;
    assert!((grey.train.images[[0, 0]] - expected).abs() < 1e-6);
}

#[test]
fn arrays_that_do_not_fit_are_refused() {
    let arrays = Arrays::new(&[4]);
    let own = arrays.own();
    refused(
        &OwnData { labels: None, ..own.clone() },
        &["x.npy", "samples without labels", "y.npy"],
    );
    refused(
        &OwnData { shape: Some([3, 1, 1]), ..own.clone() },
        &["samples of 4 numbers", "[3, 1, 1]"],
    );
    refused(&OwnData { held_out: Some(1.0), ..own.clone() }, &["held_out = 1"]);
    refused(&OwnData { divide: Some(0.0), ..own.clone() }, &["divide = 0"]);
    refused(&OwnData::new("missing/x.npy"), &["missing/x.npy", "open"]);
    let write = |name: &str, bytes: Vec<u8>| fs::write(arrays.path(name), bytes).unwrap();

    write("y.npy", npy("|u1", &[49], &[0; 49]));
    refused(&own, &["50 images", "49 labels"]);
    write("y.npy", npy("<f4", &[50], &floats((0..50).map(|i| i as f32 / 2.0))));
    refused(&own, &["y.npy", "0.5 as label of sample 1", "whole"]);
    write("y.npy", npy("|u1", &[50], &[4; 50]));
    refused(&own, &["y.npy", "only one class, `4`"]);
    write("y.npy", npy("|u1", &[50, 10], &[0; 500]));
    refused(&own, &["y.npy", "[50, 10]", "argmax"]);
    let labels: Vec<u8> = (0..50).map(|i| i % 3).collect();
    write("y.npy", npy("|u1", &[50], &labels));

    let nan = floats((0..200).map(|i| if i == 9 { f32::NAN } else { 0.5 }));
    write("x.npy", npy("<f4", &[50, 4], &nan));
    refused(&own, &["x.npy", "NaN as number 1 of sample 2"]);
    write("x.npy", npy("<i4", &[50, 4], &[0; 800]));
    refused(&own, &["x.npy", "whole numbers of 4 bytes", "divide = 255"]);
    assert!(OwnData { divide: Some(255.0), ..own.clone() }.load(&OwnRequest::default()).is_ok());
    write("x.npy", npy("<f4", &[50, 4], &[0; 799]));
    refused(&own, &["x.npy", "the end of the file"]);
    write("x.npy", npy("<f4", &[50, 1, 1, 1, 4], &[0; 800]));
    refused(&own, &["x.npy", "[1, 1, 1, 4]", "shape = [channels"]);
}

#[test]
fn a_plan_can_be_read_without_the_data_and_notices_changes() {
    let arrays = Arrays::new(&[4]);
    let mut own = arrays.own();
    let extent = own.plan().unwrap();
    assert_eq!((extent.classes, extent.train, extent.test), (3, 40, 10));
    own.load(&OwnRequest::default()).unwrap();
    let changed = Arrays::new(&[5]);
    fs::copy(changed.path("x.npy"), arrays.path("x.npy")).unwrap();
    refused(&own, &["x.npy", "have changed", "1 x 1 x 5", "not", "1 x 1 x 4"]);
    fs::remove_file(arrays.path("x.npy")).unwrap();
    assert_eq!(own.plan().unwrap(), extent);
}

#[test]
fn csv_may_have_a_file_of_held_out_samples() {
    let folder = tempdir().unwrap();
    let [train, test] = ["train.csv", "test.csv"].map(|name| folder.path().join(name));
    fs::write(&train, "a,b,label\n1,2,cat\n3,4,dog\n5,6,cat\n").unwrap();
    fs::write(&test, "a,b,label\n7,8,dog\n").unwrap();
    let own = OwnData { test: Some(test.clone()), divide: Some(2.0), ..OwnData::new(&train) };
    let data = load(&own, &OwnRequest::default());
    assert_eq!((data.train.len(), data.test.len()), (3, 1));
    assert_eq!(data.classes, ["cat", "dog"]);
    assert_eq!(data.test.images.row(0).to_vec(), [3.5, 4.0]);
    assert_eq!(data.test.labels, [1]);
    fs::write(&test, "a,b,label\n7,8,cow\n").unwrap();
    refused(&own, &["test.csv", "the label `cow`", "only cat, dog"]);
    fs::write(&test, "a,label\n7,cat\n").unwrap();
    refused(&own, &["test.csv", "must have the shape of the others"]);
    let other = OwnData { layout: ArrayLayout::Nhwc, ..OwnData::new(&train) };
    refused(&other, &["layout is for .npy"]);
}

fn write_png(path: &Path, [width, height]: [u32; 2], value: u8) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let mut encoder = png::Encoder::new(fs::File::create(path).unwrap(), width, height);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    let pixels: Vec<u8> = (0..width * height).flat_map(|_| [value, 0, 255]).collect();
    encoder.write_header().unwrap().write_image_data(&pixels).unwrap();
}

#[test]
fn folders_are_classes_and_may_have_a_test_folder() {
    let folder = tempdir().unwrap();
    let at = |name: String| folder.path().join(name);
    for i in 0..4 {
        write_png(&at(format!("train/cat/{i}.png")), [3, 2], i);
        write_png(&at(format!("train/dog/{i}.PNG")), [3, 2], 100 + i);
    }
    write_png(&at("val/dog/0.png".to_owned()), [3, 2], 200);
    fs::write(at("train/cat/.hidden".to_owned()), "x").unwrap();
    let own = OwnData::new(folder.path());
    let data = load(&own, &OwnRequest::default());
    assert_eq!((data.train.len(), data.test.len()), (8, 1));
    assert_eq!(data.shape, Shape { channels: 3, height: 2, width: 3 });
    assert_eq!(
        (data.classes.join(" "), &data.test.labels[..]),
        ("cat dog".to_owned(), &[1_u8][..])
    );
    let image = data.test.images.row(0);
    assert!(image.iter().take(6).all(|x| (x - 200.0 / 255.0).abs() < 1e-7));
    assert!(image.iter().skip(6).take(6).all(|x| *x <= 0.0));
    assert!(image.iter().skip(12).all(|x| (x - 1.0).abs() < 1e-7));
    let summary = own.summarize().unwrap();
    assert_eq!(summary.classes, [("cat".to_owned(), [4, 0]), ("dog".to_owned(), [4, 1])]);

    let without_test = OwnData::new(at("train".to_owned()));
    assert_eq!(load(&without_test, &OwnRequest::default()).test.len(), 2);
    write_png(&at("train/cat/9.png".to_owned()), [2, 2], 0);
    refused(&own, &["9.png", "colour image of 2 x 2", "0.png", "2 x 3"]);
    fs::remove_file(at("train/cat/9.png".to_owned())).unwrap();
    fs::create_dir(at("train/empty".to_owned())).unwrap();
    refused(&own, &["empty", "no PNG or JPEG image"]);
    refused(&OwnData::new(at("train/cat".to_owned())), &["cat", "no folders"]);
}

#[test]
fn other_files_in_folders_of_images_are_counted() {
    let place = tempdir().unwrap();
    let data = place.path().join("photos");
    for class in ["train/cat", "train/dog", "test/cat", "test/dog"] {
        fs::create_dir_all(data.join(class)).unwrap();
        for image in 0..3 {
            write_png(&data.join(class).join(format!("{image}.png")), [2, 2], image);
        }
    }
    let own = OwnData::new(&data);
    assert!(own.skipped().unwrap().is_empty());
    for name in ["train/cat/a.gif", "train/dog/b.GIF", "test/cat/c.webp", "train/cat/.hidden.gif"] {
        fs::write(data.join(name), b"GIF89a").unwrap();
    }
    fs::create_dir(data.join("train/cat/more")).unwrap();
    assert_eq!(own.skipped().unwrap().to_string(), "2 x .gif, 1 x .webp, 1 x folder");
    assert_eq!(own.summarize().unwrap().classes[0], ("cat".to_owned(), [3, 3]));
    for image in 0..3 {
        fs::remove_file(data.join(format!("train/dog/{image}.png"))).unwrap();
    }
    refused(&own, &["dog: found no PNG or JPEG image, but 1 x .gif", "convert"]);
}

#[test]
fn shapes_are_in_words() {
    let (place, other) = (Arrays::new(&[4, 3]), Arrays::new(&[3, 4]));
    let test_labels = Some(other.path("y.npy"));
    let own = OwnData { test: Some(other.path("x.npy")), test_labels, ..place.own() };
    refused(
        &own,
        &["50 samples of 1 x 3 x 4 numbers", "the shape of the others, 1 x 4 x 3 (channels"],
    );
}

/// Opening a named pipe would wait for a writer forever.
#[cfg(unix)]
#[test]
fn special_files_are_refused_at_once() {
    let place = Arrays::new(&[4, 3]);
    let made = std::process::Command::new("mkfifo").arg(place.path("pipe.npy")).status().unwrap();
    assert!(made.success());
    for ending in ["npy", "npz", "csv"] {
        let path = place.path(&format!("again.{ending}"));
        std::os::unix::fs::symlink(place.path("pipe.npy"), &path).unwrap();
        refused(&OwnData::new(&path), &["a pipe, socket or device", "regular file"]);
    }
    let labels = place.path("pipe.npy").display().to_string();
    let own = OwnData { labels: Some(LabelColumn::Name(labels)), ..place.own() };
    refused(&own, &["pipe.npy: found a pipe, socket or device"]);
    refused(&OwnData::new("/dev/null"), &["a pipe, socket or device"]);
}
