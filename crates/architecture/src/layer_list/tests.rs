use super::*;
use crate::{Boundary, Conv2dLayer, Layer, ResidualLayer, Window};

#[derive(serde::Deserialize)]
struct File {
    layers: Vec<LayerEntry>,
}

const IMAGE: Shape = Shape::new(3, 32, 32);

fn spec(layers: &str, activation: Option<Activation>) -> Result<NetworkSpec> {
    let text = format!("layers = [{layers}]");
    let entries = toml::from_str::<File>(&text).expect(layers).layers;
    LayerList { entries, activation }.spec(IMAGE, 10)
}

fn shapes(layers: &str) -> Vec<String> {
    let spec = spec(layers, Some(Activation::Relu)).unwrap();
    spec.shapes().iter().map(ToString::to_string).collect()
}

#[test]
fn vgg16_has_the_parameters_of_the_published_one_on_32_pixels() {
    // Thirteen convolutions, five poolings, and one dense layer of 512 to 10: 14,714,688 + 5,130.
    let layers = r#"
        { layers = [{ conv = 64, padding = "same", repeat = 2 }, { pool = "max" }] },
        { layers = [{ conv = 128, padding = "same", repeat = 2 }, { pool = "max" }] },
        { layers = [{ conv = 256, padding = "same", repeat = 3 }, { pool = "max" }] },
        { layers = [{ conv = 512, padding = "same", repeat = 3 }, { pool = "max" }], repeat = 2 },
        { flatten = true },
        { dense = "classes" }"#;
    let spec = spec(layers, Some(Activation::Relu)).unwrap();
    assert_eq!((spec.parameters(), spec.weight_layers()), (14_714_688 + 5_130, 14));
    // Max pooling is a stage, global pooling before the readout is part of it.
    assert_eq!((spec.layers().len(), spec.stages()), (19, 19));
}

#[test]
fn windows_are_those_of_common_frameworks() {
    let end = r#"{ dense = "classes" }"#;
    let of = |entry: &str| shapes(&format!("{entry}, {end}"))[1].clone();
    assert_eq!(of("{ conv = 4 }"), "4x30x30");
    assert_eq!(of("{ conv = 4, kernel = 5, stride = 2, padding = 1 }"), "4x15x15");
    assert_eq!(of("{ conv = 4, kernel = 5, stride = 2, padding = \"same\" }"), "4x16x16");
    assert_eq!(of("{ pool = \"max\" }"), "3x16x16");
    assert_eq!(of("{ pool = \"avg\", kernel = 3, stride = 2, padding = 1 }"), "3x16x16");
    assert_eq!(of("{ pool = \"average\", kernel = 3, stride = 2, ceil = true }"), "3x16x16");
    assert_eq!(of("{ pool = \"average\", kernel = \"global\" }"), "3");
}

#[test]
fn settings_reach_their_layers() {
    let layers = r#"{ conv = 4, padding = "circular", bias = false, activation = "tanh" },
        { residual = [{ conv = 4, padding = "same" }], before = "tanh", after = "erf", repeat = 2 },
        { dense = 5, activation = "tanh" }, { dense = "classes", bias = false }"#;
    let spec = spec(layers, Some(Activation::Relu)).unwrap();
    let window = Window::square(3, 1, 1);
    let first = Conv2dLayer::new(IMAGE, 4, window, Activation::Tanh);
    let first = Conv2dLayer { boundary: Boundary::Circular, bias: false, ..first };
    assert_eq!(spec.layers()[0], Layer::Conv2d(first));
    let inner = Conv2dLayer::new(Shape::new(4, 32, 32), 4, window, Activation::Relu);
    let block = ResidualLayer {
        before: Some(Activation::Tanh),
        branch: vec![Layer::Conv2d(inner)],
        after: Some(Activation::Erf),
    };
    assert_eq!(spec.layers()[1..3], vec![Layer::Residual(block); 2]);
    assert_eq!(spec.layers()[4].parameters(), 50);
    let Layer::Conv2d(readout) = &spec.layers()[4] else { panic!("without biases") };
    assert_eq!((readout.bias, readout.activation), (false, Activation::Linear));
}

/// One pixel is an image, until a layer makes a vector of it.
#[test]
fn images_of_one_pixel_have_convolutions() {
    let of = |layers: &str, input| {
        let entries = toml::from_str::<File>(&format!("layers = [{layers}]")).unwrap().layers;
        LayerList { entries, activation: Some(Activation::Relu) }.spec(input, 10)
    };
    let end = r#"{ dense = "classes" }"#;
    let pixel = Shape::flat(4);
    let spec = of(&format!("{{ conv = 6, kernel = 1, repeat = 2 }}, {end}"), pixel).unwrap();
    let Layer::Conv2d(first) = &spec.layers()[0] else { panic!("a convolution") };
    assert_eq!((first.input, first.out_channels, first.bias), (pixel, 6, true));
    assert_eq!(spec.parameters(), 5 * 6 + 7 * 6 + 7 * 10);
    // A window that covers the image leaves one pixel.
    let shrunk = format!("{{ pool = \"max\", kernel = 32 }}, {{ conv = 6, kernel = 1 }}, {end}");
    assert_eq!(of(&shrunk, IMAGE).unwrap().shapes()[2], Shape::flat(6));
    let pooled = format!("{{ pool = \"max\", kernel = \"global\" }}, {end}");
    assert_eq!(of(&pooled, pixel).unwrap().layers().len(), 1);

    let refused = |layers: &str, input, message: &str| {
        let error = of(&format!("{layers}, {end}"), input).unwrap_err().to_string();
        assert!(error.contains(message), "{error}");
    };
    refused("{ conv = 6 }", pixel, "layers[0]: a kernel of 3");
    let conv = "{ conv = 6, kernel = 1 }";
    for before in [
        "{ flatten = true }",
        "{ dense = 4 }",
        "{ dense = 4, bias = false }",
        "{ pool = \"average\", kernel = \"global\" }",
    ] {
        for input in [pixel, IMAGE] {
            refused(&format!("{before}, {conv}"), input, "layers[1]: a convolution needs an image");
        }
    }
}

#[test]
fn entries_round_trip() {
    let text = r#"layers = [{ conv = 4, kernel = 3, padding = "same" }, { pool = "max", kernel = "global" },
        { residual = [{ dense = 4 }], before = "relu" }, { dense = "classes" }]"#;
    let entries = toml::from_str::<File>(text).unwrap().layers;
    let written: toml::Table = [("layers", toml::Value::try_from(&entries).unwrap())]
        .map(|(name, value)| (name.to_owned(), value))
        .into_iter()
        .collect();
    assert_eq!(toml::from_str::<File>(&written.to_string()).unwrap().layers, entries);
}

#[test]
fn errors_name_the_entry_and_what_to_do() {
    let end = r#"{ dense = "classes" }"#;
    for (layers, message) in [
        ("", "layers: the list is empty"),
        ("{ kernel = 3, bias = true }", "layers[0]: kernel, bias names no layer; add conv = 32"),
        ("{ repeat = 2 }", "layers[0]: an empty entry names no layer"),
        ("{ conv = 3, dense = 4 }", "layers[0]: names more than one"),
        (
            "{ pool = \"max\", activation = \"relu\" }",
            "layers[0]: `activation` has no meaning for a pooling layer; remove it: a pooling layer takes pool, kernel",
        ),
        (
            &format!(
                "{{ dense = 4, activation = \"relu\" }}, {{ residual = [{{ dense = 4 }}] }}, {end}"
            ),
            "layers[1].residual[0]: activation is missing",
        ),
        (
            &format!(
                "{{ layers = [{{ flatten = true }}, {{ conv = 4, activation = \"relu\" }}] }}, {end}"
            ),
            "layers[0].layers[1]: a convolution needs an image",
        ),
        ("{ conv = 4, repeat = 0 }", "layers[0]: repeat = 0"),
        ("{ layers = [{ flatten = true, repeat = 100000 }], repeat = 100000 }", "1,000,000 layers"),
        ("{ conv = 4, kernel = 40, activation = \"relu\" }", "layers[0]: a kernel of 40"),
        (
            "{ conv = 4, kernel = 4, padding = \"same\", activation = \"relu\" }",
            "need an odd kernel",
        ),
        ("{ conv = 4, kernel = \"global\", activation = \"relu\" }", "is for pooling"),
        ("{ pool = \"max\", padding = \"circular\", kernel = 3 }", "no circular padding"),
        (
            "{ residual = [{ conv = 4, padding = \"same\", activation = \"relu\" }] }",
            "layers[0]: the branch of a residual block turns 3x32x32 into 4x32x32",
        ),
        ("{ dense = 12 }", "12 numbers, the dataset has 10 classes"),
        ("{ flatten = false }", "flatten = false"),
    ] {
        let error = spec(layers, None).expect_err(layers).to_string();
        assert!(error.contains(message), "{error}");
    }
}
