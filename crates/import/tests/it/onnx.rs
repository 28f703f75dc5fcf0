//! Graphs of ONNX.

use isobath_architecture::{
    Activation, Conv2dLayer, DenseLayer, Layer, PoolKind, PoolLayer, ResidualLayer, Shape, Window,
};
use isobath_import::{
    Error, open_onnx, parse_onnx,
    synthetic::{Onnx, Parameter, Setting, normalised},
};
use isobath_network::Network;

use crate::support::{forward, numbers};

const TRANSPOSED: &[(&str, Setting<'_>)] = &[("transB", Setting::Int(1))];

/// A model of a dense layer from 3 to 4 units with output `h`.
fn dense() -> Onnx {
    let mut model = Onnx::new(&[0, 3]);
    model.parameter(&Parameter::new("w", &[4, 3])).parameter(&Parameter::new("b", &[4]));
    model.node("Gemm", "x w b", "h", TRANSPOSED);
    model
}

/// A model of a convolution from 2 to 3 channels with output `h`, which has the shape of its input.
fn conv() -> Onnx {
    let mut model = Onnx::new(&[0, 2, 6, 4]);
    model.parameter(&Parameter::new("w", &[3, 2, 3, 3])).parameter(&Parameter::new("b", &[3]));
    model.node("Conv", "x w b", "h", &[("pads", Setting::Ints(&[1; 4]))]);
    model
}

fn read(model: &Onnx) -> Network {
    parse_onnx(model.end(), "model.onnx").unwrap()
}

#[track_caller]
fn refused(model: &Onnx, message: &str) {
    let error = parse_onnx(model.end(), "model.onnx").unwrap_err().to_string();
    assert!(error.contains(message), "{error}");
}

fn linear(inputs: usize, outputs: usize) -> DenseLayer {
    DenseLayer { inputs, outputs, activation: Activation::Linear }
}

#[test]
fn dense_layers_as_gemm_and_as_products() {
    let mut model = dense();
    model.node("Tanh", "h", "t", &[]);
    let (w, b) = (Parameter::new("v", &[4, 2]), Parameter::new("c", &[1, 2]));
    model.parameter(&w).parameter(&b);
    model.node("MatMul", "t v", "p", &[]).node("Add", "c p", "y", &[]);
    model.node("LogSoftmax", "y", "log", &[]);
    let network = read(&model);
    let first = DenseLayer { activation: Activation::Tanh, ..linear(3, 4) };
    assert_eq!(network.spec().layers(), [Layer::Dense(first), Layer::Dense(linear(4, 2))]);
    let expected = [Parameter::new("w", &[4, 3]).values, Parameter::new("b", &[4]).values];
    assert_eq!(numbers(&network, 0), expected.concat());
    let v = |i: usize, j: usize| w.values[2 * i + j];
    let transposed = [v(0, 0), v(1, 0), v(2, 0), v(3, 0), v(0, 1), v(1, 1), v(2, 1), v(3, 1)];
    assert_eq!(numbers(&network, 1), [&transposed[..], &b.values].concat());
}

#[test]
fn factors_of_gemm_and_constants_are_folded() {
    let x = [0.3, -0.2, 0.9];
    let plain = forward(&read(&dense()), &x, 1);
    let scaled = |model: &mut Onnx| forward(&read(model), &x, 1);
    let check = |found: Vec<f32>, expected: &dyn Fn(f32) -> f32| {
        for (y, plain) in found.into_iter().zip(&plain) {
            assert!((y - expected(*plain)).abs() < 1e-5, "{y} {plain}");
        }
    };
    let mut model = dense();
    model.number("thirty", 30.0).node("Mul", "thirty h", "m", &[]).node("Sin", "m", "y", &[]);
    check(scaled(&mut model), &|plain| (30.0 * plain).sin());
    let mut model = dense();
    model.number("two", 2.0).node("Sub", "two h", "s", &[]).node("Div", "s two", "y", &[]);
    check(scaled(&mut model), &|plain| (2.0 - plain) / 2.0);
    let mut model = Onnx::new(&[0, 3]);
    model.parameter(&Parameter::new("w", &[4, 3])).parameter(&Parameter::new("b", &[4]));
    let factors = [("alpha", Setting::Float(0.5)), ("beta", Setting::Float(0.5)), TRANSPOSED[0]];
    model.node("Gemm", "x w b", "h", &factors);
    check(scaled(&mut model), &|plain| plain / 2.0);
    let mut model = dense();
    model.parameter(&Parameter { values: vec![3.0; 4], ..Parameter::new("k", &[1, 4]) });
    model.node("Mul", "h k", "y", &[]);
    check(scaled(&mut model), &|plain| plain * 3.0);
}

/// The activation that these nodes are; they lead from `h` to `y` with constants `one`, `half` and so on.
#[track_caller]
fn check_activation(nodes: &[(&str, &str, &str)], expected: Activation) {
    let mut model = dense();
    let constants = [
        ("one", 1.0),
        ("minus", -1.0),
        ("half", 0.5),
        ("root", std::f32::consts::SQRT_2),
        ("twenty", 20.0),
        ("slope", 0.2),
    ];
    for (name, value) in constants {
        model.number(name, value);
    }
    for (operator, inputs, output) in nodes {
        model.node(operator, inputs, output, &[]);
    }
    let layer = Layer::Dense(DenseLayer { activation: expected, ..linear(3, 4) });
    assert_eq!(read(&model).spec().layers(), [layer]);
}

#[test]
fn activations_as_operators_and_as_formulas() {
    for (operator, activation) in [
        ("Relu", Activation::Relu),
        ("Tanh", Activation::Tanh),
        ("Sigmoid", Activation::Sigmoid),
        ("Elu", Activation::Elu),
        ("Selu", Activation::Selu),
        ("LeakyRelu", Activation::LeakyRelu { slope: 0.01 }),
        ("Softplus", Activation::Softplus),
        ("Erf", Activation::Erf),
        ("Gelu", Activation::Gelu),
        ("Swish", Activation::Silu),
        ("Sin", Activation::Sine),
        ("Identity", Activation::Linear),
        ("Dropout", Activation::Linear),
    ] {
        check_activation(&[(operator, "h", "y")], activation);
    }
    let (relu, gelu, silu) = (Activation::Relu, Activation::Gelu, Activation::Silu);
    check_activation(&[("Dropout", "h", "d"), ("Relu", "d", "r"), ("Identity", "r", "y")], relu);
    check_activation(&[("Clip", "h minus one", "y")], Activation::HardTanh);
    check_activation(&[("PRelu", "h slope", "y")], Activation::LeakyRelu { slope: 0.2 });
    check_activation(&[("Sigmoid", "h", "s"), ("Mul", "s h", "y")], silu);
    let erf = [("Div", "h root", "d"), ("Erf", "d", "e"), ("Add", "e one", "a")];
    check_activation(&[&erf[..], &[("Mul", "h a", "m"), ("Mul", "m half", "y")]].concat(), gelu);
    check_activation(&[&[("Mul", "h half", "m")], &erf[..], &[("Mul", "m a", "y")]].concat(), gelu);
    let exp = [("Neg", "h", "n"), ("Exp", "n", "e"), ("Add", "e one", "a")];
    check_activation(&[&exp[..], &[("Div", "h a", "y")]].concat(), silu);
    let softplus = [("Softplus", "h", "s"), ("Greater", "h twenty", "g"), ("Where", "g h s", "y")];
    check_activation(&softplus, Activation::Softplus);
}

#[test]
fn other_functions_are_named() {
    for nodes in [
        &[("Softplus", "h", "s"), ("Tanh", "s", "t"), ("Mul", "h t", "y")][..],
        &[("Mul", "h h", "y")],
    ] {
        let mut model = dense();
        for (operator, inputs, output) in nodes {
            model.node(operator, inputs, output, &[]);
        }
        let (operator, _, output) = nodes[0];
        refused(&model, &format!("node `node of {output}`, operator {operator}: the function"));
    }
    let mut model = dense();
    model.node("Gelu", "h", "y", &[("approximate", Setting::Text("tanh"))]);
    refused(&model, "operator Gelu: the function that starts here is none");
    let mut model = dense();
    model.node("Elu", "h", "y", &[("alpha", Setting::Float(0.5))]);
    refused(&model, "operator Elu: the function that starts here is none");
    refused(dense().node("Relu", "h", "r", &[]).node("Tanh", "r", "y", &[]), "does not follow");
}

#[test]
fn convolutions_and_pooling() {
    let mut model = Onnx::new(&[0, 2, 9, 8]);
    model.parameter(&Parameter::new("w", &[3, 2, 3, 2]));
    let settings = [
        ("pads", Setting::Ints(&[1, 0, 1, 0])),
        ("strides", Setting::Ints(&[2, 1])),
        ("kernel_shape", Setting::Ints(&[3, 2])),
    ];
    model.node("Conv", "x w", "c", &settings);
    let pool = [("kernel_shape", Setting::Ints(&[2, 3])), ("strides", Setting::Ints(&[1, 2]))];
    model.node("MaxPool", "c", "m", &pool).node("Relu", "m", "r", &[]);
    let ceil = [pool[0], ("strides", Setting::Ints(&[2, 2])), ("ceil_mode", Setting::Int(1))];
    model.node("AveragePool", "r", "a", &ceil).node("GlobalAveragePool", "a", "g", &[]);
    model.node("Flatten", "g", "f", &[]).parameter(&Parameter::new("v", &[3, 2]));
    model.node("MatMul", "f v", "y", &[]);
    let window = Window { kernel: [3, 2], stride: [2, 1], padding: [1, 0] };
    let image = Shape::new(2, 9, 8);
    // The function and the pooling by the largest number have changed places.
    let conv = Conv2dLayer { bias: false, ..Conv2dLayer::new(image, 3, window, Activation::Relu) };
    let pool = |input, kind, stride, ceil| {
        let window = Window { kernel: [2, 3], stride, padding: [0, 0] };
        PoolLayer { input, kind, window, ceil }
    };
    let max = pool(conv.output(), PoolKind::Max, [1, 2], false);
    let average = pool(max.output(), PoolKind::Average, [2, 2], true);
    let all = average.output();
    let window = Window { kernel: all.size(), stride: all.size(), padding: [0, 0] };
    let global = PoolLayer { input: all, kind: PoolKind::Average, window, ceil: false };
    let expected = [
        Layer::Conv2d(conv),
        Layer::Pool(max),
        Layer::Pool(average),
        Layer::Pool(global),
        Layer::Dense(linear(3, 2)),
    ];
    let network = read(&model);
    assert_eq!(network.spec().layers(), expected);
    assert_eq!(numbers(&network, 0), Parameter::new("w", &[3, 2, 3, 2]).values);
}

#[test]
fn automatic_padding() {
    let mut model = conv();
    model.parameter(&Parameter::new("v", &[3, 3, 3, 3]));
    model.node("Conv", "h v", "y", &[("auto_pad", Setting::Text("SAME_UPPER"))]);
    assert_eq!(read(&model).spec().layers()[1].output_shape(), Shape::new(3, 6, 4));
    let stride = [("auto_pad", Setting::Text("SAME_UPPER")), ("strides", Setting::Ints(&[2, 2]))];
    let mut model = conv();
    model.parameter(&Parameter::new("v", &[3, 3, 3, 3])).node("Conv", "h v", "y", &stride);
    refused(&model, "padding [0, 0, 1, 1] that differs between sides");
}

#[test]
fn shapes_that_keep_the_order_of_numbers() {
    let last = |model: &mut Onnx, input: &str| {
        model.parameter(&Parameter::new("v", &[72, 2])).node(
            "MatMul",
            &format!("{input} v"),
            "y",
            &[],
        );
        assert_eq!(read(model).spec().layers()[1], Layer::Dense(linear(72, 2)));
    };
    for shape in [&[0, -1][..], &[-1, 72], &[4, -1], &[1, 72]] {
        last(conv().integers("s", shape).node("Reshape", "h s", "f", &[]), "f");
    }
    // The number of samples, computed.
    let mut model = conv();
    model.node("Shape", "h", "s", &[]).integers("zero", &[0]).integers("rest", &[-1]);
    model.node("Gather", "s zero", "n", &[]).node("Unsqueeze", "n zero", "u", &[]);
    model.node("Concat", "u rest", "c", &[]).node("Reshape", "h c", "f", &[]);
    last(&mut model, "f");
    let mut model = conv();
    model.node("Shape", "h", "s", &[("end", Setting::Int(1))]).integers("rest", &[72]);
    model.node("Concat", "s rest", "c", &[]).node("Reshape", "h c", "f", &[]);
    last(&mut model, "f");
    let mut model = conv();
    model.node("Shape", "h", "s", &[]).integers("one", &[1]).integers("rest", &[-1]);
    model.node("Gather", "s one", "n", &[]).node("Unsqueeze", "n one", "u", &[]);
    model.node("Concat", "u rest", "c", &[]).node("Reshape", "h c", "y", &[]);
    refused(&model, "computed in another way than from the number of samples");
    let mut model = Onnx::new(&[0, 3, 1]);
    model.node("Squeeze", "x", "s", &[("axes", Setting::Ints(&[2]))]);
    model.integers("axes", &[-1]).node("Unsqueeze", "s axes", "u", &[]);
    model.node("Transpose", "u", "t", &[("perm", Setting::Ints(&[0, 2, 1]))]);
    model.node("Flatten", "t", "f", &[]);
    model.parameter(&Parameter::new("w", &[3, 2])).node("MatMul", "f w", "y", &[]);
    assert_eq!(read(&model).spec().layers(), [Layer::Dense(linear(3, 2))]);
}

#[test]
fn shapes_that_mix_samples_or_numbers_are_refused() {
    let order = [("perm", Setting::Ints(&[0, 2, 3, 1]))];
    refused(conv().node("Transpose", "h", "y", &order), "channels first (NCHW)");
    refused(conv().node("Flatten", "h", "y", &[("axis", Setting::Int(2))]), "keep samples apart");
    for (shape, message) in [
        (&[-1, 24][..], "another number of elements"),
        (&[72], "keep samples apart"),
        (&[-1, -1], "another number of elements"),
        (&[1, -5], "not fixed"),
    ] {
        refused(conv().integers("s", shape).node("Reshape", "h s", "y", &[]), message);
    }
    refused(conv().node("Squeeze", "h", "y", &[("axes", Setting::Ints(&[1]))]), "not of size 1");
}

#[test]
fn batch_norm_is_folded() {
    let parameters = normalised("c", &[3, 2, 3, 3], "n");
    let mut model = Onnx::new(&[0, 2, 6, 4]);
    parameters.iter().for_each(|parameter| {
        model.parameter(parameter);
    });
    model.node("Conv", "x c.weight", "h", &[]);
    let plain = read(&model);
    let inputs = "h n.weight n.bias n.running_mean n.running_var";
    model.node("BatchNormalization", inputs, "b", &[("epsilon", Setting::Float(0.1))]);
    model.node("Relu", "b", "y", &[]);
    let network = read(&model);
    let x = Parameter::new("x", &[48]).values;
    let found = forward(&network, &x, 1);
    let [weight, bias, mean, variance] = [1, 2, 3, 4].map(|index| &parameters[index].values);
    for (index, (y, plain)) in found.into_iter().zip(forward(&plain, &x, 1)).enumerate() {
        let c = index / 8;
        let expected = weight[c] * (plain - mean[c]) / (variance[c] + 0.1).sqrt() + bias[c];
        assert!((y - expected.max(0.0)).abs() < 1e-5, "{y} {expected}");
    }
    let mut model = conv();
    parameters.iter().for_each(|parameter| {
        model.parameter(parameter);
    });
    model.node("Relu", "h", "r", &[]);
    model.node("BatchNormalization", &inputs.replace("h n.w", "r n.w"), "y", &[]);
    refused(&model, "does not follow a dense layer or a convolution directly");
}

/// A model of a residual block on 3 units, with functions before the branch, in it and after the sum.
fn block(before: &[(&str, &str, &str)], branch: &str, after: &[(&str, &str, &str)]) -> Onnx {
    let mut model = Onnx::new(&[0, 3]);
    for name in ["w", "v"] {
        model.parameter(&Parameter::new(name, &[3, 3]));
    }
    for (operator, inputs, output) in before {
        model.node(operator, inputs, output, &[]);
    }
    model.node("MatMul", branch, "p", &[]).node("Relu", "p", "q", &[]).node(
        "MatMul",
        "q v",
        "f",
        &[],
    );
    for (operator, inputs, output) in after {
        model.node(operator, inputs, output, &[]);
    }
    model
}

#[test]
fn residual_blocks() {
    let dense = |activation| Layer::Dense(DenseLayer { activation, ..linear(3, 3) });
    let branch = vec![dense(Activation::Relu), dense(Activation::Linear)];
    let check = |model: Onnx, before, after| {
        let block = ResidualLayer { before, branch: branch.clone(), after };
        assert_eq!(read(&model).spec().layers(), [Layer::Residual(block)]);
    };
    let (silu, tanh) = (Some(Activation::Silu), Some(Activation::Tanh));
    let sum = ("Add", "x f", "s");
    check(block(&[], "x w", &[sum]), None, None);
    check(block(&[], "x w", &[("Add", "f x", "s"), ("Tanh", "s", "y")]), None, tanh);
    check(block(&[("Tanh", "x", "t")], "t w", &[sum]), tanh, None);
    let formula = [("Sigmoid", "x", "g"), ("Mul", "x g", "m")];
    check(block(&formula, "m w", &[("Sum", "x f", "s"), ("Tanh", "s", "y")]), silu, tanh);
    // Numbers: y = tanh(x + F(x)).
    let model = block(&[], "x w", &[sum, ("Tanh", "s", "y")]);
    let x = [0.4, -0.3, 0.2];
    let product = |name: &str, x: &[f32]| -> Vec<f32> {
        let w = Parameter::new(name, &[3, 3]).values;
        (0..3).map(|j| (0..3).map(|i| x[i] * w[3 * i + j]).sum()).collect()
    };
    let inner: Vec<f32> = product("w", &x).into_iter().map(|h| h.max(0.0)).collect();
    let expected = product("v", &inner).into_iter().zip(x).map(|(f, x)| (x + f).tanh());
    for (y, expected) in forward(&read(&model), &x, 1).into_iter().zip(expected) {
        assert!((y - expected).abs() < 1e-6, "{y} {expected}");
    }
}

#[test]
fn other_branches_are_refused() {
    let two_layers = block(&[("MatMul", "x v", "o")], "x w", &[("Add", "o f", "s")]);
    refused(&two_layers, "is used by 2 nodes, which are neither a residual block");
    let nested = block(&[], "x w", &[("Add", "q f", "s"), ("Add", "s x", "y")]);
    refused(&nested, "inside of a residual block");
    refused(&block(&[], "x w", &[("Mul", "x f", "y")]), "is used by 2 nodes");
    let used_twice = block(&[], "x w", &[("Relu", "q", "r"), ("Concat", "r f", "y")]);
    refused(&used_twice, "is used by 2 nodes");
}

#[test]
fn unsupported_operators_are_named() {
    refused(
        dense().node("LSTM", "h w", "y", &[]),
        "model.onnx: node `node of y`, operator LSTM: this operator is not supported",
    );
    let pads = |pads| [("pads", Setting::Ints(pads))];
    for (setting, message) in [
        (("group", Setting::Int(3)), "group = 3"),
        (("dilations", Setting::Ints(&[2, 2])), "dilations"),
        (pads(&[0, 0, 1, 1])[0], "[0, 0, 1, 1] that differs between sides"),
        (pads(&[-1; 4])[0], "negative"),
        (pads(&[1; 2])[0], "not those of two dimensions"),
        (("strides", Setting::Ints(&[0, 1])), "stride"),
        (("kernel_shape", Setting::Ints(&[2, 2])), "kernel_shape"),
    ] {
        let mut model = conv();
        model.parameter(&Parameter::new("v", &[3, 3, 3, 3]));
        refused(model.node("Conv", "h v", "y", &[setting]), message);
    }
    let mut model = conv();
    model.parameter(&Parameter::new("v", &[3, 2, 3, 3]));
    refused(model.node("Conv", "h v", "y", &[]), "need 2 channels, the input has shape 3x6x4");
    let mut model = conv();
    model.parameter(&Parameter::new("v", &[4, 2]));
    refused(model.node("MatMul", "h v", "y", &[]), "flatten it before");
    refused(dense().node("Gemm", "h h", "y", &[]), "weights are not constant");
    let padded = [("kernel_shape", Setting::Ints(&[3, 3])), ("pads", Setting::Ints(&[1; 4]))];
    refused(conv().node("AveragePool", "h", "y", &padded), "count_include_pad = 0");
    refused(dense().node("Softmax", "h", "s", &[]).node("Tanh", "s", "y", &[]), "at the end");
}

#[test]
fn inputs_have_a_fixed_shape() {
    let model = |input: &[i64]| {
        let mut model = Onnx::new(input);
        model.node("Relu", "x", "y", &[]);
        model
    };
    refused(&model(&[0, 3, 0, 8]), "input `x` has no fixed size along dimension 3");
    refused(&model(&[3]), "input `x` has 1 dimensions");
    refused(&model(&[0, i64::MAX, 4]), "too many numbers");
    refused(&model(&[0, 3]), "the activation relu does not follow");
}

#[test]
fn constants_in_attributes_and_by_way_of_other_nodes() {
    let mut model = Onnx::new(&[0, 3]);
    model.parameter(&Parameter::new("w", &[4, 3]));
    model.node("Identity", "w", "i", &[]).node("Transpose", "i", "v", &[]);
    model.node("MatMul", "x v", "h", &[]);
    model.node("Constant", "", "k", &[("value_float", Setting::Float(2.0))]);
    model.node("Mul", "h k", "m", &[]);
    model.node("Constant", "", "s", &[("value_ints", Setting::Ints(&[0, -1]))]);
    model.node("Reshape", "m s", "y", &[]);
    let twice: Vec<f32> = Parameter::new("w", &[4, 3]).values.iter().map(|w| 2.0 * w).collect();
    assert_eq!(numbers(&read(&model), 0)[..12], twice);
}

#[test]
fn order_and_names_of_nodes_are_checked() {
    let mut model = dense();
    model.node("Relu", "z", "y", &[]);
    refused(&model, "value `z` is used before it is computed");
    let mut model = dense();
    model.node("Relu", "h", "h", &[]);
    refused(&model, "value `h` is computed twice");
    let mut model = dense();
    model.node("Relu", "w", "y", &[]);
    refused(&model, "no layers lead from the input");
    refused(Onnx::new(&[0, 3]).node("Softmax", "x", "y", &[]), "no layers lead from the input");
}

#[test]
fn sizes_of_constants_are_checked() {
    let refused = |parameter: Parameter, message: &str| {
        let mut model = Onnx::new(&[0, 3]);
        refused(model.parameter(&parameter).node("MatMul", "x w", "y", &[]), message);
    };
    let parameter =
        |shape: &[usize], values| Parameter { name: "w".to_owned(), shape: shape.to_vec(), values };
    refused(parameter(&[3, 2], vec![0.0; 5]), "`w` has 20 bytes instead of 24");
    refused(parameter(&[1 << 40, 1 << 40], vec![0.0]), "`w` has an impossible shape");
    refused(parameter(&[1 << 30, 1 << 20], vec![0.0]), "bytes instead of");
    refused(parameter(&[3, 2], vec![f32::INFINITY; 6]), "`w` has a value that is NaN or infinite");
    refused(parameter(&[0, 2], vec![]), "empty");
}

#[test]
fn numbers_in_other_files() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.onnx");
    let model = |location: &str| {
        let mut model = Onnx::new(&[0, 3]);
        model.external("w", &[3, 2], location).node("MatMul", "x w", "y", &[]);
        model.end()
    };
    let open = |location: &str| {
        std::fs::write(&path, model(location)).unwrap();
        open_onnx(&path)
    };
    let bytes: Vec<u8> = (0..6).flat_map(|i| (i as f32).to_le_bytes()).collect();
    std::fs::write(folder.path().join("model.data"), &bytes).unwrap();
    let network = open("model.data").unwrap();
    assert_eq!(numbers(&network, 0)[..6], [0.0, 2.0, 4.0, 1.0, 3.0, 5.0]);
    let refused = |location: &str, message: &str| {
        let error = open(location).unwrap_err().to_string();
        assert!(error.contains(message), "{error}");
    };
    refused("../model.data", "`../model.data`, which is not in the model's folder");
    refused("/etc/passwd", "not in the model's folder");
    refused("missing.data", "does not exist");
    std::fs::write(folder.path().join("model.data"), &bytes[1..]).unwrap();
    refused("model.data", "parameter `w` lies beyond the end of the file");
    let error = parse_onnx(model("model.data"), "model.onnx").unwrap_err().to_string();
    assert!(error.contains("model in memory"), "{error}");
}

#[test]
fn a_constant_that_all_layers_share_is_loaded_a_few_times_only() {
    let mut model = Onnx::new(&[0, 40]);
    model.parameter(&Parameter::new("w", &[40, 40]));
    for layer in 0..100 {
        let input = if layer == 0 { "x".to_owned() } else { format!("h{}", layer - 1) };
        model.node("MatMul", &format!("{input} w"), &format!("h{layer}"), &[]);
    }
    let result = parse_onnx(model.end(), "model.onnx");
    assert!(matches!(result, Err(Error::TooLarge { .. })), "{result:?}");
}

#[test]
fn damaged_models_do_no_harm() {
    let mut model = conv();
    model.node("Relu", "h", "r", &[]).node("Flatten", "r", "f", &[]);
    model.parameter(&Parameter::new("v", &[72, 2])).node("MatMul", "f v", "y", &[]);
    let file = model.end();
    assert!(parse_onnx(file.clone(), "model.onnx").is_ok());
    for cut in 0..file.len() {
        assert!(parse_onnx(file[..cut].to_vec(), "model.onnx").is_err(), "{cut}");
    }
    for bit in 0..8 * file.len() {
        let mut changed = file.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        // The format has no checksum: numbers may differ, but they are finite and as many as they should be.
        if let Ok(network) = parse_onnx(changed, "model.onnx") {
            assert!(numbers(&network, 0).iter().all(|number| number.is_finite()));
        }
    }
}
