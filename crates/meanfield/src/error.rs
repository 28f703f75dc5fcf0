//! What can go wrong, and what to do about it.

use isobath_architecture::Activation;

use crate::Phase;

/// The result of a mean-field computation.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a quantity of the theory could not be given.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// An argument lies outside the range it may have.
    #[error("{name} is {value}, but must be {range}")]
    OutOfRange {
        /// The argument's name.
        name: &'static str,
        /// The value given.
        value: f64,
        /// The values allowed, in words.
        range: &'static str,
    },

    /// No length is kept: `q` grows without bound from layer to layer, for every bias variance or every one above zero.
    #[error(
        "no stable length q* exists for {activation} at sigma_w2 = {sigma_w2}, sigma_b2 = {sigma_b2}: activations grow \
         without bound; choose sigma_w2 below {limit}"
    )]
    LengthDiverges {
        /// The activation.
        activation: Activation,
        /// The weight variance given.
        sigma_w2: f64,
        /// The bias variance given.
        sigma_b2: f64,
        /// The weight variance that must not be reached.
        limit: f64,
    },

    /// No length is kept at this bias variance, but smaller ones have a stable length.
    #[error(
        "no stable length q* exists for {activation} at sigma_w2 = {sigma_w2}, sigma_b2 = {sigma_b2}: activations grow \
         without bound; choose sigma_b2 of at most {limit}, or a smaller sigma_w2"
    )]
    BiasTooLarge {
        /// The activation.
        activation: Activation,
        /// The weight variance given.
        sigma_w2: f64,
        /// The bias variance given.
        sigma_b2: f64,
        /// The largest bias variance with a stable length.
        limit: f64,
    },

    /// The line `chi_1 = 1` is not met.
    #[error(
        "{activation} has no critical point at {name} = {value}: wherever a stable length exists, it is {phase}; \
         choose another {name}"
    )]
    NoCriticalPoint {
        /// The activation.
        activation: Activation,
        /// Which variance was held fixed, `"sigma_w2"` or `"sigma_b2"`.
        name: &'static str,
        /// Its value.
        value: f64,
        /// The phase on the whole line that was searched.
        phase: Phase,
    },

    /// The phase changes without passing `chi_1 = 1`.
    #[error(
        "{activation} has no critical point at {name} = {value}: order turns into chaos at a jump of q* from one \
         stable length to another; compare the two phases' fixed points instead, or choose another {name}"
    )]
    CriticalJump {
        /// The activation.
        activation: Activation,
        /// Which variance was held fixed, `"sigma_w2"` or `"sigma_b2"`.
        name: &'static str,
        /// Its value.
        value: f64,
    },

    /// There are no inputs, or they have no width.
    #[error(
        "there are no inputs to compute kernels of; give at least one sample with at least one pixel"
    )]
    NoInputs,

    /// Training and probe samples do not have the same width.
    #[error(
        "training samples are {train} wide and probe samples {probe}; both must come from one data set"
    )]
    InputWidths {
        /// Width of the training samples.
        train: usize,
        /// Width of the probe samples.
        probe: usize,
    },

    /// A kernel plus its ridge could not be factorised.
    #[error(
        "the kernel of {rows} samples is singular to rounding at row {row}; choose a larger noise, or leave out \
         repeated samples"
    )]
    NotPositiveDefinite {
        /// The row of the first bad pivot.
        row: usize,
        /// The number of rows.
        rows: usize,
    },

    /// The theory asked for needs an activation that stays within bounds.
    #[error(
        "blocks with the activation after the addition need a bounded activation, {activation} is not; \
         choose tanh, erf, sigmoid, hard-tanh or sine"
    )]
    Unbounded {
        /// The activation.
        activation: Activation,
    },

    /// A length profile left the range of numbers the maps accept.
    #[error(
        "the length reaches {q:e} in layer {layer}, beyond what can be computed; use fewer layers or a smaller sigma_w2"
    )]
    LengthOverflow {
        /// The layer, counted from one.
        layer: usize,
        /// The variance per unit it would have.
        q: f64,
    },
}
