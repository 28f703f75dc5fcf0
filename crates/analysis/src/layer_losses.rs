//! Losses of information by layer, from the reconstruction errors of a cascade.

/// A layer and what is lost in it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LayerLoss {
    /// The layer, counted from 1.
    pub layer: usize,
    /// Reconstruction error before the layer, as a share of the variance of the inputs; 0 before the first one.
    pub before: f64,
    /// Reconstruction error behind the layer.
    pub after: f64,
}

/// Smallest loss that is named, as a share of the variance of the inputs.
const LEAST_NAMED: f64 = 0.01;

impl LayerLoss {
    /// Rise of the error in this layer. It is negative where reconstructions from behind the layer are better than those
    /// from before, as is possible by chance or where decoders of deeper layers smooth what others distort.
    pub fn lost(&self) -> f64 {
        self.after - self.before
    }
}

/// Losses from reconstruction errors `1 - R^2`, first layer first. The input itself has no error.
pub fn layer_losses(errors: &[f64]) -> Vec<LayerLoss> {
    let before = std::iter::once(&0.0).chain(errors);
    let layers = (1..).zip(before.zip(errors));
    layers.map(|(layer, (&before, &after))| LayerLoss { layer, before, after }).collect()
}

/// The layers in which most is lost, the worst one first, at most `most` of them. Rises below 1% of the variance of the
/// inputs are left out.
pub fn largest_losses(losses: &[LayerLoss], most: usize) -> Vec<LayerLoss> {
    let mut largest: Vec<_> =
        losses.iter().copied().filter(|loss| loss.lost() >= LEAST_NAMED).collect();
    largest.sort_by(|one, other| other.lost().total_cmp(&one.lost()));
    largest.truncate(most);
    largest
}

/// At most `most` of the layers `1..=layers`, evenly spread, the first and the last included.
pub fn spread_layers(layers: usize, most: usize) -> Vec<usize> {
    if layers <= most {
        return (1..=layers).collect();
    }
    match most {
        0 => Vec::new(),
        1 => vec![layers],
        _ => (0..most).map(|step| 1 + step * (layers - 1) / (most - 1)).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn losses_are_rises_of_the_error() {
        let losses = layer_losses(&[0.1, 0.05, 0.6, 0.605]);
        let lost: Vec<_> = losses.iter().map(|loss| (loss.lost() * 1e3).round() as i64).collect();
        assert_eq!(lost, [100, -50, 550, 5]);
        let layers = |most| -> Vec<usize> {
            largest_losses(&losses, most).iter().map(|loss| loss.layer).collect()
        };
        assert_eq!((layers(1), layers(9)), (vec![3], vec![3, 1]));
        assert!(layer_losses(&[]).is_empty());
    }

    #[test]
    fn layers_are_spread_evenly() {
        assert_eq!(spread_layers(3, 9), [1, 2, 3]);
        assert_eq!(spread_layers(100, 4), [1, 34, 67, 100]);
        assert_eq!((spread_layers(5, 1), spread_layers(5, 0)), (vec![5], vec![]));
    }
}
