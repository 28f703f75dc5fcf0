//! Theory of a whole network, stage by stage.

use std::str::FromStr;

use anyhow::Result;
use clap::ValueEnum;
use isobath_architecture::{
    Activation, Boundary, Conv2dLayer, DenseLayer, Initialisation, Law, Layer, NetworkSpec,
    PoolKind, PoolLayer, ResidualLayer, Shape, Variances, Window,
};
use isobath_datasets::{DatasetName, LoadRequest};
use isobath_meanfield::{NetworkInputs, NetworkProfile, StageProfile, network_profile};
use ndarray::s;

use super::{out_of_range, table};
use crate::commands::{GlobalArgs, Usage, exit};

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Activation function
    #[arg(long, default_value = "tanh")]
    activation: Activation,
    /// Weight variance times the fan-in
    #[arg(long, value_name = "NUMBER", allow_negative_numbers = true)]
    sigma_w2: f64,
    /// Bias variance
    #[arg(long, default_value_t = 0.05, value_name = "NUMBER", allow_negative_numbers = true)]
    sigma_b2: f64,
    /// Law of the weights: normal, uniform, truncated-normal, orthogonal or delta-orthogonal
    #[arg(long, default_value = "normal", value_parser = law)]
    law: Law,
    /// Hidden stages: layers, or residual blocks after a first layer; a readout follows
    #[arg(long, default_value_t = 10)]
    depth: usize,
    /// Shape of an input without a dataset: its width, or channels, rows and columns as in 3x32x32
    #[arg(long, default_value = "1x28x28", value_name = "SHAPE", value_parser = shape)]
    input: Shape,
    /// Convolutions with a square kernel of this size, which is odd; default: dense layers
    #[arg(long, value_name = "NUMBER")]
    kernel: Option<usize>,
    /// Continuation of images beyond their border
    #[arg(long, value_enum, default_value = "zero")]
    boundary: BoundaryKind,
    /// Residual blocks of two layers with the activation at this place
    #[arg(long, value_enum, value_name = "PLACE")]
    residual: Option<Place>,
    /// 2x2 pooling after the first hidden stage
    #[arg(long, value_enum, value_name = "KIND", requires = "kernel")]
    pool: Option<Pooling>,
    /// Two samples of this dataset as inputs; default: noise
    #[arg(long)]
    dataset: Option<DatasetName>,
    /// Cosine of the two inputs without a dataset, which have mean square one
    #[arg(long, default_value_t = 0.6, value_name = "NUMBER", allow_negative_numbers = true)]
    cosine: f64,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum BoundaryKind {
    /// Zeros
    Zero,
    /// Periodic
    Circular,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Place {
    /// x + F(phi(x))
    Before,
    /// phi(x + F(x)), as in arXiv:2406.12916
    After,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Pooling {
    /// Mean of each window
    Average,
    /// Largest number of each window; sampled
    Max,
}

/// Outputs of the readout.
const CLASSES: usize = 10;
/// Channels of the layers. Theory is that of infinitely many; only shapes need a number.
const CHANNELS: usize = 64;
const MAX_DEPTH: usize = 100_000;

pub(super) fn main(global: &GlobalArgs, arguments: &Arguments) -> Result<u8> {
    if !(1..=MAX_DEPTH).contains(&arguments.depth) {
        let message = format!("--depth {} must be from 1 to {MAX_DEPTH}", arguments.depth);
        return Err(Usage(message).into());
    }
    let inputs = inputs(global, arguments)?;
    let usage = |error: isobath_architecture::Error| Usage(error.to_string());
    let spec = NetworkSpec::new(layers(arguments, inputs.shape())).map_err(usage)?;
    let variances = Variances::new(arguments.sigma_w2, arguments.sigma_b2).map_err(usage)?;
    let initialisation = Initialisation::Variances { law: arguments.law, variances };
    let profile = network_profile(&spec, &initialisation, &inputs).map_err(out_of_range)?;
    if arguments.json {
        println!("{}", serde_json::to_string(&profile)?);
    } else {
        print(&spec, &profile);
    }
    Ok(exit::DONE)
}

fn inputs(global: &GlobalArgs, arguments: &Arguments) -> Result<NetworkInputs> {
    let Some(name) = arguments.dataset else {
        let noise = NetworkInputs::noise(arguments.input, 1.0, arguments.cosine);
        return noise.map_err(out_of_range);
    };
    let data = isobath_datasets::load(&LoadRequest {
        name,
        folder: global.data.clone(),
        train: Some(1),
        test: Some(2),
        grayscale: false,
        seed: 1,
    })?;
    let shape = Shape::new(data.shape.channels, data.shape.height, data.shape.width);
    let images = data.test.images.slice(s![..2.min(data.test.len()), ..]);
    Ok(NetworkInputs::samples(shape, images)?)
}

/// First layer, hidden stages, pooling, readout.
fn layers(arguments: &Arguments, input: Shape) -> Vec<Layer> {
    let Arguments { activation, depth, residual, .. } = *arguments;
    // The stream of blocks with the activation before is linear in its first layer.
    let first = match residual {
        Some(Place::Before) => Activation::Linear,
        Some(Place::After) | None => activation,
    };
    let mut layers = vec![linear(arguments, input, first)];
    for index in 1..depth {
        let shape = layers[index - 1].output_shape();
        if index == 1
            && let Some(kind) = arguments.pool
        {
            let kind = match kind {
                Pooling::Average => PoolKind::Average,
                Pooling::Max => PoolKind::Max,
            };
            layers.push(Layer::Pool(PoolLayer::new(shape, kind, 2)));
            continue;
        }
        let inner = |activation| linear(arguments, shape, activation);
        layers.push(match residual {
            None => inner(activation),
            Some(place) => {
                let branch = vec![inner(activation), inner(Activation::Linear)];
                let (before, after) = match place {
                    Place::Before => (Some(activation), None),
                    Place::After => (None, Some(activation)),
                };
                Layer::Residual(ResidualLayer { before, branch, after })
            }
        });
    }
    let inputs = layers[layers.len() - 1].outputs();
    let readout = DenseLayer { inputs, outputs: CLASSES, activation: Activation::Linear };
    layers.push(Layer::Dense(readout));
    layers
}

/// Dense layer or convolution from `shape`, which keeps its image.
fn linear(arguments: &Arguments, shape: Shape, activation: Activation) -> Layer {
    let Some(kernel) = arguments.kernel else {
        return Layer::Dense(DenseLayer { inputs: shape.numbers(), outputs: CHANNELS, activation });
    };
    let layer =
        Conv2dLayer::new(shape, CHANNELS, Window::square(kernel, 1, kernel / 2), activation);
    let boundary = match arguments.boundary {
        BoundaryKind::Zero => Boundary::Zero,
        BoundaryKind::Circular => Boundary::Circular,
    };
    Layer::Conv2d(Conv2dLayer { boundary, ..layer })
}

fn print(spec: &NetworkSpec, profile: &NetworkProfile) {
    println!("{}", table::line(["stage", "kind", "q", "growth", "c", "chi", "ln grad", "error"]));
    for (stage, layer) in profile.stages.iter().zip(spec.layers()) {
        let StageProfile { q, growth, c, chi, ln_gradient, sampling_error, .. } = *stage;
        let optional = |number: Option<f64>| number.map_or_else(|| "-".to_owned(), table::short);
        let kind = match layer {
            Layer::Dense(_) => "dense",
            Layer::Conv2d(_) => "conv",
            Layer::Pool(_) => "pool",
            Layer::Residual(_) => "block",
        };
        let head = [stage.stage.to_string(), kind.to_owned()];
        let numbers = [Some(q), Some(growth), c, Some(chi), Some(ln_gradient), sampling_error];
        println!("{}", table::line(head.into_iter().chain(numbers.map(optional))));
    }
    if let Some(unknown) = &profile.unknown {
        println!("stage {} and later are not known: {}", unknown.stage, unknown.reason);
    }
    if let Some(stage) = profile.overflow_stage {
        println!("f32 overflows at stage {stage}");
    }
    if let Some(stage) = profile.underflow_stage {
        println!("f32 underflows at stage {stage}");
    }
    if let Some(point) = profile.fixed_point {
        let q_star = point.q_star.map_or_else(|| "any".to_owned(), table::short);
        let [c_star, xi_c] = [point.c_star, point.xi_c].map(table::short);
        println!("fixed point: {}, q* = {q_star}, c* = {c_star}, xi_c = {xi_c}", point.phase);
    }
}

fn law(text: &str) -> Result<Law, String> {
    let found = Law::ALL.into_iter().find(|law| law.name() == text);
    let names = Law::ALL.map(Law::name).join(", ");
    found.ok_or_else(|| format!("`{text}` is not a law; use one of {names}"))
}

fn shape(text: &str) -> Result<Shape, String> {
    let numbers: Option<Vec<usize>> = text
        .split('x')
        .map(|part| usize::from_str(part).ok().filter(|n| (1..=4096).contains(n)))
        .collect();
    match numbers.as_deref() {
        Some(&[width]) => Ok(Shape::flat(width)),
        Some(&[channels, height, width]) => Ok(Shape::new(channels, height, width)),
        _ => Err(format!("`{text}` is not a shape; use 100 or 3x32x32")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_and_laws_are_read() {
        assert_eq!(shape("3x8x9"), Ok(Shape::new(3, 8, 9)));
        assert_eq!(shape("50"), Ok(Shape::flat(50)));
        assert!(shape("3x8").is_err() && shape("0x1x1").is_err() && shape("x").is_err());
        assert_eq!(law("delta-orthogonal"), Ok(Law::DeltaOrthogonal));
        assert!(law("gauss").unwrap_err().contains("truncated-normal"));
    }
}
