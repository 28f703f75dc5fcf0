//! Files of `torch.save`.

use isobath_import::{
    ElementType, StateDict,
    synthetic::{Parameter, Pickle, View, archive, pytorch, pytorch_archive},
};

use crate::support::{dense, numbers, refused, spec};

/// A file with one tensor, `w.weight`, of a storage with these bytes.
fn one_tensor(view: &View<'_>, storage: Vec<u8>) -> Vec<u8> {
    let mut pickle = Pickle::new();
    let pickle = pickle.raw(b"}").text("w.weight").tensor(view).raw(b"s").end();
    pytorch_archive(pickle, &[storage])
}

fn bytes(values: impl IntoIterator<Item = f32>) -> Vec<u8> {
    values.into_iter().flat_map(f32::to_le_bytes).collect()
}

const VIEW: View<'_> = View {
    class: "FloatStorage",
    storage: 0,
    elements: 12,
    offset: 1,
    shape: &[2, 3],
    strides: &[1, 2],
};

#[test]
fn views_with_strides_are_read_in_their_order() {
    let file = one_tensor(&VIEW, bytes((0..12).map(|i| i as f32)));
    let network =
        StateDict::parse(file, "x.pt").unwrap().fit(&spec(vec![dense(3, 2)])).unwrap().network;
    assert_eq!(numbers(&network, 0)[..6], [1.0, 3.0, 5.0, 2.0, 4.0, 6.0]);
}

#[test]
fn all_precisions_are_read() {
    let cases: [(&str, Vec<u8>); 3] = [
        ("DoubleStorage", [1.5_f64, -2.0].iter().flat_map(|v| v.to_le_bytes()).collect()),
        ("HalfStorage", [0x3e00_u16, 0xc000].iter().flat_map(|v| v.to_le_bytes()).collect()),
        ("BFloat16Storage", [0x3fc0_u16, 0xc000].iter().flat_map(|v| v.to_le_bytes()).collect()),
    ];
    for (class, storage) in cases {
        let view = View { class, elements: 2, offset: 0, shape: &[1, 2], strides: &[2, 1], ..VIEW };
        let mut dict = StateDict::parse(one_tensor(&view, storage), "x.pt").unwrap();
        let network = dict.fit(&spec(vec![dense(2, 1)])).unwrap().network;
        assert_eq!(numbers(&network, 0)[..2], [1.5, -2.0], "{class}");
    }
    let view = View { class: "LongStorage", elements: 6, offset: 0, ..VIEW };
    let file = one_tensor(&view, vec![0; 48]);
    let dict = StateDict::parse(file.clone(), "x.pt").unwrap();
    assert_eq!(dict.parameters().next().unwrap().element, ElementType::I64);
    refused(file, &spec(vec![dense(3, 2)]), "elements of type I64");
}

#[test]
fn views_outside_of_their_storage_are_refused() {
    let refused = |view: View<'_>, message| {
        let file = one_tensor(&view, bytes([0.0; 12]));
        refused(file, &spec(vec![dense(3, 2)]), message);
    };
    refused(View { offset: 7, ..VIEW }, "lies outside of its storage");
    refused(View { strides: &[usize::MAX >> 34, 1], ..VIEW }, "lies outside of its storage");
    refused(View { shape: &[1 << 30; 8], strides: &[0; 8], ..VIEW }, "lies outside");
    refused(View { shape: &[1 << 20, 2], strides: &[0, 0], ..VIEW }, "is an expanded view");
    refused(View { strides: &[1], ..VIEW }, "strides of another rank");
    refused(View { elements: 1 << 30, ..VIEW }, "has 48 bytes instead of 4294967296");
    refused(View { storage: 1, ..VIEW }, "entry `model/data/1` is missing");
    refused(View { elements: 6, offset: 0, ..VIEW }, "has 48 bytes, where at most 24 are possible");
}

#[test]
fn a_checkpoint_has_one_state_dict_among_other_things() {
    let parameters = [Parameter::new("0.weight", &[2, 3])];
    let storage = vec![bytes(parameters[0].values.clone())];
    let mut pickle = Pickle::new();
    pickle.raw(b"}(").text("epoch").integer(3).text("loss").raw(b"G?\xe0\0\0\0\0\0\0");
    pickle.text("model").state_dict(&parameters, 0);
    let mut two = pickle.clone();
    let file = pytorch_archive(pickle.raw(b"u").end(), &storage);
    let network = spec(vec![dense(3, 2)]);
    let fitted = StateDict::parse(file, "x.pt").unwrap().fit(&network).unwrap();
    assert_eq!(numbers(&fitted.network, 0)[..6], parameters[0].values);
    let two = two.text("average").state_dict(&parameters, 0).raw(b"u").end();
    refused(pytorch_archive(two, &storage), &network, "it has 2 of them, `model`, `average`");
}

#[test]
fn nothing_is_executed() {
    let network = spec(vec![dense(3, 2)]);
    let refused = |pickle: &mut Pickle, message| {
        refused(pytorch_archive(pickle.end(), &[]), &network, message);
    };
    let whole = |pickle: &mut Pickle| pickle.global("__main__", "Net").raw(b")\x81").clone();
    refused(&mut whole(&mut Pickle::new()), "is a whole model, an object of class `__main__.Net`");
    let mut inside = Pickle::new();
    inside.raw(b"}").text("model");
    refused(&mut whole(&mut inside), "an object `__main__.Net`, which cannot be loaded");
    let mut call = Pickle::new();
    call.raw(b"}").text("x").global("os", "system").text("true").raw(b"\x85Rs");
    refused(&mut call, "an object `os.system`");
    // Protocol 4 names functions by texts on the stack.
    let mut call = Pickle::new();
    call.raw(b"}\x94\x8c\x02os\x8c\x06system\x93");
    refused(&mut call, "an object `os.system`");
    // INST, OBJ, REDUCE of a storage and extension codes.
    for operations in [&b"(ios\nsystem\n"[..], b"(o", b"\x82\x01"] {
        refused(Pickle::new().raw(operations), "no state dict has");
    }
    refused(Pickle::new().global("torch", "FloatStorage").raw(b")R"), "is cut off or changed");
}

#[test]
fn circles_and_repeated_references_end() {
    let network = spec(vec![dense(3, 2)]);
    // A list of itself, and lists of lists of lists twice each.
    let mut pickle = Pickle::new();
    pickle.raw(b"]q\x00h\x00a");
    for level in 1..100 {
        pickle.raw(b"]q").raw(&[level]).raw(b"(h").raw(&[level - 1, b'h', level - 1, b'e']);
    }
    refused(pytorch_archive(pickle.end(), &[]), &network, "it is a list");
}

#[test]
fn other_files_are_named() {
    let network = spec(vec![dense(3, 2)]);
    refused(vec![], &network, "model is empty");
    refused(b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.".to_vec(), &network, "before version 1.6");
    refused(b"\x89HDF\r\n\x1a\n".to_vec(), &network, "an HDF5 file");
    refused(b"weights".to_vec(), &network, "neither a safetensors file nor one of PyTorch");
    let text = archive(&[("x.txt".to_owned(), vec![1])]);
    refused(text, &network, "without `data.pkl`");
    let script = ["m/data.pkl", "m/constants.pkl"].map(|name| (name.to_owned(), vec![]));
    refused(archive(&script), &network, "TorchScript");
    // The method of compression in the records of the first entry: deflate.
    let mut deflated = pytorch(&[Parameter::new("0.weight", &[2, 3])]);
    deflated[8] = 8;
    let entry = deflated.windows(4).position(|bytes| bytes == b"PK\x01\x02").unwrap();
    deflated[entry + 10] = 8;
    refused(deflated, &network, "a compressed archive");
    let big = [("m/data.pkl", &b"x"[..]), ("m/byteorder", b"big")];
    let big = big.map(|(name, content)| (name.to_owned(), content.to_vec()));
    refused(archive(&big), &network, "big-endian");
}

#[test]
fn files_on_disk_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.pt");
    let parameters = [Parameter::new("0.weight", &[2, 3])];
    std::fs::write(&path, pytorch(&parameters)).unwrap();
    let mut dict = StateDict::open(&path).unwrap();
    assert_eq!(dict.parameters().len(), 1);
    assert!(dict.fit(&spec(vec![dense(3, 2)])).is_ok());
    let error = StateDict::open(&folder.path().join("missing.pt")).err().unwrap().to_string();
    assert!(error.contains("missing.pt"), "{error}");
}
