//! From entries to layers.

use super::entry::{
    DenseWidth, LayerEntry, NamedOutputs, NamedPadding, NamedSize, Padding, PoolSize,
};
use crate::{
    Activation, Boundary, Conv2dLayer, DenseLayer, Error, Layer, PoolKind, PoolLayer,
    ResidualLayer, Result, Shape, Window, conv_params::global_pool,
};

/// Layers so far, and the shape behind them.
pub(super) struct Builder {
    layers: Vec<Layer>,
    shape: Shape,
    /// True behind flatten, dense layers and global pooling: a vector, and no image of single pixels.
    is_vector: bool,
    classes: usize,
    activation: Option<Activation>,
    /// Entries that may still be visited, so that repetitions of repetitions end.
    left: usize,
}

/// Kind of an entry, with what it holds.
enum Kind<'a> {
    Conv(usize),
    Dense(DenseWidth),
    Pool(PoolKind),
    Flatten(bool),
    Residual(&'a [LayerEntry]),
    Group(&'a [LayerEntry]),
}

impl Builder {
    pub(super) const fn new(input: Shape, classes: usize, activation: Option<Activation>) -> Self {
        let left = super::LayerList::MOST;
        Self { layers: Vec::new(), shape: input, is_vector: false, classes, activation, left }
    }

    pub(super) fn into_layers(self) -> Vec<Layer> {
        self.layers
    }

    /// Adds the layers of a whole network, the last of which is its readout.
    pub(super) fn network(&mut self, entries: &[LayerEntry]) -> Result<()> {
        if entries.is_empty() {
            return Err(Error::Entry { path: "layers".to_owned(), problem: Problem::Empty });
        }
        self.entries(entries, "layers", true)
    }

    /// Adds the layers of `entries`. `ends` is true if the last one is the network's readout.
    fn entries(&mut self, entries: &[LayerEntry], path: &str, ends: bool) -> Result<()> {
        for (index, entry) in entries.iter().enumerate() {
            let path = format!("{path}[{index}]");
            let is_readout = ends && index + 1 == entries.len();
            self.repeated(entry, is_readout).map_err(|failure| failure.at(path))?;
        }
        Ok(())
    }

    fn repeated(&mut self, entry: &LayerEntry, is_readout: bool) -> Result<(), Failure> {
        let repeat = entry.repeat.unwrap_or(1);
        if repeat == 0 {
            return Err(Problem::Repeat.into());
        }
        let kind = Kind::of(entry)?;
        kind.check_settings(entry)?;
        for _ in 0..repeat {
            self.left = self.left.checked_sub(1).ok_or(Problem::TooMany)?;
            self.entry(&kind, entry, is_readout)?;
        }
        Ok(())
    }

    fn entry(
        &mut self,
        kind: &Kind<'_>,
        entry: &LayerEntry,
        is_readout: bool,
    ) -> Result<(), Failure> {
        let layer = match *kind {
            Kind::Conv(channels) => {
                let activation = self.activation(entry, is_readout)?;
                self.conv(channels, entry, activation)?
            }
            Kind::Dense(width) => {
                let is_readout = is_readout || matches!(width, DenseWidth::Named(_));
                let activation = self.activation(entry, is_readout)?;
                self.dense(width, entry, activation)
            }
            // The mean or the largest number of one pixel is that pixel.
            Kind::Pool(_) if is_global(entry) && self.shape.is_flat() && !self.is_vector => {
                check_global(entry)?;
                self.is_vector = true;
                return Ok(());
            }
            Kind::Pool(kind) => self.pool(kind, entry)?,
            Kind::Flatten(flatten) => {
                if !flatten {
                    return Err(Problem::NoFlatten.into());
                }
                self.shape = Shape::flat(self.shape.numbers());
                self.is_vector = true;
                return Ok(());
            }
            Kind::Residual(branch) => self.residual(branch, entry)?,
            Kind::Group([]) => return Err(Problem::Empty.into()),
            Kind::Group(entries) => {
                return self.entries(entries, "layers", is_readout).map_err(Failure::Inner);
            }
        };
        layer.check().map_err(|error| Problem::Layer(Box::new(error)))?;
        self.shape = layer.output_shape();
        self.is_vector |= matches!(kind, Kind::Dense(_)) || is_global(entry);
        self.layers.push(layer);
        Ok(())
    }

    fn activation(&self, entry: &LayerEntry, is_readout: bool) -> Result<Activation, Problem> {
        let default = if is_readout { Some(Activation::Linear) } else { self.activation };
        entry.activation.or(default).ok_or(Problem::NoActivation)
    }

    fn conv(
        &self,
        channels: usize,
        entry: &LayerEntry,
        activation: Activation,
    ) -> Result<Layer, Problem> {
        self.check_image("a convolution")?;
        let kernel = match entry.kernel {
            None => 3,
            Some(PoolSize::Pixels(kernel)) => kernel,
            Some(PoolSize::Named(NamedSize::Global)) => return Err(Problem::GlobalKernel),
        };
        let (padding, boundary) = padding(entry.padding, kernel)?;
        let window = Window::square(kernel, entry.stride.unwrap_or(1), padding);
        let bias = entry.bias.unwrap_or(true);
        let layer = Conv2dLayer::new(self.shape, channels, window, activation);
        Ok(Layer::Conv2d(Conv2dLayer { boundary, bias, ..layer }))
    }

    fn dense(&self, width: DenseWidth, entry: &LayerEntry, activation: Activation) -> Layer {
        let outputs = match width {
            DenseWidth::Outputs(outputs) => outputs,
            DenseWidth::Named(NamedOutputs::Classes) => self.classes,
        };
        let inputs = self.shape.numbers();
        if entry.bias == Some(false) {
            // On single pixels, a convolution is a dense layer, and it may be without biases.
            let window = Window::square(1, 1, 0);
            let layer = Conv2dLayer::new(Shape::flat(inputs), outputs, window, activation);
            return Layer::Conv2d(Conv2dLayer { bias: false, ..layer });
        }
        Layer::Dense(DenseLayer { inputs, outputs, activation })
    }

    fn pool(&self, kind: PoolKind, entry: &LayerEntry) -> Result<Layer, Problem> {
        self.check_image("pooling")?;
        let kernel = match entry.kernel {
            None => 2,
            Some(PoolSize::Pixels(kernel)) => kernel,
            Some(PoolSize::Named(NamedSize::Global)) => {
                check_global(entry)?;
                return match global_pool(self.shape) {
                    Some(Layer::Pool(pool)) => Ok(Layer::Pool(PoolLayer { kind, ..pool })),
                    _ => Err(Problem::NoImage { what: "pooling" }),
                };
            }
        };
        let (padding, boundary) = padding(entry.padding, kernel)?;
        if boundary == Boundary::Circular {
            return Err(Problem::CircularPooling);
        }
        let window = Window::square(kernel, entry.stride.unwrap_or(kernel), padding);
        let ceil = entry.ceil.unwrap_or(false);
        Ok(Layer::Pool(PoolLayer { input: self.shape, kind, window, ceil }))
    }

    fn residual(&mut self, branch: &[LayerEntry], entry: &LayerEntry) -> Result<Layer, Failure> {
        if branch.is_empty() {
            return Err(Problem::Empty.into());
        }
        let mut inner = Self { layers: Vec::new(), ..*self };
        inner.entries(branch, "residual", false).map_err(Failure::Inner)?;
        self.left = inner.left;
        let (before, after) = (entry.before, entry.after);
        Ok(Layer::Residual(ResidualLayer { before, branch: inner.layers, after }))
    }

    /// Checks that there is an image, for layers with a window.
    const fn check_image(&self, what: &'static str) -> Result<(), Problem> {
        if self.is_vector { Err(Problem::NoImage { what }) } else { Ok(()) }
    }
}

/// True for pooling over the whole image.
const fn is_global(entry: &LayerEntry) -> bool {
    matches!(entry.kernel, Some(PoolSize::Named(NamedSize::Global)))
}

/// Refuses settings of pooling over the whole image.
const fn check_global(entry: &LayerEntry) -> Result<(), Problem> {
    if entry.stride.is_some() || entry.padding.is_some() {
        return Err(Problem::GlobalPooling);
    }
    Ok(())
}

/// Pixels at each side, and what they are.
fn padding(padding: Option<Padding>, kernel: usize) -> Result<(usize, Boundary), Problem> {
    let half = |boundary| {
        if kernel.is_multiple_of(2) { Err(Problem::EvenKernel) } else { Ok((kernel / 2, boundary)) }
    };
    match padding {
        None | Some(Padding::Named(NamedPadding::Valid)) => Ok((0, Boundary::Zero)),
        Some(Padding::Pixels(pixels)) => Ok((pixels, Boundary::Zero)),
        Some(Padding::Named(NamedPadding::Same)) => half(Boundary::Zero),
        Some(Padding::Named(NamedPadding::Circular)) => half(Boundary::Circular),
    }
}

impl<'a> Kind<'a> {
    /// The one kind that the entry has.
    fn of(entry: &'a LayerEntry) -> Result<Self, Problem> {
        let kinds = [
            entry.conv.map(Kind::Conv),
            entry.dense.map(Kind::Dense),
            entry.pool.map(Kind::Pool),
            entry.flatten.map(Kind::Flatten),
            entry.residual.as_deref().map(Kind::Residual),
            entry.layers.as_deref().map(Kind::Group),
        ];
        let mut kinds = kinds.into_iter().flatten();
        match (kinds.next(), kinds.next()) {
            (Some(kind), None) => Ok(kind),
            (None, _) => Err(Problem::NoKind { given: settings_of(entry).join(", ") }),
            (Some(_), Some(_)) => Err(Problem::SeveralKinds),
        }
    }

    /// Key that names it.
    const fn key(&self) -> &'static str {
        match self {
            Self::Conv(_) => "conv",
            Self::Dense(_) => "dense",
            Self::Pool(_) => "pool",
            Self::Flatten(_) => "flatten",
            Self::Residual(_) => "residual",
            Self::Group(_) => "layers",
        }
    }

    /// Refuses settings without a meaning.
    fn check_settings(&self, entry: &LayerEntry) -> Result<(), Problem> {
        let key = self.key();
        let known = LayerEntry::KINDS.into_iter().find(|(named, ..)| *named == key);
        let (_, kind, settings) = known.expect("every kind is in the table");
        match settings_of(entry).into_iter().find(|setting| !settings.contains(setting)) {
            None => Ok(()),
            Some(setting) => {
                let keys = LayerEntry::keys_in_words(key).unwrap_or_default();
                Err(Problem::Useless { setting, kind, keys })
            }
        }
    }
}

/// Settings that are given.
fn settings_of(entry: &LayerEntry) -> Vec<&'static str> {
    let given = [
        ("kernel", entry.kernel.is_some()),
        ("stride", entry.stride.is_some()),
        ("padding", entry.padding.is_some()),
        ("bias", entry.bias.is_some()),
        ("ceil", entry.ceil.is_some()),
        ("activation", entry.activation.is_some()),
        ("before", entry.before.is_some()),
        ("after", entry.after.is_some()),
    ];
    given.into_iter().filter(|(_, is_given)| *is_given).map(|(name, _)| name).collect()
}

/// A failure of an entry, or of one inside of it.
enum Failure {
    Here(Problem),
    Inner(Error),
}

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        Self::Here(problem)
    }
}

impl Failure {
    /// The error of the entry at `path`.
    fn at(self, path: String) -> Error {
        match self {
            Self::Here(problem) => Error::Entry { path, problem },
            Self::Inner(Error::Entry { path: inner, problem }) => {
                Error::Entry { path: format!("{path}.{inner}"), problem }
            }
            Self::Inner(other) => other,
        }
    }
}

/// Reason why an entry of a list of layers is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// It names no layer.
    #[error(
        "{} names no layer; add conv = 32 (a convolution with 32 output channels), dense = 128 (a dense layer with 128 \
         outputs), pool = \"max\", flatten = true, residual = [...] or layers = [...]",
        if given.is_empty() { "an empty entry" } else { given }
    )]
    NoKind {
        /// The settings of the entry.
        given: String,
    },
    /// It names several layers.
    #[error(
        "names more than one of conv, dense, pool, flatten, residual and layers; write one entry for each"
    )]
    SeveralKinds,
    /// A list without entries.
    #[error("the list is empty; give at least one layer")]
    Empty,
    /// A setting without a meaning.
    #[error("`{setting}` has no meaning for {kind}; remove it: {keys}")]
    Useless {
        /// The setting.
        setting: &'static str,
        /// Kind of the layer.
        kind: &'static str,
        /// The keys of this kind.
        keys: String,
    },
    /// No activation.
    #[error(
        "activation is missing; give it here (\"linear\" for none), or for all layers as `activation` of [network]"
    )]
    NoActivation,
    /// No repetition.
    #[error("repeat = 0 must be at least 1; remove the entry instead")]
    Repeat,
    /// Repetitions of repetitions.
    #[error("there are more than 1,000,000 layers; use smaller numbers in `repeat`")]
    TooMany,
    /// Flattening is refused.
    #[error("flatten = false has no meaning; remove the entry")]
    NoFlatten,
    /// A window over a vector.
    #[error(
        "{what} needs an image, but the layers before give a vector; put it before flatten, dense layers and global pooling"
    )]
    NoImage {
        /// The layer.
        what: &'static str,
    },
    /// Padding by half of an even kernel.
    #[error(
        "padding \"same\" and \"circular\" need an odd kernel; use an odd one, or a number of pixels as padding"
    )]
    EvenKernel,
    /// A convolution over the whole image.
    #[error("kernel = \"global\" is for pooling; give the size of the kernel as a number")]
    GlobalKernel,
    /// Settings of global pooling.
    #[error("pooling with kernel = \"global\" has neither stride nor padding; remove them")]
    GlobalPooling,
    /// Circular pooling.
    #[error("pooling has no circular padding; use a number of pixels, or none")]
    CircularPooling,
    /// The layer is not possible.
    #[error(transparent)]
    Layer(Box<Error>),
}
