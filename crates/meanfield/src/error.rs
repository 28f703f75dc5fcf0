//! Errors of the mean-field theory.

use isobath_architecture::{Activation, Shape};

use crate::Phase;

/// The result of a mean-field computation.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Reason why a quantity of the theory cannot be computed.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// An argument is outside its valid range.
    #[error("{name} is {value}, but must be {range}")]
    OutOfRange {
        /// Name of the argument.
        name: &'static str,
        /// Value of the argument.
        value: f64,
        /// Description of the valid range.
        range: &'static str,
    },

    /// There is no stable length: `q` grows without bound from layer to layer, for every bias variance or for every
    /// positive one.
    #[error(
        "no stable length q* exists for {activation} at sigma_w2 = {sigma_w2}, sigma_b2 = {sigma_b2}: lengths grow from \
         layer to layer; they settle for sigma_w2 below {limit}"
    )]
    LengthDiverges {
        /// The activation.
        activation: Activation,
        /// Weight variance of the theory.
        sigma_w2: f64,
        /// Bias variance of the theory.
        sigma_b2: f64,
        /// Weight variance below which a stable length exists.
        limit: f64,
    },

    /// There is no stable length at this bias variance, although smaller bias variances have one.
    #[error(
        "no stable length q* exists for {activation} at sigma_w2 = {sigma_w2}, sigma_b2 = {sigma_b2}: lengths grow from \
         layer to layer; they settle for sigma_b2 of at most {limit}, or a smaller sigma_w2"
    )]
    BiasTooLarge {
        /// The activation.
        activation: Activation,
        /// Weight variance of the theory.
        sigma_w2: f64,
        /// Bias variance of the theory.
        sigma_b2: f64,
        /// The largest bias variance with a stable length.
        limit: f64,
    },

    /// The line `chi_1 = 1` is never crossed.
    #[error(
        "{activation} has no critical point at {name} = {value}: wherever a stable length exists, it is {phase}; \
         choose another {name}"
    )]
    NoCriticalPoint {
        /// The activation.
        activation: Activation,
        /// Name of the variance that is held fixed, `"sigma_w2"` or `"sigma_b2"`.
        name: &'static str,
        /// Value of that variance.
        value: f64,
        /// Phase along the whole searched line.
        phase: Phase,
    },

    /// The phase changes without crossing `chi_1 = 1`.
    #[error(
        "{activation} has no critical point at {name} = {value}: order turns into chaos at a jump of q* from one \
         stable length to another; compare the two phases' fixed points instead, or choose another {name}"
    )]
    CriticalJump {
        /// The activation.
        activation: Activation,
        /// Name of the variance that is held fixed, `"sigma_w2"` or `"sigma_b2"`.
        name: &'static str,
        /// Value of that variance.
        value: f64,
    },

    /// There are no inputs, or the inputs have no pixels.
    #[error(
        "there are no inputs to compute kernels of; give at least one sample with at least one pixel"
    )]
    NoInputs,

    /// The inputs do not have the shape that the network takes.
    #[error("the inputs are {given}, but the first layer takes {expected}")]
    InputShape {
        /// Shape of one input.
        given: Shape,
        /// Shape that the first layer takes.
        expected: Shape,
    },

    /// Training and probe samples differ in width.
    #[error(
        "training samples are {train} wide and probe samples {probe}; both must come from one data set"
    )]
    InputWidths {
        /// Width of the training samples.
        train: usize,
        /// Width of the probe samples.
        probe: usize,
    },

    /// A kernel plus its ridge is not positive definite.
    #[error(
        "the kernel of {rows} samples is singular to rounding at row {row}; choose a larger noise, or leave out \
         repeated samples"
    )]
    NotPositiveDefinite {
        /// Row of the first pivot that is not positive.
        row: usize,
        /// Number of rows.
        rows: usize,
    },

    /// The theory requires a bounded activation.
    #[error(
        "blocks with the activation after the addition need a bounded activation, {activation} is not; \
         choose tanh, erf, sigmoid, hard-tanh or sine"
    )]
    Unbounded {
        /// The activation.
        activation: Activation,
    },

    /// A length profile exceeds the range that the maps accept.
    #[error(
        "the length reaches {q:e} in layer {layer}, which is too large to compute; use fewer layers or a smaller sigma_w2"
    )]
    LengthOverflow {
        /// Layer, counted from one.
        layer: usize,
        /// Variance per unit in that layer.
        q: f64,
    },
}
