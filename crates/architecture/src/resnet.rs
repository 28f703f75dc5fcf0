//! Residual networks: from a few settings to a list of layers.

use serde::{Deserialize, Serialize};

use crate::{
    Activation, ConvParams, DenseLayer, Error, Layer, NetworkSpec, Preset, Readout, ResidualLayer,
    Result, Shape,
    conv_params::{published, readout_activation},
    mlp::check_depth,
    shape::check_size,
};

/// Settings of a residual network: a stem, residual blocks of equal shape, and a head.
#[derive(Clone, Debug, PartialEq)]
pub struct ResnetParams {
    /// Stages: the layers of the stem, the residual blocks and the readout. Pooling does not count.
    pub depth: usize,
    /// Layers outside and inside of the blocks.
    pub stream: Stream,
    /// Form of the blocks.
    pub block: Block,
    /// Activation of stem and blocks.
    pub activation: Activation,
    /// Function after the last product.
    pub readout: Readout,
    /// A fixed choice in place of `stream`, except for the channels, and of block and readout.
    pub preset: Option<Preset>,
}

/// Layers of a residual network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    /// Dense layers of this width; the stem is one layer, and there is no pooling.
    Dense(usize),
    /// Convolutions.
    Conv(ConvParams),
}

/// Form of a residual block. `W` and `V` are dense layers or convolutions with biases, `phi` is the activation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Block {
    /// `x + V phi(W phi(x))` (He et al., arXiv:1603.05027).
    #[default]
    PreActivation,
    /// `phi(x + V phi(W x))` (He et al., arXiv:1512.03385), as in the code of arXiv:2406.12916.
    #[serde(alias = "published")]
    PostActivation,
    /// `x + V phi(W x)` (Yang and Schoenholz, arXiv:1712.08969, the full residual network).
    Full,
    /// `x + phi(W x)` (the reduced residual network of the same work).
    Reduced,
}

impl Block {
    /// All forms.
    pub const ALL: [Self; 4] =
        [Self::PreActivation, Self::PostActivation, Self::Full, Self::Reduced];

    /// The block in a formula.
    pub const fn formula(self) -> &'static str {
        match self {
            Self::PreActivation => "x + V phi(W phi(x))",
            Self::PostActivation => "phi(x + V phi(W x))",
            Self::Full => "x + V phi(W x)",
            Self::Reduced => "x + phi(W x)",
        }
    }

    /// The block of layers that `layer` makes for an activation.
    fn of(self, phi: Activation, layer: impl Fn(Activation) -> Layer) -> Layer {
        let (before, after) = match self {
            Self::PreActivation => (Some(phi), None),
            Self::PostActivation => (None, Some(phi)),
            Self::Full | Self::Reduced => (None, None),
        };
        let branch = match self {
            Self::Reduced => vec![layer(phi)],
            Self::PreActivation | Self::PostActivation | Self::Full => {
                vec![layer(phi), layer(Activation::Linear)]
            }
        };
        Layer::Residual(ResidualLayer { before, branch, after })
    }
}

impl ResnetParams {
    /// Convolutions of the published stem.
    const PUBLISHED_STEM: usize = 3;

    /// The network for images of shape `input`.
    ///
    /// # Errors
    /// One that names the setting, or the layer that does not fit the image.
    pub fn spec(&self, input: Shape, classes: usize) -> Result<NetworkSpec> {
        let layers = match (self.preset, self.stream) {
            (None, Stream::Dense(width)) => self.dense(width, input, classes)?,
            (None, Stream::Conv(conv)) => self.conv(&conv, input, classes)?,
            (Some(Preset::PublishedResnet), Stream::Conv(conv)) => {
                self.published(conv.channels, input, classes)?
            }
            (Some(preset), Stream::Dense(_) | Stream::Conv(_)) => {
                return Err(Error::Preset { preset, kind: "resnet" });
            }
        };
        NetworkSpec::new(layers)
    }

    fn dense(&self, width: usize, input: Shape, classes: usize) -> Result<Vec<Layer>> {
        check_size("width", width, 1_000_000, "1 to 1,000,000")?;
        check_depth(self.depth, 2, "the first layer and the readout")?;
        let layer =
            |inputs, outputs, activation| Layer::Dense(DenseLayer { inputs, outputs, activation });
        let block = self.block.of(self.activation, |phi| layer(width, width, phi));
        let mut layers = vec![layer(input.numbers(), width, self.activation)];
        layers.extend(std::iter::repeat_n(block, self.depth - 2));
        layers.push(layer(width, classes, readout_activation(self.readout, self.activation)));
        Ok(layers)
    }

    fn conv(&self, conv: &ConvParams, input: Shape, classes: usize) -> Result<Vec<Layer>> {
        conv.check()?;
        let stem = conv.stem_layers();
        check_depth(self.depth, stem + 1, "the convolutions of the stem, and the readout")?;
        let mut layers = conv.stem(input, self.activation)?;
        let shape = layers.last().map_or(input, Layer::output_shape);
        let layer = |phi| Layer::Conv2d(conv.conv(shape, 1, phi));
        let block = self.block.of(self.activation, layer);
        layers.extend(std::iter::repeat_n(block, self.depth - stem - 1));
        let readout = readout_activation(self.readout, self.activation);
        layers.extend(conv.head(shape, classes, readout));
        Ok(layers)
    }

    fn published(&self, channels: usize, input: Shape, classes: usize) -> Result<Vec<Layer>> {
        let conv = published::params(channels);
        conv.check()?;
        let around = Self::PUBLISHED_STEM + 2;
        check_depth(self.depth, around, "3 convolutions of the stem, 1 of the head, the readout")?;
        let mut layers = conv.stem(input, self.activation)?;
        let shape = layers.last().map_or(input, Layer::output_shape);
        let layer = |phi| published::torus(shape, channels, phi);
        layer(self.activation)
            .check()
            .map_err(|source| Error::Layer { layer: around - 1, source: Box::new(source) })?;
        let block = Block::PostActivation.of(self.activation, layer);
        layers.extend(std::iter::repeat_n(block, self.depth - around));
        layers.extend(published::head(shape, classes, self.activation));
        Ok(layers)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn params(depth: usize, stream: Stream) -> ResnetParams {
        ResnetParams {
            depth,
            stream,
            block: Block::default(),
            activation: Activation::Relu,
            readout: Readout::Linear,
            preset: None,
        }
    }

    const DIGIT: Shape = Shape::new(1, 28, 28);

    #[test]
    fn depth_counts_blocks_as_one() {
        let dense = params(5, Stream::Dense(20)).spec(DIGIT, 10).unwrap();
        assert_eq!(dense.widths(), [784, 20, 20, 20, 20, 10]);
        assert_eq!((dense.stages(), dense.weight_layers()), (5, 2 + 2 * 3));
        let conv = params(6, Stream::Conv(ConvParams::new(4))).spec(DIGIT, 10).unwrap();
        assert_eq!((conv.stages(), conv.weight_layers()), (6, 4 + 2 * 2));
        assert_eq!(conv.shapes()[3..6], [Shape::new(4, 7, 7); 3]);
    }

    #[test]
    fn forms_of_blocks() {
        let relu = Activation::Relu;
        let form = |block| {
            let spec = ResnetParams { block, ..params(3, Stream::Dense(4)) }.spec(DIGIT, 10);
            let spec = spec.unwrap();
            let Layer::Residual(block) = &spec.layers()[1] else { panic!("a block") };
            let activations = block.branch.iter().map(|layer| match layer {
                Layer::Dense(layer) => layer.activation,
                _ => panic!("a dense layer"),
            });
            (block.before, activations.collect::<Vec<_>>(), block.after)
        };
        let two = vec![relu, Activation::Linear];
        assert_eq!(form(Block::PreActivation), (Some(relu), two.clone(), None));
        assert_eq!(form(Block::PostActivation), (None, two.clone(), Some(relu)));
        assert_eq!(form(Block::Full), (None, two, None));
        assert_eq!(form(Block::Reduced), (None, vec![relu], None));
    }

    #[test]
    fn published_networks_have_the_stages_of_the_code() {
        let preset = Some(Preset::PublishedResnet);
        let stream = Stream::Conv(ConvParams::new(4));
        let spec = ResnetParams { preset, ..params(8, stream) }.spec(DIGIT, 10).unwrap();
        assert_eq!((spec.stages(), spec.readout_layers()), (8, 2));
        let Layer::Residual(block) = &spec.layers()[3] else { panic!("a block") };
        assert_eq!((block.before, block.after), (None, Some(Activation::Relu)));
        let wraps = block.branch.iter().map(|layer| match layer {
            Layer::Conv2d(conv) => (conv.window.padding[0], conv.wrap_after),
            _ => panic!("a convolution"),
        });
        assert_eq!(wraps.collect::<Vec<_>>(), [(0, 1); 2]);
    }

    #[test]
    fn impossible_settings_are_refused() {
        let refused = |params: ResnetParams, message: &str| {
            let error = params.spec(DIGIT, 10).expect_err(message).to_string();
            assert!(error.contains(message), "{error}");
        };
        refused(params(1, Stream::Dense(4)), "depth = 1 must be at least 2");
        refused(params(5, Stream::Dense(0)), "width = 0");
        refused(params(3, Stream::Conv(ConvParams::new(4))), "depth = 3 must be at least 4");
        let preset = Some(Preset::PublishedResnet);
        refused(ResnetParams { preset, ..params(9, Stream::Dense(4)) }, "`published-resnet`");
    }
}
