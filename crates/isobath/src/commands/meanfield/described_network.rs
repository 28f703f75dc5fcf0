//! A network described by a few options.

use std::str::FromStr;

use anyhow::Result;
use clap::{Args, ValueEnum};
use isobath_architecture::{
    Activation, Boundary, Conv2dLayer, DenseLayer, Initialisation, Law, Layer, NetworkSpec,
    PoolKind, PoolLayer, ResidualLayer, Shape, Variances, Window,
};

use crate::commands::Usage;

/// Options that describe a network.
#[derive(Debug, Args)]
#[group(skip)]
pub(super) struct Arguments {
    /// Activation function
    #[arg(long, default_value = "tanh", conflicts_with = "file")]
    activation: Activation,
    /// Weight variance times the fan-in; with an experiment file, in place of those of its grid
    #[arg(
        long,
        value_name = "NUMBER",
        allow_negative_numbers = true,
        required_unless_present = "file"
    )]
    pub(super) sigma_w2: Option<f64>,
    /// Bias variance
    #[arg(
        long,
        default_value_t = 0.05,
        value_name = "NUMBER",
        allow_negative_numbers = true,
        conflicts_with = "file"
    )]
    sigma_b2: f64,
    /// Law of the weights: normal, uniform, truncated-normal, orthogonal or delta-orthogonal
    #[arg(long, default_value = "normal", value_parser = law, conflicts_with = "file")]
    law: Law,
    /// Hidden stages: layers, or residual blocks after a first layer; a readout follows
    #[arg(long, default_value_t = 10, conflicts_with = "file")]
    depth: usize,
    /// Shape of an input without a dataset: its width, or channels, rows and columns as in 3x32x32
    #[arg(long, default_value = "1x28x28", value_name = "SHAPE", value_parser = shape, conflicts_with = "file")]
    pub(super) input: Shape,
    /// Convolutions with a square kernel of this size, which is odd; default: dense layers
    #[arg(long, value_name = "NUMBER", conflicts_with = "file")]
    kernel: Option<usize>,
    /// Continuation of images beyond their border
    #[arg(long, value_enum, default_value = "zero", conflicts_with = "file")]
    boundary: BoundaryKind,
    /// Residual blocks of two layers with the activation at this place
    #[arg(long, value_enum, value_name = "PLACE", conflicts_with = "file")]
    residual: Option<Place>,
    /// 2x2 pooling after the first hidden stage
    #[arg(long, value_enum, value_name = "KIND", requires = "kernel")]
    pool: Option<Pooling>,
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

impl Arguments {
    /// The network for inputs of this shape, and its initialisation.
    ///
    /// # Errors
    /// If an option is outside its range or a layer does not fit.
    pub(super) fn network(&self, input: Shape) -> Result<(NetworkSpec, Initialisation)> {
        if !(1..=MAX_DEPTH).contains(&self.depth) {
            return Err(
                Usage(format!("--depth {} must be from 1 to {MAX_DEPTH}", self.depth)).into()
            );
        }
        let usage = |error: isobath_architecture::Error| Usage(error.to_string());
        let spec = NetworkSpec::new(layers(self, input)).map_err(usage)?;
        let sigma_w2 = self.sigma_w2.unwrap_or(1.0);
        let variances = Variances::new(sigma_w2, self.sigma_b2).map_err(usage)?;
        Ok((spec, Initialisation::Variances { law: self.law, variances }))
    }
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
