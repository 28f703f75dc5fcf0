//! A slow cascade in f64, written from the definitions: sums over all indices, one sample after the other. Samples are
//! `[channels, rows, columns]`.

mod decoder;
mod layer;

pub(crate) use decoder::{Adam, NaiveDecoder};
pub(crate) use layer::forward;

use isobath_architecture::{Activation, Shape};

/// A function and its derivative, for those that the tests use.
pub(crate) fn value(activation: Activation, z: f64) -> f64 {
    match activation {
        Activation::Tanh => z.tanh(),
        Activation::Relu => z.max(0.0),
        Activation::Linear => z,
        other => panic!("the naive cascade knows tanh, relu and linear, not {other}"),
    }
}

pub(crate) fn slope(activation: Activation, z: f64) -> f64 {
    match activation {
        Activation::Tanh => 1.0 - z.tanh().powi(2),
        Activation::Relu => f64::from(u8::from(z > 0.0)),
        Activation::Linear => 1.0,
        other => panic!("the naive cascade knows tanh, relu and linear, not {other}"),
    }
}

/// Place of a pixel in a sample.
pub(crate) const fn at(shape: Shape, channel: usize, [row, column]: [usize; 2]) -> usize {
    (channel * shape.height + row) * shape.width + column
}

/// All rows and columns of a window.
pub(crate) fn each([rows, columns]: [usize; 2]) -> impl Iterator<Item = [usize; 2]> + Clone {
    (0..rows).flat_map(move |row| (0..columns).map(move |column| [row, column]))
}
