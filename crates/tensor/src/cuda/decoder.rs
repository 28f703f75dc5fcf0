use std::{mem::size_of, ops::Range};

use super::{
    Cuda, CudaBuffer, activation,
    device::{Device, Limits},
    kernel::{Argument, Kernel, Launch, Source},
    optimizer::Step,
};
use crate::{
    Backend, DecoderConfig, DecoderState, Precision, Result, TrainDecoder,
    ops::decoder::{check_decoder, train_by_parts},
};

pub(super) static SOURCE: Source =
    Source { name: "decoder", text: include_str!("kernels/decoder.cu") };

/// Threads of a block, its warps, units and samples in a stage: as in the kernel.
const THREADS: usize = 32 * WARPS;
const WARPS: usize = 8;
const UNITS: usize = 16;
const SAMPLES: usize = 16;
/// Tiles of 8 inputs whose weights a thread's registers hold.
const MOST_TILES: usize = 16;
/// Bytes of shared memory the kernel takes beside what it is launched with.
const OWN_SHARED_BYTES: usize = 512;

/// How the kernel is specialised for a decoder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Plan {
    /// Tiles of 8 inputs for each warp.
    own: usize,
    /// Bytes copied at a time.
    vector: usize,
    /// Stages of samples in shared memory.
    buffers: usize,
    /// Dynamic shared memory.
    shared_bytes: usize,
}

impl Plan {
    /// How a decoder of `inputs` inputs fits the device, if it does.
    fn new(inputs: usize, limits: Limits) -> Option<Self> {
        let own = inputs.div_ceil(8 * WARPS);
        let stride = 8 * own + if own % 2 == 0 { 8 } else { 0 };
        let vector = [16, 8, 4].into_iter().find(|bytes| inputs * 4 % bytes == 0)?;
        let shared_bytes = |buffers| {
            let fixed = UNITS * SAMPLES * (1 + WARPS) + own * 4 * THREADS;
            (fixed + WARPS * buffers * SAMPLES * stride) * size_of::<f32>()
        };
        let fits =
            |&buffers: &usize| shared_bytes(buffers) + OWN_SHARED_BYTES <= limits.shared_bytes;
        let buffers = [4, 3, 2].into_iter().find(fits).filter(|_| own <= MOST_TILES)?;
        Some(Self { own, vector, buffers, shared_bytes: shared_bytes(buffers) })
    }

    fn kernel(self, config: &DecoderConfig) -> Kernel {
        let (activation, _) = activation::numbered(config.activation);
        let precision = match config.precision {
            Precision::F32 => 0,
            Precision::Tf32 => 1,
            Precision::Bf16 => 2,
        };
        let optimizer = Step::new(&config.optimizer, 1).kind as usize;
        let defines = [
            ("OWN", self.own),
            ("VECTOR", self.vector),
            ("BUFFERS", self.buffers),
            ("PRECISION", precision),
            ("ACTIVATION", activation as usize),
            ("OPTIMIZER", optimizer),
        ];
        let defines = defines.map(|(name, value)| (name, value.to_string())).to_vec();
        Kernel { defines, ..Kernel::new(&SOURCE, "train_decoder") }
    }
}

/// On chip where registers and shared memory hold a block of the decoder, which is up to 1024 inputs; else by parts.
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
        let plan = Plan::new(config.inputs, self.device.limits());
        // The kernel counts samples and units in 32 bits.
        let countable = [config.samples + config.batch, config.outputs, batches.len()]
            .iter()
            .all(|&count| count <= i32::MAX as usize / 2);
        match plan.filter(|_| countable && !batches.is_empty()) {
            Some(plan) => self.train_on_chip(plan, config, batches, [h, target], state),
            None => train_by_parts(self, config, batches, h, target, state),
        }
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
    ) -> Result<Vec<f64>> {
        let DecoderConfig { samples, inputs, outputs, batch, .. } = *config;
        let blocks = outputs.div_ceil(UNITS);
        let step_of = |done: usize| Step::new(&config.optimizer, state.steps + 1 + done as u64);
        let steps: Vec<f32> = (0..batches.len())
            .flat_map(|done| {
                let Step { lr, correction2, .. } = step_of(done);
                [lr, correction2]
            })
            .collect();
        let steps = self.upload(&steps)?;
        let mut squares = self.zeros::<f64>(blocks * batches.len())?;
        let (_, slope) = activation::numbered(config.activation);
        let Step { decay, rest, eps, .. } = step_of(0);
        let first = batches.start % config.batches_per_epoch();
        let counts = [samples, inputs, outputs, batch, first, batches.len()];
        let [w1, w2] = &mut state.weight_moments;
        let [b1, b2] = &mut state.bias_moments;
        let mut arguments: Vec<Argument> = vec![h.into(), target.into()];
        arguments.extend([&mut state.weights, w1, w2, &mut state.bias, b1, b2].map(Argument::from));
        arguments.extend([Argument::from(&steps), (&mut squares).into()]);
        arguments.extend(counts.map(|count| Argument::I32(count as i32)));
        arguments.extend([slope, decay[0], rest[0], decay[1], rest[1], eps].map(Argument::F32));
        let launch = Launch {
            grid: [blocks as u32, 1],
            threads: THREADS as u32,
            shared_bytes: plan.shared_bytes as u32,
        };
        // SAFETY: `check_decoder` saw that the buffers are as long as the shape needs; `steps` has two numbers for each
        // minibatch, `squares` one for each block and minibatch, and counts fit into 32 bits.
        unsafe { self.device.launch(&plan.kernel(config), launch, &arguments) }?;
        state.steps += batches.len() as u64;
        let squares = self.download(&squares)?;
        let loss = |(place, index): (usize, usize)| {
            let sum: f64 = squares[place..].iter().step_by(batches.len()).sum();
            sum / (config.batch_range(index).len() * outputs) as f64
        };
        Ok(batches.clone().enumerate().map(loss).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const H200: Limits = Limits { multiprocessors: 132, shared_bytes: 227 * 1024 };

    #[test]
    fn the_published_widths_are_trained_on_chip() {
        let mnist = Plan::new(784, H200).expect("784 inputs fit");
        assert_eq!((mnist.own, mnist.vector, mnist.buffers), (13, 16, 3));
        let cifar10 = Plan::new(1024, H200).expect("1024 inputs fit");
        assert_eq!((cifar10.own, cifar10.buffers), (16, 2));
        assert_eq!(Plan::new(1025, H200), None);
    }

    #[test]
    fn a_device_with_less_shared_memory_trains_what_fits() {
        let small = Limits { multiprocessors: 108, shared_bytes: 163 * 1024 };
        assert!(Plan::new(512, small).is_some());
        assert_eq!(Plan::new(1024, small), None);
    }

    #[test]
    fn rows_are_copied_in_pieces_they_begin_at() {
        for (inputs, vector) in [(784, 16), (6, 8), (7, 4), (1, 4)] {
            assert_eq!(Plan::new(inputs, H200).unwrap().vector, vector, "{inputs}");
        }
    }
}
