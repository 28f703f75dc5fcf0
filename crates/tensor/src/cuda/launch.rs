/// Sizes that launches have to fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Multiprocessors.
    pub multiprocessors: usize,
    /// Bytes of shared memory a block can have.
    pub shared_bytes: usize,
    /// Blocks of a launch that can have any number of them: its kernel loops over the work.
    pub most_blocks: usize,
}

/// Size of a launch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Launch {
    /// Blocks.
    pub grid: [u32; 2],
    /// Threads of a block, a multiple of 32, at most 1024.
    pub threads: u32,
    /// Bytes of dynamic shared memory of a block.
    pub shared_bytes: u32,
}

impl Limits {
    /// [`most_blocks`](Self::most_blocks) of a CUDA device.
    pub const MOST_BLOCKS: usize = 1 << 20;

    /// Enough blocks of 256 threads to give `n` elements one each, or as many as a launch has: kernels that use it loop.
    pub fn elements(self, n: usize) -> Launch {
        let blocks = n.div_ceil(256).clamp(1, self.most_blocks);
        Launch { grid: [blocks as u32, 1], threads: 256, shared_bytes: 0 }
    }

    /// [`elements`](Self::elements), but no more than a thousand blocks, each of which leaves a sum.
    pub fn sums(self, n: usize) -> Launch {
        self.elements(n.min(1024 * 256))
    }

    /// A block of 256 threads for each of `n` pieces of work, or as many as a launch has.
    pub fn blocks(self, n: usize) -> Launch {
        self.elements(n.saturating_mul(256))
    }

    /// `launch` for each of `count` pieces of work, in the grid's second direction, or as many as it has there.
    pub fn times(self, launch: Launch, count: usize) -> Launch {
        let most = self.most_blocks.min(u16::MAX.into());
        Launch { grid: [launch.grid[0], count.clamp(1, most) as u32], ..launch }
    }

    /// Enough blocks of 256 threads to give `n` rows a warp each, or as many as a launch has.
    pub fn warps(self, n: usize) -> Launch {
        self.elements(n.saturating_mul(32))
    }

    /// A block of 256 threads for each 32 of `n` columns.
    pub fn columns(self, n: usize) -> Launch {
        Launch { grid: [n.div_ceil(32).max(1) as u32, 1], ..self.elements(0) }
    }
}
