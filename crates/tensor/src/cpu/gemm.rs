//! Matrix products and dense layers.

use rayon::prelude::*;

#[cfg(target_arch = "x86_64")]
use super::amx::{Factor, multiply};
use super::{
    Cpu,
    panel::{Aligned, PanelLayout, Strides},
    pointwise::{activate_rows, value_of},
    simd::{Kernel, Lanes, SimdLevel},
    tile::{Left, for_row_tiles, tile},
};
use crate::{
    Activation, BatchedGemm, BatchedGemmConfig, Dense, DenseConfig, Gemm, GemmConfig, HostBuffer,
    Precision, Result,
    ops::{batched_gemm::each_product, dense::check_dense},
};

/// Rows of the result a task computes: enough to use a packed panel many times over.
const ROW_CHUNK: usize = 128;

impl Gemm for Cpu {
    fn gemm(
        &self,
        config: GemmConfig,
        a: &HostBuffer<f32>,
        b: &HostBuffer<f32>,
        c: &mut HostBuffer<f32>,
    ) -> Result<()> {
        self.check_gemm(&config, a, b, c)?;
        self.product(config, [a.as_slice(), b.as_slice()], c.as_mut_slice())
    }
}

impl BatchedGemm for Cpu {
    fn batched_gemm(
        &self,
        config: BatchedGemmConfig,
        a: &HostBuffer<f32>,
        b: &HostBuffer<f32>,
        c: &mut HostBuffer<f32>,
    ) -> Result<()> {
        self.check_batched_gemm(&config, a, b, c)?;
        each_product(&config, [a, b], c, |product, factors, c| self.product(product, factors, c))
    }
}

impl Cpu {
    /// [`Gemm::gemm`] of factors that are long enough.
    fn product(self, config: GemmConfig, [a, b]: [&[f32]; 2], c: &mut [f32]) -> Result<()> {
        let GemmConfig { m, n, k, transpose_a, transpose_b, alpha, beta, precision } = config;
        if self.emulates(precision) {
            let [a, b] = [a, b].map(|x| self.rounded(precision, x));
            return self.product(config.precision(Precision::F32), [&a, &b], c);
        }
        let epilogue = Epilogue::Scale { alpha, beta };
        #[cfg(target_arch = "x86_64")]
        if let Some(pieces) = self.pieces(precision, &[m, n, k]) {
            let left = Factor::new(a, [m, k], !transpose_a);
            let right = Factor::new(b, [n, k], transpose_b);
            multiply(pieces, left, right, epilogue, c);
            return Ok(());
        }
        self.check_precision(precision)?;
        let strides =
            if transpose_b { Strides { k: 1, column: k } } else { Strides { k: n, column: 1 } };
        let packed = Packed::new(self.level(), b, strides, k, n);
        let product = Product {
            a,
            left: if transpose_a { Left::Columns { stride: m } } else { Left::Rows { stride: k } },
            columns: &packed,
            epilogue,
        };
        product.run(self.level(), m, c);
        Ok(())
    }
}

/// In less than f32's precision, layers have factors that are rounded beforehand where the tile units have no such
/// products: that shows what it changes and saves no time.
impl Dense for Cpu {
    fn dense(
        &self,
        config: DenseConfig,
        x: &HostBuffer<f32>,
        weights: &HostBuffer<f32>,
        bias: &HostBuffer<f32>,
        y: &mut HostBuffer<f32>,
    ) -> Result<()> {
        check_dense(self, &config, x, weights, bias, y)?;
        let DenseConfig { rows, inputs, outputs, activation, precision } = config;
        let epilogue = Epilogue::Activate { bias: bias.as_slice(), activation };
        #[cfg(target_arch = "x86_64")]
        if let Some(pieces) = self.pieces(precision, &[rows, outputs, inputs]) {
            let left = Factor::new(x.as_slice(), [rows, inputs], true);
            let right = Factor::new(weights.as_slice(), [outputs, inputs], true);
            multiply(pieces, left, right, epilogue, y.as_mut_slice());
            return Ok(());
        }
        let x = self.rounded(precision, &x.as_slice()[..rows * inputs]);
        let weights = self.rounded(precision, &weights.as_slice()[..outputs * inputs]);
        let strides = Strides { k: 1, column: inputs };
        let packed = Packed::new(self.level(), &weights, strides, inputs, outputs);
        let product =
            Product { a: &x, left: Left::Rows { stride: inputs }, columns: &packed, epilogue };
        product.run(self.level(), rows, y.as_mut_slice());
        Ok(())
    }
}

/// The right factor of a product, packed into panels.
struct Packed {
    layout: PanelLayout,
    memory: Aligned,
}

impl Packed {
    fn new(level: SimdLevel, source: &[f32], strides: Strides, k: usize, columns: usize) -> Self {
        let layout = PanelLayout { lanes: level.lanes(), columns, k };
        let mut memory = Aligned::zeros(layout.panels() * layout.panel_len());
        if k > 0 {
            let panels = memory.as_mut_slice().par_chunks_mut(layout.panel_len()).enumerate();
            panels.for_each(|(index, panel)| layout.pack(index, source, strides, panel));
        }
        Self { layout, memory }
    }

    fn panel(&self, index: usize) -> &[f32] {
        let len = self.layout.panel_len();
        &self.memory.as_slice()[index * len..(index + 1) * len]
    }
}

/// What happens to the sums on their way to the result.
#[derive(Clone, Copy)]
pub(super) enum Epilogue<'a> {
    Scale { alpha: f32, beta: f32 },
    Activate { bias: &'a [f32], activation: Activation },
}

impl Epilogue<'_> {
    /// Writes a vector of sums, from column `column` of the result on, to `c`, or as many of its lanes as `c` has.
    ///
    /// # Safety
    /// Inside a kernel of `V`.
    #[inline(always)]
    pub(super) unsafe fn finish<V: Lanes>(self, sum: V, column: usize, c: &mut [f32]) {
        // SAFETY: no more than `c.len()` lanes are read or written.
        unsafe {
            match self {
                Self::Scale { .. } => store(sum, self, c),
                Self::Activate { bias, activation } => {
                    let bias = &bias[column..][..c.len()];
                    let bias = if c.len() >= V::LEN {
                        V::load(bias.as_ptr())
                    } else {
                        V::load_first(bias.as_ptr(), bias.len())
                    };
                    store(value_of(activation, sum.add(bias)), self, c);
                }
            }
        }
    }
}

/// A matrix product with its epilogue.
#[derive(Clone, Copy)]
struct Product<'a> {
    a: &'a [f32],
    left: Left,
    columns: &'a Packed,
    epilogue: Epilogue<'a>,
}

impl Product<'_> {
    /// Computes `rows` rows of the result, sharing the work among the threads.
    fn run(self, level: SimdLevel, rows: usize, c: &mut [f32]) {
        let columns = self.columns.layout.columns;
        if rows == 0 || columns == 0 {
            return;
        }
        let c = &mut c[..rows * columns];
        let chunks = c.par_chunks_mut(ROW_CHUNK * columns).enumerate();
        chunks.for_each(|(index, c)| {
            level.run(Rows { product: self, first_row: index * ROW_CHUNK, c })
        });
    }
}

/// Some whole rows of a product: the kernel.
struct Rows<'a> {
    product: Product<'a>,
    first_row: usize,
    c: &'a mut [f32],
}

impl Kernel for Rows<'_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<V: Lanes>(mut self) {
        let layout = self.product.columns.layout;
        for panel in 0..layout.panels() {
            // SAFETY: inside a kernel of V; a stored panel is 1 to 3 vectors wide.
            unsafe {
                match layout.stored(panel) / V::LEN {
                    3 => self.panel::<V, 3>(panel),
                    2 => self.panel::<V, 2>(panel),
                    _ => self.panel::<V, 1>(panel),
                }
            }
        }
    }
}

impl Rows<'_> {
    /// # Safety
    /// Inside a kernel of `V`; panel `index` is stored `VECTORS` vectors wide.
    #[inline(always)]
    unsafe fn panel<V: Lanes, const VECTORS: usize>(&mut self, index: usize) {
        let Product { a, left, columns, epilogue } = self.product;
        let layout = columns.layout;
        let rows = self.c.len() / layout.columns;
        let (first, valid) = (index * layout.width(), layout.valid(index));
        let panel = columns.panel(index);
        let a = a[left.row(self.first_row)..].as_ptr();
        for_row_tiles!(V, VECTORS, rows, |row, COUNT| {
            // SAFETY: `a` and the panel were checked to hold the rows and columns of the product.
            let sums = unsafe {
                tile::<V, COUNT, VECTORS>(layout.k, a.add(left.row(row)), left, panel.as_ptr())
            };
            for (i, sums) in sums.iter().enumerate() {
                let c = &mut self.c[(row + i) * layout.columns + first..][..valid];
                for (j, &sum) in sums.iter().enumerate() {
                    // SAFETY: inside a kernel of V.
                    unsafe { store(sum, epilogue, &mut c[j * V::LEN..]) };
                }
            }
        });
        if let Epilogue::Activate { bias, activation } = epilogue {
            let bias = &bias[first..first + valid];
            // SAFETY: inside a kernel of V.
            unsafe {
                activate_rows::<V>(activation, bias, &mut self.c[first..], layout.columns, rows)
            };
        }
    }
}

/// Writes a vector of sums to the front of `c`, or as many of its lanes as there are.
///
/// # Safety
/// Inside a kernel of `V`.
#[inline(always)]
unsafe fn store<V: Lanes>(sum: V, epilogue: Epilogue<'_>, c: &mut [f32]) {
    // SAFETY: no more than `c.len()` lanes are read or written.
    unsafe {
        let full = c.len() >= V::LEN;
        let value = match epilogue {
            Epilogue::Scale { alpha, beta } if alpha != 1.0 || beta != 0.0 => {
                let scaled = sum.mul(V::splat(alpha));
                let old =
                    || if full { V::load(c.as_ptr()) } else { V::load_first(c.as_ptr(), c.len()) };
                if beta == 0.0 { scaled } else { V::splat(beta).mul_add(old(), scaled) }
            }
            _ => sum,
        };
        if full { value.store(c.as_mut_ptr()) } else { value.store_first(c.as_mut_ptr(), c.len()) }
    }
}
