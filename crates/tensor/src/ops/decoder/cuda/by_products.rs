//! The epoch of a decoder too wide for the chip: minibatch by minibatch in the device's memory, by products of the
//! library and kernels between them. Nothing waits for the host before the end.

use std::ops::Range;

use crate::{
    Backend, DecoderConfig, DecoderState, GemmConfig, Precision, Result,
    cuda::{
        activation, argument::Argument, backend::Cuda, buffer::CudaBuffer, device::Device,
        product::ColumnMajorProduct,
    },
    ops::{
        optimize::cuda::{OPTIMIZER_STEP, Rates, Rule},
        pointwise::cuda::{COLUMN_SUMS, SQUARED_ERROR_GRADIENT},
    },
};

/// The sums of squared residuals of each minibatch, in as many parts as there are blocks: `[minibatches, blocks]`.
pub(super) struct Squares<D: Device> {
    pub(super) sums: CudaBuffer<f64, D>,
    pub(super) blocks: usize,
}

impl<D: Device> Cuda<D> {
    /// Trains `state` as [`TrainDecoder`](crate::TrainDecoder) has it; the arguments have been checked.
    pub(super) fn train_by_products(
        &self,
        config: &DecoderConfig,
        batches: Range<usize>,
        [h, target]: [&CudaBuffer<f32, D>; 2],
        state: &mut DecoderState<Self>,
    ) -> Result<Squares<D>> {
        let DecoderConfig { samples, inputs, outputs, batch, precision, .. } = *config;
        self.check_sizes([inputs, outputs, batch])?;
        // The samples are the same in every epoch, and so are they as factors.
        let rounded = self.rounded(precision, samples * inputs, h)?;
        let h = rounded.as_ref().unwrap_or(h);
        let blocks = self.limits().sums(batch.min(samples) * outputs).grid[0] as usize;
        let sums = self.zeros(blocks * batches.len())?;
        let rates = Rates::of_steps(&config.optimizer, state.steps + 1, batches.len());
        let mut epoch = Epoch {
            backend: self,
            config,
            samples: [h.address(), target.address()],
            delta: self.scratch(batch.min(samples) * outputs)?,
            gradient: self.scratch(outputs * inputs)?,
            bias_gradient: self.scratch(outputs)?,
            rates: self.upload(&rates)?,
            state,
        };
        for (done, index) in batches.enumerate() {
            let sums = sums.address() + (done * blocks * size_of::<f64>()) as u64;
            epoch.minibatch(config.batch_range(index), sums)?;
            epoch.step(done)?;
        }
        Ok(Squares { sums, blocks })
    }
}

/// State of an epoch.
struct Epoch<'a, D: Device> {
    backend: &'a Cuda<D>,
    config: &'a DecoderConfig,
    /// Addresses of `h`, as factors, and of the targets.
    samples: [u64; 2],
    /// The loss's derivative, `[batch, outputs]`.
    delta: CudaBuffer<f32, D>,
    gradient: CudaBuffer<f32, D>,
    bias_gradient: CudaBuffer<f32, D>,
    /// Rates of each minibatch's step.
    rates: CudaBuffer<f32, D>,
    state: &'a mut DecoderState<Cuda<D>>,
}

impl<D: Device> Epoch<'_, D> {
    /// The gradient from the samples `rows`, whose squared residuals go to `sums`.
    fn minibatch(&mut self, rows: Range<usize>, sums: u64) -> Result<()> {
        let &DecoderConfig { inputs, outputs, precision, .. } = self.config;
        // Numbers with fewer bits than TF32's have the same products as those.
        let factors = if precision == Precision::Bf16 { Precision::Tf32 } else { precision };
        let n = rows.len();
        let place =
            |address: u64, width: usize| address + (rows.start * width * size_of::<f32>()) as u64;
        let (h, target) = (place(self.samples[0], inputs), place(self.samples[1], outputs));
        let weights = self.backend.rounded(precision, outputs * inputs, &self.state.weights)?;
        let weights = weights.as_ref().unwrap_or(&self.state.weights).address();
        let forward = GemmConfig::new(n, outputs, inputs).transpose_b().precision(factors);
        // SAFETY: `h` has `n` rows from there on, `delta` holds as many.
        unsafe { self.product(forward, [h, weights, self.delta.address()]) }?;
        self.residuals(n, target, sums)?;
        let delta = self.backend.rounded(precision, n * outputs, &self.delta)?;
        let delta = delta.as_ref().unwrap_or(&self.delta).address();
        let backward = GemmConfig::new(outputs, inputs, n).transpose_a().precision(factors);
        // SAFETY: as before; `gradient` is as large as the weights.
        unsafe { self.product(backward, [delta, h, self.gradient.address()]) }
    }

    /// # Safety
    /// The addresses are of matrices of `config`'s shape, rounded.
    unsafe fn product(&self, config: GemmConfig, [a, b, c]: [u64; 3]) -> Result<()> {
        // SAFETY: as the caller's; the gradient and `delta` are nobody else's.
        unsafe { self.backend.device.product(&ColumnMajorProduct::of(&config), [b, a, c]) }
    }

    /// Turns `n` rows of `delta` into the loss's derivative, and adds them up for the biases.
    fn residuals(&mut self, n: usize, target: u64, sums: u64) -> Result<()> {
        let &DecoderConfig { outputs, activation, .. } = self.config;
        let [activation, slope] = activation::arguments(activation);
        let factor = (2.0 / (n * outputs) as f64) as f32;
        let [rows, cols] = [n, outputs].map(Argument::from);
        let arguments = [
            activation,
            slope,
            factor.into(),
            rows,
            cols,
            (&self.state.bias).into(),
            Argument::Address(target),
            (&mut self.delta).into(),
            Argument::Address(sums),
        ];
        let device = &self.backend.device;
        let launch = self.backend.limits().sums(n * outputs);
        // SAFETY: `target` has `n` rows from there on, `delta` holds as many, and `sums` a number for each block of a
        // full minibatch.
        unsafe { device.launch(&SQUARED_ERROR_GRADIENT, launch, &arguments) }?;
        let arguments = [rows, cols, (&self.delta).into(), (&mut self.bias_gradient).into()];
        // SAFETY: as before.
        unsafe { device.launch(&COLUMN_SUMS, self.backend.limits().columns(outputs), &arguments) }
    }

    /// Steps weights and biases, after `done` other minibatches.
    fn step(&mut self, done: usize) -> Result<()> {
        let DecoderState { weights, bias, weight_moments, bias_moments, steps } = &mut *self.state;
        *steps += 1;
        let rule = Rule::new(&self.config.optimizer);
        let rates = self.rates.address() + (done * Rates::LEN * size_of::<f32>()) as u64;
        let [w1, w2] = weight_moments;
        let [b1, b2] = bias_moments;
        let device = &self.backend.device;
        for (gradient, parameters, first, second) in
            [(&self.gradient, weights, w1, w2), (&self.bias_gradient, bias, b1, b2)]
        {
            let n = self.backend.len(gradient);
            let buffers = [gradient.into(), parameters.into(), first.into(), second.into()];
            let own = [rule.weight_decay(), Argument::Address(rates), n.into()];
            let arguments = [&rule.arguments()[..], &own, &buffers].concat();
            // SAFETY: `rates` are the step's; parameters and moments are as long as their gradient.
            unsafe {
                device.launch(&OPTIMIZER_STEP, self.backend.limits().elements(n), &arguments)
            }?;
        }
        Ok(())
    }
}
