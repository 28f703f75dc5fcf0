//! Memory given back is kept: taking memory from the driver takes time, and giving it back may make the whole device wait.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard, Weak},
};

use cudarc::driver::{
    CudaContext, CudaStream,
    result::{self, DriverError},
    sys::cudaError_enum::CUDA_ERROR_OUT_OF_MEMORY,
};

use crate::{Error, Result};

/// Memory of one stream that nobody uses. What was given back can be given out again at once, since all work of the
/// stream is done in order.
pub(super) struct Pool {
    context: Arc<CudaContext>,
    stream: Arc<CudaStream>,
    /// Addresses by size in bytes.
    free: Mutex<BTreeMap<usize, Vec<u64>>>,
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool").finish_non_exhaustive()
    }
}

/// Read while a stream records, written while memory goes back to a driver: waiting for a stream, and for the whole device,
/// which giving back may do, would void what is recorded. Taking memory on another thread is allowed meanwhile.
static RECORDINGS: RwLock<()> = RwLock::new(());

/// Until the guard is dropped, no memory goes back to a driver.
pub(super) fn record() -> RwLockReadGuard<'static, ()> {
    RECORDINGS.read().unwrap_or_else(PoisonError::into_inner)
}

/// Pools of all streams of all devices.
static POOLS: Mutex<Vec<Weak<Pool>>> = Mutex::new(Vec::new());

/// Gives all memory that streams of the device keep, and nobody uses, back to its driver. The device must be this
/// thread's.
fn give_back_of_all(ordinal: usize) {
    let pools = POOLS.lock().unwrap_or_else(PoisonError::into_inner).clone();
    // Waiting for the streams, nobody is kept from opening one.
    pools
        .iter()
        .filter_map(Weak::upgrade)
        .filter(|pool| pool.context.ordinal() == ordinal)
        .for_each(|pool| pool.give_back());
}

/// Sizes are rounded up to a multiple of this.
const GRAIN: usize = 512;

impl Pool {
    pub(super) fn new(context: Arc<CudaContext>, stream: Arc<CudaStream>) -> Arc<Self> {
        let pool = Arc::new(Self { context, stream, free: Mutex::default() });
        let mut pools = POOLS.lock().unwrap_or_else(PoisonError::into_inner);
        pools.retain(|other| other.strong_count() > 0);
        pools.push(Arc::downgrade(&pool));
        pool
    }

    /// Address and size of at least `bytes` uninitialised bytes. The device must be this thread's.
    pub(super) fn take(&self, bytes: usize, label: &str) -> Result<(u64, usize)> {
        let bytes = bytes.next_multiple_of(GRAIN);
        if let Some(found) = self.kept(bytes) {
            return Ok(found);
        }
        // SAFETY: memory that holds anything is what is promised.
        let take = || unsafe { result::malloc_sync(bytes) };
        let failed = |error: DriverError| Error::Device {
            backend: label.to_owned(),
            action: format!("provide {bytes} bytes of memory"),
            reason: format!("{error:?}"),
        };
        match take() {
            Err(DriverError(CUDA_ERROR_OUT_OF_MEMORY)) => {
                give_back_of_all(self.context.ordinal());
            }
            taken => return taken.map(|address| (address, bytes)).map_err(failed),
        }
        match take() {
            Err(DriverError(CUDA_ERROR_OUT_OF_MEMORY)) => {
                let (free, total) = result::mem_get_info().map_err(failed)?;
                Err(Error::OutOfMemory { backend: label.to_owned(), needed: bytes, free, total })
            }
            taken => taken.map(|address| (address, bytes)).map_err(failed),
        }
    }

    /// The smallest that is kept and not a quarter too large.
    fn kept(&self, bytes: usize) -> Option<(u64, usize)> {
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        let (&size, addresses) = free.range_mut(bytes..=bytes + bytes / 4).next()?;
        let address = addresses.pop()?;
        if addresses.is_empty() {
            free.remove(&size);
        }
        Some((address, size))
    }

    pub(super) fn put_back(&self, address: u64, bytes: usize) {
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        free.entry(bytes).or_default().push(address);
    }

    /// Gives all that is kept back to the driver, once no stream records. The device must be this thread's.
    pub(super) fn give_back(&self) {
        let _nobody_records = RECORDINGS.write().unwrap_or_else(PoisonError::into_inner);
        let free = std::mem::take(&mut *self.free.lock().unwrap_or_else(PoisonError::into_inner));
        // What fails here is reported by whatever is done next.
        let _ = self.stream.synchronize();
        for address in free.into_values().flatten() {
            // SAFETY: it came from the driver, and no work that uses it is left.
            let _ = unsafe { result::free_sync(address) };
        }
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        if self.context.bind_to_thread().is_ok() {
            self.give_back();
        }
    }
}
