//! Files that are cut off or changed.

use isobath_import::{
    StateDict,
    synthetic::{Parameter, pytorch, safetensors},
};
use isobath_network::Network;

use crate::support::{dense, dense_layer, numbers, spec};

fn parameters() -> Vec<Parameter> {
    dense_layer(["0.weight", "0.bias"], 3, 2).to_vec()
}

fn read(file: Vec<u8>) -> Option<Network> {
    let mut dict = StateDict::parse(file, "model").ok()?;
    Some(dict.fit(&spec(vec![dense(3, 2)])).ok()?.network)
}

#[test]
fn truncated_files_are_refused() {
    for file in [pytorch(&parameters()), safetensors(&parameters())] {
        assert!(read(file.clone()).is_some());
        for cut in 0..file.len() {
            assert!(read(file[..cut].to_vec()).is_none(), "{cut}");
        }
    }
}

#[test]
fn changed_bits_of_pytorch_files_are_found_or_change_nothing() {
    let file = pytorch(&parameters());
    let expected = numbers(&read(file.clone()).unwrap(), 0);
    let mut found = 0;
    for bit in 0..8 * file.len() {
        let mut changed = file.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        match read(changed) {
            Some(network) => assert_eq!(numbers(&network, 0), expected, "bit {bit}"),
            None => found += 1,
        }
    }
    assert!(found > 4 * file.len(), "{found}");
}

#[test]
fn changed_bits_of_safetensors_files_do_no_harm() {
    let file = safetensors(&parameters());
    for bit in 0..8 * file.len() {
        let mut changed = file.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        // The format has no checksum: values may differ, but they are finite and as many as they should be.
        if let Some(network) = read(changed) {
            let numbers = numbers(&network, 0);
            assert_eq!(numbers.len(), 8);
            assert!(numbers.iter().all(|number| number.is_finite()));
        }
    }
}

#[test]
fn stated_sizes_are_not_believed() {
    let header = |text: &str| {
        let length = (text.len() as u64).to_le_bytes();
        [&length[..], text.as_bytes()].concat()
    };
    for (file, message) in [
        ([&u64::MAX.to_le_bytes()[..], b"{}"].concat(), "the header is longer than the file"),
        (
            header(r#"{"a":{"dtype":"F32","shape":[9999999999],"data_offsets":[0,39999999996]}}"#),
            "shorter or longer",
        ),
        (
            header(r#"{"a":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,0]}}"#),
            "no safetensors file",
        ),
        (
            header(r#"{"a":{"dtype":"F8_E4M3","shape":[0],"data_offsets":[0,0]}}"#),
            "elements of type F8_E4M3",
        ),
    ] {
        let error = StateDict::parse(file, "model").err().unwrap().to_string();
        assert!(error.contains(message), "{error}");
    }
}
