use isobath_tensor::{Backend, BatchedGemmConfig, ConvolutionConfig};

use crate::{Batch, ParameterName, Trace, Workspace};

/// Arguments of one layer's backward pass. Matrices are [`Layout::UnitsMajor`](crate::Layout::UnitsMajor), each
/// network's after the one before.
#[derive(Debug)]
pub struct BackwardPass<'a, B: Backend> {
    /// Shape and layout of `input`, as in the forward pass.
    pub batch: Batch,
    /// The layer's input.
    pub input: &'a B::Buffer<f32>,
    /// Result of the forward pass.
    pub trace: &'a Trace<B>,
    /// Derivative with respect to the layer's output; overwritten.
    pub delta: &'a mut B::Buffer<f32>,
    /// Derivative with respect to the layer's input; `None` skips its product.
    pub input_delta: Option<&'a mut B::Buffer<f32>>,
    /// Scratch memory.
    pub workspace: &'a mut Workspace<B>,
}

/// Gradient of one array of parameters.
#[derive(Debug)]
pub enum Gradient<'a, B: Backend> {
    /// `left right`, not multiplied yet: a consumer may fuse the product with its update.
    Product {
        /// Shape of the product.
        config: BatchedGemmConfig,
        /// Left factor.
        left: &'a B::Buffer<f32>,
        /// Right factor.
        right: &'a B::Buffer<f32>,
    },
    /// The numbers themselves, at the start of a buffer.
    Array(&'a B::Buffer<f32>),
}

/// One array of parameters with its gradient.
#[derive(Debug)]
pub struct ParameterGradient<'a, B: Backend> {
    /// Position among the layer's arrays, as [`DeviceLayer::arrays`](crate::DeviceLayer::arrays) lists them.
    pub index: usize,
    /// Role in the layer.
    pub name: ParameterName,
    /// The parameters. The backward pass does not read them after the visit.
    pub values: &'a mut B::Buffer<f32>,
    /// Their gradient.
    pub gradient: Gradient<'a, B>,
}

/// Matrices of the backward pass of dense layers, one or as many as there are networks.
#[derive(Debug)]
pub struct DenseFactors<'a, B: Backend> {
    /// Product that gives the gradient of the weights.
    pub config: BatchedGemmConfig,
    /// Factor of the derivative with respect to the input.
    pub scale: f32,
    /// Derivative with respect to the pre-activation, the gradient's left factor.
    pub delta: &'a B::Buffer<f32>,
    /// Input of the layer, the gradient's right factor.
    pub input: &'a B::Buffer<f32>,
    /// The weights. The backward pass does not read them after the visit.
    pub weights: &'a mut B::Buffer<f32>,
    /// Receives `scale W^T delta`.
    pub input_delta: &'a mut B::Buffer<f32>,
}

/// Inputs from which the gradients of a convolution's weights and biases are computed.
#[derive(Debug)]
pub struct ConvolutionFactors<'a, B: Backend> {
    /// Position of the weights among the layer's arrays; the biases, if there are any, are next.
    pub index: usize,
    /// True if the layer has biases.
    pub has_bias: bool,
    /// The product of the forward pass.
    pub config: ConvolutionConfig,
    /// Derivative with respect to the product, `[outputs, patches, samples]`.
    pub delta: &'a B::Buffer<f32>,
    /// Input of the layer, in the order of axes of `config`.
    pub input: &'a B::Buffer<f32>,
}

/// Consumer of the gradients of a backward pass.
pub trait GradientVisitor<B: Backend> {
    /// Error of a visit.
    type Error: From<isobath_tensor::Error>;

    /// Scale of the derivative that goes on to the layer's input, given the derivative with respect to the pre-activation,
    /// the first `numbers` of `delta`.
    ///
    /// # Errors
    /// When the consumer fails.
    fn input_scale(
        &mut self,
        _delta: &B::Buffer<f32>,
        _numbers: usize,
    ) -> Result<f32, Self::Error> {
        Ok(1.0)
    }

    /// Offers the derivative with respect to a dense layer's input together with the gradient of its weights, of which neither
    /// is computed yet. Returns true if the consumer has computed the derivative and used the gradient; false by default.
    ///
    /// # Errors
    /// When the consumer fails.
    fn visit_dense(&mut self, _factors: DenseFactors<'_, B>) -> Result<bool, Self::Error> {
        Ok(false)
    }

    /// Offers the factors of a convolution's gradients. Returns true if they were taken in place of the gradients, which are
    /// then not computed; false by default.
    ///
    /// # Errors
    /// When the consumer fails.
    fn visit_convolution(
        &mut self,
        _factors: ConvolutionFactors<'_, B>,
    ) -> Result<bool, Self::Error> {
        Ok(false)
    }

    /// Visits one array of parameters. The derivative with respect to the layer's input has been computed before.
    ///
    /// # Errors
    /// When the consumer fails.
    fn visit(&mut self, parameter: ParameterGradient<'_, B>) -> Result<(), Self::Error>;
}
