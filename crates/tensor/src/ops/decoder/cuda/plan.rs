//! Specialisation of the kernel that trains a decoder on chip.

use std::mem::size_of;

use crate::{
    Activation, DecoderConfig, Optimizer, Precision,
    cuda::{
        activation,
        kernel::{Kernel, Source},
        launch::Limits,
    },
    ops::optimize::cuda::Rule,
};

pub(super) static SOURCE: Source =
    Source::new("decoder", include_str!("../decoder.cu")).specialised(every_kernel);

/// Threads of a block, its warps, units and samples in a stage: as in the kernel.
pub(super) const THREADS: usize = 32 * WARPS;
const WARPS: usize = 8;
pub(super) const UNITS: usize = 16;
const SAMPLES: usize = 16;
/// Tiles of 8 inputs whose weights a thread's registers hold.
const MOST_TILES: usize = 16;
/// Bytes of shared memory the kernel takes beside what it is launched with.
const OWN_SHARED_BYTES: usize = 512;

/// Specialisation of the kernel for a decoder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Plan {
    /// Tiles of 8 inputs for each warp.
    pub(super) own: usize,
    /// Numbers from one sample to the next.
    pub(super) pitch: usize,
    /// Bytes copied at a time.
    pub(super) vector: usize,
    /// Stages of samples in shared memory.
    pub(super) buffers: usize,
    /// Dynamic shared memory.
    pub(super) shared_bytes: usize,
}

impl Plan {
    /// Specialisation for a decoder of `inputs` inputs; `None` where it does not fit the device.
    pub(super) fn new(inputs: usize, precision: Precision, limits: Limits) -> Option<Self> {
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

    pub(super) fn kernel(self, config: &DecoderConfig, specialised: bool) -> Kernel {
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
fn every_kernel() -> Vec<(String, Kernel)> {
    let roomy = Limits { multiprocessors: 1, shared_bytes: usize::MAX, most_blocks: 1 };
    let precisions = [Precision::F32, Precision::Tf32, Precision::Bf16];
    let kernels = (1..=MOST_TILES).flat_map(move |own| {
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
    });
    kernels.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const H200: Limits = Limits { multiprocessors: 132, shared_bytes: 227 * 1024, most_blocks: 1 };

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
        let small = Limits { multiprocessors: 108, shared_bytes: 163 * 1024, most_blocks: 1 };
        assert!(Plan::new(512, Precision::F32, small).is_some());
        assert!(Plan::new(784, Precision::Bf16, small).is_some());
        assert_eq!(Plan::new(1024, Precision::F32, small), None);
    }

    #[test]
    fn the_copy_size_divides_the_row_pitch() {
        for (inputs, vector) in [(784, 16), (6, 8), (7, 4), (1, 4)] {
            assert_eq!(Plan::new(inputs, Precision::F32, H200).unwrap().vector, vector, "{inputs}");
            let halves = Plan::new(inputs, Precision::Bf16, H200).unwrap();
            assert_eq!((halves.vector, halves.pitch % 8), (16, 0), "{inputs}");
        }
    }
}
