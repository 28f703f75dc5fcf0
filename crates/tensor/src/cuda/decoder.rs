use std::{mem::size_of, ops::Range};

use super::{
    Cuda, CudaBuffer, activation,
    device::{Device, Limits},
    kernel::{Argument, Kernel, Launch, Source},
    optimizer::{Rates, Rule},
    wide_decoder::Squares,
};
use crate::{
    Activation, Backend, DecoderConfig, DecoderState, Optimizer, Precision, Result, TrainDecoder,
    ops::decoder::check_decoder,
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
    /// Numbers from one sample to the next.
    pitch: usize,
    /// Bytes copied at a time.
    vector: usize,
    /// Stages of samples in shared memory.
    buffers: usize,
    /// Dynamic shared memory.
    shared_bytes: usize,
}

impl Plan {
    /// How a decoder of `inputs` inputs fits the device, if it does.
    fn new(inputs: usize, precision: Precision, limits: Limits) -> Option<Self> {
        let own = inputs.div_ceil(8 * WARPS);
        let stride = 8 * own + if own.is_multiple_of(2) { 8 } else { 0 };
        // Samples that are bfloat16 numbers are copied once anyway, and can be given rows that begin where it suits.
        let (pitch, number) = match precision {
            Precision::F32 | Precision::Tf32 => (inputs, size_of::<f32>()),
            Precision::Bf16 => (inputs.next_multiple_of(8), 2),
        };
        let vector =
            [16, 8, 4].into_iter().find(|&bytes| (pitch * number).is_multiple_of(bytes))?;
        let shared_bytes = |buffers| {
            let fixed = UNITS * SAMPLES * (1 + WARPS + buffers) + own * 4 * THREADS;
            fixed * size_of::<f32>() + WARPS * buffers * SAMPLES * stride * number
        };
        let fits =
            |&buffers: &usize| shared_bytes(buffers) + OWN_SHARED_BYTES <= limits.shared_bytes;
        let buffers = [4, 3, 2].into_iter().find(fits).filter(|_| own <= MOST_TILES)?;
        Some(Self { own, pitch, vector, buffers, shared_bytes: shared_bytes(buffers) })
    }

    fn kernel(self, config: &DecoderConfig, specialised: bool) -> Kernel {
        let precision = match config.precision {
            Precision::F32 => 0,
            Precision::Tf32 => 1,
            Precision::Bf16 => 2,
        };
        let mut defines = vec![
            ("OWN", self.own),
            ("VECTOR", self.vector),
            ("BUFFERS", self.buffers),
            ("PRECISION", precision),
        ];
        if specialised {
            let (activation, _) = activation::numbered(config.activation);
            let optimizer = Rule::new(&config.optimizer).kind;
            defines
                .extend([("ACTIVATION", activation as usize), ("OPTIMIZER", optimizer as usize)]);
        }
        let defines = defines.into_iter().map(|(name, value)| (name, value.to_string())).collect();
        Kernel { defines, ..Kernel::new(&SOURCE, "train_decoder") }
    }
}

/// The kernel as it is specialised for Adam and tanh in every precision, for as many tiles of inputs as there can be and
/// for fewer, with what that is in words.
pub(super) fn every_kernel() -> impl Iterator<Item = (String, Kernel)> {
    let roomy = Limits { multiprocessors: 1, shared_bytes: usize::MAX };
    let precisions = [Precision::F32, Precision::Tf32, Precision::Bf16];
    (1..=MOST_TILES).flat_map(move |own| {
        precisions.into_iter().filter_map(move |precision| {
            let inputs = own * 8 * WARPS;
            let plan = Plan { buffers: 2, ..Plan::new(inputs, precision, roomy)? };
            let config = DecoderConfig {
                samples: 1,
                inputs,
                outputs: 1,
                batch: 1,
                activation: Activation::Tanh,
                optimizer: Optimizer::adam(1e-3),
                precision,
            };
            Some((format!("{inputs} inputs in {precision}"), plan.kernel(&config, true)))
        })
    })
}

/// On chip where registers and shared memory hold a block of the decoder, which is up to 1024 inputs; else by products.
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
        let Squares { sums, blocks } = match plan.filter(|_| countable) {
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

#[cfg(test)]
mod tests {
    use super::*;

    const H200: Limits = Limits { multiprocessors: 132, shared_bytes: 227 * 1024 };

    #[test]
    fn the_published_widths_are_trained_on_chip() {
        for precision in [Precision::F32, Precision::Tf32] {
            let mnist = Plan::new(784, precision, H200).expect("784 inputs fit");
            assert_eq!((mnist.own, mnist.vector, mnist.buffers), (13, 16, 3));
            let cifar10 = Plan::new(1024, precision, H200).expect("1024 inputs fit");
            assert_eq!((cifar10.own, cifar10.buffers), (16, 2));
            assert_eq!(Plan::new(1025, precision, H200), None);
        }
        let mnist = Plan::new(784, Precision::Bf16, H200).expect("784 inputs fit");
        assert_eq!((mnist.own, mnist.vector, mnist.buffers), (13, 16, 4));
    }

    #[test]
    fn a_device_with_less_shared_memory_trains_what_fits() {
        let small = Limits { multiprocessors: 108, shared_bytes: 163 * 1024 };
        assert!(Plan::new(512, Precision::F32, small).is_some());
        assert!(Plan::new(784, Precision::Bf16, small).is_some());
        assert_eq!(Plan::new(1024, Precision::F32, small), None);
    }

    #[test]
    fn rows_are_copied_in_pieces_they_begin_at() {
        for (inputs, vector) in [(784, 16), (6, 8), (7, 4), (1, 4)] {
            assert_eq!(Plan::new(inputs, Precision::F32, H200).unwrap().vector, vector, "{inputs}");
            let halves = Plan::new(inputs, Precision::Bf16, H200).unwrap();
            assert_eq!((halves.vector, halves.pitch % 8), (16, 0), "{inputs}");
        }
    }
}
