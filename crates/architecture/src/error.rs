/// Invalid description of a network.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A number is outside its range.
    #[error("network {name} = {value} must be {range}")]
    OutOfRange {
        /// The setting.
        name: &'static str,
        /// Its value.
        value: String,
        /// Allowed range.
        range: &'static str,
    },
    /// A list of widths does not fit the depth.
    #[error(
        "network width lists {given} hidden widths, depth {depth} has {expected} hidden layers"
    )]
    WidthCount {
        /// Widths in the list.
        given: usize,
        /// Hidden layers.
        expected: usize,
        /// Weight layers, the readout included.
        depth: usize,
    },
    /// A layer's input is not as wide as the output before it.
    #[error("layer {layer} takes {inputs} inputs, the layer before gives {outputs}")]
    Chain {
        /// The layer, counted from 1.
        layer: usize,
        /// Its inputs.
        inputs: usize,
        /// Outputs of the layer before.
        outputs: usize,
    },
}

/// Short for a result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;
