//! Writes ONNX models.

use prost::{Message, bytes::Bytes};

use super::Parameter;
use crate::onnx::proto;

/// A model, node by node. The input is `x`, the output that of the last node.
#[derive(Clone, Debug)]
pub struct Onnx {
    graph: proto::Graph,
}

/// Value of an attribute.
#[derive(Clone, Copy, Debug)]
pub enum Setting<'a> {
    /// A whole number.
    Int(i64),
    /// A number.
    Float(f32),
    /// Whole numbers.
    Ints(&'a [i64]),
    /// A text.
    Text(&'a str),
}

impl Onnx {
    /// A model whose input has these extents; 0 for one that is not fixed.
    pub fn new(input: &[i64]) -> Self {
        let dimension = |&dim: &i64| match dim {
            0 => proto::Dimension { dim_value: None, dim_param: Some("n".to_owned()) },
            dim => proto::Dimension { dim_value: Some(dim), dim_param: None },
        };
        let shape = proto::TensorShape { dim: input.iter().map(dimension).collect() };
        let tensor_type = proto::TensorType { elem_type: 1, shape: Some(shape) };
        let input = proto::ValueInfo {
            name: "x".to_owned(),
            r#type: Some(proto::Type { tensor_type: Some(tensor_type) }),
        };
        Self { graph: proto::Graph { input: vec![input], ..proto::Graph::default() } }
    }

    /// A constant in f32.
    pub fn parameter(&mut self, parameter: &Parameter) -> &mut Self {
        self.tensor(proto::Tensor {
            dims: parameter.shape.iter().map(|&dim| dim as i64).collect(),
            data_type: 1,
            name: parameter.name.clone(),
            raw_data: Bytes::from(parameter.bytes()),
            ..proto::Tensor::default()
        })
    }

    /// A constant of one element in f32, in the list of this type.
    pub fn number(&mut self, name: &str, value: f32) -> &mut Self {
        self.tensor(proto::Tensor {
            data_type: 1,
            float_data: vec![value],
            name: name.to_owned(),
            ..proto::Tensor::default()
        })
    }

    /// A list of whole numbers.
    pub fn integers(&mut self, name: &str, values: &[i64]) -> &mut Self {
        self.tensor(proto::Tensor {
            dims: vec![values.len() as i64],
            data_type: 7,
            name: name.to_owned(),
            int64_data: values.to_vec(),
            ..proto::Tensor::default()
        })
    }

    /// A constant in f32 whose bytes are in another file, from its start on.
    pub fn external(&mut self, name: &str, dims: &[i64], location: &str) -> &mut Self {
        let entry = proto::Entry { key: "location".to_owned(), value: location.to_owned() };
        self.tensor(proto::Tensor {
            dims: dims.to_vec(),
            data_type: 1,
            name: name.to_owned(),
            external_data: vec![entry],
            data_location: 1,
            ..proto::Tensor::default()
        })
    }

    fn tensor(&mut self, tensor: proto::Tensor) -> &mut Self {
        self.graph.initializer.push(tensor);
        self
    }

    /// A node with one output; inputs are separated by spaces.
    pub fn node(
        &mut self,
        operator: &str,
        inputs: &str,
        output: &str,
        settings: &[(&str, Setting<'_>)],
    ) -> &mut Self {
        let attribute = |&(name, setting): &(&str, Setting<'_>)| {
            let mut attribute =
                proto::Attribute { name: name.to_owned(), ..proto::Attribute::default() };
            match setting {
                Setting::Int(i) => attribute.i = i,
                Setting::Float(f) => attribute.f = f,
                Setting::Ints(ints) => attribute.ints = ints.to_vec(),
                Setting::Text(text) => attribute.s = Bytes::from(text.to_owned()),
            }
            attribute
        };
        self.graph.node.push(proto::Node {
            input: inputs.split(' ').map(str::to_owned).collect(),
            output: vec![output.to_owned()],
            name: format!("node of {output}"),
            op_type: operator.to_owned(),
            attribute: settings.iter().map(attribute).collect(),
            domain: String::new(),
        });
        self
    }

    /// The file.
    pub fn end(&self) -> Vec<u8> {
        let mut graph = self.graph.clone();
        let last = graph.node.last().and_then(|node| node.output.first());
        let name = last.map_or("x", String::as_str).to_owned();
        graph.output = vec![proto::ValueInfo { name, r#type: None }];
        proto::Model { graph: Some(graph) }.encode_to_vec()
    }
}
