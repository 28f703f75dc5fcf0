use super::{device::Device, driver::Driver, launch::Limits};
use crate::Result;

/// A CUDA device: `cuda:0`.
///
/// Every clone of a backend works on the one stream it was opened with; work on different streams overlaps.
#[derive(Clone, Debug)]
pub struct Cuda<D = Driver> {
    pub(crate) device: D,
}

impl Cuda {
    /// The device numbered `ordinal` with a stream of its own.
    ///
    /// # Errors
    /// [`Error::Unavailable`](crate::Error::Unavailable) that says which library, driver or device is missing, where it
    /// was looked for and what to do.
    pub fn open(ordinal: usize) -> Result<Self> {
        Driver::open(ordinal).map(Self::with_device)
    }

    /// Instruction set of the device, as its compiler names it.
    pub fn architecture(&self) -> &str {
        self.device.architecture()
    }
}

impl<D: Device> Cuda<D> {
    /// A backend that runs its kernels on `device`.
    pub const fn with_device(device: D) -> Self {
        Self { device }
    }

    /// The device.
    pub const fn device(&self) -> &D {
        &self.device
    }

    pub(crate) fn limits(&self) -> Limits {
        self.device.limits()
    }
}
