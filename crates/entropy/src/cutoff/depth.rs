use std::{cmp::Ordering, fmt};

use serde::{Deserialize, Serialize};

use super::DecayFit;

/// How deep the information reaches.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Depth {
    /// To this layer, 1-based; 0 when it is lost before the first layer. A fraction where the rule fits or interpolates.
    Layer(f64),
    /// Deeper than the last of this many layers: the profile ends before the information does.
    Beyond(usize),
    /// The profile does not say, because no exponential can be told from its noise.
    Undetermined,
}

impl Depth {
    /// The layer, unless the profile ends too early or does not say.
    pub const fn layer(self) -> Option<f64> {
        match self {
            Self::Layer(layer) => Some(layer),
            Self::Beyond(_) | Self::Undetermined => None,
        }
    }

    /// The depth that the information reaches at least; `None` where the profile does not say.
    pub const fn at_least(self) -> Option<f64> {
        match self {
            Self::Layer(layer) => Some(layer),
            Self::Beyond(layers) => Some(layers as f64),
            Self::Undetermined => None,
        }
    }

    /// Whether the information is lost before the first layer.
    pub fn is_lost_at_once(self) -> bool {
        self.layer().is_some_and(|layer| layer <= 0.0)
    }

    /// From shallow to deep, layers before depths beyond the last one, undetermined ones at the end.
    pub(crate) fn shallow_first(&self, other: &Self) -> Ordering {
        let key = |depth: &Self| match *depth {
            Self::Layer(layer) => (0, layer),
            Self::Beyond(layers) => (1, layers as f64),
            Self::Undetermined => (2, 0.0),
        };
        let ((class, place), (other_class, other_place)) = (key(self), key(other));
        class.cmp(&other_class).then(place.total_cmp(&other_place))
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

/// What a rule reads off a profile.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    /// How deep the information reaches.
    pub depth: Depth,
    /// The fit's own standard error of the depth, in layers; only rule `decay` has one, and only for [`Depth::Layer`].
    pub standard_error: Option<f64>,
    /// The fit behind the depth; only rule `decay` has one. Kept for depths beyond the last layer too, to show how far
    /// beyond it would extrapolate.
    pub fit: Option<DecayFit>,
}

impl From<Depth> for Verdict {
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
    fn depths_read_as_words() {
        let text = |depth: Depth| depth.to_string();
        assert_eq!(text(Depth::Layer(0.0)), "before layer 1");
        assert_eq!(text(Depth::Layer(3.0)), "layer 3");
        assert_eq!(text(Depth::Layer(3.25)), "layer 3.2");
        assert_eq!(text(Depth::Beyond(50)), "deeper than layer 50");
    }

    #[test]
    fn a_bound_is_kept_where_the_layer_is_unknown() {
        assert_eq!((Depth::Beyond(7).layer(), Depth::Beyond(7).at_least()), (None, Some(7.0)));
        assert_eq!(Depth::Undetermined.at_least(), None);
        assert!(Depth::Layer(0.0).is_lost_at_once() && !Depth::Beyond(1).is_lost_at_once());
    }
}
