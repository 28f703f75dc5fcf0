//! Networks with parameters from files of trained or initialised models.
//!
//! A [`StateDict`] has named parameters only, from a safetensors file or one of `PyTorch`; [`StateDict::fit`] matches
//! them with the layers of a described network. An ONNX model ([`open_onnx`]) has its layers as well.
//!
//! Files are data: nothing in them is executed. Sizes that a file states are compared with its length before memory is
//! allocated for them, and parameters are read one after the other, so that memory is bounded by the network itself.

mod built;
mod error;
mod number;
mod onnx;
mod source;
mod state_dict;
#[cfg(feature = "test-util")]
pub mod synthetic;
mod weighted;

pub use error::{Error, ParameterShape, Result};
pub use number::ElementType;
pub use onnx::{open_onnx, parse_onnx};
pub use state_dict::{Fitted, LayerMatch, ParameterInfo, StateDict};
