use std::{fmt, io};

use safetensors::Dtype;
use zip::result::ZipError;

use crate::ElementType;

/// A file from which no network can be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The file cannot be opened or read.
    #[error("cannot read {file}")]
    Read {
        /// The file.
        file: String,
        /// The reason.
        source: io::Error,
    },
    /// The path is no regular file.
    #[error("{file} is a folder, a pipe or a device; give the path of a file")]
    NoFile {
        /// The path.
        file: String,
    },
    /// The file's format is not one of those that are read.
    #[error("{file} is {found}; {advice}")]
    Format {
        /// The file.
        file: String,
        /// The format found.
        found: &'static str,
        /// Advice on how to save the parameters.
        advice: &'static str,
    },
    /// The file is damaged or incomplete.
    #[error("{file} is damaged: {place} {problem}; copy or save it again")]
    Damaged {
        /// The file.
        file: String,
        /// The part of the file.
        place: String,
        /// Description of the damage.
        problem: String,
    },
    /// The header of a safetensors file is invalid.
    #[error("{file} is no safetensors file, or a damaged one")]
    Safetensors {
        /// The file.
        file: String,
        /// The reason.
        source: serde_json::Error,
    },
    /// The archive of a `PyTorch` file is invalid.
    #[error(
        "{file} is a damaged ZIP archive; PyTorch's files are ZIP archives, copy or save it again"
    )]
    Archive {
        /// The file.
        file: String,
        /// The reason.
        source: ZipError,
    },
    /// A part of the file exceeds a limit.
    #[error("{file}: {part} has {size} {unit}, more than {most}, the most that is read")]
    TooLarge {
        /// The file.
        file: String,
        /// The part.
        part: &'static str,
        /// Its size.
        size: u64,
        /// Unit of the size.
        unit: &'static str,
        /// The limit.
        most: u64,
    },
    /// A `PyTorch` file refers to Python code that is not part of a state dict.
    #[error(
        "{file} contains an object `{global}`, which cannot be loaded without running code; save the state dict alone: `torch.save(model.state_dict(), path)`"
    )]
    Global {
        /// The file.
        file: String,
        /// Module and name of the class or function.
        global: String,
    },
    /// A `PyTorch` file has a whole module.
    #[error(
        "{file} is a whole model, an object of class `{class}`, which cannot be loaded without running its code; save its state dict: `torch.save(model.state_dict(), path)`"
    )]
    WholeModule {
        /// The file.
        file: String,
        /// Module and name of its class.
        class: String,
    },
    /// The file has no parameters where a state dict has them.
    #[error("{file} is not a state dict: {found}; save `model.state_dict()` alone")]
    NoStateDict {
        /// The file.
        file: String,
        /// The content.
        found: String,
    },
    /// The elements of a parameter are not real numbers of a known size.
    #[error(
        "parameter `{parameter}` has elements of type {found}; convert it to float32 before saving"
    )]
    ElementType {
        /// The parameter.
        parameter: String,
        /// Its type.
        found: String,
    },
    /// A parameter has no finite value.
    #[error(
        "parameter `{parameter}` has a value that is NaN or infinite in f32, at element {element}; the training has diverged, or the file is damaged"
    )]
    NotFinite {
        /// The parameter.
        parameter: String,
        /// The first such element, counted from 0.
        element: usize,
    },
    /// A view has more elements than its storage, since it repeats them.
    #[error(
        "parameter `{parameter}` of shape {shape} is an expanded view of fewer elements; call `.contiguous()` before saving"
    )]
    Expanded {
        /// The parameter.
        parameter: String,
        /// Its shape.
        shape: ParameterShape,
    },
    /// The name of a parameter does not say its role.
    #[error(
        "parameter `{parameter}` of shape {shape} is none of `weight`, `bias`, `running_mean` and `running_var` of a layer; remove reparametrisations such as weight normalisation before saving, or rename it"
    )]
    Role {
        /// The parameter.
        parameter: String,
        /// Its shape.
        shape: ParameterShape,
    },
    /// A parameter belongs to a normalisation or another layer that cannot be folded into the one before.
    #[error(
        "parameter `{parameter}` of shape {shape} belongs to no dense layer, convolution or batch normalisation with running statistics; other layers with parameters are not supported"
    )]
    Layer {
        /// The parameter.
        parameter: String,
        /// Its shape.
        shape: ParameterShape,
    },
    /// A layer gets weights of another shape.
    #[error(
        "parameter `{parameter}` has shape {actual}; {layer}, its place, needs {expected}{}",
        transposed(actual, expected)
    )]
    Fit {
        /// The parameter.
        parameter: String,
        /// Its shape.
        actual: ParameterShape,
        /// The layer.
        layer: String,
        /// The shape needed.
        expected: ParameterShape,
    },
    /// No parameters are left for a layer.
    #[error(
        "{layer} needs weights of shape {expected}; no parameter of this shape is left in {file}"
    )]
    Missing {
        /// The file.
        file: String,
        /// The layer.
        layer: String,
        /// The shape needed.
        expected: ParameterShape,
    },
    /// A parameter is left when all layers have theirs.
    #[error(
        "parameter `{parameter}` of shape {shape} fits no layer: all {layers} layers with weights have theirs; describe the whole network, or remove the parameter from the file"
    )]
    Left {
        /// The parameter.
        parameter: String,
        /// Its shape.
        shape: ParameterShape,
        /// Layers with weights.
        layers: usize,
    },
    /// Parameters of one shape whose order cannot be known.
    #[error(
        "parameters `{first}` and `{second}` have the same shape {shape}, and nothing in {file} says which comes first; save a PyTorch state dict (.pt), whose order is that of the model's definition, or number the names"
    )]
    Order {
        /// The file.
        file: String,
        /// A parameter.
        first: String,
        /// Another.
        second: String,
        /// Shape of both.
        shape: ParameterShape,
    },
    /// A layer without biases in the description has some in the file.
    #[error(
        "{layer} is described with `bias = false`, but the file has `{parameter}`; remove `bias = false`"
    )]
    Bias {
        /// The layer.
        layer: String,
        /// The biases.
        parameter: String,
    },
    /// A batch normalisation has no layer before it into which it could be folded.
    #[error(
        "batch normalisation `{parameter}` of {features} features cannot be folded: {problem}; it is folded into the layer directly before it"
    )]
    BatchNorm {
        /// A parameter of it.
        parameter: String,
        /// Its features.
        features: usize,
        /// The reason.
        problem: String,
    },
    /// The file is no ONNX model, or a damaged one.
    #[error("{file} is no ONNX model, or a damaged one")]
    Onnx {
        /// The file.
        file: String,
        /// The reason.
        source: prost::DecodeError,
    },
    /// Numbers of a model that are in another file cannot be read.
    #[error("{file}: the numbers of `{parameter}` are in `{location}`, {problem}")]
    External {
        /// The model.
        file: String,
        /// The parameter.
        parameter: String,
        /// The other file.
        location: String,
        /// The reason.
        problem: &'static str,
    },
    /// A graph does not have one input and one output.
    #[error("{file}: the graph has {found} {what}; export a model with one input and one output")]
    Ends {
        /// The file.
        file: String,
        /// `inputs` or `outputs`.
        what: &'static str,
        /// Their number.
        found: usize,
    },
    /// The input of a graph does not have a fixed shape.
    #[error(
        "{file}: input `{input}` {problem}; export the model with a fixed shape for all but the first dimension"
    )]
    Input {
        /// The file.
        file: String,
        /// The input.
        input: String,
        /// Description of the problem.
        problem: String,
    },
    /// A graph whose output does not depend on its input through layers.
    #[error("{file}: no layers lead from the input of the graph to its output")]
    NoLayers {
        /// The file.
        file: String,
    },
    /// A node of a graph that is not part of a network of Isobath.
    #[error("{file}: node `{node}`, operator {operator}: {problem}")]
    Node {
        /// The file.
        file: String,
        /// The node's name, or that of its output.
        node: String,
        /// Its operator.
        operator: String,
        /// The reason.
        problem: String,
    },
    /// The network is not possible.
    #[error(transparent)]
    Architecture(#[from] isobath_architecture::Error),
    /// The parameters do not fit the network.
    #[error(transparent)]
    Network(#[from] isobath_network::Error),
}

/// Shape of a parameter, as in messages: `[64, 3, 3, 3]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParameterShape(pub Vec<usize>);

impl fmt::Display for ParameterShape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.0)
    }
}

impl From<&[usize]> for ParameterShape {
    fn from(shape: &[usize]) -> Self {
        Self(shape.to_vec())
    }
}

/// Note on weights whose axes are the wrong way round.
fn transposed(actual: &ParameterShape, expected: &ParameterShape) -> &'static str {
    match (&actual.0[..], &expected.0[..]) {
        ([a, b], [c, d]) if a == d && b == c => "; transpose it, the order is [outputs, inputs]",
        _ => "",
    }
}

impl Error {
    /// Elements of a type that is not read.
    pub(crate) fn element_type(parameter: &str, found: impl fmt::Debug) -> Self {
        Self::ElementType { parameter: parameter.to_owned(), found: format!("{found:?}") }
    }

    /// Elements of a safetensors type, if they are read.
    pub(crate) fn known(parameter: &str, dtype: Dtype) -> Result<ElementType> {
        ElementType::ALL
            .into_iter()
            .find(|element| element.dtype() == dtype)
            .ok_or_else(|| Self::element_type(parameter, dtype))
    }
}

/// Short for a result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;
