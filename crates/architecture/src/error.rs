use crate::{Preset, Problem, Shape};

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
    /// A depth is too small for the layers around the deep part.
    #[error("network depth = {depth} must be at least {least}: it counts {counted}")]
    Depth {
        /// The depth.
        depth: usize,
        /// The smallest.
        least: usize,
        /// The layers that every network of this kind has.
        counted: &'static str,
    },
    /// A preset of another kind of network.
    #[error("network preset `{preset}` does not exist for kind = \"{kind}\"; use kind = \"{}\"", preset.kind())]
    Preset {
        /// The preset.
        preset: Preset,
        /// The kind.
        kind: &'static str,
    },
    /// An entry of a list of layers is not possible.
    #[error("network {path}: {problem}")]
    Entry {
        /// The entry, counted from 0: `layers[2].residual[0]`.
        path: String,
        /// The reason.
        problem: Problem,
    },
    /// A list of layers ends with another number of outputs than there are classes.
    #[error(
        "network layers give {outputs} numbers, the dataset has {classes} classes; end the list with {{ dense = \"classes\" }}"
    )]
    Classes {
        /// Outputs of the last layer.
        outputs: usize,
        /// Classes of the dataset.
        classes: usize,
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
    /// A layer's input does not have the shape of the output before it.
    #[error("layer {layer} takes {inputs} inputs, the layer before gives {outputs}")]
    Chain {
        /// The layer, counted from 1.
        layer: usize,
        /// Shape of its input.
        inputs: Shape,
        /// Shape of the output before.
        outputs: Shape,
    },
    /// A layer of a list is not possible.
    #[error("layer {layer}: {source}")]
    Layer {
        /// The layer, counted from 1.
        layer: usize,
        /// The error of this layer.
        source: Box<Error>,
    },
    /// A window does not fit into its image.
    #[error(
        "a kernel of {kernel} with padding {padding} does not fit into {size} pixels; use a smaller kernel or more padding"
    )]
    Window {
        /// Size of the kernel.
        kernel: usize,
        /// Padding at each side.
        padding: usize,
        /// Size of the image.
        size: usize,
    },
    /// Circular padding reaches around the image more than once.
    #[error("circular padding {padding} must be at most the size of the image, {size}")]
    CircularPadding {
        /// Padding at each side.
        padding: usize,
        /// Size of the image.
        size: usize,
    },
    /// A circular convolution's stride does not close around the image.
    #[error("stride {stride} of a circular convolution must divide the size of the image, {size}")]
    CircularStride {
        /// Stride.
        stride: usize,
        /// Size of the image.
        size: usize,
    },
    /// A wrapped output would repeat itself more than once.
    #[error("wrap_after {wrap} must be at most the size of the product, {size}")]
    Wrap {
        /// Pixels at each side.
        wrap: usize,
        /// Size of the product.
        size: usize,
    },
    /// A pooling window can lie in the padding entirely.
    #[error("padding {padding} of a pooling layer must be at most half of its kernel, {kernel}")]
    PoolPadding {
        /// Padding at each side.
        padding: usize,
        /// Size of the kernel.
        kernel: usize,
    },
    /// The branch of a residual block changes the shape.
    #[error(
        "the branch of a residual block turns {input} into {output}; both must be equal to be added"
    )]
    Shortcut {
        /// Shape of the block's input.
        input: Shape,
        /// Shape of the branch's output.
        output: Shape,
    },
    /// A residual block contains another.
    #[error(
        "a residual block inside of a residual block is not supported; list the blocks one after the other"
    )]
    NestedResidual,
}

/// Short for a result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;
