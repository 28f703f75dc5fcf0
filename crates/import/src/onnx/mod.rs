//! Networks from ONNX: graph and parameters.

mod attributes;
mod chain;
mod constants;
mod elementwise;
mod graph;
mod layers;
mod limits;
pub(crate) mod proto;
mod shapes;

use std::path::Path;

use isobath_network::Network;
use prost::{Message, bytes::Bytes};

use self::{chain::Chain, constants::Constants, graph::Graph};
use crate::{Error, Result, built, source::Source};

/// Longest model, in bytes: the limit of the format, beyond which parameters are in other files.
const LONGEST: u64 = 1 << 31;

/// Opens an ONNX model. Parameters in other files are read from the folder of `path`.
///
/// The graph has to be one of layers in a row, of which some may be residual blocks `x + F(x)`: products with constants,
/// convolutions, pooling, the activations of Isobath as one operator or as a formula. Batch normalisation, constant
/// factors and offsets are folded into the layer before; a softmax at the end is dropped, since losses contain it.
///
/// # Errors
/// One that names the node and its operator where the graph is not such a network.
pub fn open_onnx(path: &Path) -> Result<Network> {
    let folder = path.parent().unwrap_or(Path::new("."));
    read(Source::open(path)?, Some(folder))
}

/// As [`open_onnx`], from memory; error messages use `name` as the name of the file. Parameters in other files are an
/// error.
///
/// # Errors
/// Those of [`open_onnx`].
pub fn parse_onnx(bytes: Vec<u8>, name: &str) -> Result<Network> {
    read(Source::memory(bytes, name), None)
}

fn read(mut source: Source, folder: Option<&Path>) -> Result<Network> {
    let file = source.file.clone();
    if source.length > LONGEST {
        let (part, unit, size, most) = ("the model", "bytes", source.length, LONGEST);
        return Err(Error::TooLarge { file, part, size, unit, most });
    }
    let bytes = Bytes::from(source.range("the model", 0, source.length)?);
    let failed = |source| Error::Onnx { file: file.clone(), source };
    let size = limits::count(&bytes).map_err(failed)?;
    if size > limits::MOST_FIELDS {
        let (part, unit, most) = ("the model", "fields", limits::MOST_FIELDS);
        return Err(Error::TooLarge { file, part, size, unit, most });
    }
    let model = proto::Model::decode(bytes).map_err(failed)?;
    let Some(mut graph) = model.graph else {
        return Err(Error::Format {
            file,
            found: "no ONNX model: it has no graph",
            advice: "export the model by `torch.onnx.export`",
        });
    };
    graph.constants_to_tensors();
    let constants = Constants::new((&file, source.length), &graph, folder);
    let graph = Graph::new(&file, &graph, &constants)?;
    let chain = Chain::run(&graph, &constants)?;
    built::network(chain)
}
