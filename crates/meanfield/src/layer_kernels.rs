//! Kernels of all layers of an infinitely wide network for the inputs of a data set.

use ndarray::{Array2, ArrayView2, Axis};
use rayon::prelude::*;

use crate::{Error, MAX_LENGTH, Phi, Result, Theory, hermite::HermiteSeries, kernel::Kernel};

/// Kernels `A_l` of a set of `n` inputs, layer by layer: `A_l[i, j] = E[phi(u_i) phi(u_j)]`, the mean product per unit
/// of the activations of layer `l`.
///
/// The pre-activations of layer `l` are a Gaussian process with the covariance `K_l = sigma_w2 A_(l-1) + sigma_b2`,
/// `A_0 = X X^T / D` (Neal 1996; Lee et al. arXiv:1711.00165). The error of the entries is about 1e-10 of `E[phi^2]`;
/// for ELU, SELU and hard tanh it is up to 2e-5 where two inputs have a correlation above 0.998, and smaller elsewhere.
#[derive(Clone, Debug)]
pub struct LayerKernels {
    theory: Theory,
    layer: usize,
    kernel: Array2<f64>,
}

impl LayerKernels {
    /// Starts from inputs `[n, D]`; layer 0 is the kernel of the inputs themselves.
    ///
    /// # Errors
    /// [`Error::NoInputs`] without inputs, [`Error::OutOfRange`] if an input is not finite or exceeds `1e15` in
    /// magnitude.
    pub fn new(theory: Theory, inputs: ArrayView2<'_, f32>) -> Result<Self> {
        if inputs.is_empty() {
            return Err(Error::NoInputs);
        }
        if let Some(&bad) = inputs.iter().find(|x| !(-1e15..=1e15).contains(*x)) {
            let range = "finite and at most 1e15 in size";
            return Err(Error::OutOfRange { name: "input", value: f64::from(bad), range });
        }
        let inputs = inputs.mapv(f64::from);
        let kernel = inputs.dot(&inputs.t()) / inputs.ncols() as f64;
        // The layout of a matrix product is unspecified; the code below needs contiguous rows.
        let kernel = kernel.as_standard_layout().into_owned();
        Ok(Self { theory, layer: 0, kernel })
    }

    /// Index of the layer of the current kernel.
    pub const fn layer(&self) -> usize {
        self.layer
    }

    /// Kernel `A_l`, `[n, n]`, symmetric.
    pub fn kernel(&self) -> ArrayView2<'_, f64> {
        self.kernel.view()
    }

    /// Lengths `q_(l+1)` of each input in the next layer, the diagonal of `K_(l+1)`.
    pub fn next_lengths(&self) -> Vec<f64> {
        let Theory { sigma_w2, sigma_b2, .. } = self.theory;
        self.kernel.diag().iter().map(|a| sigma_w2 * a + sigma_b2).collect()
    }

    /// Advances to the next layer.
    ///
    /// # Errors
    /// [`Error::LengthOverflow`] if a length exceeds `1e60`.
    pub fn advance(&mut self) -> Result<()> {
        let lengths = self.next_lengths();
        let layer = self.layer + 1;
        if let Some(&q) = lengths.iter().find(|q| !(0.0..=MAX_LENGTH).contains(*q)) {
            return Err(Error::LengthOverflow { layer, q });
        }
        self.write_correlations(&lengths);
        let squares: Vec<f64> =
            lengths.iter().map(|&q| self.theory.kernel.moments(q).square).collect();
        self.write_covariances(&lengths, &squares);
        for (i, square) in squares.into_iter().enumerate() {
            self.kernel[[i, i]] = square;
            for j in 0..i {
                self.kernel[[j, i]] = self.kernel[[i, j]];
            }
        }
        self.layer = layer;
        Ok(())
    }

    /// Replaces `A_l` below the diagonal with the correlations of the pre-activations of the next layer.
    fn write_correlations(&mut self, lengths: &[f64]) {
        let Theory { sigma_w2, sigma_b2, .. } = self.theory;
        let roots: Vec<f64> = lengths.iter().map(|q| q.sqrt()).collect();
        for (i, mut row) in self.kernel.axis_iter_mut(Axis(0)).enumerate() {
            for (a, root) in row.iter_mut().zip(&roots).take(i) {
                let scale = roots[i] * root;
                let c = (sigma_w2 * *a + sigma_b2) / scale;
                // Treat a zero input as uncorrelated with every other one; its covariances vanish in any case.
                *a = if scale > 0.0 { c.clamp(-1.0, 1.0) } else { 0.0 };
            }
        }
    }

    /// Replaces the correlations below the diagonal with covariances of activations.
    fn write_covariances(&mut self, lengths: &[f64], squares: &[f64]) {
        let Theory { kernel, phi, .. } = self.theory;
        let entries = self.kernel.as_slice_mut().expect("rows in order since `new`");
        write_covariances(&kernel, phi, lengths, squares, entries);
    }
}

/// Replaces the correlations `[n, n]` below the diagonal of `entries` with covariances of `phi`, for inputs of these
/// `lengths` with `squares` `E[phi^2]`.
pub(crate) fn write_covariances(
    kernel: &Kernel,
    phi: Phi,
    lengths: &[f64],
    squares: &[f64],
    entries: &mut [f64],
) {
    let series =
        (!kernel.is_elementary()).then(|| HermiteSeries::new(phi, lengths, squares)).flatten();
    let n = lengths.len();
    entries.par_chunks_exact_mut(n).enumerate().for_each(|(i, row)| {
        if let Some(series) = &series {
            series.covariances(i, &mut row[..i]);
        } else {
            for (entry, &q) in row[..i].iter_mut().zip(lengths) {
                *entry = kernel.covariance(lengths[i], q, *entry);
            }
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::PairStart;
    use isobath_architecture::Activation;
    use ndarray::array;

    #[test]
    fn kernels_match_the_profiles_of_their_pairs() {
        let inputs = array![[0.9_f32, -0.3, 0.5], [0.2, 0.4, -1.0]];
        for activation in Activation::ALL {
            let theory = Theory::new(activation, 1.4, 0.1).unwrap();
            let mut kernels = LayerKernels::new(theory, inputs.view()).unwrap();
            let first = kernels.next_lengths();
            let product = 1.4 * kernels.kernel()[[0, 1]] + 0.1;
            let c = product / (first[0] * first[1]).sqrt();
            let start = PairStart { q_a: first[0], q_b: first[1], c };
            let correlations = theory.correlation_profile(start, 4).unwrap();
            let lengths = theory.length_profile(first[1], 4).unwrap();
            for layer in 1..4 {
                kernels.advance().unwrap();
                let next = kernels.next_lengths();
                let c = (1.4 * kernels.kernel()[[0, 1]] + 0.1) / (next[0] * next[1]).sqrt();
                assert!((next[1] / lengths[layer] - 1.0).abs() < 1e-12, "{activation} {layer}");
                assert!((c - correlations[layer]).abs() < 1e-6, "{activation} {layer}: {c}");
            }
        }
    }

    #[test]
    fn zero_inputs_give_zero_kernels() {
        let inputs = array![[0.0_f32, 0.0], [1.0, 0.5]];
        let theory = Theory::new(Activation::Tanh, 1.0, 0.0).unwrap();
        let mut kernels = LayerKernels::new(theory, inputs.view()).unwrap();
        kernels.advance().unwrap();
        assert!(kernels.kernel()[[0, 1]].abs() < 1e-300 && kernels.kernel()[[0, 0]].abs() < 1e-300);
    }

    #[test]
    fn bad_inputs_are_errors() {
        let theory = Theory::new(Activation::Tanh, 1.0, 0.0).unwrap();
        let none = Array2::<f32>::zeros((0, 3));
        assert!(matches!(LayerKernels::new(theory, none.view()), Err(Error::NoInputs)));
        let nan = array![[f32::NAN]];
        assert!(matches!(LayerKernels::new(theory, nan.view()), Err(Error::OutOfRange { .. })));
    }
}
