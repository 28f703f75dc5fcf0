//! Interpretation of a network with given parameters: profile over its layers, reconstructions, class prototypes and
//! channel images.

mod json;
mod pictures;
mod sentences;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

use isobath_analysis::layer_losses::{LayerLoss, layer_losses};
use isobath_experiment::Format;

use crate::{Error, Result, files, html, write_figure};

pub use json::json;
pub use sentences::{readout_sentence, sentences};

pub(crate) use pictures::tables;

/// What the decoders of a network show.
#[derive(Clone, Debug)]
pub struct Interpretation {
    /// Name of the network.
    pub name: String,
    /// Network, data and decoders: names and values.
    pub facts: Vec<(String, String)>,
    /// Command that reproduces it.
    pub command: String,
    /// Correctly classified held-out samples and their number; `None` if outputs are not classes of the data.
    pub correct: Option<[usize; 2]>,
    /// Channels, height and width of a sample.
    pub shape: [usize; 3],
    /// Layers with a decoder, the first one first.
    pub layers: Vec<LayerRow>,
    /// Names of the layers behind those, which have no decoder.
    pub uncovered: Vec<String>,
    /// Held-out samples.
    pub samples: Vec<Sample>,
    /// Reconstructions of these samples from some layers, the first one first.
    pub reconstructions: Vec<Reconstructions>,
    /// Class prototypes.
    pub prototypes: Prototypes,
    /// Channel images of some layers, of the first sample.
    pub channels: Vec<Channels>,
}

/// A layer and the reconstruction error behind it.
#[derive(Clone, Debug, PartialEq)]
pub struct LayerRow {
    /// Kind and settings: `conv 3x3 pad 1, relu`.
    pub name: String,
    /// Shape of its output.
    pub output: String,
    /// Share of the variance of the held-out samples that reconstructions from it miss, `1 - R^2`.
    pub error: f64,
    /// 95% bootstrap interval of the error over samples.
    pub interval: Option<[f64; 2]>,
    /// The same error of one linear decoder from this layer, or a part of its units, directly to the input, where there is one.
    pub linear: Option<f64>,
}

/// A held-out sample.
#[derive(Clone, Debug)]
pub struct Sample {
    /// Name of its class.
    pub class: String,
    /// Name of the class that the network gives, if outputs are classes.
    pub predicted: Option<String>,
    /// `[channels, height, width]`
    pub pixels: Vec<f32>,
}

/// Reconstructions from one layer.
#[derive(Clone, Debug)]
pub struct Reconstructions {
    /// The layer, counted from 1.
    pub layer: usize,
    /// One image per sample, `[channels, height, width]`.
    pub images: Vec<Vec<f32>>,
}

/// Decoded images of classes.
#[derive(Clone, Debug)]
pub struct Prototypes {
    /// Activations that are decoded.
    pub source: PrototypeSource,
    /// Name and image of each class, `[channels, height, width]`.
    pub images: Vec<(String, Vec<f32>)>,
    /// Number of all classes, of which some may be left out.
    pub classes: usize,
}

/// Activations that stand for a class.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum PrototypeSource {
    /// The network's output with one value at the class and another at all others.
    Output {
        /// Value of the class.
        on: f32,
        /// Value of every other class.
        off: f32,
    },
    /// Mean of the activations of the class's held-out samples behind this layer, counted from 1.
    ClassMean(usize),
}

/// Channel images of one layer.
#[derive(Clone, Debug)]
pub struct Channels {
    /// The layer, counted from 1.
    pub layer: usize,
    /// Number of its channels.
    pub total: usize,
    /// Image decoded from all channels.
    pub whole: Vec<f32>,
    /// Image decoded without any channel.
    pub none: Vec<f32>,
    /// Number and image of channels: decoded alone, minus `none`.
    pub images: Vec<(usize, Vec<f32>)>,
}

impl Interpretation {
    /// Losses of the layers with a decoder.
    pub fn losses(&self) -> Vec<LayerLoss> {
        layer_losses(&self.layers.iter().map(|layer| layer.error).collect::<Vec<_>>())
    }
}

/// Writes `interpret.html`, one file that opens offline, and its figures as PNG and SVG in `figures/` into `folder`. Returns
/// the written files, the page first.
///
/// # Errors
/// If a folder or file cannot be written, or a figure cannot be drawn.
pub fn write(interpretation: &Interpretation, folder: &Path) -> Result<Vec<PathBuf>> {
    let figures = crate::figures::of_interpretation(interpretation);
    let mut written = Vec::new();
    for figure in &figures {
        let folder = folder.join("figures");
        written.extend(write_figure(figure.as_ref(), &folder, &[Format::Svg, Format::Png])?);
    }
    let links: Vec<_> = written.iter().filter_map(|path| path.strip_prefix(folder).ok()).collect();
    let page = html::interpretation::page(interpretation, &links)
        .map_err(Error::part("interpret.html"))?;
    written.insert(0, files::write(&folder.join("interpret.html"), page.as_bytes())?);
    Ok(written)
}
