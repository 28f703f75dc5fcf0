//! What is measured of a network before its training.

use isobath_architecture::NetworkSpec;
use isobath_cascade::{
    CascadeBackend, CascadeParams, InitialDecoders, Job, Method, Reconstructor, RidgeCascade,
    Silent,
};
use isobath_network::Network;
use isobath_predictors::{Budget, LayerProfile, Split, TangentKernel, linear_accuracy};
use isobath_tensor::Loss;
use isobath_trainer::{Labelled, TrainerBackend, epoch_order};
use ndarray::{Array2, ArrayView2, Axis, concatenate, s};

use crate::{Error, Result};

/// Training samples of the layer profile and of the kernel.
const BATCH: usize = 128;
/// Held-out samples of the kernel.
const HELD_OUT: usize = 128;
/// Training samples of the ridge decoders of dense networks.
const CASCADE_SAMPLES: usize = 500;
/// Training samples of the ridge decoders of convolutions, which are fitted to many patches of each.
const CONVOLUTION_SAMPLES: usize = 100;
/// Fewest samples of either kind.
const LEAST: usize = 8;

/// Data of the training to come.
#[derive(Clone, Copy, Debug)]
pub struct Samples<'a> {
    /// Training samples.
    pub train: Labelled<'a>,
    /// Samples that no training sees.
    pub held_out: Labelled<'a>,
}

impl Samples<'_> {
    fn check(&self) -> Result<()> {
        for (what, labels) in [("training", self.train), ("held-out", self.held_out)] {
            let count = labels.labels.len();
            if count < LEAST {
                return Err(Error::TooFewSamples { what, count, least: LEAST });
            }
        }
        Ok(())
    }
}

/// Size of a network.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize)]
pub struct Size {
    /// Layers that a sample passes, the readout included; a residual block counts as one.
    pub depth: usize,
    /// Units, or channels, of the narrowest hidden layer; of the readout without hidden layers.
    pub width: usize,
    /// Sum over hidden layers of 1 over their units or channels.
    pub inverse_widths: f64,
    /// Parameters.
    pub parameters: usize,
    /// Outputs.
    pub classes: usize,
}

/// Measurements of a network at its initialisation, whatever the optimiser.
#[derive(Clone, Debug)]
pub struct Measurement {
    /// Size of the network.
    pub size: Size,
    /// Signal, rank, units and gradients by layer.
    pub profile: LayerProfile,
    /// Tangent kernel on training samples, then held-out ones; `None` where it is not finite or vanishes.
    pub kernel: Option<TangentKernel>,
    /// Classes of the kernel's samples.
    pub labels: Vec<u8>,
    /// The first so many of the kernel's samples are training samples.
    pub kernel_train: usize,
    /// Accuracy of ridge regression from the inputs of the kernel's training samples to their labels, in `[0, 1]`.
    pub linear_accuracy: f64,
    /// Reconstruction error of a ridge cascade by hidden layer, first layer first; `None` where no decoder could be found.
    pub information: Option<Vec<f64>>,
}

impl Measurement {
    /// Accuracy of the network as it is on the kernel's held-out samples, and their number; `None` without a kernel.
    pub fn held_out_accuracy(&self) -> Option<(f64, usize)> {
        let outputs = &self.kernel.as_ref()?.outputs;
        let held_out = self.kernel_train..self.labels.len();
        let count = held_out.len();
        let right = held_out.filter(|&sample| {
            let (label, column) = (usize::from(self.labels[sample]), outputs.column(sample));
            column.iter().enumerate().all(|(class, z)| class == label || *z < column[label])
        });
        Some((right.count() as f64 / count as f64, count))
    }
}

/// Measures a network at its initialisation. `seed` orders the samples as the training will.
///
/// # Errors
/// [`Error::TooFewSamples`], or when the device fails. Overflows and vanishing gradients are findings, not errors.
///
/// # Panics
/// If samples and labels differ in number, or samples do not fit the network.
pub fn measure<B: TrainerBackend + CascadeBackend>(
    backend: &B,
    network: &Network,
    samples: Samples<'_>,
    loss: Loss,
    seed: u64,
) -> Result<Measurement> {
    samples.check()?;
    let size = size(network.spec());
    let KernelBatch { samples: both, labels, train: kernel_train } =
        KernelBatch::new(samples, seed);
    let (train, train_labels) = (both.slice(s![.., ..kernel_train]), &labels[..kernel_train]);
    let profile = LayerProfile::measure(backend, network, train, train_labels, loss)?;
    let split = Split { labels: &labels, train: kernel_train };
    let linear_accuracy = linear_accuracy(both.view(), split, size.classes);
    let (kernel, information) = if profile.overflow.is_some() {
        (None, None)
    } else {
        let (kernel, information) = rayon::join(
            || TangentKernel::new(backend, network, both.view(), seed),
            || information(backend, network, samples, seed),
        );
        (kernel?, information?)
    };
    Ok(Measurement { size, profile, kernel, labels, kernel_train, linear_accuracy, information })
}

/// Accuracy above chance of the network linearised at its initialisation, after a training of so many steps, in units of
/// that of ridge regression on the inputs; 0 where the tangent kernel is not finite or vanishes.
///
/// # Errors
/// [`Error::TooFewSamples`], or when the device fails.
///
/// # Panics
/// As [`measure`].
pub fn linearised_gain<B: TrainerBackend>(
    backend: &B,
    network: &Network,
    samples: Samples<'_>,
    budget: Budget,
    seed: u64,
) -> Result<f64> {
    samples.check()?;
    let size = size(network.spec());
    let batch = KernelBatch::new(samples, seed);
    let split = Split { labels: &batch.labels, train: batch.train };
    let reference = linear_accuracy(batch.samples.view(), split, size.classes);
    let kernel = TangentKernel::new(backend, network, batch.samples.view(), seed)?;
    let forecast = kernel.and_then(|kernel| budget.forecast(&kernel, split));
    Ok(forecast.map_or(0.0, |forecast| gain(size.classes, reference, forecast.accuracy)))
}

/// Accuracy above chance, in units of a reference's.
pub(crate) fn gain(classes: usize, reference: f64, accuracy: f64) -> f64 {
    let chance = 1.0 / classes as f64;
    // A reference at chance would make every accuracy infinitely good.
    let above = (reference - chance).max(0.05);
    ((accuracy - chance) / above).clamp(-1.0, 2.0)
}

/// Samples of the kernel: training samples, then held-out ones.
struct KernelBatch {
    /// `[w_0, n]`
    samples: Array2<f32>,
    labels: Vec<u8>,
    /// Number of training samples.
    train: usize,
}

impl KernelBatch {
    fn new(samples: Samples<'_>, seed: u64) -> Self {
        let order = epoch_order(seed, 0, samples.train.labels.len());
        let (train, train_labels) = select(samples.train, &order, BATCH);
        let ascending: Vec<u32> = (0..samples.held_out.labels.len() as u32).collect();
        let (held_out, held_out_labels) = select(samples.held_out, &ascending, HELD_OUT);
        let both = concatenate(Axis(1), &[train.view(), held_out.view()]).expect("of one height");
        let train = train_labels.len();
        Self { samples: both, labels: [train_labels, held_out_labels].concat(), train }
    }
}

/// The first `most` samples of an order, `[w_0, n]`, with their classes.
fn select(samples: Labelled<'_>, order: &[u32], most: usize) -> (Array2<f32>, Vec<u8>) {
    let rows: Vec<usize> = order.iter().take(most).map(|&row| row as usize).collect();
    let labels = rows.iter().map(|&row| samples.labels[row]).collect();
    let columns = samples.samples.select(Axis(0), &rows).reversed_axes();
    (columns.as_standard_layout().into_owned(), labels)
}

fn size(spec: &NetworkSpec) -> Size {
    let layers = spec.layers();
    let hidden = &layers[..layers.len() - 1];
    let widths = || hidden.iter().map(|layer| layer.output_shape().channels);
    let classes = layers[layers.len() - 1].outputs();
    Size {
        depth: layers.len(),
        width: widths().min().unwrap_or(classes),
        inverse_widths: widths().map(|width| 1.0 / width as f64).sum(),
        parameters: layers.iter().map(isobath_architecture::Layer::parameters).sum(),
        classes,
    }
}

/// Reconstruction errors of a ridge cascade on held-out samples, by hidden layer.
fn information<B: CascadeBackend>(
    backend: &B,
    network: &Network,
    samples: Samples<'_>,
    seed: u64,
) -> Result<Option<Vec<f64>>> {
    let layers = network.spec().depth() - 1;
    if layers == 0 {
        return Ok(Some(Vec::new()));
    }
    let is_flat = network.spec().layers()[0].input_shape().is_flat();
    let most = if is_flat { CASCADE_SAMPLES } else { CONVOLUTION_SAMPLES };
    let params = CascadeParams {
        method: Method::Ridge,
        max_samples: Some(most),
        ..CascadeParams::default()
    };
    let cascade = RidgeCascade::new(backend.clone(), params.check()?).without_yardstick();
    let probe = samples.held_out.samples;
    let probe = probe.slice(s![..probe.nrows().min(HELD_OUT), ..]);
    let initial = InitialDecoders::Drawn { seed };
    let train = samples.train.samples;
    let train = train.slice(s![..train.nrows().min(most), ..]);
    let job = Job { network, layers, train, order: None, probe, initial };
    match cascade.reconstruct(&job, &Silent) {
        Ok(cascade) => {
            let errors = cascade.reconstructions.iter();
            Ok(Some(errors.map(|reconstruction| error(probe, reconstruction.view())).collect()))
        }
        Err(
            isobath_cascade::Error::Overflow { .. }
            | isobath_cascade::Error::Diverged { .. }
            | isobath_cascade::Error::Ridge { .. },
        ) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Mean squared error of a reconstruction over that of the mean sample.
fn error(inputs: ArrayView2<'_, f32>, reconstruction: ArrayView2<'_, f32>) -> f64 {
    let inputs = inputs.mapv(f64::from);
    let mean = inputs.mean_axis(Axis(0)).expect("samples");
    let spread = (&inputs - &mean).mapv(|d| d * d).sum();
    let missed = (&inputs - &reconstruction.mapv(f64::from)).mapv(|d| d * d).sum();
    if spread > 0.0 { missed / spread } else { 1.0 }
}
