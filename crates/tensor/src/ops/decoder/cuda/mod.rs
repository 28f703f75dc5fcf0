#![expect(unsafe_code, reason = "kernels take raw addresses; each launch says why it is sound")]

mod by_products;
mod plan;

use std::ops::Range;

use super::check_decoder;
use crate::{
    Backend, DecoderConfig, DecoderState, Precision, Result, TrainDecoder,
    cuda::{
        activation, argument::Argument, backend::Cuda, buffer::CudaBuffer, device::Device,
        kernel::Source, launch::Launch,
    },
    ops::optimize::cuda::{Rates, Rule},
};

use by_products::Squares;
use plan::{Plan, THREADS, UNITS};

pub(crate) static KERNEL_FILES: &[&Source] = &[&plan::SOURCE];

/// On chip where registers and shared memory hold a block of the decoder, which is up to 1024 inputs, and weights do not
/// decay; else by products.
impl<D: Device> TrainDecoder for Cuda<D> {
    fn train_decoder(
        &self,
        config: &DecoderConfig,
        batches: Range<usize>,
        h: &CudaBuffer<f32, D>,
        target: &CudaBuffer<f32, D>,
        state: &mut DecoderState<Self>,
    ) -> Result<Vec<f64>> {
        check_decoder(self, config, h, target, state)?;
        if batches.is_empty() {
            return Ok(Vec::new());
        }
        let plan = Plan::new(config.inputs, config.precision, self.device.limits());
        // The kernel counts samples and units in 32 bits.
        let countable = [config.samples + config.batch, config.outputs, batches.len()]
            .iter()
            .all(|&count| count <= i32::MAX as usize / 2);
        let samples = [h, target];
        let on_chip = countable && !config.optimizer.decays_weights();
        let Squares { sums, blocks } = match plan.filter(|_| on_chip) {
            Some(plan) => self.train_on_chip(plan, config, batches.clone(), samples, state)?,
            None => self.train_by_products(config, batches.clone(), samples, state)?,
        };
        let sums = self.download(&sums)?;
        let loss = |(sums, index): (&[f64], usize)| {
            sums.iter().sum::<f64>() / (config.batch_range(index).len() * config.outputs) as f64
        };
        Ok(sums.chunks_exact(blocks).zip(batches).map(loss).collect())
    }
}

impl<D: Device> Cuda<D> {
    fn train_on_chip(
        &self,
        plan: Plan,
        config: &DecoderConfig,
        batches: Range<usize>,
        [h, target]: [&CudaBuffer<f32, D>; 2],
        state: &mut DecoderState<Self>,
    ) -> Result<Squares<D>> {
        let DecoderConfig { samples, inputs, outputs, batch, .. } = *config;
        let blocks = outputs.div_ceil(UNITS);
        let steps = Rates::of_steps(&config.optimizer, state.steps + 1, batches.len());
        let steps = self.upload(&steps)?;
        let mut sums = self.zeros(blocks * batches.len())?;
        let [activation, slope] = activation::arguments(config.activation);
        let first = batches.start % config.batches_per_epoch();
        let rounded = match config.precision {
            Precision::F32 | Precision::Tf32 => None,
            Precision::Bf16 => Some(self.to_bf16([samples, inputs, plan.pitch], h)?),
        };
        let h = rounded.as_ref().unwrap_or(h);
        let counts = [samples, plan.pitch, inputs, outputs, batch, first, batches.len()];
        let [w1, w2] = &mut state.weight_moments;
        let [b1, b2] = &mut state.bias_moments;
        let mut arguments: Vec<Argument> = vec![h.into(), target.into()];
        arguments.extend([&mut state.weights, w1, w2, &mut state.bias, b1, b2].map(Argument::from));
        arguments.extend([Argument::from(&steps), (&mut sums).into()]);
        arguments.extend(counts.map(|count| Argument::I32(count as i32)));
        arguments.extend([activation, slope]);
        arguments.extend(Rule::new(&config.optimizer).arguments());
        let kernel = plan.kernel(config, self.device.compiles_quickly());
        let launch = Launch {
            grid: [blocks as u32, 1],
            threads: THREADS as u32,
            shared_bytes: plan.shared_bytes as u32,
        };
        // SAFETY: `check_decoder` saw that the buffers are as long as the shape needs; `steps` has two numbers for each
        // minibatch, `sums` one for each minibatch and block, and counts fit into 32 bits.
        unsafe { self.device.launch(&kernel, launch, &arguments) }?;
        state.steps += batches.len() as u64;
        Ok(Squares { sums, blocks })
    }
}
