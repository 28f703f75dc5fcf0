//! Operators that are layers, or are folded into the layer before.

use isobath_architecture::{
    Activation, Conv2dLayer, DenseLayer, Layer, PoolKind, PoolLayer, Shape, Window,
};

use super::{
    chain::Chain,
    constants::{Array, transposed},
    proto::Node,
};
use crate::{
    Result,
    built::Built,
    weighted::{Affine, BatchNorm, Weighted},
};

impl<'a> Chain<'a, '_> {
    /// A constant input of a node.
    fn array(&self, node: &Node, index: usize, what: &str) -> Result<Array> {
        let array = node.given(index).map_or(Ok(None), |name| self.constants.array(name))?;
        array.ok_or_else(|| {
            self.graph.error(
                node,
                format!("its {what} are not constant; export the model with constant folding"),
            )
        })
    }

    /// A constant input of a node with one number for each output.
    fn vector(&self, node: &Node, index: usize, what: &str, length: usize) -> Result<Vec<f32>> {
        let Array { dims, values } = self.array(node, index, what)?;
        if values.len() == 1 && length > 1 {
            return Ok(vec![values[0]; length]);
        }
        if values.len() == length {
            return Ok(values);
        }
        let problem = format!("its {what} have shape {dims:?}, and there are {length} outputs");
        Err(self.graph.error(node, problem))
    }

    /// `alpha x W + beta b`
    pub(super) fn gemm(&mut self, node: &Node) -> Result<()> {
        if node.int("transA", 0) != 0 {
            return Err(self.graph.error(node, "transA is not supported"));
        }
        let alpha = node.float("alpha", 1.0);
        let beta = node.float("beta", 1.0);
        let mut weighted = self.matrix(node, node.int("transB", 0) != 0)?;
        let outputs = weighted.outputs;
        let bias = node.given(2).map(|_| self.vector(node, 2, "biases", outputs)).transpose()?;
        weighted.weights.iter_mut().for_each(|w| *w = (f64::from(*w) * alpha) as f32);
        weighted.bias =
            bias.map(|bias| bias.into_iter().map(|b| (f64::from(b) * beta) as f32).collect());
        self.dense(node, weighted)
    }

    /// `x W`
    pub(super) fn product(&mut self, node: &Node) -> Result<()> {
        let weighted = self.matrix(node, false)?;
        self.dense(node, weighted)
    }

    /// Weights `[outputs, inputs]` of a product.
    fn matrix(&self, node: &Node, is_outputs_first: bool) -> Result<Weighted> {
        let Array { dims, values } = self.array(node, 1, "weights")?;
        let &[rows, columns] = &dims[..] else {
            return Err(self.graph.error(node, format!("its weights have shape {dims:?}")));
        };
        if values.is_empty() {
            return Err(self.graph.error(node, "its weights are empty"));
        }
        Ok(if is_outputs_first {
            Weighted { weights: values, bias: None, outputs: rows }
        } else {
            let weights = transposed(&values, rows, columns);
            Weighted { weights, bias: None, outputs: columns }
        })
    }

    fn dense(&mut self, node: &Node, weighted: Weighted) -> Result<()> {
        let outputs = weighted.outputs;
        let inputs = weighted.weights.len() / outputs;
        if self.dims.last() != Some(&inputs) || self.numbers() != inputs {
            let problem = format!(
                "its weights need {inputs} inputs, and each sample has shape {:?}; flatten it before",
                self.dims
            );
            return Err(self.graph.error(node, problem));
        }
        let layer = DenseLayer { inputs, outputs, activation: Activation::Linear };
        self.layers.push(Built::Dense(layer, weighted));
        *self.dims.last_mut().expect("checked above") = outputs;
        Ok(())
    }

    /// Shape of the images that a convolution or pooling reads.
    fn image(&self, node: &Node) -> Result<Shape> {
        match self.dims[..] {
            [channels, height, width] => Ok(Shape::new(channels, height, width)),
            _ => Err(self.graph.error(
                node,
                format!(
                    "each sample has shape {:?} instead of [channels, height, width]",
                    self.dims
                ),
            )),
        }
    }

    pub(super) fn convolution(&mut self, node: &Node) -> Result<()> {
        let input = self.image(node)?;
        let Array { dims, values } = self.array(node, 1, "weights")?;
        let group = node.int("group", 1);
        if group != 1 {
            return Err(self.graph.error(node, format!("group = {group} is not supported")));
        }
        let &[outputs, channels, rows, columns] = &dims[..] else {
            return Err(self.graph.error(node, format!("its weights have shape {dims:?}")));
        };
        if channels != input.channels {
            let problem =
                format!("its weights need {channels} channels, the input has shape {input}");
            return Err(self.graph.error(node, problem));
        }
        let window = self.window(node, [rows, columns], input)?;
        let layer = Conv2dLayer::new(input, outputs, window, Activation::Linear);
        self.check(node, &Layer::Conv2d(layer))?;
        let bias = node.given(2).map(|_| self.vector(node, 2, "biases", outputs)).transpose()?;
        let Shape { channels, height, width } = layer.output();
        self.dims = vec![channels, height, width];
        self.layers.push(Built::Conv2d(layer, Weighted { weights: values, bias, outputs }));
        Ok(())
    }

    pub(super) fn pool(&mut self, node: &Node, kind: PoolKind) -> Result<()> {
        let input = self.image(node)?;
        let kernel = self.pair(node, "kernel_shape", None)?;
        let window = self.window(node, kernel, input)?;
        let is_padded = window.padding != [0, 0];
        if kind == PoolKind::Average && is_padded && node.int("count_include_pad", 0) == 0 {
            return Err(self.graph.error(
                node,
                "padding that does not count (count_include_pad = 0) is not supported",
            ));
        }
        let ceil = node.int("ceil_mode", 0) != 0;
        self.add_pool(node, PoolLayer { input, kind, window, ceil })
    }

    /// Pooling over the whole image.
    pub(super) fn global_pool(&mut self, node: &Node, kind: PoolKind) -> Result<()> {
        let input = self.image(node)?;
        let window = Window { kernel: input.size(), stride: input.size(), padding: [0, 0] };
        self.add_pool(node, PoolLayer { input, kind, window, ceil: false })
    }

    fn add_pool(&mut self, node: &Node, layer: PoolLayer) -> Result<()> {
        self.check(node, &Layer::Pool(layer))?;
        let Shape { channels, height, width } = layer.output();
        self.dims = vec![channels, height, width];
        self.layers.push(Built::Pool(layer));
        Ok(())
    }

    /// A mean over rows and columns.
    pub(super) fn mean(&mut self, node: &'a Node) -> Result<()> {
        let axes = self.axes(node, self.dims.len() + 1)?;
        if axes.as_deref() != Some(&[2, 3]) {
            return Err(self.graph.error(node, "only a mean over rows and columns is supported"));
        }
        self.global_pool(node, PoolKind::Average)?;
        if node.int("keepdims", 1) == 0 {
            self.dims.truncate(1);
        }
        Ok(())
    }

    /// Two whole numbers, `[vertical, horizontal]`.
    fn pair(&self, node: &Node, name: &str, default: Option<usize>) -> Result<[usize; 2]> {
        let given = match (node.ints(name), default) {
            (Some(&[a, b]), _) => [a, b].map(|number| usize::try_from(number).ok()),
            (None, default) => [default; 2],
            _ => [None; 2],
        };
        match given {
            [Some(a), Some(b)] => Ok([a, b]),
            _ => Err(self.graph.error(node, format!("{name} is not a pair of whole numbers"))),
        }
    }

    /// Kernel, stride and padding of a node.
    fn window(&self, node: &Node, kernel: [usize; 2], input: Shape) -> Result<Window> {
        let failed = |problem: String| Err(self.graph.error(node, problem));
        if self.pair(node, "dilations", Some(1))? != [1, 1] {
            return failed("dilations other than 1 are not supported".to_owned());
        }
        if node.ints("kernel_shape").is_some() && self.pair(node, "kernel_shape", None)? != kernel {
            return failed("kernel_shape is not that of its weights".to_owned());
        }
        let stride = self.pair(node, "strides", Some(1))?;
        let padding = match node.text("auto_pad") {
            "" | "NOTSET" => node.ints("pads").unwrap_or(&[0; 4]).to_vec(),
            "VALID" => vec![0; 4],
            "SAME_UPPER" | "SAME_LOWER" if !stride.contains(&0) => same(kernel, stride, input),
            other => return failed(format!("auto_pad = {other} is not supported")),
        };
        let &[top, left, bottom, right] = &padding[..] else {
            return failed(format!("pads = {padding:?} are not those of two dimensions"));
        };
        if top != bottom || left != right {
            let problem =
                format!("padding {padding:?} that differs between sides is not supported");
            return failed(problem);
        }
        match [top, left].map(usize::try_from) {
            [Ok(vertical), Ok(horizontal)] => {
                Ok(Window { kernel, stride, padding: [vertical, horizontal] })
            }
            _ => failed(format!("pads = {padding:?} are negative")),
        }
    }

    fn check(&self, node: &Node, layer: &Layer) -> Result<()> {
        layer.check().map_err(|error| self.graph.error(node, error.to_string()))
    }

    pub(super) fn batch_norm(&mut self, node: &Node) -> Result<()> {
        if node.int("training_mode", 0) != 0 {
            let problem = "it normalises by the statistics of its input; export the model after `model.eval()`";
            return Err(self.graph.error(node, problem));
        }
        let features = self.open(node)?.outputs;
        let norm = BatchNorm {
            weight: Some(self.vector(node, 1, "scales", features)?),
            bias: Some(self.vector(node, 2, "offsets", features)?),
            mean: self.vector(node, 3, "means", features)?,
            variance: self.vector(node, 4, "variances", features)?,
        };
        match norm.affine(node.float("epsilon", 1e-5)) {
            Some(affine) => self.fold(node, &affine),
            None => Err(self.graph.error(node, "a variance is negative")),
        }
    }

    /// The parameters of the last layer, if nothing follows it.
    fn open(&mut self, node: &Node) -> Result<&mut Weighted> {
        let dims = &self.dims;
        match self.layers.last_mut() {
            Some(Built::Dense(layer, weighted))
                if layer.activation == Activation::Linear && dims.last() == Some(&layer.outputs) =>
            {
                Ok(weighted)
            }
            Some(Built::Conv2d(layer, weighted))
                if layer.activation == Activation::Linear
                    && dims.len() == 3
                    && dims[0] == layer.out_channels =>
            {
                Ok(weighted)
            }
            _ => Err(self.graph.error(
                node,
                "it does not follow a dense layer or a convolution directly, into which it could be folded",
            )),
        }
    }

    /// Folds a linear function of each output into the last layer.
    fn fold(&mut self, node: &Node, affine: &Affine) -> Result<()> {
        if self.open(node)?.fold(affine) {
            return Ok(());
        }
        Err(self.graph.error(node, "its product with the weights overflows f32"))
    }

    /// Folds a factor and an offset that are the same for all outputs.
    #[expect(clippy::float_cmp, reason = "a factor of exactly 1 changes nothing")]
    pub(super) fn scale(&mut self, node: &Node, scale: f64, shift: f64) -> Result<()> {
        if scale == 1.0 && shift == 0.0 {
            return Ok(());
        }
        let outputs = self.open(node)?.outputs;
        self.fold(node, &Affine { scale: vec![scale; outputs], shift: vec![shift; outputs] })
    }

    /// True for the shape of one number for each output: `[outputs]` for a vector, `[outputs, 1, 1]` for images, with any
    /// number of ones before.
    fn is_per_output(&self, dims: &[usize], outputs: usize) -> bool {
        let place = dims.len().checked_sub(self.dims.len());
        place.is_some_and(|place| dims[place] == outputs)
            && dims.iter().product::<usize>() == outputs
    }

    /// Folds a constant that is added to each output or multiplied with it.
    pub(super) fn per_output(&mut self, node: &Node) -> Result<()> {
        let is_constant = |name: &String| self.constants.has(name);
        let place = node.input.iter().position(is_constant);
        let (Some(place), 2) = (place, node.input.len()) else {
            return Err(self.graph.error(
                node,
                "one of its inputs has to be constant, or it has to end a residual block `x + F(x)`",
            ));
        };
        if place == 0 && matches!(&*node.op_type, "Sub" | "Div") {
            return Err(self.graph.error(node, "its first input is constant"));
        }
        let outputs = self.open(node)?.outputs;
        let Array { dims, values } = self.array(node, place, "constants")?;
        if !self.is_per_output(&dims, outputs) {
            let problem =
                format!("its constant has shape {dims:?}, which is not one number for each output");
            return Err(self.graph.error(node, problem));
        }
        let values = values.into_iter().map(f64::from);
        let (scale, shift) = match &*node.op_type {
            "Mul" => (values.collect(), vec![0.0; outputs]),
            "Div" => (values.map(|value| 1.0 / value).collect(), vec![0.0; outputs]),
            "Sub" => (vec![1.0; outputs], values.map(|value| -value).collect()),
            _ => (vec![1.0; outputs], values.collect()),
        };
        self.fold(node, &Affine { scale, shift })
    }
}

/// Padding with which the output has `ceil(n / stride)` pixels, as in the attribute `pads`. An odd padding has one pixel
/// more at the end.
fn same(kernel: [usize; 2], stride: [usize; 2], input: Shape) -> Vec<i64> {
    let total: [usize; 2] = std::array::from_fn(|axis| {
        let size = input.size()[axis];
        let steps = size.div_ceil(stride[axis]).saturating_sub(1).saturating_mul(stride[axis]);
        steps.saturating_add(kernel[axis]).saturating_sub(size)
    });
    let [rows, columns] = total.map(|total| total as i64);
    vec![rows / 2, columns / 2, rows - rows / 2, columns - columns / 2]
}
