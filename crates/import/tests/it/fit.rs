//! State dicts matched with described networks.

use isobath_architecture::{Activation, Layer, ResidualLayer, Shape};
use isobath_import::{
    StateDict,
    synthetic::{Parameter, normalised, pytorch, safetensors},
};
use isobath_network::LayerParameters;

use crate::support::{conv, dense, dense_layer, forward, numbers, refused, spec};

/// Names of the parameters of each layer.
fn names(file: Vec<u8>, layers: Vec<Layer>) -> Vec<String> {
    let fitted = StateDict::parse(file, "model").unwrap().fit(&spec(layers)).unwrap();
    fitted.matches.into_iter().map(|layer| layer.parameters.join(" ")).collect()
}

#[test]
fn both_formats_give_the_network_its_parameters() {
    let parameters = [
        dense_layer(["module.0.weight", "module.0.bias"], 3, 4),
        dense_layer(["module.2.weight", "module.2.bias"], 4, 2),
    ]
    .concat();
    for file in [pytorch(&parameters), safetensors(&parameters)] {
        let mut dict = StateDict::parse(file, "model").unwrap();
        let network = dict.fit(&spec(vec![dense(3, 4), dense(4, 2)])).unwrap().network;
        assert_eq!(
            numbers(&network, 0),
            [&parameters[0].values[..], &parameters[1].values].concat()
        );
        assert_eq!(
            numbers(&network, 1),
            [&parameters[2].values[..], &parameters[3].values].concat()
        );
    }
}

#[test]
fn names_without_order_are_in_their_natural_one() {
    let layer = |index: usize| Parameter::new(&format!("layers.{index}.weight"), &[3, 3]);
    let file = safetensors(&(1..12).map(layer).collect::<Vec<_>>());
    let names = names(file, vec![dense(3, 3); 11]);
    assert_eq!((names[1].as_str(), names[10].as_str()), ("layers.2.weight", "layers.11.weight"));
}

#[test]
fn shapes_give_the_order_where_names_do_not() {
    let parameters = [
        dense_layer(["output.weight", "output.bias"], 4, 2),
        dense_layer(["hidden.weight", "hidden.bias"], 4, 4),
        dense_layer(["input.weight", "input.bias"], 3, 4),
    ]
    .concat();
    let layers = vec![dense(3, 4), dense(4, 4), dense(4, 2)];
    for file in [pytorch(&parameters), safetensors(&parameters)] {
        let names = names(file, layers.clone());
        assert_eq!(names[0], "input.weight input.bias");
        assert_eq!(names[2], "output.weight output.bias");
    }
}

#[test]
fn an_order_that_nothing_gives_is_not_guessed() {
    let parameters = [Parameter::new("up.weight", &[3, 3]), Parameter::new("down.weight", &[3, 3])];
    let network = spec(vec![dense(3, 3); 2]);
    refused(safetensors(&parameters), &network, "nothing in model says which comes first");
    let names = names(pytorch(&parameters), vec![dense(3, 3); 2]);
    assert_eq!(names, ["up.weight", "down.weight"]);
}

#[test]
fn misfits_are_named() {
    let network = spec(vec![dense(3, 4), dense(4, 2)]);
    let first = dense_layer(["fc1.weight", "fc1.bias"], 3, 4);
    let file = |second: [Parameter; 2]| pytorch(&[first.clone(), second].concat());
    let names = ["fc2.weight", "fc2.bias"];
    refused(
        file(dense_layer(names, 5, 2)),
        &network,
        "parameter `fc2.weight` has shape [2, 5]; layer 2 (dense, 4 to 2), its place, needs [2, 4]",
    );
    refused(file(dense_layer(names, 2, 4)), &network, "transpose it");
    refused(pytorch(&first), &network, "layer 2 (dense, 4 to 2) needs weights of shape [2, 4]");
    refused(pytorch(&[]), &network, "not a state dict");
    let third = dense_layer(["fc3.weight", "fc3.bias"], 2, 2);
    let all = [first.clone(), dense_layer(names, 4, 2), third].concat();
    refused(pytorch(&all), &network, "`fc3.weight` of shape [2, 2] fits no layer");
    let [weight, _] = dense_layer(names, 4, 2);
    let bias = Parameter::new("fc2.bias", &[3]);
    refused(file([weight, bias]), &network, "`fc2.bias` has shape [3]; layer 2");
    let norm = [Parameter::new("ln.weight", &[4]), Parameter::new("ln.bias", &[4])];
    refused(file(norm), &network, "`ln.weight` of shape [4] belongs to no dense layer");
    let [_, bias] = dense_layer(names, 4, 2);
    let odd = Parameter::new("fc2.weight_g", &[2, 1]);
    refused(file([odd, bias]), &network, "`fc2.weight_g` of shape [2, 1] is none of");
}

#[test]
fn values_must_be_finite() {
    let mut parameter = Parameter::new("0.weight", &[2, 3]);
    parameter.values[4] = f32::NAN;
    let network = spec(vec![dense(3, 2)]);
    let parameters = [parameter];
    for file in [pytorch(&parameters), safetensors(&parameters)] {
        refused(
            file,
            &network,
            "`0.weight` has a value that is NaN or infinite in f32, at element 4",
        );
    }
}

/// The value that a batch normalisation of output `unit` has for `y`.
fn norm(parameters: &[Parameter], unit: usize, y: f32) -> f32 {
    let [weight, bias, mean, variance] = [1, 2, 3, 4].map(|index| parameters[index].values[unit]);
    weight * (y - mean) / (variance + 1e-5).sqrt() + bias
}

#[test]
fn batch_norm_is_folded_into_the_layer_before() {
    let parameters = normalised("0", &[3, 2], "1");
    let x = [0.3, -0.7];
    for file in [pytorch(&parameters), safetensors(&parameters)] {
        let mut dict = StateDict::parse(file, "model").unwrap();
        let network = dict.fit(&spec(vec![dense(2, 3)])).unwrap().network;
        for (unit, y) in forward(&network, &x, 1).into_iter().enumerate() {
            let row = &parameters[0].values[2 * unit..];
            let expected = norm(&parameters, unit, row[0] * x[0] + row[1] * x[1]).tanh();
            assert!((y - expected).abs() < 1e-6, "{y} {expected}");
        }
    }
}

#[test]
fn batch_norm_in_residual_blocks_goes_by_name() {
    // Sorted by name, both normalisations come before both convolutions.
    let block = |index: usize| {
        let norm = format!("block.bn{index}");
        normalised(&format!("block.conv{index}"), &[2, 2, 3, 3], &norm)
    };
    let parameters = [block(1), block(2)].concat();
    let image = Shape::new(2, 4, 4);
    let branch = vec![conv(image, 2, false); 2];
    let after = Some(Activation::Relu);
    let layer = Layer::Residual(ResidualLayer { before: None, branch, after });
    for file in [pytorch(&parameters), safetensors(&parameters)] {
        let fitted =
            StateDict::parse(file, "model").unwrap().fit(&spec(vec![layer.clone()])).unwrap();
        let found = &fitted.matches[1];
        assert_eq!((found.layer, found.branch_layer), (1, Some(2)));
        assert_eq!(found.parameters[0], "block.conv2.weight");
        assert!(found.parameters.contains(&"block.bn2.running_var".to_owned()));
        let LayerParameters::Residual(branch) = fitted.network.parameters(0) else {
            panic!("a residual block")
        };
        assert_eq!(branch[0].arrays().len(), 2, "biases of the batch normalisation");
    }
}

#[test]
fn batch_norm_that_cannot_be_folded_is_named() {
    let network = spec(vec![dense(2, 3)]);
    let mut apart = normalised("0", &[3, 2], "2");
    refused(pytorch(&apart), &network, "stands between `0` and it");
    apart.rotate_left(1);
    refused(pytorch(&apart[..4]), &network, "`2.running_mean` of 3 features cannot be folded");
    let twice = [normalised("0", &[3, 2], "bn1"), normalised("0", &[3, 2], "bn2")[1..].to_vec()];
    refused(pytorch(&twice.concat()), &network, "`0` already has `bn1`");
    let mut negative = normalised("0", &[3, 2], "1");
    negative[4].values[1] = -2.0;
    refused(pytorch(&negative), &network, "variance is negative");
    let mut wide = normalised("0", &[3, 2], "1");
    wide[1] = Parameter::new("1.weight", &[4]);
    refused(pytorch(&wide), &network, "`1.weight` has another number of features");
}

#[test]
fn biases_of_convolutions_are_those_of_the_description() {
    let image = Shape::new(1, 4, 4);
    let weight = Parameter::new("conv.weight", &[2, 1, 3, 3]);
    let bias = Parameter::new("conv.bias", &[2]);
    let mut dict = StateDict::parse(pytorch(std::slice::from_ref(&weight)), "model").unwrap();
    let network = dict.fit(&spec(vec![conv(image, 2, true)])).unwrap().network;
    assert_eq!(numbers(&network, 0)[18..], [0.0, 0.0]);
    let without = spec(vec![conv(image, 2, false)]);
    refused(pytorch(&[weight, bias]), &without, "described with `bias = false`");
}
