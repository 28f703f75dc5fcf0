//! The computation: decoders, reconstructions, outputs, prototypes and channel images.

use std::time::Duration;

use anyhow::{Context, Result};
use indicatif::{ProgressBar, ProgressStyle};
use isobath_analysis::layer_losses::spread_layers;
use isobath_architecture::{Layer, Shape};
use isobath_cascade::{Cascade, ChannelImages, ClassLevels, InitialDecoders, Job, Observer};
use isobath_datasets::Dataset;
use isobath_entropy::{EstimatorSpec, bootstrap_means, profiles};
use isobath_tensor::{BackendTask, FullBackend};
use ndarray::{Array2, ArrayView1, Axis};

use super::subject::Subject;

/// Layers in the gallery, at most.
const MOST_DEPTHS: usize = 10;
/// Class prototypes, at most.
const MOST_CLASSES: usize = 40;
/// Layers with channel images, and images of each, at most.
const MOST_CHANNEL_LAYERS: usize = 6;
const MOST_CHANNELS: usize = 8;
/// Resamples of the intervals.
const RESAMPLES: usize = 400;

/// Numbers and images that decoders and network give.
pub(super) struct Findings {
    /// Reconstruction error behind each layer with a decoder.
    pub(super) errors: Vec<f64>,
    /// Their 95% intervals over samples.
    pub(super) intervals: Option<Vec<(f64, f64)>>,
    /// Error of one linear decoder from some layers, counted from 1, directly to the input.
    pub(super) linear: Vec<(usize, f64)>,
    /// Output with the largest value for each held-out sample.
    pub(super) predicted: Vec<usize>,
    /// Held-out samples in the gallery.
    pub(super) shown: Vec<usize>,
    /// Layers, counted from 1, and their reconstructions of these samples.
    pub(super) reconstructions: Vec<(usize, Vec<Vec<f32>>)>,
    /// Values of the outputs that were decoded for prototypes; `None` if the readout has no decoder.
    pub(super) levels: Option<ClassLevels>,
    /// Images of the first classes.
    pub(super) prototypes: Vec<(usize, Vec<f32>)>,
    /// Layers, counted from 1, with their number of channels and channel images of the first sample shown.
    pub(super) channels: Vec<(usize, usize, ChannelImages)>,
    /// Name of the device and instruction set.
    pub(super) backend: String,
}

/// Runs the cascade on the training samples and looks at `samples` held-out ones.
pub(super) fn findings(subject: &Subject, data: &Dataset, samples: usize) -> Result<Findings> {
    let bar = Bar::new();
    let task = Interpretation { subject, data, samples, observer: &bar };
    let findings = subject.plan.file.cascade.backend.dispatch(task)?;
    bar.0.finish_and_clear();
    findings
}

struct Interpretation<'a> {
    subject: &'a Subject,
    data: &'a Dataset,
    samples: usize,
    observer: &'a Bar,
}

impl BackendTask for Interpretation<'_> {
    type Output = Result<Findings>;

    fn run<B: FullBackend>(self, backend: B) -> Self::Output {
        let Self { subject, data, samples, observer } = self;
        let (plan, network) = (&subject.plan, &subject.network);
        let job = Job {
            network,
            layers: plan.layers,
            train: data.train.images.view(),
            order: None,
            probe: data.test.images.view(),
            initial: InitialDecoders::Drawn { seed: plan.file.seed },
        };
        let reconstructor = plan.cascade.clone().build(backend.clone());
        let cascade = reconstructor.reconstruct(&job, observer).context("stage `cascade`")?;
        let layers: Vec<_> = cascade.reconstructions.iter().map(|layer| layer.view()).collect();
        let error = [EstimatorSpec::RECONSTRUCTION_ERROR];
        let profile = profiles(&backend, &error, job.probe, &layers).context("stage `entropy`")?;
        let profile = profile.into_iter().next().context("the profile is empty")?;
        let outputs = network.activations(&backend, network.spec().depth(), job.probe)?;
        let predicted: Vec<usize> = outputs.rows().into_iter().map(largest).collect();
        let shown = shown(&data.test.labels, samples);
        let of_layer = |layer: usize| {
            let images =
                shown.iter().map(|&row| cascade.reconstructions[layer - 1].row(row).to_vec());
            (layer, images.collect())
        };
        let reconstructions =
            spread_layers(plan.layers, MOST_DEPTHS).into_iter().map(of_layer).collect();
        let (levels, prototypes) = prototypes(&backend, subject, data, &cascade, &outputs)?;
        let channels = channels(&backend, subject, data, &cascade, shown.first().copied())?;
        Ok(Findings {
            errors: profile.values.clone(),
            intervals: bootstrap_means(&profile, RESAMPLES, plan.file.seed)?,
            linear: linear(&cascade),
            predicted,
            shown,
            reconstructions,
            levels,
            prototypes,
            channels,
            backend: backend.description(),
        })
    }
}

/// Errors of linear decoders directly to the input: of the first layer and of those behind it.
fn linear(cascade: &Cascade) -> Vec<(usize, f64)> {
    if cascade.linear_profile.is_empty() {
        return Vec::new();
    }
    let first = cascade.linear_error.map(|error| (1, error));
    first.into_iter().chain(cascade.linear_profile.iter().copied()).collect()
}

/// Index of the largest number.
fn largest(numbers: ArrayView1<'_, f32>) -> usize {
    let start = (0, f32::NEG_INFINITY);
    let larger = |best: (usize, f32), (index, &number): (usize, &f32)| {
        if number > best.1 { (index, number) } else { best }
    };
    numbers.iter().enumerate().fold(start, larger).0
}

/// Up to `most` samples: the first one of each class in turn, then the second ones, and so on.
fn shown(labels: &[u8], most: usize) -> Vec<usize> {
    let mut seen = [0usize; 256];
    let mut ranked: Vec<(usize, u8, usize)> = Vec::with_capacity(labels.len());
    for (row, &label) in labels.iter().enumerate() {
        ranked.push((seen[usize::from(label)], label, row));
        seen[usize::from(label)] += 1;
    }
    ranked.sort_unstable();
    ranked.into_iter().take(most).map(|(_, _, row)| row).collect()
}

/// Prototypes of the first classes: of outputs if the readout has a decoder, else of the classes' mean activations behind
/// the last layer that has one.
#[expect(clippy::type_complexity, reason = "levels and images of one call")]
fn prototypes<B: FullBackend>(
    backend: &B,
    subject: &Subject,
    data: &Dataset,
    cascade: &Cascade,
    outputs: &Array2<f32>,
) -> Result<(Option<ClassLevels>, Vec<(usize, Vec<f32>)>)> {
    let layers = cascade.decoders.len();
    let numbered = |classes: Vec<usize>, images: Array2<f32>| {
        let images = images.rows().into_iter().map(|row| row.to_vec());
        classes.into_iter().zip(images.collect::<Vec<_>>()).collect()
    };
    if layers == subject.network.spec().depth() {
        let levels = levels(outputs, &data.test.labels);
        let classes: Vec<usize> = (0..outputs.ncols().min(MOST_CLASSES)).collect();
        let images = cascade.decoders.prototypes(backend, outputs.ncols(), &classes, levels)?;
        return Ok((Some(levels), numbered(classes, images)));
    }
    let activations = subject.network.activations(backend, layers, data.test.images.view())?;
    let mut means = Vec::new();
    for class in 0..data.classes.len().min(MOST_CLASSES) {
        let labels = data.test.labels.iter().enumerate();
        let rows: Vec<usize> =
            labels.filter(|(_, label)| usize::from(**label) == class).map(|(row, _)| row).collect();
        if let Some(mean) = activations.select(Axis(0), &rows).mean_axis(Axis(0)) {
            means.push((class, mean));
        }
    }
    let views: Vec<_> = means.iter().map(|(_, mean)| mean.view()).collect();
    let stacked = ndarray::stack(Axis(0), &views)?;
    let images = cascade.decoders.decode(backend, layers, stacked.view())?;
    Ok((None, numbered(means.into_iter().map(|(class, _)| class).collect(), images)))
}

/// Mean outputs of the samples' own classes, and of all others. Without labels for the outputs, the largest output is taken for
/// the class.
fn levels(outputs: &Array2<f32>, labels: &[u8]) -> ClassLevels {
    let (mut on, mut all) = (0.0, 0.0);
    let is_class = labels.iter().all(|&label| usize::from(label) < outputs.ncols());
    for (row, &label) in outputs.rows().into_iter().zip(labels) {
        let class = if is_class { usize::from(label) } else { largest(row) };
        on += f64::from(row[class]);
        all += row.iter().map(|&x| f64::from(x)).sum::<f64>();
    }
    let samples = labels.len().max(1) as f64;
    let others = (outputs.ncols() as f64 - 1.0).max(1.0);
    ClassLevels { on: (on / samples) as f32, off: ((all - on) / samples / others) as f32 }
}

/// Channel images of `sample` for some of the layers whose output has several channels of several pixels.
fn channels<B: FullBackend>(
    backend: &B,
    subject: &Subject,
    data: &Dataset,
    cascade: &Cascade,
    sample: Option<usize>,
) -> Result<Vec<(usize, usize, ChannelImages)>> {
    let Some(sample) = sample else { return Ok(Vec::new()) };
    let layers = &subject.network.spec().layers()[..cascade.decoders.len()];
    let has_channels = |shape: &Shape| shape.channels > 1 && shape.pixels() > 1;
    let all: Vec<(usize, Shape)> = (1..)
        .zip(layers)
        .filter(|(_, layer)| matches!(layer, Layer::Conv2d(_) | Layer::Residual(_)))
        .map(|(number, layer)| (number, layer.output_shape()))
        .filter(|(_, shape)| has_channels(shape))
        .collect();
    let chosen =
        spread_layers(all.len(), MOST_CHANNEL_LAYERS).into_iter().map(|place| all[place - 1]);
    let samples = data.test.images.select(Axis(0), &[sample]);
    let of_layer = |(layer, shape): (usize, Shape)| {
        let h = subject.network.activations(backend, layer, samples.view())?;
        let (decoders, most) = (&cascade.decoders, MOST_CHANNELS);
        let images = decoders.channel_images(backend, layer, shape, h.row(0), most)?;
        Ok((layer, shape.channels, images))
    };
    chosen.map(of_layer).collect()
}

/// Progress of the cascade.
struct Bar(ProgressBar);

impl Bar {
    fn new() -> Self {
        let bar = ProgressBar::new(1000).with_message("decoders");
        let style = ProgressStyle::with_template("{msg} {bar:30} {percent}% · {eta} left");
        bar.set_style(style.expect("the template is valid"));
        bar.enable_steady_tick(Duration::from_millis(500));
        Self(bar)
    }
}

impl Observer for Bar {
    fn progress(&self, share: f64) {
        self.0.set_position((1000.0 * share) as u64);
    }
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    #[test]
    fn shown_samples_alternate_between_classes() {
        assert_eq!(shown(&[2, 0, 0, 1, 2], 4), [1, 3, 0, 2]);
        assert_eq!(shown(&[1, 1], 9), [0, 1]);
    }

    #[test]
    fn levels_are_means_of_the_class_and_of_the_others() {
        let outputs = array![[4.0, 0.0, -2.0], [1.0, 6.0, 1.0]];
        assert_eq!(levels(&outputs, &[0, 1]), ClassLevels { on: 5.0, off: 0.0 });
        // Labels beyond the outputs: the largest output is the class.
        assert_eq!(levels(&outputs, &[7, 8]), ClassLevels { on: 5.0, off: 0.0 });
        assert_eq!(largest(array![f32::NAN, -1.0, 3.0].view()), 2);
    }
}
