//! Streams are kept when nobody uses them: with them, the memory and the library's workspace that the next cell of an
//! experiment needs just as well.

use std::{
    collections::HashMap,
    ops::Deref,
    sync::{Arc, Mutex, PoisonError, Weak},
};

use cudarc::driver::{CudaContext, result::DriverError};

use super::{Shared, pool::Pool};

/// A stream for as long as it is used.
pub(super) struct Lease {
    ordinal: usize,
    /// There until it is dropped.
    shared: Option<Shared>,
}

/// What there is of a device. It stays as long as the program runs: kernels that were loaded stay loaded.
struct Known {
    context: Arc<CudaContext>,
    idle: Vec<Shared>,
    /// Of all streams.
    pools: Vec<Weak<Pool>>,
}

static DEVICES: Mutex<Option<HashMap<usize, Known>>> = Mutex::new(None);

impl Lease {
    /// An idle stream of the device, or a new one.
    pub(super) fn new(ordinal: usize) -> Result<Self, DriverError> {
        let mut devices = DEVICES.lock().unwrap_or_else(PoisonError::into_inner);
        let devices = devices.get_or_insert_default();
        let known = if let Some(known) = devices.remove(&ordinal) {
            known
        } else {
            let context = CudaContext::new(ordinal)?;
            Known { context, idle: Vec::new(), pools: Vec::new() }
        };
        let known = devices.entry(ordinal).or_insert(known);
        let shared = if let Some(shared) = known.idle.pop() {
            shared
        } else {
            let shared = Shared::open(ordinal, &known.context)?;
            known.pools.push(Arc::downgrade(&shared.pool));
            shared
        };
        Ok(Self { ordinal, shared: Some(shared) })
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let mut devices = DEVICES.lock().unwrap_or_else(PoisonError::into_inner);
        let known = devices.as_mut().and_then(|devices| devices.get_mut(&self.ordinal));
        if let (Some(known), Some(shared)) = (known, self.shared.take()) {
            known.idle.push(shared);
        }
    }
}

impl Deref for Lease {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        self.shared.as_ref().expect("a stream is there until its lease is dropped")
    }
}

/// Gives all memory that streams of the device keep, and nobody uses, back to its driver. The device must be this thread's.
pub(super) fn give_back_of_all(ordinal: usize) {
    let pools = {
        let devices = DEVICES.lock().unwrap_or_else(PoisonError::into_inner);
        let known = devices.as_ref().and_then(|devices| devices.get(&ordinal));
        known.map_or_else(Vec::new, |known| known.pools.clone())
    };
    // Waiting for the streams, nobody is kept from opening one.
    pools.iter().filter_map(Weak::upgrade).for_each(|pool| pool.give_back());
}
