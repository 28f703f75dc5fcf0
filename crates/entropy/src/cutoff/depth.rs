use std::{cmp::Ordering, fmt};

use serde::{Deserialize, Serialize};

use super::DecayFit;

/// Depth down to which information survives.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Depth {
    /// This layer, 1-based; 0 if information is lost before the first layer. Fractional if the rule fits or interpolates.
    Layer(f64),
    /// Deeper than the profile's last layer; holds the number of layers.
    Beyond(usize),
    /// Not determined, because a decay is not distinguishable from noise.
    Undetermined,
}

impl Depth {
    /// The layer; `None` if beyond the last layer or undetermined.
    pub const fn layer(self) -> Option<f64> {
        match self {
            Self::Layer(layer) => Some(layer),
            Self::Beyond(_) | Self::Undetermined => None,
        }
    }

    /// Lower bound of the depth; `None` if undetermined.
    pub const fn at_least(self) -> Option<f64> {
        match self {
            Self::Layer(layer) => Some(layer),
            Self::Beyond(layers) => Some(layers as f64),
            Self::Undetermined => None,
        }
    }

    /// True if information is lost before the first layer.
    pub fn is_lost_at_once(self) -> bool {
        self.layer().is_some_and(|layer| layer <= 0.0)
    }

    /// Order from shallow to deep: layers first, then depths beyond the last layer, then undetermined ones.
    pub(crate) fn shallow_first(&self, other: &Self) -> Ordering {
        let key = |depth: &Self| match *depth {
            Self::Layer(layer) => (0, layer),
            Self::Beyond(layers) => (1, layers as f64),
            Self::Undetermined => (2, 0.0),
        };
        let ((class, value), (other_class, other_value)) = (key(self), key(other));
        class.cmp(&other_class).then(value.total_cmp(&other_value))
    }
}

impl fmt::Display for Depth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Layer(layer) if layer <= 0.0 => f.write_str("before layer 1"),
            Self::Layer(layer) => {
                write!(f, "layer {layer:.*}", usize::from(layer.fract() > 0.0))
            }
            Self::Beyond(layers) => write!(f, "deeper than layer {layers}"),
            Self::Undetermined => f.write_str("not determined"),
        }
    }
}

/// Cut-off of a profile by a rule.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Cutoff {
    /// Depth down to which information survives.
    pub depth: Depth,
    /// Standard error of the fitted depth, in layers. Only rule `decay` has it, and only for [`Depth::Layer`].
    pub standard_error: Option<f64>,
    /// The fit of rule `decay`. Also present for depths beyond the last layer, to show the extrapolated depth.
    pub fit: Option<DecayFit>,
}

impl From<Depth> for Cutoff {
    fn from(depth: Depth) -> Self {
        Self { depth, standard_error: None, fit: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn depths_sort_from_shallow_to_deep() {
        let sorted = [
            Depth::Layer(0.0),
            Depth::Layer(2.5),
            Depth::Layer(12.0),
            Depth::Beyond(4),
            Depth::Beyond(9),
            Depth::Undetermined,
        ];
        assert!(sorted.is_sorted_by(|a, b| a.shallow_first(b).is_lt()));
    }

    #[test]
    fn depths_format_as_text() {
        let text = |depth: Depth| depth.to_string();
        assert_eq!(text(Depth::Layer(0.0)), "before layer 1");
        assert_eq!(text(Depth::Layer(3.0)), "layer 3");
        assert_eq!(text(Depth::Layer(3.25)), "layer 3.2");
        assert_eq!(text(Depth::Beyond(50)), "deeper than layer 50");
    }

    #[test]
    fn depth_beyond_the_last_layer_has_a_lower_bound() {
        assert_eq!((Depth::Beyond(7).layer(), Depth::Beyond(7).at_least()), (None, Some(7.0)));
        assert_eq!(Depth::Undetermined.at_least(), None);
        assert!(Depth::Layer(0.0).is_lost_at_once() && !Depth::Beyond(1).is_lost_at_once());
    }
}
