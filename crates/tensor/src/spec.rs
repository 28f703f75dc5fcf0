use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

#[cfg(feature = "cuda")]
use crate::cuda::Cuda;
#[cfg(not(feature = "cuda"))]
use crate::toolkit::not_built;
use crate::{Cpu, Error, FullBackend, GemmConfig, Precision, Reference, Result};

/// A backend's name as experiment files have it: `"cpu"`, `"reference"`, `"cuda:0"`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
#[non_exhaustive]
pub enum BackendSpec {
    /// All cores of this machine, SIMD kernels chosen at run time.
    #[default]
    Cpu,
    /// Plain loops with sums in f64: slow, and what the others are tested against.
    Reference,
    /// A CUDA device.
    Cuda {
        /// The device's number.
        ordinal: usize,
    },
}

/// A stage that can run on any backend: what [`BackendSpec::dispatch`] calls.
pub trait BackendTask {
    /// The stage's result, in host memory.
    type Output;

    /// Runs the stage on `backend`.
    fn run<B: FullBackend>(self, backend: B) -> Self::Output;
}

impl BackendSpec {
    /// True for a device: many small pieces of work at once suit it better than one, and threads of the host wait for it.
    pub const fn is_device(self) -> bool {
        matches!(self, Self::Cuda { .. })
    }

    /// Runs `task` on the backend named.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when this build or machine does not have it; never another backend in its place.
    pub fn dispatch<T: BackendTask>(self, task: T) -> Result<T::Output> {
        match self {
            Self::Cpu => Ok(task.run(Cpu::new())),
            Self::Reference => Ok(task.run(Reference)),
            #[cfg(feature = "cuda")]
            Self::Cuda { ordinal } => Ok(task.run(Cuda::open(ordinal)?)),
            #[cfg(not(feature = "cuda"))]
            Self::Cuda { .. } => Err(not_built(&self.to_string())),
        }
    }

    /// Description of the backend; see [`Backend::description`](crate::Backend::description).
    ///
    /// # Errors
    /// As [`dispatch`](Self::dispatch).
    pub fn description(self) -> Result<String> {
        struct Describe;
        impl BackendTask for Describe {
            type Output = String;
            fn run<B: FullBackend>(self, backend: B) -> String {
                backend.description()
            }
        }
        self.dispatch(Describe)
    }

    /// Checks that [`dispatch`](Self::dispatch) would find the backend.
    ///
    /// # Errors
    /// As [`dispatch`](Self::dispatch).
    pub fn check(self) -> Result<()> {
        self.description().map(drop)
    }

    /// Checks that the backend is there and has products of `precision`, by trying one.
    ///
    /// # Errors
    /// As [`dispatch`](Self::dispatch), and [`Error::Precision`].
    pub fn check_precision(self, precision: Precision) -> Result<()> {
        struct Product(Precision);
        impl BackendTask for Product {
            type Output = Result<()>;
            fn run<B: FullBackend>(self, backend: B) -> Result<()> {
                let (one, mut c) = (backend.upload(&[1.0])?, backend.zeros(1)?);
                backend.gemm(GemmConfig::new(1, 1, 1).precision(self.0), &one, &one, &mut c)
            }
        }
        self.dispatch(Product(precision))?
    }
}

impl fmt::Display for BackendSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cpu => f.write_str("cpu"),
            Self::Reference => f.write_str("reference"),
            Self::Cuda { ordinal } => write!(f, "cuda:{ordinal}"),
        }
    }
}

impl FromStr for BackendSpec {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text {
            "cpu" => Ok(Self::Cpu),
            "reference" => Ok(Self::Reference),
            _ => text
                .strip_prefix("cuda:")
                .and_then(|ordinal| ordinal.parse().ok())
                .map(|ordinal| Self::Cuda { ordinal })
                .ok_or_else(|| Error::UnknownBackend { text: text.to_owned() }),
        }
    }
}

/// `; did you mean "cuda:0"?`, where `text` is almost the name of a backend; else nothing.
pub(crate) fn did_you_mean(text: &str) -> String {
    let text = text.trim().to_lowercase();
    let rest = ["cuda", "gpu"].iter().find_map(|name| text.strip_prefix(name));
    let nearest = match rest.map(|rest| rest.trim_start_matches([':', ' '])) {
        Some("") => "cuda:0".to_owned(),
        Some(ordinal) => format!("cuda:{ordinal}"),
        None => text,
    };
    match nearest.parse::<BackendSpec>() {
        Ok(backend) => format!("; did you mean \"{backend}\"?"),
        Err(_) => String::new(),
    }
}

impl TryFrom<String> for BackendSpec {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

impl From<BackendSpec> for String {
    fn from(spec: BackendSpec) -> Self {
        spec.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_round_trip() {
        for spec in [BackendSpec::Cpu, BackendSpec::Reference, BackendSpec::Cuda { ordinal: 3 }] {
            assert_eq!(spec.to_string().parse::<BackendSpec>().unwrap(), spec);
        }
        for text in ["gpu", "cuda", "cuda:", "cuda:x", "CPU", ""] {
            let error = text.parse::<BackendSpec>().expect_err(text);
            assert!(error.to_string().contains("cuda:N"), "{error}");
        }
    }

    #[test]
    fn errors_suggest_the_nearest_name() {
        for (text, name) in [
            ("cuda", "cuda:0"),
            ("CUDA:0", "cuda:0"),
            ("gpu", "cuda:0"),
            ("gpu:1", "cuda:1"),
            ("cuda2", "cuda:2"),
            (" CPU", "cpu"),
        ] {
            let error = text.parse::<BackendSpec>().expect_err(text).to_string();
            assert!(error.ends_with(&format!("; did you mean \"{name}\"?")), "{error}");
        }
        for text in ["cuda:x", "tpu", ""] {
            let error = text.parse::<BackendSpec>().expect_err(text).to_string();
            assert!(!error.contains("did you mean"), "{error}");
        }
    }

    #[test]
    fn a_missing_backend_is_an_error_not_a_fallback() {
        let error = BackendSpec::Cuda { ordinal: 9999 }.check().expect_err("no such device");
        assert!(matches!(error, Error::Unavailable { .. }), "{error}");
        assert!(error.to_string().contains("cuda:9999"), "{error}");
        BackendSpec::Cpu.check().unwrap();
    }

    #[test]
    fn a_missing_precision_is_an_error() {
        let error = BackendSpec::Cpu.check_precision(Precision::Tf32).expect_err("no TF32");
        assert!(matches!(error, Error::Precision { .. }), "{error}");
        BackendSpec::Cpu.check_precision(Precision::F32).unwrap();
        BackendSpec::Reference.check_precision(Precision::Tf32).unwrap();
    }
}
