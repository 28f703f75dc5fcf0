use crate::{Precision, spec::did_you_mean};

/// Error of a backend.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A buffer is too short for the shape it is used with.
    #[error("{op}: `{argument}` holds {actual} numbers, the shape needs {expected}")]
    Shape {
        /// The operation.
        op: &'static str,
        /// The argument's name.
        argument: &'static str,
        /// Numbers needed.
        expected: usize,
        /// Numbers there.
        actual: usize,
    },
    /// A size that must be positive is zero.
    #[error("{op}: `{argument}` must be at least 1")]
    Empty {
        /// The operation.
        op: &'static str,
        /// The argument's name.
        argument: &'static str,
    },
    /// The device has no products of this precision.
    #[error(
        "`{backend}` has no {precision} products; use precision = \"f32\", or a device that has them"
    )]
    Precision {
        /// The device.
        backend: String,
        /// The missing precision.
        precision: Precision,
    },
    /// There is infinity or no number at all among the arguments, or numbers so large that their squares overflow.
    #[error("{op}: the samples hold numbers that are not finite, or too large to be squared")]
    NotFinite {
        /// The operation.
        op: &'static str,
    },
    /// Samples do not determine a linear decoder.
    #[error(
        "input {unit} is a combination of other inputs as far as these samples show, and noise = {noise} is too small to tell \
         them apart; raise `noise`"
    )]
    Indeterminate {
        /// The first such input, counted from 1.
        unit: usize,
        /// The standard deviation of the noise.
        noise: f64,
    },
    /// The backend's name is not known.
    #[error("unknown backend `{text}`; use \"cpu\", \"reference\" or \"cuda:N\"{}", did_you_mean(.text))]
    UnknownBackend {
        /// The unknown name.
        text: String,
    },
    /// The backend exists but this build or machine does not have it.
    #[error("backend `{backend}` is not available: {reason}")]
    Unavailable {
        /// The backend's name.
        backend: String,
        /// The reason, and what to do.
        reason: String,
    },
    /// An array does not fit into host memory.
    #[error(
        "{numbers} numbers of {bytes} bytes do not fit into memory; use fewer samples, narrower layers or fewer layers"
    )]
    HostMemory {
        /// Length of the array.
        numbers: usize,
        /// Size of a number.
        bytes: usize,
    },
    /// A kernel does not compile for the device.
    #[error("the kernels of {source_name}.cu do not compile: {reason}")]
    Kernel {
        /// The kernels' file, without `.cu`.
        source_name: &'static str,
        /// The compiler's log.
        reason: String,
    },
    /// Kernels are compiled for no such device.
    #[error(
        "kernels cannot be compiled for `{architecture}`; {compiler} compiles them for {known}, and from sm_90 on for the \
         same with an `a`"
    )]
    Architecture {
        /// The unknown architecture.
        architecture: String,
        /// The compiler and its version.
        compiler: String,
        /// The architectures that the compiler knows.
        known: String,
    },
    /// The device, its driver or one of its libraries failed.
    #[error("`{backend}` failed to {action}: {reason}")]
    Device {
        /// The device.
        backend: String,
        /// The action that failed.
        action: String,
        /// The device's error.
        reason: String,
    },
    /// The device has too little free memory.
    #[error(
        "`{backend}` has no memory for {needed} more bytes ({free} of {total} are free); run fewer cells at once, \
         fewer samples or a narrower network"
    )]
    OutOfMemory {
        /// The device.
        backend: String,
        /// Bytes of the request.
        needed: usize,
        /// Bytes free.
        free: usize,
        /// Bytes there are.
        total: usize,
    },
}

/// Short for a result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;
