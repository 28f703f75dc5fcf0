use std::sync::Arc;

use super::pool::Pool;
use crate::cuda::device::Memory;

/// Memory of the device; goes back to its stream's pool when dropped.
#[derive(Debug)]
pub struct DriverMemory {
    pub(super) address: u64,
    pub(super) bytes: usize,
    pub(super) pool: Arc<Pool>,
}

impl Memory for DriverMemory {
    fn address(&self) -> u64 {
        self.address
    }
}

impl Drop for DriverMemory {
    fn drop(&mut self) {
        self.pool.put_back(self.address, self.bytes);
    }
}
