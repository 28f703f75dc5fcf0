//! A graph: its nodes, and which of them use a value.

use std::collections::{HashMap, HashSet};

use super::{constants::Constants, proto};
use crate::{Error, Result};

/// Most values of an input, per sample.
const MOST_VALUES: usize = 1 << 32;

/// A checked graph with one input and one output.
pub(super) struct Graph<'a> {
    pub(super) file: String,
    nodes: &'a [proto::Node],
    /// Nodes that use a value on the way to the output, in order; those that compute shapes only are left out.
    users: HashMap<&'a str, Vec<usize>>,
    /// Nodes by the values that compute shapes only.
    shapes: HashMap<&'a str, usize>,
    pub(super) input: &'a str,
    pub(super) output: &'a str,
    /// Extents of the input, without the first one, which counts samples.
    pub(super) dims: Vec<usize>,
}

impl<'a> Graph<'a> {
    /// Checks a graph.
    ///
    /// # Errors
    /// When its nodes are not in topological order, or it has several inputs or outputs.
    pub(super) fn new(
        file: &str,
        graph: &'a proto::Graph,
        constants: &Constants<'_>,
    ) -> Result<Self> {
        check_order(file, graph)?;
        let ends = |what, names: Vec<&'a str>| match names[..] {
            [name] => Ok(name),
            _ => Err(Error::Ends { file: file.to_owned(), what, found: names.len() }),
        };
        let inputs = graph.input.iter().filter(|input| !constants.has(&input.name));
        let input = ends("inputs", inputs.map(|input| &*input.name).collect())?;
        let output = ends("outputs", graph.output.iter().map(|output| &*output.name).collect())?;
        let mut checked = Self {
            file: file.to_owned(),
            nodes: &graph.node,
            users: HashMap::new(),
            shapes: HashMap::new(),
            input,
            output,
            dims: Vec::new(),
        };
        let info = graph.input.iter().find(|info| info.name == input);
        checked.dims = checked.input_dims(info)?;
        checked.find_shapes(constants);
        checked.find_users(constants);
        Ok(checked)
    }

    pub(super) fn node(&self, index: usize) -> &'a proto::Node {
        &self.nodes[index]
    }

    /// Nodes that use a value.
    pub(super) fn users(&self, value: &str) -> &[usize] {
        self.users.get(value).map_or(&[], Vec::as_slice)
    }

    /// The node of a value that is part of the computation of a shape.
    pub(super) fn shape_node(&self, value: &str) -> Option<&'a proto::Node> {
        self.shapes.get(value).map(|&index| &self.nodes[index])
    }

    /// Error for a node.
    pub(super) fn error(&self, node: &proto::Node, problem: impl Into<String>) -> Error {
        let name = match (&*node.name, node.output.first()) {
            ("", Some(output)) => output,
            (name, _) => name,
        };
        let domain = match &*node.domain {
            "" | "ai.onnx" => String::new(),
            domain => format!("{domain}."),
        };
        let operator = format!("{domain}{}", node.op_type);
        Error::Node {
            file: self.file.clone(),
            node: name.chars().take(200).collect(),
            operator: operator.chars().take(200).collect(),
            problem: problem.into(),
        }
    }

    /// Extents of the input without the first one.
    fn input_dims(&self, info: Option<&proto::ValueInfo>) -> Result<Vec<usize>> {
        let failed = |problem: String| {
            Err(Error::Input { file: self.file.clone(), input: self.input.to_owned(), problem })
        };
        let shape =
            info.and_then(|info| info.r#type.as_ref()?.tensor_type.as_ref()?.shape.as_ref());
        let Some(shape) = shape else { return failed("has no shape".to_owned()) };
        if !(2..=8).contains(&shape.dim.len()) {
            let rank = shape.dim.len();
            return failed(format!("has {rank} dimensions; the first one counts samples"));
        }
        let mut dims = Vec::new();
        for (axis, dim) in shape.dim.iter().enumerate().skip(1) {
            match dim.dim_value.and_then(|dim| usize::try_from(dim).ok()) {
                Some(dim @ 1..) => dims.push(dim),
                _ => return failed(format!("has no fixed size along dimension {}", axis + 1)),
            }
        }
        let numbers = dims.iter().try_fold(1_usize, |n, &dim| n.checked_mul(dim));
        if numbers.is_none_or(|numbers| numbers > MOST_VALUES) {
            return failed("has too many numbers".to_owned());
        }
        Ok(dims)
    }

    /// Finds the nodes that compute with the extents of values only.
    fn find_shapes(&mut self, constants: &Constants<'_>) {
        for (index, node) in self.nodes.iter().enumerate() {
            let mut inputs = node.input.iter().map(String::as_str).filter(|name| !name.is_empty());
            let is_shape = match node.op_type.as_str() {
                "Shape" => true,
                "Gather" | "Unsqueeze" | "Squeeze" | "Concat" | "Cast" | "Slice" => {
                    let is_known =
                        |name: &str| self.shapes.contains_key(name) || constants.has(name);
                    inputs.clone().all(is_known)
                        && inputs.any(|name| self.shapes.contains_key(name))
                }
                _ => false,
            };
            if is_shape {
                self.shapes.extend(node.output.iter().map(|output| (&**output, index)));
            }
        }
    }

    /// Finds the nodes that use each value on the way to the output.
    fn find_users(&mut self, constants: &Constants<'_>) {
        let mut needed = HashSet::from([self.output]);
        let mut is_used = vec![false; self.nodes.len()];
        for (node, is_used) in self.nodes.iter().zip(&mut is_used).rev() {
            // Shapes and constants are no values of the network.
            let is_other = |name: &String| self.shapes.contains_key(&**name) || constants.has(name);
            *is_used = !node.output.iter().any(is_other)
                && node.output.iter().any(|name| needed.contains(&**name));
            if *is_used {
                needed.extend(node.input.iter().map(String::as_str));
            }
        }
        for (index, node) in self.nodes.iter().enumerate().filter(|(index, _)| is_used[*index]) {
            for input in node.input.iter().filter(|input| !input.is_empty()) {
                let users = self.users.entry(input).or_default();
                if users.last() != Some(&index) {
                    users.push(index);
                }
            }
        }
    }
}

/// Checks that every value is computed once, before it is used.
fn check_order(file: &str, graph: &proto::Graph) -> Result<()> {
    let given = graph.input.iter().map(|input| &input.name);
    let mut known: HashSet<&String> =
        given.chain(graph.initializer.iter().map(|t| &t.name)).collect();
    let damaged = |name: &str, problem: &str| {
        let place = format!("value `{}`", name.chars().take(200).collect::<String>());
        Err(Error::Damaged { file: file.to_owned(), place, problem: problem.to_owned() })
    };
    for node in &graph.node {
        if let Some(input) =
            node.input.iter().find(|name| !name.is_empty() && !known.contains(name))
        {
            return damaged(input, "is used before it is computed");
        }
        for output in node.output.iter().filter(|name| !name.is_empty()) {
            if !known.insert(output) {
                return damaged(output, "is computed twice");
            }
        }
    }
    Ok(())
}
