//! Streams are kept when nobody uses them: with them, the memory and the library's workspace that the next cell of an
//! experiment needs just as well.

use std::{
    collections::HashMap,
    ops::Deref,
    sync::{Arc, Mutex, PoisonError},
};

use cudarc::driver::{CudaContext, result::DriverError};

use super::stream::DeviceStream;

/// A stream for as long as it is used.
pub(super) struct Lease {
    ordinal: usize,
    /// There until it is dropped.
    stream: Option<DeviceStream>,
}

/// A device that was opened. It stays as long as the program runs: kernels that were loaded stay loaded.
struct Known {
    context: Arc<CudaContext>,
    idle: Vec<DeviceStream>,
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
            Known { context, idle: Vec::new() }
        };
        let known = devices.entry(ordinal).or_insert(known);
        let stream = match known.idle.pop() {
            Some(stream) => stream,
            None => DeviceStream::open(ordinal, &known.context)?,
        };
        Ok(Self { ordinal, stream: Some(stream) })
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let mut devices = DEVICES.lock().unwrap_or_else(PoisonError::into_inner);
        let known = devices.as_mut().and_then(|devices| devices.get_mut(&self.ordinal));
        if let (Some(known), Some(stream)) = (known, self.stream.take()) {
            known.idle.push(stream);
        }
    }
}

impl Deref for Lease {
    type Target = DeviceStream;

    fn deref(&self) -> &DeviceStream {
        self.stream.as_ref().expect("a stream is there until its lease is dropped")
    }
}
