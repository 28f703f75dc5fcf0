use std::{fmt, path::PathBuf};

use crate::error::Result;
use isobath_architecture::Activation;
use isobath_architecture::{DenseLayer, Layer, NetworkSpec, Variances};
use isobath_cascade::{CascadeParams, CascadeValidParams, InitialDecoders, Job, Method};
use isobath_datasets::{Dataset, DatasetName, LoadRequest};
use isobath_network::Network;
use isobath_tensor::{BackendSpec, BackendTask, Cpu, Precision};
use isobath_trainer::Labelled;
use ndarray::s;
use serde::Serialize;

use super::outcome::{Compute, Outcome};
use crate::pool::in_pool;

/// Size of the comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Extent {
    /// Networks of 12 layers, 64, 256 and 784 wide, and 6400 training samples.
    Full,
    /// One narrow width, few layers, few samples; for slow backends.
    Quick,
}

/// Position of a network in the phase diagram of tanh networks, and its width.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct NetworkCase {
    /// Units of every layer.
    pub width: usize,
    /// Phase: `ordered`, `critical` or `chaotic`.
    pub phase: &'static str,
    /// Variance of the weights.
    pub sigma_w2: f64,
}

/// Method that computes the decoders.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "method", content = "precision", rename_all = "lowercase")]
pub enum DecoderMethod {
    /// Gradient descent with products of this precision.
    Gradient(Precision),
    /// Ridge regression, in closed form.
    Ridge,
}

/// A network and its decoder method.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Case {
    /// The network.
    #[serde(flatten)]
    pub network: NetworkCase,
    /// The decoder method.
    #[serde(flatten)]
    pub method: DecoderMethod,
}

/// Variance of the biases, the same for all networks.
pub(super) const SIGMA_B2: f64 = 0.05;
/// Phases and variances of the weights. At [`SIGMA_B2`], the critical variance is 1.761.
pub(super) const PHASES: [(&str, f64); 3] =
    [("ordered", 0.8), ("critical", 1.76), ("chaotic", 3.0)];
/// The seed of samples, networks and decoders.
pub(super) const SEED: u64 = 1;

impl Extent {
    const fn widths(self) -> &'static [usize] {
        match self {
            Self::Full => &[64, 256, 784],
            Self::Quick => &[24],
        }
    }

    const fn layers(self) -> usize {
        match self {
            Self::Full => 12,
            Self::Quick => 6,
        }
    }

    /// Numbers of training samples and probe samples.
    const fn samples(self) -> [usize; 2] {
        match self {
            Self::Full => [6400, 100],
            Self::Quick => [640, 16],
        }
    }
}

impl DecoderMethod {
    /// All methods that `backend` supports.
    ///
    /// # Errors
    /// When the backend is not available.
    pub(super) fn on(backend: BackendSpec) -> Result<Vec<Self>> {
        let mut methods = Vec::new();
        for precision in [Precision::F32, Precision::Tf32, Precision::Bf16] {
            match backend.check_precision(precision) {
                Ok(()) => methods.push(Self::Gradient(precision)),
                Err(isobath_tensor::Error::Precision { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        methods.push(Self::Ridge);
        Ok(methods)
    }

    fn params(self) -> Result<CascadeValidParams> {
        let params = match self {
            Self::Gradient(precision) => CascadeParams { precision, ..CascadeParams::default() },
            Self::Ridge => CascadeParams { method: Method::Ridge, ..CascadeParams::default() },
        };
        Ok(params.check()?)
    }
}

impl fmt::Display for DecoderMethod {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Gradient(precision) => write!(f, "gradient {precision}"),
            Self::Ridge => f.write_str("ridge"),
        }
    }
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.network.width, self.network.phase, self.method)
    }
}

/// The fixed set of networks and their samples.
pub(super) struct Cases {
    extent: Extent,
    data: Dataset,
}

impl Cases {
    /// Generates the samples.
    ///
    /// # Errors
    /// When the digits cannot be generated.
    pub(super) fn new(extent: Extent) -> Result<Self> {
        let [train, test] = extent.samples().map(Some);
        let request = LoadRequest {
            train,
            test,
            seed: SEED,
            ..LoadRequest::new(DatasetName::Digits, PathBuf::new())
        };
        Ok(Self { extent, data: isobath_datasets::load(&request)? })
    }

    /// The first `train` training samples and all probe samples, with their classes.
    pub(super) fn labelled(&self, train: usize) -> [Labelled<'_>; 2] {
        let Dataset { train: training, test, .. } = &self.data;
        [(training, train), (test, test.labels.len())].map(|(samples, count)| Labelled {
            samples: samples.images.slice(s![..count, ..]),
            labels: &samples.labels[..count],
        })
    }

    pub(super) fn networks(&self) -> impl Iterator<Item = NetworkCase> {
        self.extent.widths().iter().flat_map(|&width| {
            PHASES.map(|(phase, sigma_w2)| NetworkCase { width, phase, sigma_w2 })
        })
    }

    /// Computes a case on `backend`.
    ///
    /// # Errors
    /// When `backend` is not available or fails.
    pub(super) fn compute(
        &self,
        network_case: NetworkCase,
        method: DecoderMethod,
        backend: BackendSpec,
    ) -> Result<Outcome> {
        self.with(network_case, method, |task| backend.dispatch(task)?)
    }

    /// Computes a case on the baseline `backend`. The CPU supports every precision here: it rounds the factors first.
    ///
    /// # Errors
    /// When `backend` is not available or fails.
    pub(super) fn compute_baseline(
        &self,
        network_case: NetworkCase,
        method: DecoderMethod,
        backend: BackendSpec,
    ) -> Result<Outcome> {
        match backend {
            BackendSpec::Cpu => self
                .with(network_case, method, |task| task.run(Cpu::new().rounding(Precision::round))),
            other => self.compute(network_case, method, other),
        }
    }

    /// Builds the case and passes it to `run`.
    pub(super) fn with(
        &self,
        network_case: NetworkCase,
        method: DecoderMethod,
        run: impl FnOnce(Compute<'_>) -> Result<Outcome> + Send,
    ) -> Result<Outcome> {
        let NetworkCase { width, sigma_w2, .. } = network_case;
        let (train, probe) = (self.data.train.images.view(), self.data.test.images.view());
        let layers = self.extent.layers();
        let layer = |index| {
            let inputs = if index == 0 { train.ncols() } else { width };
            Layer::Dense(DenseLayer { inputs, outputs: width, activation: Activation::Tanh })
        };
        let spec = NetworkSpec::new((0..layers).map(layer).collect())?;
        let network = Network::random(spec, Variances::new(sigma_w2, SIGMA_B2)?, SEED);
        let initial = InitialDecoders::Drawn { seed: SEED };
        let job = Job { network: &network, layers, train, order: None, probe, initial };
        let params = method.params()?;
        in_pool(|| run(Compute { job: &job, params }))
    }
}
