//! Multilayer perceptrons: from a few settings to a list of layers.

use serde::{Deserialize, Serialize};

use crate::{Activation, DenseLayer, Error, Layer, NetworkSpec, Preset, Result};

/// Settings of a multilayer perceptron, as an experiment file has them. [`check`](Self::check) makes them usable.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MlpParams {
    /// Weight layers, the readout included.
    pub depth: usize,
    /// Widths of the hidden layers.
    #[serde(default)]
    pub width: WidthRule,
    /// Activation of the hidden layers.
    #[serde(default = "default_activation")]
    pub activation: Activation,
    /// Function after the last product.
    #[serde(default)]
    pub readout: Readout,
    /// A fixed choice of widths and readout in place of the two above.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preset: Option<Preset>,
}

fn default_activation() -> Activation {
    Activation::Tanh
}

/// Rule for the widths of the hidden layers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(
    untagged,
    expecting = "width must be a number, \"input\", { shrink = \"linear\" }, { shrink = \"published\" } or a list of numbers"
)]
pub enum WidthRule {
    /// All the same.
    Fixed(usize),
    /// A word: `"input"`, as wide as the input.
    Named(NamedWidth),
    /// `{ shrink = "linear" }`
    Shrink(Shrink),
    /// One number for each hidden layer.
    List(Vec<usize>),
}

/// Widths that have a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NamedWidth {
    /// As wide as the input.
    Input,
}

/// Widths that shrink from the input's to the number of classes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Shrink {
    /// The law.
    pub shrink: ShrinkLaw,
}

/// Law by which widths shrink.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ShrinkLaw {
    /// `w_l = ceil(w_0 + (K - w_0) l / L)`
    Linear,
    /// `ceil(torch.linspace(w_0, K, L + 1))` in f32, as in the published code. Rounding adds one unit to some widths of
    /// [`Linear`](Self::Linear).
    Published,
}

impl WidthRule {
    /// As wide as the input.
    pub const INPUT: Self = Self::Named(NamedWidth::Input);
    /// An even spacing from the input's width to the number of classes.
    pub const SHRINK: Self = Self::Shrink(Shrink { shrink: ShrinkLaw::Linear });
}

impl Default for WidthRule {
    fn default() -> Self {
        Self::INPUT
    }
}

/// Function after the last product.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Readout {
    /// Nothing: logits.
    #[default]
    Linear,
    /// The activation of the hidden layers.
    Activated,
}

impl MlpParams {
    /// A network with the default readout.
    pub const fn new(depth: usize, width: WidthRule, activation: Activation) -> Self {
        Self { depth, width, activation, readout: Readout::Linear, preset: None }
    }

    /// Most layers and units: enough for any network, and few enough that a typing error fails at once.
    const MOST: usize = 1_000_000;

    /// The width before the readout in the published networks.
    const LAST_PUBLISHED: usize = 400;

    /// The settings for a given input and number of classes, checked.
    ///
    /// # Errors
    /// When a number is outside its range or a list of widths does not fit the depth.
    pub fn check(&self, inputs: usize, classes: usize) -> Result<MlpValidParams> {
        let at_least = |name, value: usize, least: usize, range| {
            if value < least {
                Err(Error::OutOfRange { name, value: value.to_string(), range })
            } else {
                Ok(())
            }
        };
        let at_most = |name, value: usize| {
            let range = "at most 1,000,000";
            if value > Self::MOST {
                Err(Error::OutOfRange { name, value: value.to_string(), range })
            } else {
                Ok(())
            }
        };
        at_least("input width", inputs, 1, "at least 1")?;
        at_least("classes", classes, 1, "at least 1")?;
        let least = if self.preset.is_some() { 2 } else { 1 };
        at_least("depth", self.depth, least, "at least 1, or 2 with the preset `published`")?;
        at_most("depth", self.depth)?;
        let hidden = self.depth - 1;
        let (mut hidden, readout) = match self.preset {
            None => (self.hidden_widths(inputs, classes)?, self.readout),
            Some(Preset::Published) => (vec![inputs; hidden], Readout::Activated),
            Some(preset @ (Preset::PublishedCnn | Preset::PublishedResnet)) => {
                return Err(Error::Preset { preset, kind: "mlp" });
            }
        };
        if let (Some(_), Some(last)) = (self.preset, hidden.last_mut()) {
            *last = Self::LAST_PUBLISHED;
        }
        for &width in &hidden {
            at_least("width", width, 1, "at least 1")?;
            at_most("width", width)?;
        }
        Ok(MlpValidParams { inputs, hidden, classes, activation: self.activation, readout })
    }

    fn hidden_widths(&self, inputs: usize, classes: usize) -> Result<Vec<usize>> {
        let depth = self.depth;
        let expected = depth - 1;
        match &self.width {
            WidthRule::Fixed(width) => Ok(vec![*width; expected]),
            WidthRule::Named(NamedWidth::Input) => Ok(vec![inputs; expected]),
            WidthRule::Shrink(Shrink { shrink: ShrinkLaw::Linear }) => {
                Ok((1..depth).map(|layer| linear_width(inputs, classes, layer, depth)).collect())
            }
            WidthRule::Shrink(Shrink { shrink: ShrinkLaw::Published }) => {
                Ok((1..depth).map(|layer| published_width(inputs, classes, layer, depth)).collect())
            }
            WidthRule::List(widths) if widths.len() == expected => Ok(widths.clone()),
            WidthRule::List(widths) => {
                Err(Error::WidthCount { given: widths.len(), expected, depth })
            }
        }
    }
}

/// Checks that a depth of at least `least` has room for the layers that `counted` names, and that it is no typing error.
pub(crate) fn check_depth(depth: usize, least: usize, counted: &'static str) -> Result<()> {
    if depth < least {
        return Err(Error::Depth { depth, least, counted });
    }
    if depth > MlpParams::MOST {
        let range = "at most 1,000,000";
        return Err(Error::OutOfRange { name: "depth", value: depth.to_string(), range });
    }
    Ok(())
}

/// `ceil(inputs + (classes - inputs) layer / depth)`, in whole numbers.
fn linear_width(inputs: usize, classes: usize, layer: usize, depth: usize) -> usize {
    (inputs * (depth - layer) + classes * layer).div_ceil(depth)
}

/// Element `layer` of `ceil(torch.linspace(inputs, classes, depth + 1))`: in f32, from the nearer end.
fn published_width(inputs: usize, classes: usize, layer: usize, depth: usize) -> usize {
    let (start, end) = (inputs as f32, classes as f32);
    let step = (end - start) / depth as f32;
    let width = if layer < depth.div_ceil(2) {
        start + step * layer as f32
    } else {
        end - step * (depth - layer) as f32
    };
    width.ceil() as usize
}

/// Checked settings of a multilayer perceptron, widths worked out.
#[derive(Clone, Debug, PartialEq)]
pub struct MlpValidParams {
    inputs: usize,
    hidden: Vec<usize>,
    classes: usize,
    activation: Activation,
    readout: Readout,
}

impl MlpValidParams {
    /// The network as a list of layers.
    pub fn spec(&self) -> NetworkSpec {
        let widths: Vec<usize> = [self.inputs]
            .into_iter()
            .chain(self.hidden.iter().copied())
            .chain([self.classes])
            .collect();
        let last = widths.len() - 2;
        let layer = |(index, pair): (usize, &[usize])| {
            let linear = index == last && self.readout == Readout::Linear;
            let activation = if linear { Activation::Linear } else { self.activation };
            Layer::Dense(DenseLayer { inputs: pair[0], outputs: pair[1], activation })
        };
        NetworkSpec::from_chained(widths.windows(2).enumerate().map(layer).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(params: &MlpParams, expected: &[usize]) {
        assert_eq!(params.check(784, 10).unwrap().spec().widths(), expected);
    }

    #[test]
    fn width_rules() {
        let with = |width| MlpParams::new(4, width, Activation::Tanh);
        check(&with(WidthRule::INPUT), &[784, 784, 784, 784, 10]);
        check(&with(WidthRule::Fixed(30)), &[784, 30, 30, 30, 10]);
        check(&with(WidthRule::List(vec![5, 6, 7])), &[784, 5, 6, 7, 10]);
        // numpy: ceil(linspace(784, 10, 5))
        check(&with(WidthRule::SHRINK), &[784, 591, 397, 204, 10]);
        check(&MlpParams::new(1, WidthRule::INPUT, Activation::Tanh), &[784, 10]);
    }

    #[test]
    fn published_preset() {
        let params = MlpParams {
            preset: Some(Preset::Published),
            ..MlpParams::new(4, WidthRule::INPUT, Activation::Tanh)
        };
        check(&params, &[784, 784, 784, 400, 10]);
        let spec = params.check(784, 10).unwrap().spec();
        let Layer::Dense(readout) = &spec.layers()[3] else { panic!("a dense readout") };
        assert_eq!(readout.activation, Activation::Tanh);
    }

    #[test]
    fn the_readout_is_linear() {
        let spec =
            MlpParams::new(2, WidthRule::Fixed(3), Activation::Relu).check(4, 5).unwrap().spec();
        let [Layer::Dense(hidden), Layer::Dense(readout)] = spec.layers() else {
            panic!("two layers")
        };
        assert_eq!((hidden.activation, readout.activation), (Activation::Relu, Activation::Linear));
    }

    #[track_caller]
    fn check_refused(params: &MlpParams, message: &str) {
        let error = params.check(784, 10).expect_err(message).to_string();
        assert!(error.contains(message), "{error}");
    }

    #[test]
    fn impossible_settings_are_refused() {
        check_refused(&MlpParams::new(0, WidthRule::INPUT, Activation::Tanh), "depth = 0");
        check_refused(&MlpParams::new(3, WidthRule::Fixed(0), Activation::Tanh), "width = 0");
        check_refused(
            &MlpParams::new(3, WidthRule::Fixed(1_000_001), Activation::Tanh),
            "width = 1000001",
        );
        check_refused(
            &MlpParams::new(1_000_000_000, WidthRule::INPUT, Activation::Tanh),
            "depth = 1000000000",
        );
        check_refused(
            &MlpParams::new(3, WidthRule::List(vec![1, 2, 3]), Activation::Tanh),
            "2 hidden layers",
        );
    }

    #[test]
    fn published_widths_have_the_rounding_of_f32() {
        let more = |depth: usize| {
            let exact = |layer| linear_width(784, 10, layer, depth);
            let differences =
                (1..depth).map(|layer| published_width(784, 10, layer, depth) - exact(layer));
            differences.sum::<usize>()
        };
        // The published code's depth 45 has 44 weight layers.
        let found: Vec<usize> = (2..=150).filter(|&depth| more(depth) > 0).collect();
        assert_eq!(found, [22, 44, 88, 90]);
        assert_eq!([44, 90].map(more), [1, 2]);
    }
}
