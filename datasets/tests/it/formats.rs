//! Parsers return errors instead of panicking on arbitrary input.

use crate::common::{gzip, idx_file, records};
use isobath_datasets::{cifar, idx};
use proptest::prelude::*;

/// Changes one byte, then truncates or extends the bytes.
fn mutate(mut bytes: Vec<u8>, at: usize, value: u8, length: usize) -> Vec<u8> {
    let at = at % bytes.len();
    bytes[at] = value;
    bytes.resize(length % (2 * bytes.len()), value);
    bytes
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn parsers_never_panic_on_arbitrary_bytes(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        drop(idx::parse(&bytes, "x"));
        drop(cifar::parse(&bytes, "x"));
        drop(idx::parse(&[&[0x1f, 0x8b, 8, 0], bytes.as_slice()].concat(), "x"));
        drop(idx::parse(&[&[0, 0, 8, 2], bytes.as_slice()].concat(), "x"));
    }

    #[test]
    fn parsers_never_panic_on_corrupted_files(at: usize, value: u8, length: usize, compress: bool) {
        let form = |bytes: Vec<u8>| mutate(if compress { gzip(&bytes) } else { bytes }, at, value, length);
        if let Ok(read) = idx::parse(&form(idx_file(&[4, 3, 2], &[9; 24])), "x") {
            prop_assert_eq!(read.dims.iter().product::<usize>(), read.data.len());
        }
        if let Ok(read) = cifar::parse(&form(records(0, 2)), "x") {
            prop_assert_eq!(read.pixels.len(), 3072 * read.labels.len());
            prop_assert!(read.labels.iter().all(|label| *label < 10));
        }
    }

    #[test]
    fn idx_files_survive_a_round_trip(dims in prop::collection::vec(0..6_usize, 1..=4), compress: bool, byte: u8) {
        let data: Vec<u8> = (0..dims.iter().product::<usize>()).map(|i| byte.wrapping_add(i as u8)).collect();
        let file = idx_file(&dims, &data);
        let read = idx::parse(&if compress { gzip(&file) } else { file }, "x").unwrap();
        prop_assert_eq!(read, idx::Idx { dims, data });
    }
}
