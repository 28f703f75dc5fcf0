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
        let mut length = GrowingLength::new(self, q_1);
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
            let increment = length.advance();
            let q = length.ln_q.exp();
            if layer == depth {
                (found.last, found.factor, found.increment) =
                    (q, length.ln_factor.exp(), increment);
                found.chi_1 = self.chi(q.min(MAX_LENGTH), 1.0)?;
            }
            if length.ln_q > overflow && found.overflow_layer.is_none() {
                found.overflow_layer = Some(layer);
            }
            let is_steady = (increment / q).abs() < 1e-9;
            if layer >= depth && (found.overflow_layer.is_some() || is_steady) {
                break;
            }
        }
        Ok(found)
    }

    /// Lengths `q_1, ..., q_depth`, starting from the given `q_1`; infinite beyond the largest double.
    ///
    /// [`length_profile`](Self::length_profile) is more accurate, but an error where lengths overflow.
    ///
    /// # Errors
    /// [`Error::OutOfRange`](crate::Error::OutOfRange) unless `q_1` is in `[0, 1e60]`.
    pub fn growth_profile(&self, q_1: f64, depth: usize) -> Result<Vec<f64>> {
        check_length("q_1", q_1)?;
        let mut length = GrowingLength::new(self, q_1);
        let at = |layer| {
            if layer > 1 {
                length.advance();
            }
            length.ln_q.exp()
        };
        Ok((1..=depth).map(at).collect())
    }
}

/// Length of a layer, on a logarithmic scale because it may grow beyond any double.
struct GrowingLength<'a> {
    theory: &'a Theory,
    ln_q: f64,
    /// Logarithm of the factor by which the last step multiplied the length.
    ln_factor: f64,
}

impl<'a> GrowingLength<'a> {
    fn new(theory: &'a Theory, q_1: f64) -> Self {
        Self { theory, ln_q: q_1.ln(), ln_factor: 0.0 }
    }

    /// Moves to the next layer. Returns the increase of the length.
    fn advance(&mut self) -> f64 {
        let q = self.ln_q.exp();
        if q < MAX_LENGTH {
            let next = self.theory.length(q);
            self.ln_factor = next.ln() - self.ln_q;
            self.ln_q = next.ln();
            return next - q;
        }
        // Far from zero lengths grow by a constant factor.
        self.ln_q += self.ln_factor;
        self.ln_q.exp() * (1.0 - (-self.ln_factor).exp())
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
    fn profiles_of_growing_lengths_pass_the_largest_double() {
        let theory = Theory::new(Activation::Relu, 4.0, 0.1).unwrap();
        let lengths = theory.growth_profile(1.0, 1500).unwrap();
        let exact = theory.length_profile(1.0, 100).unwrap();
        assert!(
            exact.iter().zip(&lengths).all(|(exact, found)| (found / exact - 1.0).abs() < 1e-12)
        );
        // q_l = 1.1 * 2^(l - 1) - 0.1, and a double holds up to 2^1024.
        assert!((lengths[1020] / lengths[1019] - 2.0).abs() < 1e-12);
        assert_eq!(lengths.iter().position(|q| q.is_infinite()), Some(1024));
        assert_eq!(lengths.len(), 1500);
    }

    #[test]
    fn growth_beyond_a_double_is_infinite() {
        assert!(growth(Activation::Relu, 4.0, 0.0, 5000).last.is_infinite());
    }
}
