//! Residual blocks: `h = after(x + F(before(x)))`.

use std::mem::swap;

use isobath_architecture::{Activation, ResidualLayer};
use isobath_tensor::{Axes, Backend, PatchesConfig, Precision};

use crate::{
    BackwardBackend, BackwardPass, Batch, ConvolutionFactors, DenseFactors, DeviceLayer,
    ForwardBackend, GradientVisitor, LayerParameters, Layout, ParameterArray, ParameterGradient,
    ParameterName, Result, Trace, Workspace, source::LayerSource, workspace::rescale,
};

/// One residual block of one network on a device.
#[derive(Debug)]
pub struct DeviceResidual<B: Backend> {
    shape: ResidualLayer,
    branch: Vec<DeviceLayer<B>>,
}

impl<B: Backend> DeviceResidual<B> {
    /// Shape of the block.
    pub const fn shape(&self) -> &ResidualLayer {
        &self.shape
    }

    /// Arrays of parameters.
    pub(crate) fn arrays(&self) -> Vec<(ParameterName, &ParameterArray<B>)> {
        let layers = self.branch.iter().enumerate();
        let arrays = layers.flat_map(|(index, layer)| {
            layer.arrays().map(move |(name, array)| (name.in_branch(index), array))
        });
        arrays.collect()
    }

    /// Arrays of parameters, mutable.
    pub(crate) fn arrays_mut(&mut self) -> Vec<(ParameterName, &mut ParameterArray<B>)> {
        let layers = self.branch.iter_mut().enumerate();
        let arrays = layers.flat_map(|(index, layer)| {
            layer.arrays_mut().map(move |(name, array)| (name.in_branch(index), array))
        });
        arrays.collect()
    }

    /// The parameters in host memory.
    pub(crate) fn download(&self, backend: &B) -> Result<LayerParameters> {
        let layers = self.branch.iter().map(|layer| layer.download(backend, 0));
        Ok(LayerParameters::Residual(layers.collect::<Result<_>>()?))
    }

    /// Numbers of the block's input, and of its output, for that many samples.
    fn numbers(&self, samples: usize) -> usize {
        self.shape.shape().numbers() * samples
    }
}

impl<B: ForwardBackend> DeviceResidual<B> {
    /// A block of this shape.
    pub(crate) fn upload(
        backend: &B,
        shape: &ResidualLayer,
        source: LayerSource<'_>,
    ) -> Result<Self> {
        let layers = shape.branch.iter().enumerate();
        let branch =
            layers.map(|(index, layer)| DeviceLayer::of(backend, layer, &[source.branch(index)]));
        Ok(Self { shape: shape.clone(), branch: branch.collect::<Result<_>>()? })
    }

    /// `x` `[samples, inputs]` to `y` `[samples, outputs]`.
    pub(crate) fn forward(
        &self,
        backend: &B,
        precision: Precision,
        samples: usize,
        x: &B::Buffer<f32>,
        y: &mut B::Buffer<f32>,
    ) -> Result<()> {
        let numbers = self.numbers(samples);
        let widest = self.branch.iter().map(DeviceLayer::outputs).max().unwrap_or(0);
        let widest = (widest * samples).max(numbers);
        let (mut h, mut next) = (backend.zeros(widest)?, backend.zeros(widest)?);
        backend.copy(x, 0..numbers, &mut h, 0)?;
        apply(backend, self.shape.before, numbers, &mut h)?;
        for layer in &self.branch {
            layer.forward(backend, precision, samples, &h, &mut next)?;
            swap(&mut h, &mut next);
        }
        backend.add(numbers, x, &mut h)?;
        apply(backend, self.shape.after, numbers, &mut h)?;
        Ok(backend.copy(&h, 0..numbers, y, 0)?)
    }
}

/// Replaces numbers by the function of them.
fn apply<B: ForwardBackend>(
    backend: &B,
    function: Option<Activation>,
    numbers: usize,
    h: &mut B::Buffer<f32>,
) -> isobath_tensor::Result<()> {
    // Rows short enough for a vector of biases and long enough for one task.
    const COLUMNS: usize = 64;
    let Some(function) = function else { return Ok(()) };
    let columns = if numbers.is_multiple_of(COLUMNS) { COLUMNS } else { 1 };
    let zeros = backend.zeros(columns)?;
    backend.bias_activation([numbers / columns, columns], function, &zeros, h)
}

impl<B: BackwardBackend> DeviceResidual<B> {
    /// Forward pass that keeps what [`backward`](Self::backward) needs.
    pub(crate) fn forward_traced(
        &self,
        backend: &B,
        batch: Batch,
        input: &B::Buffer<f32>,
        Trace { pre_activation, output, branch, .. }: &mut Trace<B>,
        workspace: &mut Workspace<B>,
    ) -> isobath_tensor::Result<()> {
        let (samples, numbers) = (batch.samples, self.numbers(batch.samples));
        let inner = batch.inner();
        self.to_units_major(backend, batch, input, &mut branch[0].pre_activation)?;
        let Trace { pre_activation: x, output: h, .. } = &mut branch[0];
        self.apply(backend, self.shape.before, samples, &workspace.zeros, [x, h])?;
        for (index, layer) in self.branch.iter().enumerate() {
            let (before, after) = branch.split_at_mut(index + 1);
            let input = &before[index].output;
            layer.forward_traced(backend, inner, input, &mut after[0], workspace)?;
        }
        backend.copy(&branch[self.branch.len()].output, 0..numbers, pre_activation, 0)?;
        backend.add(numbers, &branch[0].pre_activation, pre_activation)?;
        self.apply(backend, self.shape.after, samples, &workspace.zeros, [pre_activation, output])
    }

    /// As [`forward_traced`](Self::forward_traced), from and to `output`.
    pub(crate) fn forward_in_place(
        &self,
        backend: &B,
        batch: Batch,
        trace: &mut Trace<B>,
        workspace: &mut Workspace<B>,
    ) -> isobath_tensor::Result<()> {
        let (samples, numbers) = (batch.samples, self.numbers(batch.samples));
        let inner = batch.inner();
        let mut buffers = std::mem::take(&mut workspace.branch);
        let x = &mut buffers[0];
        self.to_units_major(backend, batch, &trace.output, x)?;
        backend.copy(x, 0..numbers, &mut trace.pre_activation, 0)?;
        let Trace { pre_activation, output, .. } = trace;
        let before = self.shape.before;
        self.apply(backend, before, samples, &workspace.zeros, [pre_activation, output])?;
        for layer in &self.branch {
            layer.forward_in_place(backend, inner, trace, workspace)?;
        }
        let Trace { pre_activation, output, .. } = trace;
        backend.copy(output, 0..numbers, pre_activation, 0)?;
        backend.add(numbers, x, pre_activation)?;
        let after = self.shape.after;
        self.apply(backend, after, samples, &workspace.zeros, [pre_activation, output])?;
        workspace.branch = buffers;
        Ok(())
    }

    /// A copy of the input in [`Layout::UnitsMajor`].
    fn to_units_major(
        &self,
        backend: &B,
        batch: Batch,
        input: &B::Buffer<f32>,
        x: &mut B::Buffer<f32>,
    ) -> isobath_tensor::Result<()> {
        let shape = self.shape.shape();
        let axes = [batch.input.axes(), Axes::UnitPixelSample];
        let pixels = PatchesConfig::pixels(shape.channels, shape.size(), batch.samples, axes);
        backend.patches(&pixels, input, x)
    }

    /// A function of numbers `z` in the place of `h`.
    fn apply(
        &self,
        backend: &B,
        function: Option<Activation>,
        samples: usize,
        zeros: &B::Buffer<f32>,
        [z, h]: [&mut B::Buffer<f32>; 2],
    ) -> isobath_tensor::Result<()> {
        let shape = [self.shape.shape().numbers(), samples];
        match function {
            None => backend.copy(z, 0..shape[0] * samples, h, 0),
            Some(function) => backend.activate(function, shape, zeros, z, h),
        }
    }

    /// Backward pass; see [`DeviceLayer::backward`](crate::DeviceLayer::backward).
    pub(crate) fn backward<V: GradientVisitor<B>>(
        &mut self,
        backend: &B,
        pass: BackwardPass<'_, B>,
        visitor: &mut V,
    ) -> Result<(), V::Error> {
        let BackwardPass { batch, trace, delta, input_delta, workspace, .. } = pass;
        let numbers = self.numbers(batch.samples);
        let mut buffers = std::mem::take(&mut workspace.branch);
        let sum = [&trace.pre_activation, &trace.output];
        self.slope(backend, self.shape.after, batch.samples, sum, delta, workspace)?;
        let scale = visitor.input_scale(delta, numbers)?;
        backend.copy(delta, 0..numbers, &mut buffers[0], 0)?;
        let branch = BranchPass {
            samples: batch.samples,
            traces: &trace.branch,
            deltas: &mut buffers,
            is_input_wanted: input_delta.is_some(),
        };
        self.branch_backward(backend, branch, workspace, visitor)?;
        if let Some(input_delta) = input_delta {
            let input = [&trace.branch[0].pre_activation, &trace.branch[0].output];
            let of_branch = &mut buffers[0];
            self.slope(backend, self.shape.before, batch.samples, input, of_branch, workspace)?;
            backend.copy(of_branch, 0..numbers, input_delta, 0)?;
            backend.add(numbers, delta, input_delta)?;
            rescale(backend, scale, numbers, workspace, input_delta)?;
        }
        workspace.branch = buffers;
        Ok(())
    }

    /// From the derivative with respect to a function's value to the one with respect to its argument.
    fn slope(
        &self,
        backend: &B,
        function: Option<Activation>,
        samples: usize,
        values: [&B::Buffer<f32>; 2],
        delta: &mut B::Buffer<f32>,
        workspace: &mut Workspace<B>,
    ) -> isobath_tensor::Result<()> {
        let Some(function) = function else { return Ok(()) };
        let shape = [self.shape.shape().numbers(), samples];
        backend.activation_gradient(function, shape, values, delta, &mut workspace.bias_gradient)
    }

    /// Backward pass of the branch.
    fn branch_backward<V: GradientVisitor<B>>(
        &mut self,
        backend: &B,
        pass: BranchPass<'_, B>,
        workspace: &mut Workspace<B>,
        visitor: &mut V,
    ) -> Result<(), V::Error> {
        let BranchPass { samples, traces, deltas, is_input_wanted } = pass;
        let mut end = self.arrays().len();
        let (delta, next) = deltas.split_at_mut(1);
        for (index, layer) in self.branch.iter_mut().enumerate().rev() {
            end -= layer.arrays().count();
            let pass = BackwardPass {
                batch: Batch::new(samples, Layout::UnitsMajor),
                input: &traces[index].output,
                trace: &traces[index + 1],
                delta: &mut delta[0],
                input_delta: (index > 0 || is_input_wanted).then_some(&mut next[0]),
                workspace,
            };
            layer.backward(backend, pass, &mut BranchVisitor { visitor, first: end, index })?;
            swap(&mut delta[0], &mut next[0]);
        }
        Ok(())
    }
}

/// Arguments of a branch's backward pass.
struct BranchPass<'a, B: Backend> {
    samples: usize,
    /// The input of the branch, then its layers.
    traces: &'a [Trace<B>],
    /// Derivative with respect to the output of the branch, afterwards to its input where that is wanted; and memory for
    /// another.
    deltas: &'a mut [B::Buffer<f32>],
    is_input_wanted: bool,
}

/// Consumer of the gradients of one layer of a branch.
struct BranchVisitor<'a, B: Backend, E> {
    visitor: &'a mut dyn GradientVisitor<B, Error = E>,
    /// Number of the layer's first array in the block.
    first: usize,
    /// The layer's number in the branch.
    index: usize,
}

impl<B: Backend, E: From<isobath_tensor::Error>> GradientVisitor<B> for BranchVisitor<'_, B, E> {
    type Error = E;

    fn visit_dense(&mut self, factors: DenseFactors<'_, B>) -> Result<bool, E> {
        self.visitor.visit_dense(factors)
    }

    fn visit_convolution(&mut self, factors: ConvolutionFactors<'_, B>) -> Result<bool, E> {
        let index = self.first + factors.index;
        self.visitor.visit_convolution(ConvolutionFactors { index, ..factors })
    }

    fn visit(&mut self, parameter: ParameterGradient<'_, B>) -> Result<(), E> {
        let (index, name) = (self.first + parameter.index, parameter.name.in_branch(self.index));
        self.visitor.visit(ParameterGradient { index, name, ..parameter })
    }
}
