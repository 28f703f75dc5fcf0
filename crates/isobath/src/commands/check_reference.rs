//! Repetition of a stored computation of an independent implementation.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use isobath_architecture::Activation;
use isobath_architecture::{DenseLayer, Layer, NetworkSpec};
use isobath_cascade::{
    Cascade, CascadeParams, Decoder, GradientCascade, InitialDecoders, Job, Method, Reconstructor,
    Silent,
};
use isobath_entropy::{EstimatorSpec, Profile, cutoff::published_cutoffs};
use isobath_network::{DenseParameters, Network};
use isobath_tensor::{BackendSpec, BackendTask, FullBackend, Optimizer};
use ndarray::{Array1, Array2};
use safetensors::SafeTensors;
use serde::{Deserialize, Serialize};

use super::exit;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Pair of files without extensions: PATH.json describes the computation, PATH.safetensors contains its numbers
    stem: PathBuf,
    /// Backend to use
    #[arg(long, default_value = "cpu")]
    backend: BackendSpec,
}

pub(super) fn main(arguments: &Arguments) -> Result<u8> {
    let lines = repeat(&arguments.stem, arguments.backend)?;
    println!("{:<28} {:>12} {:>12} {:>12}", "quantity", "absolute", "relative", "tolerance");
    for line in &lines {
        println!("{line}");
    }
    let failed = lines.iter().filter(|line| !line.passed()).count();
    if failed > 0 {
        println!("{failed} of {} quantities differ on {}", lines.len(), arguments.backend);
        return Ok(exit::FAILED);
    }
    println!("all {} quantities agree on {}", lines.len(), arguments.backend);
    Ok(exit::DONE)
}

/// Repeats the computation of `stem` on `backend` and compares every quantity.
///
/// # Errors
/// If a file cannot be read or does not describe a computation, or the backend is missing or fails.
pub(super) fn repeat(stem: &Path, backend: BackendSpec) -> Result<Vec<Line>> {
    let reference = Reference::read(stem)?;
    backend.dispatch(Repeat(&reference))?
}

/// Fields of the JSON file that are used here.
#[derive(Debug, Deserialize)]
struct Description {
    widths: Vec<usize>,
    batch_size: usize,
    epochs: usize,
    adam: Adam,
    activation: Activation,
    decoder_train_loss_first: Option<Vec<f64>>,
    decoder_train_loss_last: Option<Vec<f64>>,
    relative_entropy_mean: Option<Vec<f64>>,
    differential_entropy: Option<Vec<f64>>,
    #[serde(default)]
    cutoff: std::collections::BTreeMap<String, Cutoffs>,
}

#[derive(Debug, Deserialize)]
struct Adam {
    lr: f32,
    beta1: f32,
    beta2: f32,
    eps: f32,
}

#[derive(Debug, Deserialize)]
struct Cutoffs {
    of_median_normalised: usize,
    per_sample_mean: f64,
    differential: usize,
}

struct Reference {
    description: Description,
    bytes: Vec<u8>,
}

/// `net.0.weight`, `decoder_init.0.bias`, ...: layers counted from 0; `reconstruction.1`, ...: depths counted from 1.
impl Reference {
    fn read(stem: &Path) -> Result<Self> {
        // Dots in the stem are part of its name, so extensions are added, not replaced.
        let with_ending = |ending: &str| {
            let mut path = stem.as_os_str().to_owned();
            path.push(ending);
            PathBuf::from(path)
        };
        let (json, tensors) = (with_ending(".json"), with_ending(".safetensors"));
        let read = |path: &Path| {
            std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))
        };
        let description: Description =
            serde_json::from_slice(&read(&json)?).with_context(|| {
                format!("{} does not describe a reference computation", json.display())
            })?;
        ensure!(
            description.widths.len() >= 2,
            "{}: `widths` must list at least two",
            json.display()
        );
        let reference = Self { description, bytes: read(&tensors)? };
        reference
            .tensors()
            .with_context(|| format!("{} is not a safetensors file", tensors.display()))?;
        Ok(reference)
    }

    fn tensors(&self) -> Result<SafeTensors<'_>> {
        Ok(SafeTensors::deserialize(&self.bytes)?)
    }

    fn depth(&self) -> usize {
        self.description.widths.len() - 1
    }

    fn tensor(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>> {
        let tensors = self.tensors()?;
        let tensor = tensors.tensor(name).with_context(|| format!("tensor `{name}` is missing"))?;
        ensure!(
            tensor.dtype() == safetensors::Dtype::F32,
            "tensor `{name}` must be of f32, not {:?}",
            tensor.dtype()
        );
        ensure!(
            tensor.shape() == shape,
            "tensor `{name}` has shape {:?}, `widths` needs {shape:?}",
            tensor.shape()
        );
        Ok(tensor.data().as_chunks().0.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect())
    }

    /// Reads all samples of `name`, each as wide as the input.
    fn samples(&self, name: &str) -> Result<Array2<f32>> {
        let tensors = self.tensors()?;
        let tensor = tensors.tensor(name).with_context(|| format!("tensor `{name}` is missing"))?;
        let rows = tensor.shape().first().copied().unwrap_or(0);
        let shape = [rows, self.description.widths[0]];
        Ok(Array2::from_shape_vec(shape, self.tensor(name, &shape)?)?)
    }

    fn network(&self) -> Result<Network> {
        let widths = &self.description.widths;
        let mut layers = Vec::new();
        let mut parameters = Vec::new();
        for (index, pair) in widths.windows(2).enumerate() {
            let &[inputs, outputs] = pair else { unreachable!("windows of two") };
            layers.push(Layer::Dense(DenseLayer {
                inputs,
                outputs,
                activation: self.description.activation,
            }));
            let weights = self.tensor(&format!("net.{index}.weight"), &[outputs, inputs])?;
            let bias = self.tensor(&format!("net.{index}.bias"), &[outputs])?;
            let weights = Array2::from_shape_vec((outputs, inputs), weights)?;
            parameters.push(DenseParameters { weights, bias: Array1::from_vec(bias) });
        }
        Ok(Network::with_parameters(NetworkSpec::new(layers)?, parameters)?)
    }

    fn decoders(&self, prefix: &str) -> Result<Vec<Decoder>> {
        let widths = &self.description.widths;
        let decoder = |(index, pair): (usize, &[usize])| {
            let (outputs, inputs) = (pair[0], pair[1]);
            Ok(Decoder {
                weights: self.tensor(&format!("{prefix}.{index}.weight"), &[outputs, inputs])?,
                bias: self.tensor(&format!("{prefix}.{index}.bias"), &[outputs])?,
                activation: Activation::Tanh,
            })
        };
        widths.windows(2).enumerate().map(decoder).collect()
    }
}

/// Tolerances for f32; see DESIGN.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
enum Allowed {
    Absolute(f64),
    Relative(f64),
    Equal,
}

/// Comparison of one quantity.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Line {
    name: String,
    absolute: f64,
    relative: f64,
    allowed: Allowed,
}

impl Line {
    fn new(
        name: impl Into<String>,
        allowed: Allowed,
        pairs: impl Iterator<Item = (f64, f64)>,
    ) -> Self {
        let (mut absolute, mut relative) = (0.0_f64, 0.0_f64);
        for (actual, expected) in pairs {
            let difference = (actual - expected).abs();
            // A NaN has the largest possible difference.
            let difference = if difference.is_nan() { f64::INFINITY } else { difference };
            absolute = absolute.max(difference);
            if difference > 0.0 {
                relative = relative.max(difference / expected.abs());
            }
        }
        Self { name: name.into(), absolute, relative, allowed }
    }

    pub(super) fn passed(&self) -> bool {
        match self.allowed {
            Allowed::Absolute(most) => self.absolute <= most,
            Allowed::Relative(most) => self.relative <= most,
            Allowed::Equal => self.absolute <= 1e-9,
        }
    }
}

impl std::fmt::Display for Line {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let allowed = match self.allowed {
            Allowed::Absolute(most) => format!("{most:.0e} abs"),
            Allowed::Relative(most) => format!("{most:.0e} rel"),
            Allowed::Equal => "equal".to_owned(),
        };
        let status = if self.passed() { "pass" } else { "FAIL" };
        write!(
            f,
            "{:<28} {:>12.3e} {:>12.3e} {allowed:>12} {status}",
            self.name, self.absolute, self.relative
        )
    }
}

/// Task that repeats the computation.
struct Repeat<'a>(&'a Reference);

impl BackendTask for Repeat<'_> {
    type Output = Result<Vec<Line>>;

    fn run<B: FullBackend>(self, backend: B) -> Result<Vec<Line>> {
        let Self(reference) = self;
        let Description { batch_size, epochs, adam, .. } = &reference.description;
        let params = CascadeParams {
            method: Method::Gradient,
            epochs: *epochs,
            batch: *batch_size,
            max_steps: None,
            optimizer: Optimizer::Adam {
                lr: adam.lr,
                beta1: adam.beta1,
                beta2: adam.beta2,
                eps: adam.eps,
                weight_decay: 0.0,
            },
            ..CascadeParams::default()
        };
        let network = reference.network()?;
        let (train, probe) =
            (reference.samples("train_inputs")?, reference.samples("test_inputs")?);
        let initial = reference.decoders("decoder_init")?;
        let job = Job {
            network: &network,
            layers: reference.depth(),
            train: train.view(),
            order: None,
            probe: probe.view(),
            initial: InitialDecoders::Given(&initial),
        };
        let cascade =
            GradientCascade::new(backend.clone(), params.check()?).reconstruct(&job, &Silent)?;
        let mut lines = compare_cascade(reference, &cascade, probe.nrows())?;
        lines.extend(compare_entropies(reference, backend, &probe, &cascade.reconstructions)?);
        Ok(lines)
    }
}

fn pairs<'a>(actual: &'a [f32], expected: &'a [f32]) -> impl Iterator<Item = (f64, f64)> + 'a {
    actual.iter().zip(expected).map(|(&actual, &expected)| (actual.into(), expected.into()))
}

fn compare_cascade(reference: &Reference, cascade: &Cascade, samples: usize) -> Result<Vec<Line>> {
    /// Tolerances for decoders and reconstructions.
    const ALLOWED: Allowed = Allowed::Absolute(2e-5);
    let mut lines = Vec::new();
    for (index, expected) in reference.decoders("decoder_final")?.iter().enumerate() {
        let actual = cascade.decoders.get(index)?;
        let pairs =
            pairs(&actual.weights, &expected.weights).chain(pairs(&actual.bias, &expected.bias));
        lines.push(Line::new(format!("decoder {}", index + 1), ALLOWED, pairs));
    }
    for (index, actual) in cascade.reconstructions.iter().enumerate() {
        let depth = index + 1;
        let expected = reference.tensor(
            &format!("reconstruction.{depth}"),
            &[samples, reference.description.widths[0]],
        )?;
        let actual: Vec<f32> = actual.iter().copied().collect();
        lines.push(Line::new(
            format!("reconstruction {depth}"),
            ALLOWED,
            pairs(&actual, &expected),
        ));
    }
    let Description { decoder_train_loss_first: first, decoder_train_loss_last: last, .. } =
        &reference.description;
    for (name, expected, loss) in [
        ("first losses", first, (|fit| fit.first_loss) as fn(&isobath_cascade::LayerFit) -> f64),
        ("last losses", last, |fit| fit.last_loss),
    ] {
        if let Some(expected) = expected {
            let pairs = cascade.fits.iter().map(loss).zip(expected.iter().copied());
            lines.push(Line::new(name, Allowed::Relative(1e-3), pairs));
        }
    }
    Ok(lines)
}

fn compare_entropies<B: FullBackend>(
    reference: &Reference,
    backend: B,
    probe: &Array2<f32>,
    reconstructions: &[Array2<f32>],
) -> Result<Vec<Line>> {
    let layers: Vec<_> = reconstructions.iter().map(|array| array.view()).collect();
    let profile = |name: &str| -> Result<Profile> {
        let spec: EstimatorSpec = name.parse()?;
        Ok(spec.build(backend.clone()).profile(probe.view(), &layers)?)
    };
    let (relative, differential) = (profile("relative")?, profile("differential")?);
    let mut lines = Vec::new();
    let shape = [probe.nrows(), reference.depth()];
    if let Some(per_sample) = &relative.per_sample {
        let expected =
            Array2::from_shape_vec(shape, reference.tensor("relative_entropy", &shape)?)?;
        let pairs =
            per_sample.indexed_iter().map(|((l, i), &actual)| (actual, expected[[i, l]].into()));
        lines.push(Line::new("relative entropies", Allowed::Relative(1e-3), pairs));
    }
    let Description { relative_entropy_mean, differential_entropy, cutoff, .. } =
        &reference.description;
    for (name, profile, expected, allowed) in [
        ("mean relative entropies", &relative, relative_entropy_mean, Allowed::Relative(1e-3)),
        ("differential entropies", &differential, differential_entropy, Allowed::Absolute(1e-3)),
    ] {
        if let Some(expected) = expected {
            let pairs = profile.values.iter().copied().zip(expected.iter().copied());
            lines.push(Line::new(name, allowed, pairs));
        }
    }
    for (rtol, expected) in cutoff {
        let Ok(tolerance) = rtol.parse() else {
            bail!("`cutoff` has a tolerance {rtol:?} that is no number")
        };
        let of_relative = published_cutoffs(&relative, tolerance)?;
        let of_differential = published_cutoffs(&differential, tolerance)?;
        let median =
            of_relative.of_median_normalised.context("relative entropies are per sample")?;
        let mean = of_relative.per_sample_mean.context("relative entropies are per sample")?;
        let pairs = [
            (median as f64, expected.of_median_normalised as f64),
            (mean, expected.per_sample_mean),
            (of_differential.of_values as f64, expected.differential as f64),
        ];
        lines.push(Line::new(format!("cut-offs, rtol {rtol}"), Allowed::Equal, pairs.into_iter()));
    }
    Ok(lines)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_pass_within_their_tolerance() {
        let line = |allowed, actual| Line::new("x", allowed, [(actual, 2.0)].into_iter());
        assert!(line(Allowed::Absolute(0.1), 2.05).passed());
        assert!(!line(Allowed::Absolute(0.1), 2.2).passed());
        assert!(line(Allowed::Relative(0.1), 2.15).passed());
        assert!(!line(Allowed::Equal, 3.0).passed());
        assert!(!line(Allowed::Relative(0.1), f64::NAN).passed());
    }
}
