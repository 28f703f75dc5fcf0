//! Small datasets on disk.

#[cfg(feature = "fetch")]
pub(crate) mod server;

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use isobath_datasets::idx;

/// Compresses the bytes with gzip.
pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// Bytes of an IDX file.
pub(crate) fn idx_file(dims: &[usize], data: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    idx::write(&mut bytes, dims, data).unwrap();
    bytes
}

/// Bytes of `n` images of 28 x 28; every pixel of image `i` is `i`.
pub(crate) fn images(n: usize) -> Vec<u8> {
    idx_file(&[n, 28, 28], &(0..n).flat_map(|i| [i as u8; 784]).collect::<Vec<_>>())
}

/// Bytes of `n` labels; label `i` is `i` modulo 10.
pub(crate) fn labels(n: usize) -> Vec<u8> {
    idx_file(&[n], &(0..n).map(|i| (i % 10) as u8).collect::<Vec<_>>())
}

/// Bytes of `n` CIFAR-10 records starting at `first`: label `i` modulo 10, red `i`, green `2 i`, blue 7.
pub(crate) fn records(first: usize, n: usize) -> Vec<u8> {
    let planes = |i: usize| [[i as u8; 1024], [2 * i as u8; 1024], [7; 1024]].concat();
    (first..first + n).flat_map(|i| [vec![(i % 10) as u8], planes(i)].concat()).collect()
}

/// Writes a small MNIST of 60 and 20 samples, with two gzipped files.
pub(crate) fn write_mnist(folder: &Path) {
    fs::create_dir_all(folder).unwrap();
    let write = |name: &str, bytes: &[u8]| fs::write(folder.join(name), bytes).unwrap();
    write("train-images-idx3-ubyte.gz", &gzip(&images(60)));
    write("train-labels-idx1-ubyte", &labels(60));
    write("t10k-images-idx3-ubyte", &images(20));
    write("t10k-labels-idx1-ubyte.gz", &gzip(&labels(20)));
}

/// Writes a small CIFAR-10 of 5 x 4 and 3 samples, with one gzipped file.
pub(crate) fn write_cifar(folder: &Path) {
    fs::create_dir_all(folder).unwrap();
    for batch in 0..5 {
        fs::write(folder.join(format!("data_batch_{}.bin", batch + 1)), records(4 * batch, 4))
            .unwrap();
    }
    fs::write(folder.join("test_batch.bin.gz"), gzip(&records(50, 3))).unwrap();
}

/// Folder of real data beside the repository, if it exists.
#[expect(clippy::print_stderr, reason = "a skipped test must report itself")]
pub(crate) fn shared() -> Option<PathBuf> {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared");
    let shared = std::env::var_os("ISOBATH_SHARED").map_or_else(beside, PathBuf::from);
    if !shared.join("datasets").is_dir() {
        eprintln!(
            "skipped: no real data in {}; set ISOBATH_SHARED to their folder",
            shared.display()
        );
        return None;
    }
    Some(shared.join("datasets"))
}

/// Header and padded content of one file in a tar archive.
#[cfg(feature = "fetch")]
pub(crate) fn tar_member(path: &str, content: &[u8]) -> Vec<u8> {
    let mut header = [0; 512];
    header[..path.len()].copy_from_slice(path.as_bytes());
    header[124..136].copy_from_slice(format!("{:011o}\0", content.len()).as_bytes());
    header[148..156].fill(b' ');
    header[156] = b'0';
    header[257..265].copy_from_slice(b"ustar\x0000");
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    let mut bytes = [&header, content].concat();
    bytes.resize(bytes.len().next_multiple_of(512), 0);
    bytes
}
