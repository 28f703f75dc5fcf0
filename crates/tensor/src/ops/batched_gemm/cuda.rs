#![expect(unsafe_code, reason = "kernels take raw addresses; each launch says why it is sound")]

use std::mem::size_of;

use crate::{
    BatchedGemm, BatchedGemmConfig, GemmConfig, Precision, Result,
    cuda::{
        argument::Argument,
        backend::Cuda,
        buffer::CudaBuffer,
        device::Device,
        kernel::{Kernel, Source},
        launch::Launch,
    },
};

pub(crate) static KERNEL_FILES: &[&Source] = &[&SOURCE];
static SOURCE: Source =
    Source::new("batched_gemm", include_str!("batched_gemm.cu")).specialised(every_kernel);

/// Threads of a block, the tile of the result it computes, the sums' length from one tile of the factors to the next, and
/// how many of these are in shared memory: as in the kernel.
const THREADS: u32 = 256;
const ROWS: usize = 128;
const COLUMNS: usize = 64;
const DEPTH: usize = 32;
const STAGES: usize = 3;

/// Runs a kernel of this crate: the library's choice of kernel, and with it the order of sums, depends on the number of
/// products.
impl<D: Device> BatchedGemm for Cuda<D> {
    fn batched_gemm(
        &self,
        config: BatchedGemmConfig,
        a: &CudaBuffer<f32, D>,
        b: &CudaBuffer<f32, D>,
        c: &mut CudaBuffer<f32, D>,
    ) -> Result<()> {
        let GemmConfig { alpha, beta, .. } = config.product;
        self.multiply_batch(config, Scale::Given { alpha, beta }, [a, b], c)
    }
}

/// Factors of the product and of the old result.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Scale<'a, D: Device> {
    /// Given numbers.
    Given {
        /// Factor of the product.
        alpha: f32,
        /// Factor of the old result.
        beta: f32,
    },
    /// Minus the first number of `rate` for the product, 1 for the old result.
    Descent {
        /// Read from the device's memory when the kernel runs.
        rate: &'a CudaBuffer<f32, D>,
    },
}

impl<D: Device> Cuda<D> {
    /// The products of `config`, whose own `alpha` and `beta` do not matter.
    pub(crate) fn multiply_batch(
        &self,
        config: BatchedGemmConfig,
        scale: Scale<'_, D>,
        [a, b]: [&CudaBuffer<f32, D>; 2],
        c: &mut CudaBuffer<f32, D>,
    ) -> Result<()> {
        self.check_batched_gemm(&config, a, b, c)?;
        let BatchedGemmConfig { product, count, .. } = config;
        let GemmConfig { m, n, k, .. } = product;
        let tiles = count * m.div_ceil(ROWS) * n.div_ceil(COLUMNS);
        if tiles == 0 {
            return Ok(());
        }
        let launch = Launch {
            threads: THREADS,
            shared_bytes: shared_bytes(&product),
            ..self.limits().blocks(tiles)
        };
        let [stride_a, stride_b, _] = config.strides();
        let sizes = [count, m, n, k, stride_a, stride_b].map(Argument::from);
        let (scales, descends) = match scale {
            Scale::Given { alpha, beta } => (vec![alpha.into(), beta.into()], false),
            Scale::Descent { rate } => (vec![rate.into()], true),
        };
        let arguments = [&sizes[..], &scales, &[a.into(), b.into(), c.into()]].concat();
        // SAFETY: `check_batched_gemm` saw that the matrices are as long, nobody else has `c`, and there is a rate.
        unsafe { self.device.launch(&kernel(&product, descends), launch, &arguments) }
    }
}

/// Shared memory for the tiles of both factors, with the kernel's pitches.
fn shared_bytes(product: &GemmConfig) -> u32 {
    let tile = |lines: usize, along_depth: bool| {
        if along_depth { lines * (DEPTH + 4) } else { DEPTH * (lines + 8) }
    };
    let stage = tile(ROWS, !product.transpose_a) + tile(COLUMNS, product.transpose_b);
    (STAGES * stage * size_of::<f32>()) as u32
}

/// The kernel, specialised for how the factors lie in memory and whether it steps along the products.
fn kernel(product: &GemmConfig, descends: bool) -> Kernel {
    let GemmConfig { m, n, k, transpose_a, transpose_b, precision, .. } = *product;
    let lines = [if transpose_a { m } else { k }, if transpose_b { k } else { n }];
    let precision = match precision {
        Precision::F32 => 0,
        Precision::Tf32 => 1,
        Precision::Bf16 => 2,
    };
    let defines = [
        ("VECTOR", if lines.iter().all(|line| line.is_multiple_of(4)) { 16 } else { 4 }),
        ("PRECISION", precision),
        ("TRANSPOSE_A", i32::from(transpose_a)),
        ("TRANSPOSE_B", i32::from(transpose_b)),
        ("DESCENT", i32::from(descends)),
    ];
    let defines = defines.into_iter().map(|(name, value)| (name, value.to_string())).collect();
    Kernel { defines, ..Kernel::new(&SOURCE, "batched_gemm") }
}

/// The kernel in f32 as trainings use it, however its factors lie in memory, with what that is in words; and those with
/// which they step along products, whose left factor is never transposed.
fn every_kernel() -> Vec<(String, Kernel)> {
    let layouts = [(false, false), (false, true), (true, false), (true, true)];
    let given = layouts.map(|layout| (layout, false));
    let descending = [(false, false), (false, true)].map(|layout| (layout, true));
    let kernels =
        given.into_iter().chain(descending).flat_map(|((transpose_a, transpose_b), descends)| {
            [8, 7].map(|size| {
                let product =
                    GemmConfig { transpose_a, transpose_b, ..GemmConfig::new(size, size, size) };
                let name = |matrix, is_transposed| {
                    format!("{matrix}{}", if is_transposed { "^T" } else { "" })
                };
                let alignment = if size == 8 { "aligned" } else { "unaligned" };
                let purpose = if descends { ", descending" } else { "" };
                let factors = [name("A", transpose_a), name("B", transpose_b)].join(" ");
                (format!("{factors}, {alignment}{purpose}"), kernel(&product, descends))
            })
        });
    kernels.collect()
}
