//! Parameters of a dense layer or a convolution, before their layer is complete.

use isobath_architecture::{Conv2dLayer, DenseLayer};
use isobath_network::{Conv2dParameters, DenseParameters};
use ndarray::{Array1, Array2, Array4};

/// Weights `[outputs, fan_in]` and biases `[outputs]`, if there are any.
pub(crate) struct Weighted {
    pub(crate) weights: Vec<f32>,
    pub(crate) bias: Option<Vec<f32>>,
    pub(crate) outputs: usize,
}

/// A linear function of each output after a layer: `scale y + shift`.
pub(crate) struct Affine {
    /// `[outputs]`
    pub(crate) scale: Vec<f64>,
    /// `[outputs]`
    pub(crate) shift: Vec<f64>,
}

/// Running statistics and parameters of a batch normalisation, each `[features]`.
pub(crate) struct BatchNorm {
    pub(crate) mean: Vec<f32>,
    pub(crate) variance: Vec<f32>,
    /// Ones if there are none.
    pub(crate) weight: Option<Vec<f32>>,
    /// Zeros if there are none.
    pub(crate) bias: Option<Vec<f32>>,
}

impl BatchNorm {
    /// The normalisation by running statistics as a linear function:
    /// `weight (y - mean) / sqrt(variance + epsilon) + bias`.
    ///
    /// Returns nothing if lengths differ, or if a variance is negative.
    pub(crate) fn affine(&self, epsilon: f64) -> Option<Affine> {
        let features = self.mean.len();
        let fits = |values: &Option<Vec<f32>>| values.as_ref().is_none_or(|v| v.len() == features);
        if self.variance.len() != features || !fits(&self.weight) || !fits(&self.bias) {
            return None;
        }
        let or = |values: &Option<Vec<f32>>, index: usize, default: f64| {
            values.as_ref().map_or(default, |values| f64::from(values[index]))
        };
        let (mut scale, mut shift) = (Vec::with_capacity(features), Vec::with_capacity(features));
        for (index, (&mean, &variance)) in self.mean.iter().zip(&self.variance).enumerate() {
            let deviation = (f64::from(variance) + epsilon).sqrt();
            if variance < 0.0 || deviation <= 0.0 || deviation.is_nan() {
                return None;
            }
            let factor = or(&self.weight, index, 1.0) / deviation;
            scale.push(factor);
            shift.push(or(&self.bias, index, 0.0) - f64::from(mean) * factor);
        }
        Some(Affine { scale, shift })
    }
}

impl Weighted {
    /// Folds a linear function of the outputs into the parameters. Returns whether all of them are finite.
    ///
    /// # Panics
    /// When the number of outputs differs.
    #[must_use]
    pub(crate) fn fold(&mut self, affine: &Affine) -> bool {
        let outputs = self.outputs;
        assert_eq!((affine.scale.len(), affine.shift.len()), (outputs, outputs), "one per output");
        let bias = self.bias.get_or_insert_with(|| vec![0.0; outputs]);
        let fan_in = self.weights.len() / outputs.max(1);
        let rows = self.weights.chunks_exact_mut(fan_in.max(1)).zip(bias.iter_mut());
        for ((row, bias), (scale, shift)) in rows.zip(affine.scale.iter().zip(&affine.shift)) {
            row.iter_mut().for_each(|weight| *weight = (f64::from(*weight) * scale) as f32);
            *bias = (f64::from(*bias) * scale + shift) as f32;
        }
        self.weights.iter().chain(bias.iter()).all(|number| number.is_finite())
    }

    /// Parameters of a dense layer.
    ///
    /// # Panics
    /// When the shape differs.
    pub(crate) fn dense(self, layer: &DenseLayer) -> DenseParameters {
        let shape = (layer.outputs, layer.inputs);
        let bias = self.bias.unwrap_or_else(|| vec![0.0; layer.outputs]);
        let weights = Array2::from_shape_vec(shape, self.weights).expect("as long as its shape");
        DenseParameters { weights, bias: bias.into() }
    }

    /// Parameters of a convolution.
    ///
    /// # Panics
    /// When the shape differs.
    pub(crate) fn conv2d(self, layer: &Conv2dLayer) -> Conv2dParameters {
        let [rows, columns] = layer.window.kernel;
        let shape = (layer.out_channels, layer.input.channels, rows, columns);
        let weights = Array4::from_shape_vec(shape, self.weights).expect("as long as its shape");
        Conv2dParameters { weights, bias: self.bias.map(Array1::from) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batch_norm_is_folded_into_weights_and_biases() {
        let norm = BatchNorm {
            mean: vec![1.0, -1.0],
            variance: vec![4.0, 0.25],
            weight: Some(vec![2.0, 1.0]),
            bias: Some(vec![0.5, 0.0]),
        };
        let mut layer = Weighted { weights: vec![1.0, 2.0, 3.0, 4.0], bias: None, outputs: 2 };
        assert!(layer.fold(&norm.affine(0.0).unwrap()));
        assert_eq!(layer.weights, [1.0, 2.0, 6.0, 8.0]);
        assert_eq!(layer.bias.unwrap(), [-0.5, 2.0]);
        let negative = BatchNorm { variance: vec![-1.0, 1.0], ..norm };
        assert!(negative.affine(1e-5).is_none());
    }
}
