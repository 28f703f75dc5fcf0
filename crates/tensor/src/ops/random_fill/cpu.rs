use rayon::prelude::*;

use crate::{Cpu, HostBuffer, RandomFill, RandomStream, Result, backend::expect_len};

impl RandomFill for Cpu {
    fn random_fill(&self, stream: RandomStream, n: usize, out: &mut HostBuffer<f32>) -> Result<()> {
        /// Elements a task draws: some 100 microseconds of work, a multiple of a block's four.
        const CHUNK: usize = 16 * 1024;
        expect_len("random_fill", "out", n, out.as_slice().len())?;
        let chunks = out.as_mut_slice()[..n].par_chunks_mut(CHUNK).enumerate();
        chunks.for_each(|(index, chunk)| stream.fill_from_block((index * CHUNK / 4) as u64, chunk));
        Ok(())
    }
}
