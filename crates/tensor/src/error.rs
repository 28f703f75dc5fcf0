use crate::Precision;

/// What a backend can refuse.
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
        /// What it lacks.
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
    #[error("unknown backend `{text}`; use \"cpu\", \"reference\" or \"cuda:N\"")]
    UnknownBackend {
        /// What was given.
        text: String,
    },
    /// The backend exists but this build or machine does not have it.
    #[error("backend `{backend}` is not available: {reason}")]
    Unavailable {
        /// The backend's name.
        backend: String,
        /// What is missing and what to do.
        reason: String,
    },
}

/// Short for a result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;
