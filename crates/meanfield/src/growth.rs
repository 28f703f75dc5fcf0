//! Growth of lengths, for networks without a stable length.

use isobath_architecture::Activation;
use serde::Serialize;

use crate::{MAX_LENGTH, Result, Theory, theory::check_length};

/// Growth of the length `q` over the layers of a network.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Growth {
    /// Layers.
    pub depth: usize,
    /// Length `q_1` of the first layer.
    pub first: f64,
    /// Length of the last layer; infinite beyond the largest double.
    pub last: f64,
    /// `q_L / q_{L-1}`, the factor by which squared activations grow in the last layer.
    pub factor: f64,
    /// `q_L - q_{L-1}` in the last layer; infinite beyond the largest double.
    pub increment: f64,
    /// `chi_1` in the last layer, the factor by which squared gradients change per layer.
    pub chi_1: f64,
    /// First layer whose typical activation `sqrt(q)` exceeds the largest f32, if lengths grow by a constant factor and
    /// reach it within [`Growth::MOST_LAYERS`] layers.
    pub overflow_layer: Option<usize>,
}

impl Growth {
    /// Layers up to which an overflow is sought.
    pub const MOST_LAYERS: usize = 100_000;
}

impl Theory {
    /// Growth of lengths over `depth` layers, from `q_1`.
    ///
    /// # Errors
    /// [`Error::OutOfRange`](crate::Error::OutOfRange) unless `q_1` is in `[0, 1e60]`.
    pub fn growth(&self, q_1: f64, depth: usize) -> Result<Growth> {
        check_length("q_1", q_1)?;
        let overflow = 2.0 * f64::from(f32::MAX).ln();
        let (mut ln_q, mut ln_factor) = (q_1.ln(), 0.0);
        let mut found = Growth {
            depth,
            first: q_1,
            last: q_1,
            factor: 1.0,
            increment: 0.0,
            chi_1: 1.0,
            overflow_layer: None,
        };
        for layer in 2..=depth.max(Growth::MOST_LAYERS) {
            let q = ln_q.exp();
            // Far from zero lengths grow by a constant factor.
            let increment = if q < MAX_LENGTH {
                let next = self.length(q);
                ln_factor = next.ln() - ln_q;
                ln_q = next.ln();
                next - q
            } else {
                ln_q += ln_factor;
                ln_q.exp() * (1.0 - (-ln_factor).exp())
            };
            if layer == depth {
                (found.last, found.factor, found.increment) =
                    (ln_q.exp(), ln_factor.exp(), increment);
                found.chi_1 = self.chi(ln_q.exp().min(MAX_LENGTH), 1.0)?;
            }
            if ln_q > overflow && found.overflow_layer.is_none() {
                found.overflow_layer = Some(layer);
            }
            let is_steady = (increment / ln_q.exp()).abs() < 1e-9;
            if layer >= depth && (found.overflow_layer.is_some() || is_steady) {
                break;
            }
        }
        Ok(found)
    }
}

/// Sentence about the growth, for `activation` at weight variance `sigma_w2`.
pub fn growth_sentence(activation: Activation, sigma_w2: f64, growth: &Growth) -> String {
    let Growth { depth, first, last, factor, increment, chi_1, overflow_layer } = *growth;
    let pace = if factor < 1.05 {
        format!("by {} per layer", short(increment))
    } else {
        format!("by a factor of {} per layer", short(factor))
    };
    let size = if last.is_finite() {
        format!("from {} to {} in {depth} layers", short(first), short(last))
    } else {
        format!("from {} beyond any double in {depth} layers", short(first))
    };
    let overflow =
        overflow_layer.map(|layer| format!("; f32 overflows at layer {layer}")).unwrap_or_default();
    format!(
        "no stable length for {activation} at sigma_w2 = {sigma_w2}: q grows {pace}, {size}{overflow}; squared gradients \
         change by a factor of {} per layer (chi_1)",
        short(chi_1)
    )
}

/// Number with about five significant digits.
fn short(number: f64) -> String {
    if !(1e-3..1e6).contains(&number.abs()) {
        return format!("{number:.2e}");
    }
    let digits = (4.0 - number.abs().log10().floor()).clamp(0.0, 8.0) as usize;
    let text = format!("{number:.digits$}");
    if text.contains('.') {
        return text.trim_end_matches('0').trim_end_matches('.').to_owned();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn growth(activation: Activation, sigma_w2: f64, sigma_b2: f64, depth: usize) -> Growth {
        Theory::new(activation, sigma_w2, sigma_b2).unwrap().growth(1.0, depth).unwrap()
    }

    #[test]
    fn kaiming_weights_with_default_biases_grow_by_the_bias_variance() {
        let found = growth(Activation::Relu, 2.0, 0.00065, 30);
        assert!((found.last - (1.0 + 29.0 * 0.00065)).abs() < 1e-12);
        assert!((found.increment - 0.00065).abs() < 1e-12);
        assert_eq!(found.overflow_layer, None);
    }

    #[test]
    fn overflow_names_the_layer() {
        // A linear network of width 256 with unit weights: q = 256^(l - 1), and f32 holds up to 3.4e38.
        let found = growth(Activation::Linear, 256.0, 0.0, 40);
        assert_eq!(found.overflow_layer, Some(33));
        assert!((found.factor - 256.0).abs() < 1e-9);
        // Relu at twice the critical variance doubles.
        let found = growth(Activation::Relu, 4.0, 0.0, 10);
        assert!((found.last - 512.0).abs() < 1e-9 && found.overflow_layer == Some(257));
    }

    #[test]
    fn growth_beyond_a_double_is_infinite() {
        assert!(growth(Activation::Relu, 4.0, 0.0, 5000).last.is_infinite());
    }
}
