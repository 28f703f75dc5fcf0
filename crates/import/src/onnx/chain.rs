//! Follows a graph from its input to its output and collects the layers.

use isobath_architecture::{Activation, PoolKind};

use super::{
    constants::Constants,
    elementwise::{self, Function},
    graph::Graph,
    proto::Node,
};
use crate::{Error, Result, built::Built};

/// Layers in a row, up to a value of the graph.
pub(super) struct Chain<'a, 'g> {
    pub(super) graph: &'g Graph<'a>,
    pub(super) constants: &'g Constants<'a>,
    pub(super) layers: Vec<Built>,
    /// The value that the layers compute.
    value: &'a str,
    /// Extents of the value, without the first one, which counts samples.
    pub(super) dims: Vec<usize>,
    /// The chain is the branch of a residual block.
    branch: Option<Branch>,
}

/// The branch of a residual block.
struct Branch {
    /// The node that adds the block's input.
    sum: usize,
    /// The function at the start of the branch.
    before: Option<Activation>,
}

impl<'a, 'g> Chain<'a, 'g> {
    /// Layers of the graph.
    ///
    /// # Errors
    /// When it is not a network of layers in a row.
    pub(super) fn run(graph: &'g Graph<'a>, constants: &'g Constants<'a>) -> Result<Vec<Built>> {
        let (value, dims) = (graph.input, graph.dims.clone());
        let mut chain = Self { graph, constants, layers: Vec::new(), value, dims, branch: None };
        chain.follow(graph.users(value).to_vec())?;
        if chain.layers.is_empty() || chain.value != graph.output {
            return Err(Error::NoLayers { file: graph.file.clone() });
        }
        Ok(chain.layers)
    }

    /// Follows the users of the value to the end of the graph or of the branch.
    fn follow(&mut self, mut users: Vec<usize>) -> Result<()> {
        loop {
            match (&users[..], &self.branch) {
                ([], _) => return Ok(()),
                (&[user], Some(branch)) if user == branch.sum => return Ok(()),
                (&[user, ..], _) if self.value == self.graph.output => {
                    let node = self.graph.node(user);
                    return Err(self.graph.error(node, "it uses the output of the network"));
                }
                _ => {}
            }
            self.step(&users)?;
            users = self.graph.users(self.value).to_vec();
        }
    }

    /// One layer, or a function of the last one.
    fn step(&mut self, users: &[usize]) -> Result<()> {
        let node = self.graph.node(users[0]);
        if let Some(found) = elementwise::find(self.graph, self.constants, self.value, users)? {
            match found.function {
                Function::Activation(activation) => self.activate(node, activation)?,
                Function::Affine { scale, shift } => self.scale(node, scale, shift)?,
            }
            self.value = found.output;
            return Ok(());
        }
        if users.len() > 1 {
            return self.residual(users);
        }
        if node.given(0) != Some(self.value) && !matches!(&*node.op_type, "Add" | "Mul" | "Sum") {
            let problem = "its first input has to be the value that the network computes";
            return Err(self.graph.error(node, problem));
        }
        self.apply(node)?;
        self.value = &node.output[0];
        let is_used = |name: &String| !self.graph.users(name).is_empty();
        if node.output[1..].iter().any(is_used) {
            return Err(self.graph.error(node, "its further outputs are not supported"));
        }
        Ok(())
    }

    fn apply(&mut self, node: &'a Node) -> Result<()> {
        match (&*node.domain, &*node.op_type) {
            ("" | "ai.onnx", "Gemm") => self.gemm(node),
            ("" | "ai.onnx", "MatMul") => self.product(node),
            ("" | "ai.onnx", "Conv") => self.convolution(node),
            ("" | "ai.onnx", "MaxPool") => self.pool(node, PoolKind::Max),
            ("" | "ai.onnx", "AveragePool") => self.pool(node, PoolKind::Average),
            ("" | "ai.onnx", "GlobalMaxPool") => self.global_pool(node, PoolKind::Max),
            ("" | "ai.onnx", "GlobalAveragePool") => self.global_pool(node, PoolKind::Average),
            ("" | "ai.onnx", "ReduceMean") => self.mean(node),
            ("" | "ai.onnx", "BatchNormalization") => self.batch_norm(node),
            ("" | "ai.onnx", "Add" | "Sum" | "Sub" | "Mul" | "Div") => self.per_output(node),
            ("" | "ai.onnx", "Flatten") => self.flatten(node),
            ("" | "ai.onnx", "Reshape") => self.reshape(node),
            ("" | "ai.onnx", "Squeeze") => self.squeeze(node),
            ("" | "ai.onnx", "Unsqueeze") => self.unsqueeze(node),
            ("" | "ai.onnx", "Transpose") => self.transpose(node),
            ("" | "ai.onnx", "Softmax" | "LogSoftmax") => self.softmax(node),
            _ => Err(self.graph.error(
                node,
                "this operator is not supported; networks of dense layers, convolutions, pooling, activations and residual blocks are",
            )),
        }
    }

    /// Drops a softmax at the end.
    fn softmax(&self, node: &Node) -> Result<()> {
        if node.output.first().is_some_and(|output| *output == self.graph.output) {
            return Ok(());
        }
        Err(self.graph.error(node, "it is supported at the end of the network only"))
    }

    /// A residual block, `x + F(x)`.
    fn residual(&mut self, users: &[usize]) -> Result<()> {
        let is_sum = |&user: &usize| {
            let node = self.graph.node(user);
            let is_of_two = matches!(&*node.op_type, "Add" | "Sum") && node.input.len() == 2;
            is_of_two && !node.input.iter().any(|name| self.constants.has(name))
        };
        let (sums, others): (Vec<usize>, Vec<usize>) = users.iter().partition(|user| is_sum(user));
        let node = self.graph.node(users[0]);
        let &[sum] = &sums[..] else {
            let problem = format!(
                "its input `{}` is used by {} nodes, which are neither a residual block `x + F(x)` nor an activation; shortcuts with layers of their own, attention and normalisation within a sample are not supported",
                self.value,
                users.len()
            );
            return Err(self.graph.error(node, problem));
        };
        if self.branch.is_some() {
            let problem = "a residual block inside of a residual block is not supported";
            return Err(self.graph.error(node, problem));
        }
        let branch = Some(Branch { sum, before: None });
        let (layers, dims) = (Vec::new(), self.dims.clone());
        let mut branch = Chain { layers, dims, branch, ..*self };
        branch.follow(others)?;
        self.add(self.graph.node(sum), branch)
    }

    /// Ends a residual block.
    fn add(&mut self, sum: &'a Node, branch: Chain<'a, 'g>) -> Result<()> {
        let is_added = sum.input.iter().any(|name| name == branch.value);
        if !is_added || branch.value == self.value || branch.dims != self.dims {
            let problem = "it does not add a branch to the input of the branch, of the same shape";
            return Err(self.graph.error(sum, problem));
        }
        let before = branch.branch.and_then(|branch| branch.before);
        self.layers.push(Built::Residual { before, branch: branch.layers, after: None });
        self.value = &sum.output[0];
        Ok(())
    }

    /// Applies an activation to the value.
    fn activate(&mut self, node: &Node, activation: Activation) -> Result<()> {
        if let (Some(branch), true) = (&mut self.branch, self.layers.is_empty())
            && branch.before.is_none()
        {
            branch.before = Some(activation);
            return Ok(());
        }
        // Pooling by the largest number and a function that never falls can change places.
        let is_rising =
            !matches!(activation, Activation::Gelu | Activation::Silu | Activation::Sine)
                && !matches!(activation, Activation::LeakyRelu { slope } if slope < 0.0);
        let is_passed = |layer: &&mut Built| {
            is_rising && matches!(layer, Built::Pool(pool) if pool.kind == PoolKind::Max)
        };
        let place = match self.layers.iter_mut().rev().find(|layer| !is_passed(layer)) {
            Some(Built::Dense(layer, _)) if layer.activation == Activation::Linear => {
                &mut layer.activation
            }
            Some(Built::Conv2d(layer, _)) if layer.activation == Activation::Linear => {
                &mut layer.activation
            }
            Some(Built::Residual { after: after @ None, .. }) => {
                *after = Some(activation);
                return Ok(());
            }
            _ => {
                return Err(self.graph.error(
                    node,
                    format!("the activation {activation} does not follow a dense layer, a convolution or a residual block directly"),
                ));
            }
        };
        *place = activation;
        Ok(())
    }
}
