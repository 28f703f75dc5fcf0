use std::{ffi::c_void, fmt::Write, ptr};

use super::{
    backward, batch_entropy, batched_gemm, decoder, divergence, gather, gemm, loss, moments,
    optimizer, pointwise, random_fill,
};

/// A file of kernels.
#[derive(Debug)]
pub struct Source {
    /// Its name, without `.cu`.
    pub name: &'static str,
    /// What is in it.
    pub text: &'static str,
}

/// All files of kernels.
pub(super) static SOURCES: [&Source; 12] = [
    &backward::SOURCE,
    &batch_entropy::SOURCE,
    &batched_gemm::SOURCE,
    &decoder::SOURCE,
    &divergence::SOURCE,
    &gather::SOURCE,
    &gemm::SOURCE,
    &loss::SOURCE,
    &moments::SOURCE,
    &optimizer::SOURCE,
    &pointwise::SOURCE,
    &random_fill::SOURCE,
];

/// What the device's compiler is given before every file: names for its instructions. The simulator has its own.
pub(super) const DEVICE_PRELUDE: &str = include_str!("kernels/device.cuh");
/// What every file may use, on the device and simulated.
pub(super) const COMMON_PRELUDE: &str = include_str!("kernels/common.cuh");

/// A kernel, and what its source is specialised for.
#[derive(Clone, Debug)]
pub struct Kernel {
    /// Where it is.
    pub source: &'static Source,
    /// Its name there.
    pub name: &'static str,
    /// Macros and their values.
    pub defines: Vec<(&'static str, String)>,
}

impl Kernel {
    /// A kernel that is not specialised.
    pub const fn new(source: &'static Source, name: &'static str) -> Self {
        Self { source, name, defines: Vec::new() }
    }

    /// What a compiler is given: the macros, `preludes`, the file, whose lines keep their numbers.
    pub fn program(&self, preludes: &[&str]) -> String {
        let mut program = String::new();
        for (name, value) in &self.defines {
            let _ = writeln!(program, "#define {name} {value}");
        }
        for prelude in preludes {
            program.push_str(prelude);
            program.push('\n');
        }
        let _ = write!(program, "#line 1 \"{}.cu\"\n{}\n", self.source.name, self.source.text);
        program
    }
}

/// How many threads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Launch {
    /// Blocks.
    pub grid: [u32; 2],
    /// Threads of a block, a multiple of 32, at most 1024.
    pub threads: u32,
    /// Bytes of dynamic shared memory of a block.
    pub shared_bytes: u32,
}

/// Blocks a launch has at most, whatever there is to do: kernels loop. In unit tests so few that they have to.
const MOST_BLOCKS: usize = if cfg!(test) { 3 } else { 1 << 20 };

impl Launch {
    /// Enough blocks of 256 threads to give `n` elements one each, or as many as a launch has: kernels that use it loop.
    pub fn elements(n: usize) -> Self {
        let blocks = n.div_ceil(256).clamp(1, MOST_BLOCKS);
        Self { grid: [blocks as u32, 1], threads: 256, shared_bytes: 0 }
    }

    /// The same, but no more than a thousand blocks, each of which leaves a sum.
    pub fn sums(n: usize) -> Self {
        Self::elements(n.min(1024 * 256))
    }

    /// A block of 256 threads for each of `n` pieces of work, or as many as a launch has.
    pub fn blocks(n: usize) -> Self {
        Self::elements(n.saturating_mul(256))
    }

    /// The same for each of `count` pieces of work, in the grid's second direction, or as many as it has there.
    #[must_use]
    pub fn times(self, count: usize) -> Self {
        let most = MOST_BLOCKS.min(u16::MAX.into());
        Self { grid: [self.grid[0], count.clamp(1, most) as u32], ..self }
    }

    /// The same to give `n` rows a warp each.
    pub fn warps(n: usize) -> Self {
        Self::elements(n.saturating_mul(32))
    }

    /// A block of 256 threads for each 32 of `n` columns.
    pub fn columns(n: usize) -> Self {
        Self { grid: [n.div_ceil(32).max(1) as u32, 1], ..Self::elements(0) }
    }
}

/// An argument of a kernel.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Argument {
    /// A pointer.
    Address(u64),
    /// `int`
    I32(i32),
    /// `unsigned long long`
    U64(u64),
    /// `float`
    F32(f32),
    /// `double`
    F64(f64),
}

impl Argument {
    /// Where its value is.
    pub fn pointer(&self) -> *mut c_void {
        let pointer: *const c_void = match self {
            Self::Address(value) | Self::U64(value) => ptr::from_ref(value).cast(),
            Self::I32(value) => ptr::from_ref(value).cast(),
            Self::F32(value) => ptr::from_ref(value).cast(),
            Self::F64(value) => ptr::from_ref(value).cast(),
        };
        pointer.cast_mut()
    }
}

impl From<usize> for Argument {
    fn from(size: usize) -> Self {
        Self::U64(size as u64)
    }
}

impl From<i32> for Argument {
    fn from(number: i32) -> Self {
        Self::I32(number)
    }
}

impl From<f32> for Argument {
    fn from(number: f32) -> Self {
        Self::F32(number)
    }
}

impl From<f64> for Argument {
    fn from(number: f64) -> Self {
        Self::F64(number)
    }
}
