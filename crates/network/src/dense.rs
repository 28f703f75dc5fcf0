//! Dense layers: `h_l = phi(W_l h_{l-1} + b_l)`.

use isobath_architecture::{DenseLayer, Layer};
use isobath_tensor::{Backend, BatchedGemmConfig, DenseConfig, GemmConfig, Precision};
use ndarray::{Array1, Array2};

use crate::{
    BackwardBackend, BackwardPass, Batch, DenseFactors, ForwardBackend, Gradient, GradientVisitor,
    LayerParameters, Layout, ParameterArray, ParameterGradient, ParameterName, Result, Trace,
    draw::Draw, layer_parameters::check_shape, source::LayerSource,
};

/// Parameters of a dense layer in host memory.
#[derive(Clone, Debug, PartialEq)]
pub struct DenseParameters {
    /// `W_l`, `[outputs, inputs]`.
    pub weights: Array2<f32>,
    /// `b_l`, `[outputs]`.
    pub bias: Array1<f32>,
}

/// Shapes of the weights and of the biases, as matrices.
const fn shapes(layer: &DenseLayer) -> [[usize; 2]; 2] {
    [[layer.outputs, layer.inputs], [layer.outputs, 1]]
}

impl DenseParameters {
    /// Random parameters.
    pub(crate) fn draw(layer: &DenseLayer, [weights, bias]: [Draw; 2]) -> Self {
        let shapes = shapes(layer);
        let weights = weights.numbers(shapes[0]);
        let at = |(i, j)| weights[i * layer.inputs + j];
        Self {
            weights: Array2::from_shape_fn((layer.outputs, layer.inputs), at),
            bias: bias.numbers(shapes[1]).into(),
        }
    }

    /// Checks the shapes against layer `index`, counted from 0.
    ///
    /// # Errors
    /// [`Error::ParameterShape`](crate::Error::ParameterShape) when they differ.
    pub(crate) fn check(&self, layer: &DenseLayer, index: usize) -> Result<()> {
        let weights = [layer.outputs, layer.inputs];
        check_shape(index, "weights", self.weights.shape(), &weights)?;
        check_shape(index, "bias", self.bias.shape(), &weights[..1])
    }
}

/// One dense layer of one or several networks of the same shape on a device.
#[derive(Debug)]
pub struct DeviceDense<B: Backend> {
    shape: DenseLayer,
    networks: usize,
    /// `[networks, outputs, inputs]`
    weights: ParameterArray<B>,
    /// `[networks, outputs]`
    bias: ParameterArray<B>,
}

impl<B: Backend> DeviceDense<B> {
    /// Shape of each network's layer.
    pub const fn shape(&self) -> &DenseLayer {
        &self.shape
    }

    /// Number of networks.
    pub(crate) const fn networks(&self) -> usize {
        self.networks
    }

    /// Arrays of parameters.
    pub(crate) const fn arrays(&self) -> [(ParameterName, &ParameterArray<B>); 2] {
        [(ParameterName::WEIGHT, &self.weights), (ParameterName::BIAS, &self.bias)]
    }

    /// Arrays of parameters, mutable.
    pub(crate) const fn arrays_mut(&mut self) -> [(ParameterName, &mut ParameterArray<B>); 2] {
        [(ParameterName::WEIGHT, &mut self.weights), (ParameterName::BIAS, &mut self.bias)]
    }

    /// Keeps the given networks, counted from 0, and drops the others.
    pub(crate) fn keep(&mut self, backend: &B, networks: &[usize]) -> isobath_tensor::Result<()> {
        self.networks = networks.len();
        self.weights.keep(backend, networks)?;
        self.bias.keep(backend, networks)
    }

    /// One network's parameters in host memory.
    pub(crate) fn download(
        &self,
        backend: &B,
        network: usize,
    ) -> isobath_tensor::Result<DenseParameters> {
        let DenseLayer { inputs, outputs, .. } = self.shape;
        let weights = self.weights.read(backend, network)?;
        let weights = Array2::from_shape_fn((outputs, inputs), |(i, j)| weights[i * inputs + j]);
        Ok(DenseParameters { weights, bias: self.bias.read(backend, network)?.into() })
    }
}

impl<B: ForwardBackend> DeviceDense<B> {
    /// A layer of this shape of as many networks as there are sources.
    pub(crate) fn upload(
        backend: &B,
        &shape: &DenseLayer,
        sources: &[LayerSource<'_>],
    ) -> isobath_tensor::Result<Self> {
        let count = sources.len();
        let mut layer = Self {
            shape,
            networks: count,
            weights: ParameterArray::zeros(backend, shape.outputs * shape.inputs, count)?,
            bias: ParameterArray::zeros(backend, shape.outputs, count)?,
        };
        for (network, source) in sources.iter().enumerate() {
            layer.write(backend, network, *source)?;
        }
        Ok(layer)
    }

    /// Writes the parameters of one network.
    fn write(
        &mut self,
        backend: &B,
        network: usize,
        source: LayerSource<'_>,
    ) -> isobath_tensor::Result<()> {
        match source {
            LayerSource::Given(LayerParameters::Dense(DenseParameters { weights, bias })) => {
                let weights: Vec<f32> = weights.iter().copied().collect();
                self.weights.write(backend, network, &weights)?;
                self.bias.write(backend, network, &bias.to_vec())
            }
            LayerSource::Given(_) => unreachable!("parameters were checked"),
            LayerSource::Drawn(source) => {
                let ([weights, bias], shapes) =
                    (source.draws(&Layer::Dense(self.shape)), shapes(&self.shape));
                weights.write(backend, shapes[0], network, &mut self.weights)?;
                bias.write(backend, shapes[1], network, &mut self.bias)
            }
        }
    }

    /// `y = phi(x W^T + b)` of a single network: `x` `[samples, inputs]`, `y` `[samples, outputs]`.
    pub(crate) fn forward(
        &self,
        backend: &B,
        precision: Precision,
        rows: usize,
        x: &B::Buffer<f32>,
        y: &mut B::Buffer<f32>,
    ) -> isobath_tensor::Result<()> {
        assert_eq!(self.networks, 1, "several networks run with a trace");
        let DenseLayer { inputs, outputs, activation } = self.shape;
        let config = DenseConfig { rows, inputs, outputs, activation, precision };
        backend.dense(config, x, &self.weights.values, &self.bias.values, y)
    }
}

impl<B: BackwardBackend> DeviceDense<B> {
    /// `z = W x + b`, `h = phi(z)`.
    pub(crate) fn forward_traced(
        &self,
        backend: &B,
        batch: Batch,
        input: &B::Buffer<f32>,
        Trace { pre_activation, output, .. }: &mut Trace<B>,
    ) -> isobath_tensor::Result<()> {
        let (config, factors) = (self.product(batch), [&self.weights.values, input]);
        let (activation, bias) = (self.shape.activation, &self.bias.values);
        let results = [pre_activation, output];
        backend.multiply_and_activate(config, activation, factors, bias, results)
    }

    /// As [`forward_traced`](Self::forward_traced), from and to `output`.
    pub(crate) fn forward_in_place(
        &self,
        backend: &B,
        batch: Batch,
        Trace { pre_activation: z, output, .. }: &mut Trace<B>,
    ) -> isobath_tensor::Result<()> {
        let DenseLayer { outputs, activation, .. } = self.shape;
        backend.batched_gemm(self.product(batch), &self.weights.values, output, z)?;
        let shape = [self.networks * outputs, batch.samples];
        backend.activate(activation, shape, &self.bias.values, z, output)
    }

    /// `W x`, `[outputs, samples]`, of each network.
    const fn product(
        &self,
        Batch { samples, input: layout, is_shared, precision }: Batch,
    ) -> BatchedGemmConfig {
        let product = GemmConfig::new(self.shape.outputs, samples, self.shape.inputs);
        let product = match layout {
            Layout::SamplesMajor => product.transpose_b(),
            Layout::UnitsMajor => product,
        };
        let product = BatchedGemmConfig::new(product.precision(precision), self.networks);
        if is_shared { product.share_b() } else { product }
    }

    /// Backward pass; see [`DeviceLayer::backward`](crate::DeviceLayer::backward).
    pub(crate) fn backward<V: GradientVisitor<B>>(
        &mut self,
        backend: &B,
        pass: BackwardPass<'_, B>,
        visitor: &mut V,
    ) -> Result<(), V::Error> {
        let BackwardPass { batch, input, trace, delta, input_delta, workspace } = pass;
        let bias_gradient = &mut workspace.bias_gradient;
        let DenseLayer { outputs, activation, .. } = self.shape;
        let shape = [self.networks * outputs, batch.samples];
        let activations = [&trace.pre_activation, &trace.output];
        backend.activation_gradient(activation, shape, activations, delta, bias_gradient)?;
        let scale = visitor.input_scale(delta, shape[0] * shape[1])?;
        let config = self.weight_gradient_product(batch);
        let delta = &*delta;
        let mut is_done = false;
        if let Some(input_delta) = input_delta {
            is_done = visitor.visit_dense(DenseFactors {
                config,
                scale,
                delta,
                input,
                weights: &mut self.weights.values,
                input_delta,
            })?;
            if !is_done {
                self.input_gradient(backend, batch.samples, scale, delta, input_delta)?;
            }
        }
        if !is_done {
            visitor.visit(ParameterGradient {
                index: 0,
                name: ParameterName::WEIGHT,
                values: &mut self.weights.values,
                gradient: Gradient::Product { config, left: delta, right: input },
            })?;
        }
        visitor.visit(ParameterGradient {
            index: 1,
            name: ParameterName::BIAS,
            values: &mut self.bias.values,
            gradient: Gradient::Array(bias_gradient),
        })
    }

    /// `scale W^T delta`, `[inputs, samples]`, of each network, given the derivative `delta` with respect to the
    /// pre-activation: the linear half of the backward pass.
    ///
    /// # Errors
    /// When a buffer is too short.
    pub fn input_gradient(
        &self,
        backend: &B,
        samples: usize,
        scale: f32,
        delta: &B::Buffer<f32>,
        input_delta: &mut B::Buffer<f32>,
    ) -> isobath_tensor::Result<()> {
        let DenseLayer { inputs, outputs, .. } = self.shape;
        let product = GemmConfig::new(inputs, samples, outputs).transpose_a();
        let product = GemmConfig { alpha: scale, ..product };
        let product = BatchedGemmConfig::new(product, self.networks);
        backend.batched_gemm(product, &self.weights.values, delta, input_delta)
    }

    /// `delta x^T`, `[outputs, inputs]`, of each network.
    const fn weight_gradient_product(&self, batch: Batch) -> BatchedGemmConfig {
        let DenseLayer { outputs, inputs, .. } = self.shape;
        let product = GemmConfig::new(outputs, inputs, batch.samples);
        let product = match batch.input {
            Layout::SamplesMajor => product,
            Layout::UnitsMajor => product.transpose_b(),
        };
        let product = BatchedGemmConfig::new(product, self.networks);
        if batch.is_shared { product.share_b() } else { product }
    }
}

#[cfg(test)]
mod tests {
    use isobath_architecture::{Activation, MlpParams, Variances, WidthRule};
    use isobath_tensor::{Cpu, Reference};
    use isobath_testkit::{Tolerance, assert_close};

    use super::*;
    use crate::{DeviceLayer, Network, Workspace};

    fn network(sigma_b2: f64, seed: u64) -> Network {
        let params = MlpParams::new(3, WidthRule::Fixed(40), Activation::Tanh);
        let spec = params.check(30, 10).unwrap().spec();
        Network::random(spec, Variances::new(1.5, sigma_b2).unwrap(), seed)
    }

    fn dense(network: &Network, index: usize) -> DenseParameters {
        let LayerParameters::Dense(parameters) = network.parameters(index) else {
            panic!("a dense layer")
        };
        parameters
    }

    /// Scratch memory of the first layer.
    fn workspace(network: &Network) -> Workspace<Reference> {
        Workspace::new(&Reference, &network.spec().layers()[..1], 1, 5).unwrap()
    }

    fn samples() -> Array2<f32> {
        Array2::from_shape_fn((5, 30), |(i, j)| ((i * 7 + j * 3) % 11) as f32 / 11.0)
    }

    #[test]
    fn host_and_device_draw_the_same_parameters() {
        let networks = [network(0.05, 9), network(0.05, 10)];
        for index in 0..3 {
            let layer = DeviceLayer::upload(&Cpu::new(), &networks.each_ref()[..], index).unwrap();
            for (place, network) in networks.iter().enumerate() {
                let device = layer.download(&Cpu::new(), place).unwrap();
                assert_eq!(device, network.parameters(index));
            }
        }
    }

    #[test]
    fn given_parameters_reach_the_device() {
        let drawn = network(0.05, 9);
        let parameters = (0..3).map(|index| dense(&drawn, index)).collect();
        let given = Network::with_parameters(drawn.spec().clone(), parameters).unwrap();
        let layer = given.upload_layer(&Reference, 1).unwrap();
        assert_eq!(layer.download(&Reference, 0).unwrap(), drawn.parameters(1));
    }

    #[test]
    fn draws_have_the_given_variances() {
        let params = MlpParams::new(2, WidthRule::Fixed(300), Activation::Tanh);
        let spec = params.check(200, 10).unwrap().spec();
        let network = Network::random(spec, Variances::new(1.7, 0.3).unwrap(), 1);
        let DenseParameters { weights, bias } = dense(&network, 0);
        let variance = |x: &mut dyn Iterator<Item = f32>, n: usize| {
            x.map(|x| f64::from(x * x)).sum::<f64>() / n as f64
        };
        // Four standard errors of a variance are 4 sqrt(2/n).
        let w = variance(&mut weights.iter().copied(), weights.len()) * 200.0 / 1.7;
        assert!((w - 1.0).abs() < 4.0 * (2.0 / weights.len() as f64).sqrt(), "{w}");
        let b = variance(&mut bias.iter().copied(), bias.len()) / 0.3;
        assert!((b - 1.0).abs() < 4.0 * (2.0 / bias.len() as f64).sqrt(), "{b}");
    }

    #[test]
    fn zero_bias_variance_gives_zero_biases() {
        assert!(dense(&network(0.0, 9), 0).bias.iter().all(|&b| b == 0.0));
    }

    #[test]
    fn forward_matches_the_formula_in_both_layouts() {
        let (network, x) = (network(0.05, 9), samples());
        let DenseParameters { weights, bias } = dense(&network, 0);
        let expected = (x.dot(&weights.t()) + &bias).mapv(f32::tanh);
        let tolerance = Tolerance::absolute(2e-6);
        let layer = network.upload_layer(&Reference, 0).unwrap();
        let input = Reference.upload(x.as_slice().unwrap()).unwrap();
        let mut y = Reference.zeros(5 * 40).unwrap();
        layer.forward(&Reference, Precision::F32, 5, &input, &mut y).unwrap();
        assert_close(y.as_slice(), expected.as_slice().unwrap(), tolerance);

        let transposed = expected.t().as_standard_layout().into_owned();
        let mut trace = Trace::new(&Reference, 40 * 5).unwrap();
        let mut workspace = workspace(&network);
        let batch = Batch::new(5, Layout::SamplesMajor);
        layer.forward_traced(&Reference, batch, &input, &mut trace, &mut workspace).unwrap();
        assert_close(trace.output.as_slice(), transposed.as_slice().unwrap(), tolerance);
    }

    /// Weight gradients of one backward pass from a derivative of ones, by the factors it hands over.
    struct WeightGradient(Vec<f32>);

    impl GradientVisitor<Reference> for WeightGradient {
        type Error = isobath_tensor::Error;

        fn visit(
            &mut self,
            parameter: ParameterGradient<'_, Reference>,
        ) -> isobath_tensor::Result<()> {
            let Gradient::Product { config, left, right } = parameter.gradient else {
                return Ok(());
            };
            let mut gradient = Reference.zeros(config.product.m * config.product.n)?;
            isobath_tensor::BatchedGemm::batched_gemm(
                &Reference,
                config,
                left,
                right,
                &mut gradient,
            )?;
            self.0 = gradient.as_slice().to_vec();
            Ok(())
        }
    }

    #[test]
    fn backward_matches_the_formula() {
        let (network, x) = (network(0.05, 9), samples());
        let DenseParameters { weights, bias } = dense(&network, 0);
        let h = (x.dot(&weights.t()) + &bias).mapv(f32::tanh);
        let delta = h.mapv(|h| 1.0 - h * h);
        let mut layer = network.upload_layer(&Reference, 0).unwrap();
        let input = Reference.upload(x.as_slice().unwrap()).unwrap();
        let mut trace = Trace::new(&Reference, 40 * 5).unwrap();
        let mut workspace = workspace(&network);
        let batch = Batch::new(5, Layout::SamplesMajor);
        layer.forward_traced(&Reference, batch, &input, &mut trace, &mut workspace).unwrap();
        let mut ones = Reference.upload(&[1.0; 40 * 5]).unwrap();
        let mut input_delta = Reference.zeros(30 * 5).unwrap();
        let pass = BackwardPass {
            batch,
            input: &input,
            trace: &trace,
            delta: &mut ones,
            input_delta: Some(&mut input_delta),
            workspace: &mut workspace,
        };
        let mut visitor = WeightGradient(Vec::new());
        layer.backward(&Reference, pass, &mut visitor).unwrap();
        let tolerance = Tolerance::absolute(1e-5);
        let expected = delta.t().dot(&x).as_standard_layout().into_owned();
        assert_close(&visitor.0, expected.as_slice().unwrap(), tolerance);
        let expected = delta.dot(&weights).t().as_standard_layout().into_owned();
        assert_close(input_delta.as_slice(), expected.as_slice().unwrap(), tolerance);
        let expected = delta.sum_axis(ndarray::Axis(0));
        assert_close(workspace.bias_gradient.as_slice(), expected.as_slice().unwrap(), tolerance);
    }
}
