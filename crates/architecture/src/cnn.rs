//! Convolutional networks: from a few settings to a list of layers.

use crate::{
    Activation, ConvParams, Error, Layer, NetworkSpec, Preset, Readout, Result, Shape,
    conv_params::{published, readout_activation},
    mlp::check_depth,
};

/// Settings of a convolutional network: a stem, a deep part of convolutions of equal shape, and a head.
#[derive(Clone, Debug, PartialEq)]
pub struct CnnParams {
    /// Weight layers: the convolutions of the stem and of the deep part, and the readout. Pooling does not count.
    pub depth: usize,
    /// Convolutions, stem and head.
    pub conv: ConvParams,
    /// Activation of all convolutions.
    pub activation: Activation,
    /// Function after the last product.
    pub readout: Readout,
    /// A fixed choice in place of `conv`, except for the channels, and of the readout.
    pub preset: Option<Preset>,
}

impl CnnParams {
    /// Convolutions of the published stem.
    const PUBLISHED_STEM: usize = 3;

    /// The network for images of shape `input`.
    ///
    /// # Errors
    /// One that names the setting, or the layer that does not fit the image.
    pub fn spec(&self, input: Shape, classes: usize) -> Result<NetworkSpec> {
        self.conv.check()?;
        let layers = match self.preset {
            None => self.standard(input, classes)?,
            Some(Preset::PublishedCnn) => self.published(input, classes)?,
            Some(preset @ (Preset::Published | Preset::PublishedResnet)) => {
                return Err(Error::Preset { preset, kind: "cnn" });
            }
        };
        NetworkSpec::new(layers)
    }

    fn standard(&self, input: Shape, classes: usize) -> Result<Vec<Layer>> {
        let stem = self.conv.stem_layers();
        check_depth(self.depth, stem + 1, "the convolutions of the stem, and the readout")?;
        let mut layers = self.conv.stem(input, self.activation)?;
        let shape = layers.last().map_or(input, Layer::output_shape);
        let deep = Layer::Conv2d(self.conv.conv(shape, 1, self.activation));
        layers.extend(std::iter::repeat_n(deep, self.depth - stem - 1));
        let readout = readout_activation(self.readout, self.activation);
        layers.extend(self.conv.head(shape, classes, readout));
        Ok(layers)
    }

    fn published(&self, input: Shape, classes: usize) -> Result<Vec<Layer>> {
        let around = Self::PUBLISHED_STEM + 2;
        check_depth(self.depth, around, "3 convolutions of the stem, 1 of the head, the readout")?;
        let channels = self.conv.channels;
        let mut layers = published::params(channels).stem(input, self.activation)?;
        let shape = layers.last().map_or(input, Layer::output_shape);
        let deep = published::torus(shape, channels, self.activation);
        deep.check()
            .map_err(|source| Error::Layer { layer: around - 1, source: Box::new(source) })?;
        layers.extend(std::iter::repeat_n(deep, self.depth - around));
        layers.extend(published::head(shape, classes, self.activation));
        Ok(layers)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Boundary, Head};

    fn params(depth: usize) -> CnnParams {
        CnnParams {
            depth,
            conv: ConvParams::new(4),
            activation: Activation::Tanh,
            readout: Readout::Linear,
            preset: None,
        }
    }

    const DIGIT: Shape = Shape::new(1, 28, 28);

    #[test]
    fn depth_counts_weight_layers() {
        let spec = params(6).spec(DIGIT, 10).unwrap();
        let image = |channels, size| Shape::new(channels, size, size);
        let shapes = [
            DIGIT,
            image(4, 28),
            image(4, 14),
            image(4, 7),
            image(4, 7),
            image(4, 7),
            Shape::flat(4),
            Shape::flat(10),
        ];
        assert_eq!(spec.shapes(), shapes);
        assert_eq!((spec.weight_layers(), spec.stages(), spec.readout_layers()), (6, 6, 2));
        assert_eq!(spec.parameters(), 4 * 10 + 4 * 4 * 37 + 50);
    }

    #[test]
    fn stem_and_head_can_be_changed() {
        let conv = ConvParams { stem: 0, head: Head::Flatten, ..ConvParams::new(4) };
        let spec = CnnParams { conv, ..params(3) }.spec(DIGIT, 10).unwrap();
        assert_eq!(spec.widths(), [784, 4 * 784, 4 * 784, 10]);
        assert_eq!((spec.stages(), spec.readout_layers()), (3, 1));
    }

    #[test]
    fn published_networks_have_the_stages_of_the_code() {
        let preset = Some(Preset::PublishedCnn);
        let spec = CnnParams { preset, ..params(7) }.spec(DIGIT, 10).unwrap();
        let convs: Vec<_> = spec
            .layers()
            .iter()
            .map(|layer| match layer {
                Layer::Conv2d(conv) => (conv.window.padding[0], conv.wrap_after, conv.bias),
                _ => (9, 9, false),
            })
            .collect();
        let stem = (1, 0, true);
        let (torus, head, readout) = ((0, 1, true), (0, 0, true), (0, 0, false));
        assert_eq!(convs, [stem, stem, stem, torus, torus, head, (9, 9, false), readout]);
        assert_eq!((spec.stages(), spec.weight_layers()), (7, 7));
        // 7 to 5, and the mean over 5 x 5.
        assert_eq!(spec.shapes()[6..], [Shape::new(4, 5, 5), Shape::flat(4), Shape::flat(10)]);
    }

    #[track_caller]
    fn refused(params: &CnnParams, input: Shape, message: &str) {
        let error = params.spec(input, 10).expect_err(message).to_string();
        assert!(error.contains(message), "{error}");
    }

    #[test]
    fn impossible_settings_are_refused() {
        refused(&params(3), DIGIT, "depth = 3 must be at least 4");
        let with = |conv| CnnParams { conv, ..params(6) };
        refused(&with(ConvParams { kernel: 4, ..ConvParams::new(4) }), DIGIT, "kernel = 4");
        refused(&with(ConvParams::new(0)), DIGIT, "channels = 0");
        refused(&params(6), Shape::new(1, 7, 7), "layer 2: stride 2");
        let zero = ConvParams { boundary: Boundary::Zero, ..ConvParams::new(4) };
        assert!(with(zero).spec(Shape::new(1, 7, 7), 10).is_ok());
        let other = CnnParams { preset: Some(Preset::PublishedResnet), ..params(6) };
        refused(&other, DIGIT, "`published-resnet`");
        let preset = Some(Preset::PublishedCnn);
        refused(&CnnParams { preset, ..params(8) }, Shape::new(1, 6, 6), "layer 4: a kernel of 3");
    }
}
