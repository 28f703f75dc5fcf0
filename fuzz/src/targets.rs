//! Parsers and valid inputs for them.

use isobath_architecture::{Activation, DenseLayer, Layer, NetworkSpec};
use isobath_datasets::{
    LabelColumn, cifar, idx,
    own::{npy, npz, picture, table_text},
};
use isobath_entropy::{EstimatorSpec, Profile};
use isobath_experiment::{Plan, read_text};
use isobath_import::{
    StateDict, parse_onnx,
    synthetic::{Onnx, Parameter, Setting, normalised, pytorch, safetensors},
};
use isobath_store::{CostRecord, FitRecord, GalleryRecord, Measurement, Store, decode_measurement};
use ndarray::Array2;

/// A parser under test.
pub(crate) struct Target {
    /// Name on the command line.
    pub(crate) name: &'static str,
    /// Valid inputs.
    pub(crate) corpus: fn() -> Vec<Vec<u8>>,
    /// Parses an input; errors are fine, panics are not.
    pub(crate) parse: fn(&[u8]),
    /// Divisor of the number of inputs.
    pub(crate) slower_by: u64,
}

/// All parsers.
pub(crate) const TARGETS: [Target; 12] = [
    Target { name: "toml", corpus: experiments, parse: experiment, slower_by: 2 },
    Target {
        name: "idx",
        corpus: idx_files,
        parse: |bytes| drop(idx::parse(bytes, "fuzz")),
        slower_by: 4,
    },
    Target {
        name: "cifar",
        corpus: || vec![vec![3; 3073], vec![0; 2 * 3073]],
        parse: |bytes| drop(cifar::parse(bytes, "fuzz")),
        slower_by: 1,
    },
    Target {
        name: "npy",
        corpus: npy_files,
        parse: |bytes| drop(npy::parse(bytes, "fuzz")),
        slower_by: 4,
    },
    Target {
        name: "npz",
        corpus: npz_files,
        parse: |bytes| drop(npz::parse(bytes, "fuzz")),
        slower_by: 4,
    },
    // Each input is read three times, by readers that take long to make.
    Target { name: "csv", corpus: csv_files, parse: csv, slower_by: 20 },
    Target {
        name: "image",
        corpus: images,
        parse: |bytes| drop(picture::decode(bytes, "fuzz")),
        slower_by: 4,
    },
    Target {
        name: "safetensors",
        corpus: || vec![stored()],
        parse: |bytes| drop(decode_measurement(bytes)),
        slower_by: 1,
    },
    Target { name: "state-dict", corpus: state_dicts, parse: state_dict, slower_by: 4 },
    Target {
        name: "onnx",
        corpus: || vec![onnx_model(CONV_GRAPH).end(), onnx_model(BLOCK_GRAPH).end()],
        parse: |bytes| drop(parse_onnx(bytes.to_vec(), "fuzz")),
        slower_by: 4,
    },
    // Damaged graphs in files that are not.
    Target {
        name: "onnx-graph",
        corpus: || vec![CONV_GRAPH.as_bytes().to_vec(), BLOCK_GRAPH.as_bytes().to_vec()],
        parse: |bytes| {
            let model = onnx_model(&String::from_utf8_lossy(bytes));
            drop(parse_onnx(model.end(), "fuzz"));
        },
        slower_by: 4,
    },
    // Each input is a file on disk.
    Target { name: "store", corpus: || vec![store_file()], parse: open_store, slower_by: 50 },
];

/// A network as a list of layers, with every key of an entry.
const LAYERS: &str = r#"
name = "layers"
[data]
dataset = "digits"
size = 14
probe = 10
[network]
kind = "layers"
activation = "relu"
init = { name = "xavier-normal", gain = 0.5, bias = "pytorch" }
layers = [
    { conv = 4, kernel = 5, stride = 1, padding = 2, bias = false, activation = "tanh" },
    { layers = [{ conv = 4, padding = "same", repeat = 2 }, { pool = "max", ceil = true }], repeat = 2 },
    { residual = [{ conv = 4, padding = "circular" }], before = "relu", after = "erf", repeat = 3 },
    { pool = "average", kernel = "global" },
    { flatten = true },
    { dense = 30 },
    { dense = "classes" },
]
[grid]
seeds = 1
"#;

fn experiments() -> Vec<Vec<u8>> {
    [
        include_str!("../../experiments/quickstart.toml"),
        include_str!("../../experiments/compare-quick.toml"),
        include_str!("../../experiments/published.toml"),
        include_str!("../../experiments/sensitivity.toml"),
        include_str!("../../experiments/reduced-mnist.toml"),
        include_str!("../../experiments/cnn-digits.toml"),
        LAYERS,
    ]
    .map(|text| text.as_bytes().to_vec())
    .to_vec()
}

fn experiment(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Ok(file) = read_text(text, "fuzz", &[]) {
        // A resolved plan must read back as itself.
        if let Ok(plan) = Plan::new(file) {
            let again = read_text(&plan.resolved_toml(), "fuzz", &[]);
            assert!(again.is_ok(), "the resolved file cannot be read: {:?}", again.err());
        }
    }
}

fn idx_files() -> Vec<Vec<u8>> {
    let file = |dims: &[usize]| {
        let mut bytes = Vec::new();
        let data: Vec<u8> = (0..dims.iter().product::<usize>()).map(|i| i as u8).collect();
        idx::write(&mut bytes, dims, &data).unwrap_or_default();
        bytes
    };
    vec![file(&[7]), file(&[3, 4, 5])]
}

/// Start of a `.npy` file of version 1, without its dictionary's length.
const NPY: &[u8] = b"\x93NUMPY\x01\x00";

/// A `.npy` file of bytes and one of floats.
fn npy_files() -> Vec<Vec<u8>> {
    let file = |descr: &str, shape: &str, elements: &[u8]| {
        let header =
            format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}\n");
        [NPY, &(header.len() as u16).to_le_bytes(), header.as_bytes(), elements].concat()
    };
    vec![file("|u1", "(2, 3)", &[7; 6]), file(">f8", "(3,)", &[63; 24])]
}

/// An archive with a stored array.
fn npz_files() -> Vec<Vec<u8>> {
    let array = npy_files().swap_remove(0);
    let size = (array.len() as u32).to_le_bytes();
    // CRC-32 of the array.
    let checksum = 0x485d_1970_u32.to_le_bytes();
    let common =
        [&[20, 0, 0, 0, 0, 0, 0, 0, 0, 0][..], &checksum, &size, &size, &[5, 0, 0, 0]].concat();
    let local = [b"PK\x03\x04", &common[..], b"x.npy", &array].concat();
    let entry = [b"PK\x01\x02\x14\x00", &common[..], &[0; 14], b"x.npy"].concat();
    let places = [entry.len() as u32, local.len() as u32].map(u32::to_le_bytes).concat();
    let end = [b"PK\x05\x06", &[0; 4][..], &[1, 0, 1, 0], &places, &[0; 2]].concat();
    vec![[local, entry, end].concat()]
}

fn csv_files() -> Vec<Vec<u8>> {
    ["a,b,label\n1,2,cat\n3.5,-4e2,\"a, b\"\n", "1;2;0\r\n3;4;1\r\n"]
        .map(|text| text.as_bytes().to_vec())
        .into()
}

fn csv(bytes: &[u8]) {
    for labels in [None, Some(LabelColumn::Index(-1)), Some(LabelColumn::Name("b".to_owned()))] {
        if let Ok(table) = table_text::parse(bytes, labels.as_ref(), "fuzz") {
            assert_eq!(table.values.len(), table.labels.len() * table.columns, "rows are complete");
        }
    }
}

/// A PNG image of 2 x 2 grey pixels and a JPEG image of 8 x 8.
fn images() -> Vec<Vec<u8>> {
    let png = b"\x89PNG\x0d\x0a\x1a\x0a\x00\x00\x00\x0dIHDR\x00\x00\x00\x02\x00\x00\x00\x02\x08\x00\x00\x00\x00\
          W\xddR\xf8\x00\x00\x00\x0eIDATx\x9cc`db`f\x01\x00\x00\x1d\x00\x0b\x0d\xb5R\x06\x00\x00\x00\x00I\
          END\xaeB`\x82";
    let mut jpeg = vec![0xff, 0xd8, 0xff, 0xdb, 0, 67, 0];
    jpeg.extend([1; 64]);
    jpeg.extend([0xff, 0xc0, 0, 11, 8, 0, 8, 0, 8, 1, 1, 0x11, 0]);
    for class in [0x00, 0x10] {
        jpeg.extend([0xff, 0xc4, 0, 20, class, 1]);
        jpeg.extend([0; 16]);
    }
    jpeg.extend([0xff, 0xda, 0, 8, 1, 1, 0, 0, 63, 0, 0x3f, 0xff, 0xd9]);
    vec![png.to_vec(), jpeg]
}

fn measurement() -> Measurement {
    let samples = Array2::from_shape_fn((3, 4), |(i, j)| (i * 4 + j) as f64 / 8.0);
    let relative = Profile::from_samples(EstimatorSpec::RELATIVE, samples);
    let gram = EstimatorSpec::Gram(isobath_entropy::Gram);
    let gram = Profile::from_layers(gram, [(0.5, 0), (0.25, 1), (0.125, 2)]);
    Measurement {
        profiles: vec![relative.clone(), gram],
        half: vec![relative],
        linear_error: Some(0.01),
        fits: vec![FitRecord { first_loss: 1.0, last_loss: 0.5, steps: 7 }; 3],
        gallery: vec![GalleryRecord { depth: 1, sample: 0, pixels: vec![0.5; 9] }],
        cost: CostRecord { backend: "cpu".to_owned(), ..CostRecord::default() },
        ..Measurement::default()
    }
}

/// Bytes of a stored cell.
fn stored() -> Vec<u8> {
    isobath_store::encode_measurement(&measurement()).unwrap_or_default()
}

/// State dicts of a dense layer with batch normalisation and another.
fn state_dicts() -> Vec<Vec<u8>> {
    let first = normalised("0", &[3, 2], "1");
    let second = vec![Parameter::new("3.weight", &[2, 3]), Parameter::new("3.bias", &[2])];
    let parameters = [first, second].concat();
    vec![pytorch(&parameters), safetensors(&parameters)]
}

fn state_dict(bytes: &[u8]) {
    let dense = |inputs, outputs| {
        Layer::Dense(DenseLayer { inputs, outputs, activation: Activation::Tanh })
    };
    let Ok(network) = NetworkSpec::new(vec![dense(2, 3), dense(3, 2)]) else { return };
    if let Ok(mut dict) = StateDict::parse(bytes.to_vec(), "fuzz") {
        drop(dict.fit(&network));
    }
}

/// A convolutional network, as [`onnx_model`] reads it.
const CONV_GRAPH: &str = "\
0 2 6 4
parameter w 3 2 3 3
parameter b 3
parameter u 2 18
integers s 0 -1
integers ax 2 3
Conv x,w,b c pads=1,1,1,1 strides=1,1
BatchNormalization c,b,b,b,b n
Relu n r
MaxPool r m kernel_shape=2,2 strides=2,2 ceil_mode=0
Reshape m,s f
Gemm f,u y transB=1
ReduceMean r g keepdims=1
AveragePool r a kernel_shape=2,2 pads=0,0,0,0
Transpose f t perm=0,1
Softmax y p axis=1
";

/// A network with a residual block and a formula.
const BLOCK_GRAPH: &str = "\
4 3
parameter w 3 3
parameter one 1
parameter half
integers ax -1
MatMul x,w h
Sigmoid h d
Mul h,d m
MatMul m,w g
Add x,g s
Unsqueeze s,ax q
Squeeze q,ax k
Tanh k y
Identity y z
";

/// The model that a text describes: the extents of its input, then constants with their extents or numbers, then nodes
/// with inputs, output and settings. Lines that say nothing are skipped.
fn onnx_model(text: &str) -> Onnx {
    fn numbers<'a>(words: impl Iterator<Item = &'a str>) -> Vec<i64> {
        words.filter_map(|word| word.parse().ok()).collect()
    }
    // Files have the numbers that they state; the first few make a mismatch.
    const MOST: usize = 1000;
    let mut lines = text.lines();
    let mut model = Onnx::new(&numbers(lines.next().unwrap_or_default().split(' ')));
    for line in lines.take(100) {
        let words: Vec<&str> = line.split(' ').collect();
        match words[..] {
            ["parameter", name, ref dims @ ..] => {
                let shape: Vec<usize> =
                    numbers(dims.iter().copied()).iter().map(|&dim| dim as usize).collect();
                let count = shape.iter().try_fold(1_usize, |n, &dim| n.checked_mul(dim));
                let values = vec![0.5; count.unwrap_or(0).min(MOST)];
                model.parameter(&Parameter { name: name.to_owned(), shape, values });
            }
            ["integers", name, ref values @ ..] => {
                model.integers(name, &numbers(values.iter().copied()));
            }
            [operator, inputs, output, ref settings @ ..] => {
                let settings = settings.iter().filter_map(|setting| setting.split_once('='));
                let ints: Vec<(&str, Vec<i64>)> =
                    settings.map(|(name, list)| (name, numbers(list.split(',')))).collect();
                let settings: Vec<(&str, Setting<'_>)> = ints
                    .iter()
                    .map(|(name, ints)| match ints[..] {
                        [one] => (*name, Setting::Int(one)),
                        _ => (*name, Setting::Ints(ints)),
                    })
                    .collect();
                model.node(operator, &inputs.replace(',', " "), output, &settings);
            }
            _ => {}
        }
    }
    model
}

fn store_file() -> Vec<u8> {
    let Ok(folder) = tempfile::tempdir() else { return Vec::new() };
    let path = folder.path().join(Store::FILE);
    let written = Store::open(&path).and_then(|mut store| {
        store.set_grid(&["a".to_owned(), "b".to_owned()])?;
        store.insert("a", &measurement())?;
        store.insert("b", &Measurement::default())
    });
    written.ok().and_then(|()| std::fs::read(path).ok()).unwrap_or_default()
}

fn open_store(bytes: &[u8]) {
    let Ok(folder) = tempfile::tempdir() else { return };
    let path = folder.path().join(Store::FILE);
    if std::fs::write(&path, bytes).is_err() {
        return;
    }
    if let Ok(store) = Store::open_existing(&path) {
        // What a verified store returns is what was written.
        for key in store.grid().unwrap_or_default() {
            if let Ok(Some(found)) = store.get(&key) {
                assert!(found == measurement() || found == Measurement::default(), "changed data");
            }
        }
    }
}
